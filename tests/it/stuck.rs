//! A phone that is stuck on its way to a load: what people see of it, in each place where they look.

use std::net::Ipv4Addr;

use offhook::simulate::Timing;
use offhook::simulate::firmware::archive::{Form, pack};
use offhook::simulate::firmware::set;

use crate::support::clients::scripted;
use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, text, wait_for};

const MAC: &str = "001B54CE0009";
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 42);

#[test]
fn a_phone_that_loops_on_a_manifest() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC, "7942", &["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let archives = tempfile::tempdir().unwrap();
    for load in ["SIP42.8-5-2S", "SIP42.9-4-2SR3-1S"] {
        let archive = pack(load, &set(load).unwrap(), Form::Zip);
        let path = archives.path().join(&archive.name);
        std::fs::write(&path, &archive.bytes).unwrap();
        assert!(daemon.cli(&["firmware", "add", path.to_str().unwrap()]).status.success(), "{load}");
    }
    let asks = |name: &str| drop(scripted(FROM, daemon.tftp, name, &Timing::default()));
    let sep = format!("SEP{MAC}.cnf.xml");
    daemon.wait_for_phone(MAC, "it is assigned", |phone| phone["ownership"] == "adopted");
    asks(&sep);
    let started = daemon.cli(&["convert", "start", MAC]);
    assert!(started.status.success(), "{}{}", text(&started.stdout), text(&started.stderr));
    let mut manifest = String::new();
    wait_for("its turn, and an offer", || {
        asks(&sep);
        let status = daemon.json(&["convert", "status"]);
        manifest = format!("{}.loads", status[0]["steps"][0]["to"].as_str().unwrap_or_default());
        if status[0]["state"] == "offered" { Ok(()) } else { Err(status.to_string()) }
    });
    let phone = daemon.phone(MAC);
    assert_eq!(
        (&phone["reason"], &phone["target_load"]),
        (&"converting".into(), &"SIP42.9-4-2SR3-1S".into()),
        "{phone}"
    );
    asks(&manifest);
    let phone = daemon.wait_for_phone(MAC, "it downloads", |phone| phone["reason"] == "loading");
    assert_eq!((&phone["stage"], &phone["health"]), (&"loading".into(), &"waiting".into()), "{phone}");
    assert!(phone["summary"].as_str().unwrap().ends_with("never cut its power now"), "{phone}");
    wait_for("the loop is seen", || {
        asks(&manifest);
        let phone = daemon.phone(MAC);
        if phone["reason"] == "manifest-refused" { Ok(()) } else { Err(phone.to_string()) }
    });
    let phone = daemon.phone(MAC);
    assert_eq!(phone["health"], "needs-hands", "{phone}");
    assert!(phone["summary"].as_str().unwrap().contains("123456789*0#"), "{phone}");
    wait_for("offhook_status", || match pbx.published(MAC) {
        Some(row) if row[1..3] == ["needs-hands", "manifest-refused"] => Ok(()),
        row => Err(format!("{row:?}")),
    });
    let explained = text(&daemon.cli(&["explain", MAC]).stdout);
    assert!(explained.contains("manifest-refused: on its way to SIP42."), "{explained}");
    daemon.stop();
}
