//! Phones of both families going from load to load, against the tests' file server. No phone registers here:
//! what is looked at is its flash, and what it asked for.
#![allow(clippy::case_sensitive_file_extension_comparisons)]

use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::super::file_server::{Files, Server};
use super::super::firmware::{self, Damage, File};
use super::super::{CutAt, Ending, Outcome, PowerCut, Setup, Stall, Step, Timing, boot};
use super::*;

const MAC: &str = "001B54AABB01";

/// The files that steer a phone at one step, and the load that it then runs.
type Station = (Vec<(String, Vec<u8>)>, &'static str);

fn setup(model: &str, state: &str, server: &Server) -> Setup {
    Setup {
        tftp_port: server.address.port(),
        sip_port_override: Some(0),
        timing: Timing {
            tftp_retry: Duration::from_millis(500),
            tftp_stall: Duration::from_millis(50),
            hunt_retry: Duration::from_millis(1),
            sip_t1: Duration::from_millis(20),
            sip_timeout: Duration::from_millis(100),
            ..Timing::default()
        },
        ..Setup::new(model.parse().unwrap(), MAC.parse().unwrap(), state.parse().unwrap(), server.address.ip())
    }
}

fn loads(names: &[&str]) -> Files {
    let sets = names.iter().flat_map(|name| firmware::set(name).unwrap_or_else(|| panic!("{name}")));
    sets.map(|file| (file.name, file.bytes)).collect()
}

/// Every made-up 7940/7960 load.
fn legacy_loads() -> Files {
    loads(firmware::LEGACY)
}

fn xml_default(load: &str) -> (String, Vec<u8>) {
    let text = format!(
        "<Default><callManagerGroup><members><member priority=\"0\"><callManager><ports><ethernetPhonePort>2000\
         </ethernetPhonePort></ports><processNodeName>127.0.0.1</processNodeName></callManager></member></members>\
         </callManagerGroup><loadInformation7>{load}</loadInformation7></Default>"
    );
    ("XMLDefault.cnf.xml".to_owned(), text.into_bytes())
}

fn sep(load: &str) -> (String, Vec<u8>) {
    let text = format!("<device><loadInformation>{load}</loadInformation></device>");
    (format!("SEP{MAC}.cnf.xml"), text.into_bytes())
}

fn sip_default(load: &str) -> (String, Vec<u8>) {
    ("SIPDefault.cnf".to_owned(), format!("image_version: {load}\n").into_bytes())
}

/// What a SIP application reads. Whether its loader goes on to `SIPDefault.cnf` where the phone's own file names no load
/// is not known; so both name it.
fn sip(load: &str) -> [(String, Vec<u8>); 2] {
    let (default, text) = sip_default(load);
    [(default, text.clone()), (format!("SIP{MAC}.cnf"), text)]
}

fn os79xx(text: &str) -> (String, Vec<u8>) {
    ("OS79XX.TXT".to_owned(), text.as_bytes().to_vec())
}

/// A SIP phone takes no file that lacks half of it: this is the whole, without a line.
fn java_sep(load: &str) -> (String, Vec<u8>) {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/phonefiles/sep/good/no-line.xml"));
    let named = format!("<loadInformation>{load}</loadInformation></device>");
    assert!(!text.contains("<loadInformation>"));
    (format!("SEP{MAC}.cnf.xml"), text.replace("</device>", &named).into_bytes())
}

/// Boots a phone that is served these files.
async fn play(model: &str, state: &str, files: Files, change: impl FnOnce(&mut Setup)) -> (Outcome, Vec<String>) {
    let server = Server::start(files).await;
    let mut setup = setup(model, state, &server);
    change(&mut setup);
    let outcome = boot(&setup, |_| ()).await;
    (outcome, server.asked())
}

fn count(asked: &[String], name: &str) -> usize {
    asked.iter().filter(|asked| *asked == name).count()
}

fn runs(outcome: &Outcome) -> &str {
    outcome.flash.load().map_or("nothing", LoadId::as_str)
}

/// Takes a 7960 through steps: what is served at each, and what then runs.
async fn walk(state: &str, stations: &[Station]) {
    let server = Server::start(legacy_loads()).await;
    let mut phone = setup("7960", state, &server);
    for (control, expected) in stations {
        let mut files = legacy_loads();
        files.extend(control.iter().cloned());
        *server.files.lock().unwrap() = files;
        let outcome = boot(&phone, |_| ()).await;
        assert_eq!(runs(&outcome), *expected, "{state}: {} after {:?}", outcome.sentence(), server.asked());
        assert!(!matches!(outcome.ending, Ending::Looping { .. }), "{state}: {}", outcome.sentence());
        phone = phone.after(&outcome);
    }
}

#[test]
fn states_say_what_is_in_flash() {
    for (model, state, flash) in [
        ("7960", "sccp:P00303010102", "unsigned boot, P00303010102"),
        ("7960", "sip:P0S3-04-4-00", "unsigned boot, P0S3-04-4-00"),
        ("7940", "sccp:P00305000500", "signed boot, P00305000500"),
        ("7940", "sip:P0S3-06-3-00", "signed boot, P0S3-06-3-00"),
        ("7960", "sip:P0S3-8-12-00", "universal loader PAS30830, P0S3-8-12-00"),
        ("7960", "sccp:P0030801SR02", "universal loader PAS30831, P0030801SR02"),
        ("7960", "loader", "universal loader, no application"),
        ("7960", "factory", "universal loader, no application"),
        ("7965", "sip:SIP45.9-3-1SR4-1S", "boot loader, SIP45.9-3-1SR4-1S"),
        ("7965", "factory", "boot loader, no load"),
        ("7965", "loader", "boot loader, no load"),
    ] {
        let found = Flash::of(&model.parse().unwrap(), &state.parse().unwrap());
        assert_eq!(found.to_string(), flash, "{model} {state}");
    }
}

#[tokio::test]
async fn the_chains_of_the_how_tos_lead_to_8_12() {
    let xd = |load: &str| vec![xml_default(load)];
    let with_os = |text: &str, load: &str| [&[os79xx(text)][..], &sip(load)].concat();
    walk(
        "sccp:P00303010102",
        &[
            (xd("P00305000500"), "P00305000500"),
            (xd("P00308000900"), "P00308000900"),
            (xd("P0S3-8-12-00"), "P0S3-8-12-00"),
        ],
    )
    .await;
    walk(
        "sccp:P00305000500",
        &[
            (with_os("P0S3-06-3-00\n", "P0S3-06-3-00"), "P0S3-06-3-00"),
            (sip("P00307000100").to_vec(), "P00307000100"),
            (xd("P0S3-08-11-00"), "P0S3-08-11-00"),
            (sip("P0S3-8-12-00").to_vec(), "P0S3-8-12-00"),
        ],
    )
    .await;
    // By way of the fallback for units that refuse later SCCP loads, and back.
    walk(
        "sccp:P00305000500",
        &[
            (xd("P00308000400"), "P00308000400"),
            (vec![sep("P0S3-8-12-00")], "P0S3-8-12-00"),
            (vec![sep("P00308000400")], "P00308000400"),
        ],
    )
    .await;
    // The loader first, then the application.
    walk("sccp:P00303010102", &[(vec![os79xx("P003-8-12-00\r\n"), xml_default("P0S3-8-12-00")], "P0S3-8-12-00")]).await;
    walk(
        "sip:P0S30202",
        &[
            (with_os("P0S3-04-4-00", "P0S3-04-4-00"), "P0S3-04-4-00"),
            (with_os("P0S3-05-3-00", "P0S3-05-3-00"), "P0S3-05-3-00"),
            (sip("P0S3-06-3-00").to_vec(), "P0S3-06-3-00"),
            (vec![os79xx("P003-07-4-00"), xml_default("P0S3-07-4-00")], "P0S3-07-4-00"),
            (sip("P0S3-8-12-00").to_vec(), "P0S3-8-12-00"),
            // And straight down to an older signed one.
            (vec![sep("P0S3-06-3-00")], "P0S3-06-3-00"),
        ],
    )
    .await;
    // Several writes within one boot are no circle.
    walk("loader", &[(xd("P0S3-8-12-00"), "P0S3-8-12-00")]).await;
}

#[tokio::test]
async fn a_conversion_asks_for_the_files_in_the_order_of_the_log() {
    let mut files = legacy_loads();
    files.extend([sep("P0S3-8-12-00")]);
    let (outcome, asked) = play("7960", "sccp:P00308000900", files, |_| ()).await;
    let hunt = [format!("CTLSEP{MAC}.tlv"), format!("SEP{MAC}.cnf.xml"), "P0S3-8-12-00.loads".to_owned()];
    let mut expected = [hunt.to_vec(), vec!["P003-8-12-00.sbn".to_owned()]].concat();
    expected.extend(hunt.iter().cloned().chain(["P0S3-8-12-00.sb2".to_owned()]));
    expected.extend(hunt);
    expected.push("SIPDefault.cnf".to_owned());
    assert_eq!(asked[..expected.len()], expected);
    assert_eq!(outcome.flash.to_string(), "universal loader PAS30830, P0S3-8-12-00");
    // With the loader of the wanted load in it the phone goes straight to the application.
    let Flash::Legacy { boot, .. } = &outcome.flash else { panic!("{:?}", outcome.flash) };
    let only_loader = Flash::Legacy { boot: boot.clone(), app: None };
    let mut files = legacy_loads();
    files.extend([sep("P0S3-8-12-00")]);
    let (outcome, asked) = play("7960", "loader", files, |setup| setup.flash = Some(only_loader)).await;
    assert_eq!((runs(&outcome), count(&asked, "P003-8-12-00.sbn")), ("P0S3-8-12-00", 0));
}

#[tokio::test]
async fn os79xx_is_read_byte_by_byte() {
    for (state, text, image) in [
        // Unsigned loads follow any other name and take unsigned images.
        ("sccp:P00303010102", "P00305000500", Some("P00305000500.bin")),
        ("sccp:P00303010102", "P003-8-12-00\r\n", Some("P003-8-12-00.bin")),
        ("sccp:P00303010102", "P00303010102\n", None),
        // Signed ones compare four characters.
        ("sccp:P00305000500", "P00308000900\n", None),
        ("sccp:P00305000500", "P0S3-06-3-00\n", Some("P0S3-06-3-00.sbn")),
        ("sip:P0S3-06-3-00", "P003-07-4-00\n", Some("P003-07-4-00.sbn")),
        ("sip:P0S3-06-3-00", "P0S3-07-4-00\n", None),
        // The blank belongs to the name.
        ("sccp:P00303010102", "P00305000500 \r\n", Some("P00305000500 .bin")),
        ("sccp:P00303010102", "", None),
    ] {
        let mut files = legacy_loads();
        files.extend([os79xx(text)]);
        let (_, asked) = play("7960", state, files, |_| ()).await;
        assert_eq!(asked[0], "OS79XX.TXT", "{state}");
        let image_asked = asked.iter().find(|name| name.ends_with(".bin") || name.ends_with(".sbn"));
        assert_eq!(image_asked.map(String::as_str), image, "{state} {text:?}: {asked:?}");
    }
    // Loads with the universal loader never ask.
    for state in ["sccp:P00308000900", "sip:P0S3-8-12-00", "loader"] {
        let (_, asked) = play("7960", state, Files::from([os79xx("P0S3-06-3-00")]), |_| ()).await;
        assert_eq!(count(&asked, "OS79XX.TXT"), 0, "{state}");
    }
}

#[tokio::test]
async fn steps_without_a_row_are_refused() {
    for (from, wanted, image) in [
        ("sccp:P00303010102", "P00308000900", "P00308000900.bin"),
        ("sccp:P00305000500", "P003-8-12-00", "P003-8-12-00.sbn"),
        ("sip:P0S30202", "P003-07-4-00", "P003-07-4-00.bin"),
        ("sip:P0S3-04-4-00", "P003-07-4-00", "P003-07-4-00.bin"),
        ("sip:P0S30202", "P0S3-05-3-00", "P0S3-05-3-00.bin"),
        ("sip:P0S3-05-3-00", "P003-07-4-00", "P003-07-4-00.sbn"),
        ("sip:P0S3-06-3-00", "P003-8-12-00", "P003-8-12-00.sbn"),
    ] {
        let mut files = legacy_loads();
        files.extend(sip(wanted));
        files.extend([xml_default(wanted)]);
        let (outcome, asked) = play("7960", from, files, |_| ()).await;
        assert_eq!(count(&asked, image), 1, "{from}: {asked:?}");
        assert_eq!(outcome.flash, Flash::of(&"7960".parse().unwrap(), &from.parse().unwrap()), "{from}");
        let rejected = matches!(outcome.ending, Ending::RejectedLoad { .. });
        assert_eq!(rejected, from.starts_with("sccp"), "{from}: {:?}", outcome.ending);
        assert!(rejected || outcome.complaints.iter().any(|c| c.starts_with("W710")), "{:?}", outcome.complaints);
    }
}

#[test]
fn the_table_of_the_7960_has_its_rows() {
    let load = LoadId::new;
    for (from, to, rows) in [
        ("P00302000000", "P00303010102", "1"),
        ("P00303010102", "P00305000500", "2"),
        ("P00303010102", "P0S3-06-3-00", "3"),
        ("P00303010102", "P003-8-12-00", "4"),
        ("P00305000500", "P0S3-06-3-00", "5"),
        ("P00305000500", "P003-07-4-00", "6"),
        ("P00305000500", "P00308000900", "7-9"),
        ("P00308000400", "P0S3-8-12-00", "10-13"),
        ("P0S30202", "P0S3-04-4-00", "14"),
        ("P0S3-04-4-00", "P0S3-05-3-00", "15"),
        ("P0S3-05-3-00", "P0S3-06-3-00", "16"),
        ("P0S3-06-3-00", "P003-07-4-00", "17"),
        ("P0S3-08-11-00", "P0S3-8-12-00", "19-21, 29"),
        ("P0S3-07-4-00", "P0S3-05-3-00", "19-21, 29"),
        ("P0S3-06-3-00", "P00307000100", "22, 24"),
        ("P0S3-04-4-00", "P00308000900", "23"),
        ("P0S3-8-12-00", "P00308000400", "25-28"),
    ] {
        assert_eq!(steps::legacy(Some(&load(from)), &load(to)), Ok(rows), "{from} to {to}");
    }
    for to in ["P0S3-8-12-00", "P00308000900", "P00307000100", "P0M3-8-12-00"] {
        assert_eq!(steps::legacy(None, &load(to)), Ok("31"), "{to}");
    }
    for (from, to) in [
        ("P00305000500", "P00303010102"),
        ("P0S3-8-12-00", "P0S3-04-4-00"),
        ("P0S3-06-3-00", "P0S30202"),
        ("P00308000900", "P00303010102"),
        ("P0S3-04-4-00", "P003-07-4-00"),
        ("P0S3-06-3-00", "P0S3-8-12-00"),
        ("P00308000900", "P0S3-06-3-00"),
        ("P00305000500", "SIP42.9-4-2SR3-1S"),
    ] {
        assert!(steps::legacy(Some(&load(from)), &load(to)).is_err(), "{from} to {to}");
    }
    assert!(steps::legacy(None, &load("P0S3-06-3-00")).is_err());
}

#[tokio::test]
async fn a_signed_phone_takes_no_unsigned_load() {
    for from in ["sccp:P00305000500", "sip:P0S3-06-3-00"] {
        let mut files = legacy_loads();
        files.extend([os79xx("P00303010102"), sep("P00303010102")]);
        files.extend(sip("P00303010102"));
        // Even where somebody gives the unsigned image the name of a signed one.
        let unsigned = files["P00303010102.bin"].clone();
        files.insert("P00303010102.sbn".to_owned(), unsigned);
        let (outcome, _) = play("7960", from, files, |_| ()).await;
        assert_eq!(outcome.flash, Flash::of(&"7960".parse().unwrap(), &from.parse().unwrap()), "{from}");
    }
}

#[tokio::test]
async fn a_unit_that_refuses_a_load_fetches_it_twice_and_keeps_the_old_one() {
    let odd =
        |setup: &mut Setup| setup.rejects = steps::REJECTED_BY_SOME.iter().map(|name| LoadId::new(name)).collect();
    let mut files = legacy_loads();
    files.extend([sep("P00308000500")]);
    let (outcome, asked) = play("7960", "sip:P0S3-8-12-00", files.clone(), odd).await;
    assert_eq!(count(&asked, "P00308000500.sb2"), 2);
    // The loader is the new one, the application the old (row 27).
    let Flash::Legacy { boot: Boot::Universal { build }, app: Some(app) } = &outcome.flash else {
        panic!("{outcome:?}")
    };
    assert_eq!(*build, image::build_of(&LoadId::new("P00308000500")));
    assert_eq!(app.as_str(), "P0S3-8-12-00");
    assert!(outcome.complaints.iter().any(|c| c.starts_with("W710")), "{:?}", outcome.complaints);

    // From SCCP the phone says that it refuses; 8.0(4) it takes.
    let (outcome, _) = play("7960", "sccp:P00305000500", files, odd).await;
    let refused = matches!(&outcome.ending, Ending::RejectedLoad { load, runs, .. } if load == "P00308000500" && runs == "P00305000500");
    assert!(refused, "{:?}", outcome.ending);
    let mut files = legacy_loads();
    files.extend([sep("P00308000400")]);
    assert_eq!(runs(&play("7960", "sccp:P00305000500", files, odd).await.0), "P00308000400");

    // With nothing else in flash the screen says so.
    let mut files = legacy_loads();
    files.extend([sep("P00308000500")]);
    let (outcome, _) = play("7960", "loader", files, odd).await;
    assert!(matches!(outcome.ending, Ending::ApplicationInvalid { .. }), "{:?}", outcome.ending);
    assert!(outcome.sentence().contains("no application"), "{}", outcome.sentence());
}

#[tokio::test]
async fn a_loader_without_application_hunts_until_it_is_served() {
    let patient = |setup: &mut Setup| setup.timing.hunt_tries = 3;
    let (outcome, asked) = play("7960", "loader", Files::new(), patient).await;
    let hunt = ["CTLSEP001B54AABB01.tlv", "SEP001B54AABB01.cnf.xml", "SIP001B54AABB01.cnf", "MGC001B54AABB01.cnf"];
    let hunt = hunt.into_iter().chain(["XMLDefault.cnf.xml", "SIPDefault.cnf"]);
    assert_eq!(asked, hunt.cycle().take(18).collect::<Vec<_>>());
    assert!(matches!(outcome.ending, Ending::ApplicationInvalid { .. }), "{:?}", outcome.ending);
    assert!(outcome.sentence().contains("Protocol Application Invalid"), "{}", outcome.sentence());

    // It comes up at the hunt after the files have come.
    let server = Server::start(Files::new()).await;
    let files = Arc::clone(&server.files);
    let mut phone = setup("7960", "loader", &server);
    phone.timing.hunt_tries = 5;
    let mut hunts = 0;
    let outcome = boot(&phone, |step: Step| {
        hunts += u32::from(step.what.contains("starts over"));
        if hunts == 2 {
            let mut files = files.lock().unwrap();
            files.extend(loads(&["P0S3-8-12-00"]));
            files.extend([xml_default("P0S3-8-12-00")]);
        }
    })
    .await;
    assert_eq!((runs(&outcome), hunts), ("P0S3-8-12-00", 2));
}

#[tokio::test]
async fn no_damaged_file_changes_a_phone() {
    for damage in Damage::ALL {
        for (state, control, name) in [
            ("sccp:P00308000400", sep("P0S3-8-12-00"), "P0S3-8-12-00.loads"),
            ("sccp:P00308000400", sep("P0S3-8-12-00"), "P003-8-12-00.sbn"),
            ("sccp:P00308000400", sep("P0S3-8-12-00"), "P0S3-8-12-00.sb2"),
            ("sccp:P00303010102", os79xx("P00305000500"), "P00305000500.bin"),
            ("sccp:P00305000500", os79xx("P0S3-06-3-00"), "P0S3-06-3-00.sbn"),
        ] {
            let mut files = legacy_loads();
            files.extend([control]);
            damage_file(&mut files, name, *damage);
            let (outcome, asked) = play("7960", state, files, |_| ()).await;
            assert!(count(&asked, name) >= 1, "{name}: {asked:?}");
            let was: State = state.parse().unwrap();
            let was = Flash::of(&"7960".parse().unwrap(), &was);
            assert_eq!(outcome.flash.load(), was.load(), "{damage:?} {name}: {}", outcome.sentence());
        }
        for name in ["SIP45.9-4-2SR3-1S.loads", "jar45sip.9-4-2ES26.sbn", "cvm45sip.9-4-2ES26.sbn"] {
            let mut files = loads(&["SIP45.9-4-2SR3-1S"]);
            files.extend([java_sep("SIP45.9-4-2SR3-1S")]);
            damage_file(&mut files, name, *damage);
            let (outcome, _) = play("7965", "sccp:SCCP45.9-3-1SR4-1S", files, |_| ()).await;
            assert_eq!(runs(&outcome), "SCCP45.9-3-1SR4-1S", "{damage:?} {name}");
            assert!(matches!(outcome.ending, Ending::Looping { .. }), "{damage:?} {name}: {:?}", outcome.ending);
        }
    }
}

fn damage_file(files: &mut Files, name: &str, damage: Damage) {
    let file = File { name: name.to_owned(), bytes: files[name].clone() };
    files.insert(name.to_owned(), damage.done_to(&file).bytes);
}

#[tokio::test]
async fn loads_that_contradict_each_other_are_a_circle() {
    let mut files = legacy_loads();
    files.extend([sep("P0S3-08-11-00"), sip_default("P0S3-8-12-00")]);
    files.insert(format!("SIP{MAC}.cnf"), b"line1_name: 1001\n".to_vec());
    let (outcome, _) = play("7960", "sip:P0S3-8-12-00", files, |_| ()).await;
    assert!(matches!(outcome.ending, Ending::Looping { .. }), "{:?}", outcome.ending);
    // A list that names another build than its own loader's is one, too.
    let mut files = legacy_loads();
    let list = b"P003-8-12-00.sbn\nP0S3-8-12-00.sb2\nLA_VERSION=PAS99999\n";
    let list = firmware::signed("P0S3-8-12-00.loads", list);
    files.insert(list.name, list.bytes);
    files.extend([sep("P0S3-8-12-00")]);
    let (outcome, asked) = play("7960", "loader", files, |_| ()).await;
    assert!(matches!(outcome.ending, Ending::Looping { .. }), "{:?}", outcome.ending);
    assert_eq!(count(&asked, "P0S3-8-12-00.sb2"), 0);
}

#[tokio::test]
async fn an_erased_java_phone_downloads_twice() {
    let mut files = loads(&["SIP45.9-3-1SR4-1S"]);
    files.extend([java_sep("SIP45.9-3-1SR4-1S")]);
    let members = ["jar45sip", "cnu45", "apps45", "dsp45", "cvm45sip"].map(|name| format!("{name}.9-3-1ES26.sbn"));
    for state in ["factory", "loader"] {
        let (outcome, asked) = play("7965", state, files.clone(), |_| ()).await;
        let trust = [format!("CTLSEP{MAC}.tlv"), format!("ITLSEP{MAC}.tlv"), "ITLFile.tlv".to_owned()];
        let expected = [
            &["term65.default.loads".to_owned()][..],
            &members,
            &trust,
            &[format!("SEP{MAC}.cnf.xml"), "SIP45.9-3-1SR4-1S.loads".to_owned()],
            &members,
            &trust,
        ]
        .concat();
        assert_eq!(asked[..expected.len()], expected);
        assert_eq!(outcome.flash.to_string(), "boot loader, SIP45.9-3-1SR4-1S");
    }
    // Where no file names a load it stays on what it recovered with.
    let (outcome, _) = play("7965", "factory", loads(&["SIP45.9-3-1SR4-1S"]), |_| ()).await;
    assert_eq!(outcome.flash.to_string(), "boot loader, term65.default (9.3.1)");
    assert!(matches!(outcome.ending, Ending::Unprovisioned { .. }), "{:?}", outcome.ending);
    // And a recovery with SCCP files is no SIP phone.
    let (outcome, _) = play("7965", "factory", loads(&["SCCP45.9-3-1SR4-1S"]), |_| ()).await;
    assert_eq!(outcome.ending, Ending::StaysOnLoad { load: "term65.default".to_owned() });
}

#[tokio::test]
async fn old_java_loads_need_a_stepping_stone() {
    let patient = |setup: &mut Setup| setup.timing.hunt_tries = 3;
    for target in ["SIP41.8-5-4S", "SIP41.8-5-2SR1S", "SIP41.9-4-2SR3-1S"] {
        let mut files = loads(&[target]);
        files.extend([java_sep(target)]);
        let (outcome, asked) = play("7941", "sccp:SCCP41.8-2-1S", files, patient).await;
        assert!(matches!(&outcome.ending, Ending::Looping { load, .. } if load == target), "{:?}", outcome.ending);
        assert_eq!(runs(&outcome), "SCCP41.8-2-1S");
        // The list again and again, and no image.
        assert_eq!(count(&asked, &format!("{target}.loads")), 3);
        assert!(!asked.iter().any(|name| name.ends_with(".sbn")), "{asked:?}");
    }
    for stone in ["SIP41.8-5-2S", "SCCP41.8-3-3S", "SIP41.8-3-3S"] {
        let target = "SIP41.9-4-2SR3-1S";
        let server = Server::start(loads(&[stone, target])).await;
        let mut phone = setup("7941", "sccp:SCCP41.8-2-1S", &server);
        for load in [stone, target] {
            server.files.lock().unwrap().extend([java_sep(load)]);
            let outcome = boot(&phone, |_| ()).await;
            assert_eq!(runs(&outcome), load, "{}", outcome.sentence());
            phone = phone.after(&outcome);
        }
    }
}

#[test]
fn the_table_of_the_java_phones_has_its_rows() {
    let release = |text: &str| Some(Release::parse(text).unwrap_or_else(|| panic!("{text}")));
    for (from, to, legal) in [
        ("8-2-1S", "8-3-3S", true),
        ("8-3-2S", "8-5-2S", true),
        ("8-3-2S", "8-4-4S", true),
        ("8-3-2S", "8-5-2SR1S", false),
        ("8-2-1S", "8-5-3S", false),
        ("8-2-1S", "9-4-2SR3-1S", false),
        ("7-2-3S", "8-2-1S", true),
        ("8-3-3S", "9-2-1S", true),
        ("8-3-3SR2S", "8-5-4S", true),
        ("8-5-2S", "9-4-2SR3-1S", true),
        ("8-5-2SR1S", "9-4-2SR3-1S", true),
        ("9-4-2SR3-1S", "9-2-1S", true),
        ("9-4-2ES26", "8-5-2S", true),
        // A recovery load counts by what it was built as.
        ("8-2-0-52", "9-2-1TH1-13", false),
    ] {
        assert_eq!(steps::java(release(from), release(to)).is_ok(), legal, "{from} to {to}");
    }
    assert!(steps::java(None, release("9-4-2SR3-1S")).is_ok());
    assert_eq!(Release::parse("9-4-2SR4-3"), Some(Release([9, 4, 2, 4])));
    for text in ["", "9", "9-4", "x-y-z", "9-4-2SRx"] {
        assert_eq!(Release::parse(text), None, "{text}");
    }
}

#[tokio::test]
async fn a_recovery_list_that_is_refused_is_asked_for_again_and_again() {
    let set = |load: &str, sep: &str| {
        let mut files = loads(&[load]);
        files.extend([java_sep(sep)]);
        files
    };
    // One 7965 refused the recovery list of 9.2(1) and took that of 9.3(1)SR4.
    let odd = |setup: &mut Setup| {
        setup.rejects = vec![LoadId::new("SIP45.9-2-1S")];
        setup.timing.hunt_tries = 4;
    };
    let (outcome, asked) = play("7965", "factory", set("SIP45.9-2-1S", "SIP45.9-2-1S"), odd).await;
    assert_eq!(asked, ["term65.default.loads"; 4]);
    assert!(matches!(outcome.ending, Ending::Looping { .. }), "{:?}", outcome.ending);
    let (outcome, _) = play("7965", "factory", set("SIP45.9-3-1SR4-1S", "SIP45.9-3-1SR4-1S"), odd).await;
    assert_eq!(runs(&outcome), "SIP45.9-3-1SR4-1S");

    // A phone of a later hardware refuses what is marked lower, or not at all.
    for (load, built_with, taken) in [
        ("SIP45.8-5-4S", Some(7), false),
        ("SIP45.9-3-1SR4-1S", Some(15), false),
        ("SIP45.9-4-2SR3-1S", Some(15), true),
        ("SIP45.8-5-4S", None, true),
    ] {
        let (outcome, _) = play("7945", "factory", set(load, load), |setup| setup.hardware = built_with).await;
        assert_eq!(runs(&outcome) == load, taken, "{load} {built_with:?}: {}", outcome.sentence());
        assert!(taken || outcome.sentence().contains("Load rejected HC"), "{}", outcome.sentence());
    }

    // Files for another family under the right name.
    let other = loads(&["SIP42.9-4-2SR3-1S"]);
    let mut files = other.clone();
    files.insert("term65.default.loads".to_owned(), other["term62.default.loads"].clone());
    let (outcome, _) = play("7965", "factory", files, |_| ()).await;
    assert!(outcome.sentence().contains("it is term62.default.loads"), "{}", outcome.sentence());
    let list = image::signed(&other["term62.default.loads"]).unwrap().payload;
    let mut files = other.clone();
    files.insert("term65.default.loads".to_owned(), firmware::signed("term65.default.loads", list).bytes);
    let (outcome, _) = play("7965", "factory", files, |_| ()).await;
    assert!(outcome.sentence().contains("not for a 7965"), "{}", outcome.sentence());
}

#[tokio::test]
async fn a_missing_member_makes_a_java_phone_start_over() {
    let mut files = loads(&["SIP45.9-4-2SR3-1S"]);
    files.remove("apps45.9-4-2ES26.sbn");
    let (outcome, asked) = play("7965", "factory", files, |setup| setup.timing.hunt_tries = 2).await;
    assert_eq!(outcome.ending, Ending::NotServed { file: "apps45.9-4-2ES26.sbn".to_owned() });
    assert_eq!((count(&asked, "term65.default.loads"), count(&asked, "dsp45.9-4-2ES26.sbn")), (2, 0));
    assert!(outcome.sentence().contains("no load"), "{}", outcome.sentence());
}

#[tokio::test]
async fn names_are_asked_for_with_the_case_of_the_list() {
    let list = b"# RELEASE load version 8-2-0-52\r\nJar41sip.8-2-0-52.sbn\r\n";
    let list = firmware::signed("term41.default.loads", list);
    let member = firmware::signed("jar41sip.8-2-0-52.sbn", b"CNU_File_Archive_3.0");
    let files = Files::from([(list.name, list.bytes), ("Jar41sip.8-2-0-52.sbn".to_owned(), member.bytes)]);
    let (outcome, asked) = play("7941", "factory", files, |_| ()).await;
    assert_eq!(asked[1], "Jar41sip.8-2-0-52.sbn");
    assert_eq!(runs(&outcome), "term41.default");
}

#[tokio::test]
async fn after_a_power_cut_the_phone_goes_on_with_what_is_in_flash() {
    let legacy = |file: &str, at, left: &'static str| ("7960", "sccp:P00308000900", file.to_owned(), at, left);
    let java = |file: &str, at, left: &'static str| ("7965", "sccp:SCCP45.9-2-1S", file.to_owned(), at, left);
    let old_loader = Flash::of(&"7960".parse().unwrap(), &"sccp:P00308000900".parse().unwrap()).to_string();
    for (model, state, file, at, left) in [
        legacy("P003-8-12-00.sbn", CutAt::Bytes(5000), ""),
        legacy("P003-8-12-00.sbn", CutAt::Reboot, "universal loader PAS30830, P00308000900"),
        legacy("P0S3-8-12-00.sb2", CutAt::Bytes(0), "universal loader PAS30830, P00308000900"),
        legacy("P0S3-8-12-00.sb2", CutAt::Flashing, "universal loader PAS30830, no application"),
        legacy("P0S3-8-12-00.sb2", CutAt::Reboot, "universal loader PAS30830, P0S3-8-12-00"),
        java("jar45sip.9-4-2ES26.sbn", CutAt::Bytes(1), "boot loader, SCCP45.9-2-1S"),
        java("cvm45sip.9-4-2ES26.sbn", CutAt::Bytes(20_000), "boot loader, SCCP45.9-2-1S"),
        java("SIP45.9-4-2SR3-1S", CutAt::Flashing, "boot loader, no load"),
        java("SIP45.9-4-2SR3-1S", CutAt::Reboot, "boot loader, SIP45.9-4-2SR3-1S"),
    ] {
        let left = if left.is_empty() { old_loader.as_str() } else { left };
        let mut files = legacy_loads();
        files.extend(loads(&["SIP45.9-4-2SR3-1S"]));
        let (target, control) = match model {
            "7960" => ("P0S3-8-12-00", sep("P0S3-8-12-00")),
            _ => ("SIP45.9-4-2SR3-1S", java_sep("SIP45.9-4-2SR3-1S")),
        };
        files.extend([control]);
        let server = Server::start(files).await;
        let mut phone = setup(model, state, &server);
        phone.power_cut_at = Some(PowerCut { file: file.clone(), at });
        let outcome = boot(&phone, |_| ()).await;
        assert_eq!(outcome.ending, Ending::PowerCut { during: file.clone() }, "{at:?}");
        assert_eq!(outcome.flash.to_string(), left, "{file} {at:?}");
        let resumed = boot(&phone.after(&outcome), |_| ()).await;
        assert_eq!(runs(&resumed), target, "{file} {at:?}: {}", resumed.sentence());
    }
}

#[tokio::test]
async fn a_stalled_member_is_asked_for_again() {
    let mut files = loads(&["SIP45.9-4-2SR3-1S"]);
    files.extend([java_sep("SIP45.9-4-2SR3-1S")]);
    let member = "cnu45.9-4-2ES26.sbn";
    let stall = Some(Stall { file: member.to_owned(), bytes: 4096 });
    let (outcome, asked) = play("7965", "sccp:SCCP45.9-2-1S", files, |setup| setup.stall_at = stall).await;
    assert_eq!((runs(&outcome), count(&asked, member)), ("SIP45.9-4-2SR3-1S", 2));
}

#[tokio::test]
async fn a_large_image_is_reported_at_each_doubling() {
    let files = firmware::set_of_size("SIP45.9-4-2SR3-1S", 300 * 1024).unwrap();
    let server = Server::start(files.into_iter().map(|file| (file.name, file.bytes)).collect()).await;
    let mut lines = Vec::new();
    let mut phone = setup("7965", "factory", &server);
    phone.power_cut_at = Some(PowerCut { file: "cnu45.9-4-2ES26.sbn".to_owned(), at: CutAt::Bytes(1) });
    let outcome = boot(&phone, |step| lines.extend(step.what.contains("so far").then_some(step.what))).await;
    assert!(matches!(outcome.ending, Ending::PowerCut { .. }));
    let expected = [64, 128, 256].map(|n| format!("downloads jar45sip.9-4-2ES26.sbn: {n} KiB so far"));
    assert_eq!(lines, expected);
}

/// The first REGISTER of a phone whose file names this port.
async fn register(state: &str, files: Files) -> String {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = pbx.local_addr().unwrap().port();
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/phonefiles/sep/good/one-line.xml"))
        .replace("<sipPort>5060", &format!("<sipPort>{port}"))
        .replace("<processNodeName>192.0.2.10", "<processNodeName>127.0.0.1")
        .replace("<transportLayerProtocol>1", "<transportLayerProtocol>2");
    let mut files = files;
    files.insert(format!("SEP{MAC}.cnf.xml"), text.into_bytes());
    let (outcome, _) = play("7965", state, files, |_| ()).await;
    assert_eq!(outcome.ending, Ending::NotRegistered, "{}", outcome.sentence());
    let mut buffer = [0_u8; 4096];
    let (len, _) = pbx.recv_from(&mut buffer).await.unwrap();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

#[tokio::test]
async fn a_registration_says_which_load_runs() {
    for (state, agent, alarm) in [
        ("sip:SIP45.9-3-1SR4-1S", "Cisco-CP7965G/9.3.1", "ActiveLoad=SIP45.9-3-1SR4-1S.loads"),
        ("sip:SIP45.8-5-4S", "Cisco-CP7965G/8.5.4", " Load=SIP45.8-5-4S "),
        // After a recovery the phone names what it recovered with.
        ("factory", "Cisco-CP7965G/9.3.1", "ActiveLoad=term65.default.loads"),
    ] {
        let request = register(state, loads(&["SIP45.9-3-1SR4-1S"])).await;
        assert!(request.contains(&format!("User-Agent: {agent}\r\n")), "{state}: {request}");
        assert!(request.contains(alarm), "{state}: {request}");
    }
}
