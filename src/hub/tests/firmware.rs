//! What phones are served of firmware.

use super::*;
use crate::config;
use crate::firmware::set::{FirmwareSet, SetFile};
use crate::firmware::store::Index;

/// A set of the store, whole.
fn set(load: &str, files: &[&str]) -> FirmwareSet {
    let file = |name: &&str| SetFile { name: (*name).to_owned(), size: 4, sha256: format!("sum of {load}'s {name}") };
    FirmwareSet::sample(load, files.iter().map(file).collect())
}

/// A hub with one phone and these sets.
fn with_firmware(model: &str, sets: Vec<FirmwareSet>) -> Hub {
    let hub = hub(roster(&["1001"], assignment(Some(model), &["1001"])));
    hub.firmware_index(Arc::new(Index::sample(sets)));
    hub
}

#[test]
fn a_manifest_of_a_family_we_hold_comes_from_the_store_alone() {
    let hub = with_firmware("7942", vec![set("SIP42.9-4-2SR3-1S", &["SIP42.9-4-2SR3-1S.loads", "jar42sip.sbn"])]);
    let answer = |name: &str| ask(&hub, name, 1);
    assert_eq!(answer("SIP42.9-4-2SR3-1S.loads"), Err("image"));
    assert_eq!(answer("/JAR42sip.sbn"), Err("image"), "a Java phone spells it as it likes");
    for stale in ["SIP42.8-5-2S.loads", "SCCP42.9-4-2SR3-1S.loads", "sccp42.8-5-2s.LOADS", "term42.default.loads"] {
        assert_eq!(answer(stale), Err("not-found"), "{stale}");
    }
    for theirs in ["SIP45.9-4-2SR3-1S.loads", "term65.default.loads", "sip78xx.11-0-1-11.loads", "cnu42.sbn"] {
        assert_eq!(answer(theirs), Err("fall-through"), "{theirs}");
    }
}

/// An erased phone cannot say who it is, and has nothing to lose; `OS79XX.TXT` is another matter.
#[test]
fn erased_phones_get_what_the_site_says() {
    let files = ["SIP42.9-4-2SR3-1S.loads", "term42.default.loads"];
    let hub =
        with_firmware("7942", vec![set("SIP42.9-4-2SR3-1S", &files), set("P0S3-8-12-00", &["P0S3-8-12-00.loads"])]);
    let settings = |erased: &[(&str, &str)]| config::Firmware {
        conversion: config::Conversion::Manual,
        accept_one_way: false,
        concurrent: 10,
        target: BTreeMap::new(),
        erased: erased.iter().map(|(term, load)| ((*term).to_owned(), (*load).to_owned())).collect(),
        os79xx_window: std::time::Duration::from_mins(5),
        window: None,
    };
    hub.firmware_settings(settings(&[]));
    assert_eq!(ask(&hub, "term42.default.loads", 1), Err("not-found"));
    hub.firmware_settings(settings(&[("term42", "SIP42.9-4-2SR3-1S")]));
    assert_eq!(ask(&hub, "term42.default.loads", 1), Err("image"));
    assert_eq!(ask(&hub, "OS79XX.TXT", 1), Err("not-found"), "no window is open");
    hub.start_conversions(Vec::new(), None, at(10));
    let Answer::Serve(rendering) = hub.ask("OS79XX.TXT", IP, SERVER, Transport::Tftp, at(11)) else { panic!("denied") };
    assert_eq!(rendering.bytes(), "P003-8-12-00\n", "one line, no blank");
    assert_eq!(ask(&hub, "OS79XX.TXT", 400), Err("not-found"), "it has closed");
}
