//! The main job: a MAC in the PBX, a registered phone, and every change of mind after that.

use crate::support::clients::{Client, credentials_in_cnf, credentials_in_xml, simulate_well};
use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, phone_address, wait_for};

const OLD: &str = "00087D0A0001";
const JAVA: &str = "001B54AABB01";

#[test]
fn from_a_mac_in_the_pbx_to_a_registered_phone_and_back() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    pbx.add_extension("1001", "Ada Lovelace", "CANARYold1");
    pbx.add_extension("1002", "Grace Hopper", "CANARYold2");
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assert_eq!(daemon.json(&["phones", "list"]), serde_json::json!([]));
    let (cnf, xml) = (format!("SIP{OLD}.cnf"), format!("SEP{JAVA}.cnf.xml"));
    assert_eq!(daemon.file(&cnf), None);

    pbx.add_phone(OLD, "7960", &["1001"]);
    pbx.add_phone(JAVA, "7942", &["1002"]);
    let served = daemon.wait_for_file(&cnf, "served", |_| true);
    assert_eq!(credentials_in_cnf(&served), [("1001".to_owned(), "CANARYold1".to_owned())]);
    let served = daemon.wait_for_file(&xml, "served", |_| true);
    assert_eq!(credentials_in_xml(&served), [("1002".to_owned(), "CANARYold2".to_owned())]);

    let (old_address, java_address) = (phone_address(), phone_address());
    simulate_well("7960", OLD, "sip:P0S3-8-12-00", daemon.tftp, old_address);
    simulate_well("7942", JAVA, "sip:SIP42.9-4-2SR3-1S", daemon.tftp, java_address);

    assert!(pbx.asterisk().has_contact("1001"));
    assert!(pbx.asterisk().has_contact("1002"));
    for (mac, extension, address) in [(OLD, "1001", old_address), (JAVA, "1002", java_address)] {
        let phone = daemon.wait_for_phone(mac, "registered", |phone| phone["stage"] == "registered");
        assert_eq!(phone["health"], "ok", "{phone}");
        assert_eq!(phone["ownership"], "adopted", "{phone}");
        assert_eq!(phone["ip"], address.to_string(), "{phone}");
        assert_eq!(phone["lines"][0]["extension"], extension, "{phone}");
        assert_eq!(phone["lines"][0]["registered"], true, "{phone}");
        wait_for("the row in offhook_status", || match pbx.published(mac) {
            Some(row) if row[0] == "registered" && row[1] == "ok" && row[3] == "1" => Ok(()),
            other => Err(format!("{other:?}")),
        });
        wait_for("the entry in Asterisk's database", || {
            let shown = pbx.asterisk().cli("database show offhook");
            let entry = shown.lines().find(|line| line.starts_with(&format!("/offhook/{mac}/stage")));
            entry.filter(|line| line.trim_end().ends_with("registered")).map(|_| ()).ok_or(shown)
        });
    }

    // A secret that is saved but not applied would not register: the live one goes on.
    pbx.set_secret("1001", "CANARYnew1");
    // A phone that is added after that shows, once it is served, that the daemon has read the tables since.
    let later = "00087D0A00FF";
    pbx.add_phone(later, "7960", &["1002"]);
    daemon.wait_for_file(&format!("SIP{later}.cnf"), "served", |_| true);
    assert_eq!(credentials_in_cnf(&daemon.file(&cnf).expect("the file stays"))[0].1, "CANARYold1");
    pbx.apply();
    let served = daemon.wait_for_file(&cnf, "given the new secret", |file| file.contains("CANARYnew1"));
    assert!(!served.contains("CANARYold1"));
    simulate_well("7960", OLD, "sip:P0S3-8-12-00", daemon.tftp, old_address);

    pbx.delete_extension("1001");
    pbx.apply();
    wait_for("the file to be gone", || daemon.file(&cnf).map_or(Ok(()), Err));
    let phone = daemon.wait_for_phone(OLD, "in need of hands", |phone| phone["health"] == "needs-hands");
    assert!(phone["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{phone}");
    assert!(phone["summary"].as_str().is_some_and(|summary| summary.contains("1001")), "{phone}");
    wait_for("the row to say why", || match pbx.published(OLD) {
        Some(row) if row[1] == "needs-hands" && !row[2].is_empty() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let other = daemon.phone(JAVA);
    assert_eq!(other["stage"], "registered", "{other}");

    pbx.remove_phone(OLD);
    assert_eq!(Client::Curl.fetch(daemon.tftp, &cnf), None);
    wait_for("the row to be gone", || pbx.published(OLD).map_or(Ok(()), |row| Err(format!("{row:?}"))));
    wait_for("the entry to be gone", || {
        let shown = pbx.asterisk().cli("database show offhook");
        if shown.contains(OLD) { Err(shown) } else { Ok(()) }
    });
    daemon.stop();
}
