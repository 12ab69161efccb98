//! Five thousand phones: a page stays as small as it was.

use std::time::Instant;

use super::{CURL, address, ask, fetch};
use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{have, wait_for};

const PHONES: usize = 5_000;

/// Octets of the first page, at most.
const OCTETS: usize = 150_000;

/// Extensions 10001 to 15000 and a phone on each; every hundredth phone's extension is not there.
pub(crate) const ROWS: &str = "
    CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000) SELECT i FROM c;
    CREATE TEMP TABLE k (keyword TEXT, data TEXT);
    INSERT INTO k VALUES ('account', ''), ('accountcode', ''), ('allow', ''), ('callerid', ''), ('context', 'from-internal'),
        ('direct_media', 'no'), ('dtmfmode', 'rfc4733'), ('force_rport', 'no'), ('mailbox', ''), ('max_contacts', '1'),
        ('qualifyfreq', '60'), ('remove_existing', 'yes'), ('rewrite_contact', 'no'), ('rtp_symmetric', 'yes'),
        ('secret', 'CANARYmany'), ('sipdriver', 'chan_pjsip'), ('transport', ''), ('trustrpid', 'yes');
    INSERT INTO users (extension, name, voicemail) SELECT 10000 + i, 'Employee with a name ' || i, 'novm' FROM n WHERE i % 100 > 0;
    INSERT INTO devices (id, tech, dial, devicetype, user, description)
        SELECT 10000 + i, 'pjsip', 'PJSIP/' || (10000 + i), 'fixed', 10000 + i, 'Employee ' || i FROM n WHERE i % 100 > 0;
    INSERT INTO sip (id, keyword, data, flags)
        SELECT 10000 + i, keyword, CASE keyword WHEN 'account' THEN 10000 + i ELSE data END, 2 FROM n, k WHERE i % 100 > 0;
    INSERT INTO offhook_phones (mac, model, description) SELECT printf('001B54%06X', i), '7942', 'Room ' || i FROM n;
    INSERT INTO offhook_lines (mac, button, kind, extension) SELECT printf('001B54%06X', i), 1, 'line', 10000 + i FROM n;
    UPDATE admin SET value = 'false' WHERE variable = 'need_reload'";

#[test]
fn five_thousand_phones_fit_a_page() {
    if !have(&[CURL]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.database.execute(&format!("BEGIN; {ROWS}; COMMIT"));
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
