//! Five thousand phones: a page stays as small as it was.

use std::time::Instant;

use super::{CURL, address, ask, fetch};
use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{have, wait_for};

const PHONES: usize = 5_000;

/// Octets of the first page, at most.
const OCTETS: usize = 150_000;

#[test]
fn five_thousand_phones_fit_a_page() {
    if !have(&[CURL]) {
        return;
    }
    let pbx = Pbx::five_thousand();
    let site = Site::new(&pbx).logging("info");
    // No PBX listens here, which is found of phones that are to reach it over TCP, once it was tried.
    site.configure(&site.configuration().replace("[pbx]\n", "[pbx]\ntransport = \"udp\"\n"));
    let daemon = site.serve();
    for last in 1..=40 {
        ask(&daemon, address(last), &format!("SEP001B55AABB{last:02X}.cnf.xml"));
    }
    let page = wait_for("all phones on the page", || {
        let page = fetch(&site, "/");
        if page.contains(&format!("{PHONES} of {PHONES} phones")) { Ok(page) } else { Err(page) }
    });
    assert!(page.contains("50 need a look"), "{page}");
    assert!(page.contains("<b>4950</b>"), "{page}");
    for (path, said) in [
        ("/", "page 1 of 100"),
        ("/?page=100", "page 100 of 100"),
        ("/?page=999999", "page 100 of 100"),
        ("/?state=needs-hands", "50 of 5000 phones"),
        ("/?q=employee+with", "4950 of 5000 phones"),
        ("/?q=00:1b:54:00:13:88", "1 of 5000 phones"),
        ("/?q=nobody", "0 of 5000 phones"),
        ("/?q=%3Cscript%3E", "0 of 5000 phones"),
        ("/conversions", "No conversion was started yet"),
        ("/live", "Live"),
        ("/firmware", "Firmware"),
        ("/phones/001B54000001", "silent"),
    ] {
        let began = Instant::now();
        let page = fetch(&site, path);
        println!("{path}: {} octets in {:?}", page.len(), began.elapsed());
        assert!(page.contains(said), "{path}: {said}");
        assert!(page.len() <= OCTETS, "{path}: {} octets", page.len());
    }
    daemon.stop();
}
