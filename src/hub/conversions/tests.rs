//! The interlocks of section 4 of the threats, where they need a hub and no daemon.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

mod waiting;

use super::*;
use crate::config;
use crate::convert::audit::made_of;
use crate::convert::belief::{Runs, Source};
use crate::convert::{Conversion, Mode, StepState};
use crate::domain::Load;
use crate::files::Refusal;
use crate::firmware::plan::Paths;
use crate::firmware::set::{FirmwareSet, SetFile, digest};
use crate::firmware::store::Index;
use crate::hub::planning::Wanted;
use crate::simulate::firmware;
use crate::store::Kept;

const FROM: &str = "P00308000900";
const TO: &str = "P0S3-8-12-00";
const SEP: &str = "SEP001B54AABB01.cnf.xml";
/// Which of them name the step's load to the phone whose step it is.
const OFFER: [&str; 2] = [SEP, "XMLDefault.cnf.xml"];
const CONTROL: &[&str] = &[
    SEP,
    "SIP001B54AABB01.cnf",
    "SIPDefault.cnf",
    "XMLDefault.cnf.xml",
    "OS79XX.TXT",
    "SEP001B54AABB02.cnf.xml",
    "SIP001B54AABB02.cnf",
    "syncinfo.xml",
];

fn index(loads: &[&str]) -> Index {
    let set = |load: &&str| {
        let held = firmware::set(load).unwrap_or_else(|| panic!("{load}"));
        let files = (held.iter()).map(|file| SetFile {
            name: file.name.clone(),
            size: 100,
            sha256: format!("{load}/{}", file.name),
        });
        FirmwareSet::sample(load, files.collect())
    };
    Index::sample(loads.iter().map(set).collect())
}

fn settings() -> config::Firmware {
    config::Firmware {
        conversion: config::Conversion::Manual,
        accept_one_way: false,
        concurrent: 10,
        target: BTreeMap::new(),
        erased: BTreeMap::new(),
        os79xx_window: std::time::Duration::from_secs(3600),
        window: None,
    }
}

fn mac() -> MacAddr {
    MAC.parse().unwrap()
}

/// Two phones of one model; nothing was asked for yet.
fn two(model: &str) -> Roster {
    let mut both = roster(&["1001", "1002"], assignment(Some(model), &["1001"]));
    let other: MacAddr = "001B54AABB02".parse().unwrap();
    both.assignments.insert(other, Assignment { mac: other, ..assignment(Some(model), &["1002"]) });
    both
}

fn site() -> Hub {
    let hub = hub(two("7960"));
    hub.firmware_settings(settings());
    hub.firmware_index(Arc::new(index(&[FROM, TO])));
    hub
}

fn wanted(running: &str) -> Wanted {
    Wanted { to: None, running: Some(running.to_owned()) }
}

/// What the daemon does twice a second, the keeping included.
fn round(hub: &Hub, second: i64) {
    hub.tick_conversions(at(second));
    keep(hub);
    for (mac, _) in hub.may_begin(at(second)) {
        hub.arm(mac, at(second));
    }
    keep(hub);
}

/// The phone's own page says that it runs what it does.
fn page(hub: &Hub, at: Timestamp) {
    hub.lock().converting.learned(mac(), Source::WebPage, Runs::Load(Load::parse(FROM).unwrap()), at);
}

fn keep(hub: &Hub) {
    if let Some(keep) = hub.to_keep() {
        hub.kept(&keep);
    }
}

/// The first phone's conversion begun: it is armed, and that is kept.
fn begun() -> Hub {
    let hub = site();
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 1);
    page(&hub, at(1));
    let plan = hub.plan_conversion(mac(), &Wanted::default(), at(1)).unwrap();
    hub.start_conversions(vec![plan], None, at(1));
    round(&hub, 2);
    hub
}

/// Asks and takes what is an image.
fn take(hub: &Hub, name: &str, second: i64) -> bool {
    let image = matches!(hub.ask(name, IP, SERVER, Transport::Tftp, at(second)), Answer::Image(_));
    if image {
        let what = |name| EventKind::FileSent { name, transport: Transport::Tftp, octets: 1, millis: 1, resent: 0 };
        hub.delivered(name, IP, what, at(second));
    }
    image
}

/// Control files that name the load; `ip`: who asks.
fn named_to(hub: &Hub, load: &str, ip: Ipv4Addr, second: i64) -> Vec<&'static str> {
    let names = |name: &&&str| match hub.ask(name, ip, SERVER, Transport::Tftp, at(second)) {
        Answer::Serve(file) => String::from_utf8_lossy(file.bytes()).contains(load),
        _ => false,
    };
    CONTROL.iter().filter(names).copied().collect()
}

fn offered(hub: &Hub) -> Option<String> {
    hub.lock().converting.offer(mac()).map(|offer| offer.set)
}

fn conversion(hub: &Hub) -> Conversion {
    hub.lock().converting.conversions.get(&mac()).cloned().expect("a conversion")
}

fn restarted(hub: &Hub, second: i64) -> Hub {
    let again = site();
    let state = hub.lock();
    let kept = Kept {
        conversions: state.converting.conversions.clone(),
        beliefs: state.converting.beliefs.clone().into_iter().collect(),
        campaign: state.converting.campaign.clone(),
        taken: state.converting.taken.to_keep(),
        unreadable: Vec::new(),
    };
    drop(state);
    again.recall_conversions(kept, at(second));
    again
}

/// I1: whichever file goes, no control file names the load any more, the campaign waits, and goes on when it is back.
#[test]
fn i1_a_set_that_is_not_whole_is_named_nowhere() {
    let whole = index(&[FROM, TO]);
    let files = whole.sets[TO].files.clone();
    assert!(files.len() >= 3);
    for file in files {
        let hub = begun();
        assert_eq!(named_to(&hub, TO, IP, 3), OFFER, "it is offered");
        let mut less = index(&[FROM, TO]);
        less.damaged.insert(file.sha256.clone());
        less.sets.get_mut(TO).unwrap().complete = false;
        hub.firmware_index(Arc::new(less));
        assert_eq!(named_to(&hub, TO, IP, 4), [""; 0], "{}", file.name);
        round(&hub, 5);
        let campaign = hub.campaign().unwrap();
        assert_eq!(campaign.mode, Mode::Paused);
        assert!(campaign.because.contains(TO), "{}", campaign.because);
        // Who resumes it too early finds it paused again.
        hub.steer_conversions(Mode::Running, "", at(6)).unwrap();
        round(&hub, 6);
        assert_eq!(hub.campaign().unwrap().mode, Mode::Paused);
        hub.firmware_index(Arc::new(index(&[FROM, TO])));
        hub.steer_conversions(Mode::Running, "", at(7)).unwrap();
        round(&hub, 7);
        assert_eq!(hub.campaign().unwrap().mode, Mode::Running);
        assert_eq!(named_to(&hub, TO, IP, 8), OFFER);
    }
}

/// I2: a newer set in the store changes nothing. I20: nor does a plan.
#[test]
fn i2_i20_nothing_new_is_named_without_a_campaign() {
    let hub = site();
    assert_eq!(named_to(&hub, TO, IP, 1), [""; 0]);
    page(&hub, at(2));
    keep(&hub);
    assert!(hub.plan_conversion(mac(), &Wanted::default(), at(3)).is_ok());
    assert!(hub.to_keep().is_none() && hub.campaign().is_none() && hub.conversions().is_empty());
    round(&hub, 4);
    assert_eq!(named_to(&hub, TO, IP, 5), [""; 0]);
    assert_eq!(offered(&hub), None);
}

/// I3: a phone outside of the campaign, and one that nobody knows, fetch everything that is shared.
#[test]
fn i3_a_phone_outside_is_offered_nothing() {
    let hub = begun();
    let (outside, stranger) = (Ipv4Addr::new(127, 0, 1, 61), Ipv4Addr::new(127, 0, 1, 62));
    let _ = hub.ask("SIP001B54AABB02.cnf", outside, SERVER, Transport::Tftp, at(3));
    for (ip, second) in [(outside, 4), (stranger, 5)] {
        let of_another = |name: &&&str| ip == stranger && name.contains("AABB02");
        for name in CONTROL.iter().skip(2).filter(|name| !of_another(name)) {
            if let Answer::Serve(file) = hub.ask(name, ip, SERVER, Transport::Tftp, at(second)) {
                assert!(!String::from_utf8_lossy(file.bytes()).contains(TO), "{name} to {ip}");
            }
        }
        let term = hub.ask("term42.default.loads", ip, SERVER, Transport::Tftp, at(second));
        assert!(!matches!(term, Answer::Image(_) | Answer::Serve(_)), "{term:?}");
    }
    // Who cannot say who he is gets it while its window is open.
    let old = hub.ask("OS79XX.TXT", outside, SERVER, Transport::Tftp, at(6));
    assert_eq!(old, Answer::Refuse(Refusal::NotFound));
}

/// I4: what is in no row of the catalogue is refused, with what was probably meant.
#[test]
fn i4_only_ways_of_the_catalogue() {
    let hub = site();
    let plan = |to: Option<&str>, running: &str| {
        let wanted = Wanted { to: to.map(str::to_owned), ..wanted(running) };
        hub.plan_conversion(mac(), &wanted, at(1)).map(|c| c.steps.len())
    };
    assert_eq!(plan(None, FROM), Ok(1));
    assert_eq!(plan(Some(TO), TO), Ok(0), "it is there");
    for (to, running, says) in [
        ("P0S3-8-12-0", FROM, "did you mean P0S3-8-12-00?"),
        ("P0S3-8-21-00", FROM, "did you mean P0S3-8-12-00?"),
        ("POS3-8-12-00", FROM, "did you mean P0S3-8-12-00?"),
        ("SIP42.9-4-2SR3-1S", FROM, "7960"),
        ("../../etc/passwd", FROM, "no load name"),
        ("", FROM, "no load name"),
        (TO, "SIP42.9-4-2SR3-1S", ""),
        (TO, "nonsense", "no load name"),
        (TO, "P0S30202", ""),
    ] {
        let refused = plan(Some(to), running).expect_err(to);
        assert!(refused.contains(says), "{to} from {running}: {refused}");
        assert!(refused.len() < 600, "{refused}");
    }
}

/// What an administrator says that a phone runs holds until its turn, too: from the phone itself nothing is known.
#[test]
fn an_administrators_word_holds() {
    let hub = site();
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 1);
    let plan = hub.plan_conversion(mac(), &wanted(FROM), at(1)).unwrap();
    hub.start_conversions(vec![plan], None, at(1));
    round(&hub, 2);
    assert_eq!((conversion(&hub).from.as_str(), offered(&hub).as_deref()), (FROM, Some(TO)));
}

/// I10: nobody takes away what a phone is on its way to; when it is there, that ends.
#[test]
fn i10_files_stay_under_a_phone() {
    let hub = begun();
    assert!(hub.firmware_in_use(TO) && !hub.firmware_in_use(FROM));
    assert_eq!(named_to(&hub, TO, IP, 3), OFFER);
    // By its address it is the phone that asked last for a file with a name in it.
    take(&hub, SEP, 4);
    assert!(take(&hub, "P0S3-8-12-00.loads", 4));
    assert!(hub.firmware_in_use(TO));
    // Another release of the same name does not change what this phone gets.
    let mut other = index(&[FROM, TO]);
    for file in &mut other.sets.get_mut(TO).unwrap().files {
        file.sha256 = format!("other {}", file.name);
    }
    hub.firmware_index(Arc::new(other));
    let got = hub.ask("P0S3-8-12-00.sb2", IP, SERVER, Transport::Tftp, at(5));
    assert!(matches!(&got, Answer::Image(file) if file.sha256 == "P0S3-8-12-00/P0S3-8-12-00.sb2"), "{got:?}");
}

/// I10: and for a day after the last phone came for it, whoever that was, the daemon's restart in between or not.
#[test]
fn i10_files_stay_for_a_day() {
    const DAY: i64 = 24 * 3600;
    let hub = site();
    let files = index(&[FROM, TO]).sets[TO].files.clone();
    let late = |hub: &Hub, second| hub.taken_of_late(&files.iter().collect::<Vec<_>>(), at(second));
    assert_eq!(late(&hub, 1), None);
    assert!(take(&hub, "P0S3-8-12-00.loads", 10) && take(&hub, "P003-8-12-00.sbn", 20));
    assert_eq!((late(&hub, 20 + DAY - 1), late(&hub, 20 + DAY)), (Some(at(20)), None));
    let others = index(&[FROM]).sets[FROM].files.clone();
    assert_eq!(hub.taken_of_late(&others.iter().collect::<Vec<_>>(), at(30)), None, "nobody took those");
    let keep = hub.to_keep().unwrap();
    assert_eq!(keep.taken.len(), 2);
    hub.kept(&keep);
    assert!(hub.to_keep().is_none());
    let again = site();
    again.recall_conversions(Kept { taken: keep.taken, ..Kept::default() }, at(40));
    assert_eq!((late(&again, 20 + DAY - 1), late(&again, 20 + DAY)), (Some(at(20)), None));
    // A day later it is not even remembered; what a wrong clock wrote counts from now.
    assert!(take(&again, "P0S3-8-12-00.sb2", 21 + DAY));
    let kept = again.to_keep().unwrap();
    again.kept(&kept);
    assert_eq!(again.lock().converting.taken.len(), 1);
    let ahead = files.iter().map(|file| (file.sha256.clone(), at(900 * DAY))).collect();
    let wrong = site();
    wrong.recall_conversions(Kept { taken: ahead, ..Kept::default() }, at(40));
    assert_eq!((late(&wrong, 41), late(&wrong, 40 + DAY)), (Some(at(40)), None));
    let said = crate::hub::taken::stays(at(20));
    assert!(said.contains("at 2023-11-14T22:13Z") && said.ends_with("after 2023-11-15T22:14Z"), "{said}");
    hub.clock_stepped(at(30 + DAY), SignedDuration::from_secs(DAY));
    assert_eq!(late(&hub, 30 + DAY), Some(at(20 + DAY)), "the clock was put, no time passed");
}

/// I11: paused, halted or aborted, at each state of a phone.
#[test]
fn i11_who_has_not_begun_does_not_begin() {
    for mode in [Mode::Paused, Mode::Halted, Mode::Aborted] {
        for (asks, goes_on) in [(&[][..], false), (&[SEP][..], true), (&[SEP, "P0S3-8-12-00.loads"][..], true)] {
            let hub = begun();
            for name in asks {
                let _ = hub.ask(name, IP, SERVER, Transport::Tftp, at(3));
            }
            keep(&hub);
            hub.steer_conversions(mode, "somebody said so", at(4)).unwrap();
            round(&hub, 5);
            assert_eq!(offered(&hub).is_some(), goes_on, "{mode:?} after {asks:?}");
            assert_eq!(hub.to_be_told(), [], "nobody is told to boot: {mode:?} after {asks:?}");
            assert!(take(&hub, "P0S3-8-12-00.sb2", 6), "what was begun can be taken to its end");
            if mode == Mode::Aborted {
                assert!(hub.steer_conversions(Mode::Running, "", at(7)).is_err(), "an abort is final");
                assert_eq!(hub.conversions().len(), usize::from(goes_on));
            } else {
                hub.steer_conversions(Mode::Running, "", at(7)).unwrap();
                round(&hub, 8);
                assert_eq!(offered(&hub).as_deref(), Some(TO), "{mode:?} after {asks:?}");
            }
            assert!(hub.steer_conversions(hub.campaign().unwrap().mode, "", at(9)).is_err(), "twice");
        }
    }
}

/// I12, F35: killed after each event of a conversion, the next daemon offers what the last one did, and the phone gets
/// through.
#[test]
fn i12_f35_a_restart_offers_the_same() {
    let script = [
        SEP,
        "P0S3-8-12-00.loads",
        "P003-8-12-00.sbn",
        "P0S3-8-12-00.sb2",
        SEP,
        "P0S3-8-12-00.loads",
        "SIP001B54AABB01.cnf",
        "RINGLIST.DAT",
    ];
    for killed in 0..=script.len() {
        let mut hub = begun();
        for (event, name) in script.iter().enumerate() {
            let second = 10 + i64::try_from(event).unwrap();
            if event == killed {
                let before = (offered(&hub), conversion(&hub));
                hub = restarted(&hub, second);
                assert_eq!((offered(&hub), conversion(&hub)), before, "killed before {name}");
                assert_eq!(hub.campaign().unwrap().mode, Mode::Running);
            }
            take(&hub, name, second);
        }
        // Whose request a shared file was is not known after a restart; who registers is.
        register(&hub, "1001", "Cisco-CP7960G/8.0", 20);
        assert!(conversion(&hub).done(), "killed at {killed}: {:?}", conversion(&hub));
        assert_eq!(hub.campaign().unwrap().mode, Mode::Running);
    }
    // Away for long: who is under way is served on, nobody else begins.
    let hub = begun();
    take(&hub, SEP, 3);
    let hub = restarted(&hub, 3 + 16 * 60);
    assert_eq!(hub.campaign().unwrap().mode, Mode::Paused);
    assert_eq!(offered(&hub).as_deref(), Some(TO));
}

/// What was not kept is not offered: the disk may be full for hours.
#[test]
fn i12_nothing_is_offered_before_it_is_kept() {
    let hub = begun();
    hub.lock().converting.unkept.insert(mac());
    assert_eq!(offered(&hub), None);
    assert_eq!(hub.to_be_told(), []);
    keep(&hub);
    assert_eq!(offered(&hub).as_deref(), Some(TO));
    // I14: who began is served on, kept or not.
    take(&hub, SEP, 3);
    hub.lock().converting.unkept.insert(mac());
    assert!(take(&hub, "P0S3-8-12-00.loads", 4) && offered(&hub).is_some());
}

/// I15: the way back is there as long as nothing was a one-way door; SCCP to SIP is none.
#[test]
fn i15_the_way_back() {
    let hub = site();
    let back = Wanted { to: Some(FROM.to_owned()), running: Some(TO.to_owned()) };
    let plan = hub.plan_conversion(mac(), &back, at(1)).unwrap();
    assert!(!plan.steps.is_empty() && plan.steps.iter().all(|step| !step.one_way));
    let unsigned = Wanted { to: Some("P0S30202".to_owned()), running: Some(TO.to_owned()) };
    assert!(hub.plan_conversion(mac(), &unsigned, at(1)).is_err());
}

/// I19: a row for the end of each phone, too: which phone, what came of it, by which set and which catalogue.
#[test]
fn i19_ends_are_in_the_audit_log() {
    let hub = begun();
    take(&hub, SEP, 3);
    take(&hub, "RINGLIST.DAT", 4);
    let keep = hub.to_keep().unwrap();
    let of = made_of(&conversion(&hub).steps);
    let (at_, who, what) = keep.audit.first().expect("a row");
    assert_eq!((*at_, who.as_str()), (at(4), "the daemon"));
    assert!(what.starts_with(&format!("phone {MAC} runs {TO}")) && what.ends_with(&of), "{what}");
    assert!(of.contains(Paths::version()), "{of}");
}

/// I19: another content is another hash, and the order in which files came is not.
#[test]
fn i19_a_set_has_one_hash() {
    let files = index(&[TO]).sets[TO].files.clone();
    let mut turned = files.clone();
    turned.reverse();
    assert_eq!(digest(&files), digest(&turned));
    for (at, _) in files.iter().enumerate() {
        let (mut content, mut name) = (files.clone(), files.clone());
        content[at].sha256.push('0');
        name[at].name.push('x');
        let less: Vec<SetFile> = files.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, f)| f.clone()).collect();
        for other in [content, name, less] {
            assert_ne!(digest(&files), digest(&other));
        }
    }
    let one = [SetFile { name: "a.sbn".into(), size: 0, sha256: "e3b0".into() }];
    // printf 'e3b0  a.sbn\n' | sha256sum
    assert_eq!(digest(&one), "efb8207dd5e5e365382026583b44496038cfefd37222f1352455c1df8999596f");
}

/// A phone whose row goes, is disabled or says another model, before it began and after.
#[test]
fn a_row_that_changes_under_a_phone() {
    let gone = || {
        let mut both = two("7960");
        both.assignments.remove(&mac());
        both
    };
    let disabled = || {
        let mut both = two("7960");
        both.assignments.get_mut(&mac()).unwrap().enabled = false;
        both
    };
    for roster in [gone(), disabled()] {
        let hub = begun();
        assert!(hub.pbx(&view(roster.clone()), at(3)));
        round(&hub, 4);
        assert!(hub.conversions().is_empty() && offered(&hub).is_none());
        let hub = begun();
        take(&hub, SEP, 3);
        take(&hub, "P0S3-8-12-00.loads", 3);
        assert!(hub.pbx(&view(roster), at(4)));
        round(&hub, 5);
        assert!(take(&hub, "P0S3-8-12-00.sb2", 6), "it is in the middle of its flash");
    }
    let hub = begun();
    assert!(hub.pbx(&view(two("7942")), at(3)));
    round(&hub, 4);
    assert_eq!(offered(&hub), None, "a 7942 is not sent to a 7960's load");
    assert_eq!(named_to(&hub, TO, IP, 5), [""; 0]);
}

/// Another model is in a phone's place: what was known of the old one and where it was sent is past, unless it may be
/// writing its flash.
#[test]
fn a_phone_that_is_replaced_on_its_way() {
    let stocked = || {
        let hub = begun();
        hub.firmware_index(Arc::new(index(&[FROM, TO, "SIP42.8-5-2S", "SIP42.9-4-2SR3-1S"])));
        take(&hub, SEP, 3);
        hub
    };
    let hub = stocked();
    assert!(hub.pbx(&view(two("7942")), at(4)));
    round(&hub, 5);
    let anew = conversion(&hub);
    assert_eq!(
        (anew.model.as_str(), anew.target.as_str(), anew.from.as_str()),
        ("7942", "SIP42.9-4-2SR3-1S", "unknown")
    );
    assert_eq!(named_to(&hub, TO, IP, 6), [""; 0]);
    assert_eq!(offered(&hub).as_deref(), Some("SIP42.8-5-2S"));
    let hub = stocked();
    take(&hub, "P0S3-8-12-00.loads", 4);
    take(&hub, "P003-8-12-00.sbn", 4);
    assert!(hub.pbx(&view(two("7942")), at(5)));
    round(&hub, 6);
    assert_eq!(offered(&hub).as_deref(), Some(TO), "it may be in the middle of its flash");
    // One that stands in the queue.
    let hub = site();
    hub.firmware_index(Arc::new(index(&[FROM, TO, "SIP42.8-5-2S", "SIP42.9-4-2SR3-1S"])));
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 1);
    let plan = hub.plan_conversion(mac(), &wanted(FROM), at(1)).unwrap();
    hub.start_conversions(vec![plan], None, at(1));
    assert!(hub.pbx(&view(two("7942")), at(2)));
    round(&hub, 3);
    round(&hub, 4);
    assert_eq!(offered(&hub).as_deref(), Some("SIP42.8-5-2S"));
}

/// What a phone that was reset asks for and does not get is no refusal.
#[test]
fn what_is_not_there_is_not_refused() {
    let hub = hub(two("7942"));
    hub.firmware_settings(settings());
    hub.firmware_index(Arc::new(index(&["SIP42.8-5-2S", "SIP42.9-4-2SR3-1S"])));
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 1);
    let plan = hub.plan_conversion(mac(), &Wanted::default(), at(1)).unwrap();
    hub.start_conversions(vec![plan], None, at(1));
    for second in 2..9 {
        assert!(!take(&hub, "term42.default.loads", second));
    }
    assert_eq!(conversion(&hub).step().map(|step| step.state), Some(StepState::Todo));
    round(&hub, 10);
    hub.firmware_index(Arc::new(index(&[])));
    for second in 11..19 {
        assert!(!take(&hub, "term42.default.loads", second));
    }
    assert_eq!(conversion(&hub).step().map(|step| step.state), Some(StepState::Todo), "armed, and the set is gone");
}

/// The clock is put by a year, either way, in the middle of a download: nobody is given up, and nothing waits for a year.
#[test]
fn the_clock_is_put() {
    const YEAR: i64 = 365 * 86_400;
    for by in [YEAR, -YEAR, 3600, -3600] {
        let hub = begun();
        take(&hub, SEP, 3);
        take(&hub, "P0S3-8-12-00.loads", 4);
        take(&hub, "P003-8-12-00.sbn", 4);
        hub.tick_conversions(at(5));
        // The conversions' task may look before the clock's does.
        hub.tick_conversions(at(5 + by));
        hub.clock_stepped(at(5 + by), SignedDuration::from_secs(by));
        hub.tick_conversions(at(6 + by));
        let step = || conversion(&hub).steps.first().map(|step| (step.state, step.failure)).unwrap();
        assert_eq!(step(), (StepState::Downloading, None), "{by}");
        for second in (20..2_000).step_by(9) {
            hub.tick_conversions(at(second + by));
        }
        assert_eq!(step().0, StepState::Failed, "{by}: half an hour of silence is one");
        assert!(offered(&hub).is_some(), "I13");
    }
}

/// One MAC at two addresses: both are asked of one phone, nothing is offered twice, nothing panics.
#[test]
fn two_phones_with_one_mac() {
    let hub = begun();
    let twin = Ipv4Addr::new(127, 0, 1, 63);
    for second in 3..60 {
        for (ip, name) in [(IP, SEP), (twin, SEP), (IP, "P0S3-8-12-00.loads"), (twin, "P003-8-12-00.sbn")] {
            let _ = hub.ask(name, ip, SERVER, Transport::Tftp, at(second));
        }
        round(&hub, second);
    }
    assert_eq!(hub.conversions().len(), 1);
    assert!(offered(&hub).is_some_and(|set| set == TO), "whichever it is has the whole set");
    let health =
        |hub: &Hub| hub.lock().judged.get(&mac()).map(|judged| judged.findings.iter().any(|f| f.code == "mac-twice"));
    assert_eq!(health(&hub), Some(true));
    // One that has not begun does not, until there is only one.
    let hub = site();
    for second in (0..12).step_by(2) {
        let _ = hub.ask(SEP, IP, SERVER, Transport::Tftp, at(second));
        let _ = hub.ask(SEP, twin, SERVER, Transport::Tftp, at(second + 1));
    }
    let plan = hub.plan_conversion(mac(), &wanted(FROM), at(12)).unwrap();
    hub.start_conversions(vec![plan], None, at(12));
    round(&hub, 13);
    assert_eq!((offered(&hub), health(&hub)), (None, Some(true)));
    let _ = hub.ask(SEP, IP, SERVER, Transport::Tftp, at(700));
    round(&hub, 701);
    assert_eq!((offered(&hub).as_deref(), health(&hub)), (Some(TO), Some(false)));
    // Nor does one whose turn had come before the other showed itself.
    let hub = begun();
    for second in (3..15).step_by(2) {
        let _ = hub.ask("CTLSEP001B54AABB01.tlv", twin, SERVER, Transport::Tftp, at(second));
        let _ = hub.ask("CTLSEP001B54AABB01.tlv", IP, SERVER, Transport::Tftp, at(second + 1));
        round(&hub, second + 1);
    }
    assert!(conversion(&hub).armed.is_some() && waits(&hub).contains("two phones"), "{}", waits(&hub));
    assert_eq!((offered(&hub), named_to(&hub, TO, IP, 16)), (None, vec![]));
}

/// A phone that moved, and a person who asks for its file once, are no twins.
#[test]
fn one_phone_at_two_addresses() {
    let hub = site();
    let other = Ipv4Addr::new(127, 0, 1, 63);
    for (second, ip) in (1..).zip([IP, IP, other, other, IP, other, other]) {
        let _ = hub.ask(SEP, ip, SERVER, Transport::Tftp, at(second));
    }
    assert!(hub.lock().judged.get(&mac()).is_some_and(|judged| judged.findings.iter().all(|f| f.code != "mac-twice")));
}

/// A phone that never came back from its configuration does not hold its model's canary for ever.
#[test]
fn a_phone_that_is_switched_off_after_its_offer() {
    let hub = begun();
    take(&hub, SEP, 3);
    for second in (4..1_900).step_by(9) {
        round(&hub, second);
    }
    assert!(conversion(&hub).failed().is_some());
}

/// Who begins another campaign while one is held back would send its phones off too.
#[test]
fn a_held_campaign_is_known() {
    let hub = begun();
    let none = std::collections::BTreeSet::new();
    assert!(hub.held_back(&none).is_none());
    hub.steer_conversions(Mode::Paused, "somebody said so", at(3)).unwrap();
    assert_eq!(hub.held_back(&none).map(|(waiting, _)| waiting), Some(1));
    assert!(hub.held_back(&[mac()].into()).is_none(), "those that are begun anew are meant");
}

fn waits(hub: &Hub) -> String {
    hub.conversions().first().map(|phone| phone.next.clone()).expect("a conversion")
}

fn calls(hub: &Hub, channels: &[&str]) {
    hub.calls(Ok(channels.iter().map(|channel| ((*channel).to_owned(), "Up".to_owned())).collect()));
}

/// A phone that was heard and started, and whose turn did not come yet.
fn started() -> Hub {
    let hub = site();
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 1);
    page(&hub, at(1));
    let plan = hub.plan_conversion(mac(), &Wanted::default(), at(1)).unwrap();
    hub.start_conversions(vec![plan], None, at(1));
    keep(&hub);
    hub
}

/// I6: a phone in a call is not armed, and what it was to be offered waits for the end of the call; a step that has begun
/// does not.
#[test]
fn i6_nothing_is_offered_during_a_call() {
    let hub = started();
    assert!(hub.calls_matter());
    calls(&hub, &["PJSIP/1002-00000001", "PJSIP/1001-00000002"]);
    assert!(hub.calls_matter(), "its end is waited for");
    round(&hub, 2);
    assert_eq!((conversion(&hub).armed, offered(&hub)), (None, None));
    assert!(waits(&hub).starts_with("it is in a call"), "{}", waits(&hub));
    calls(&hub, &["PJSIP/1002-00000001"]);
    round(&hub, 3);
    assert!(conversion(&hub).armed.is_some() && hub.calls_matter());
    assert_eq!((offered(&hub).as_deref(), hub.to_be_told()), (Some(TO), vec![mac()]));
    // Its turn has come, and somebody calls.
    calls(&hub, &["PJSIP/1001-00000003"]);
    assert_eq!((offered(&hub), hub.to_be_told()), (None, Vec::new()));
    assert_eq!(named_to(&hub, TO, IP, 4), [""; 0]);
    calls(&hub, &[]);
    assert_eq!(named_to(&hub, TO, IP, 5), OFFER);
    keep(&hub);
    calls(&hub, &["PJSIP/1001-00000004"]);
    assert!(take(&hub, "P0S3-8-12-00.sb2", 6) && offered(&hub).is_some(), "it is in the middle of its step");
    assert!(!hub.calls_matter(), "nobody waits any more");
}

/// I6: as long as nobody knows, it is as before; and that is said.
#[test]
fn i6_calls_that_nobody_knows_of() {
    let hub = started();
    hub.calls(Err("[ami] is off".to_owned()));
    assert!(waits(&hub).ends_with("; whether it is in a call is not known ([ami] is off)"), "{}", waits(&hub));
    round(&hub, 2);
    assert!(conversion(&hub).armed.is_some() && offered(&hub).is_some());
    take(&hub, SEP, 3);
    assert!(!waits(&hub).contains("call"), "it has begun: {}", waits(&hub));
}

/// I17: outside of its window nobody begins, and nobody is told to boot; who has begun goes on.
#[test]
fn i17_steps_begin_within_the_window() {
    // It is 22:13 UTC.
    let (day, night) = ("05:00-22:00".parse().unwrap(), "22:00-05:00".parse().unwrap());
    let with = |hub: &Hub, window, second| {
        hub.firmware_settings(config::Firmware { window, ..settings() });
        hub.hold_conversions(at(second), &TimeZone::UTC);
        round(hub, second);
    };
    let hub = started();
    with(&hub, Some(day), 2);
    assert_eq!((conversion(&hub).armed, offered(&hub)), (None, None));
    assert!(waits(&hub).contains("the window 05:00-22:00"), "{}", waits(&hub));
    assert!(!hub.calls_matter());
    with(&hub, Some(night), 3);
    assert!(conversion(&hub).armed.is_some() && hub.to_be_told() == [mac()]);
    // It ends before the phone has come for its files.
    with(&hub, Some(night), 7 * 3600);
    assert_eq!((offered(&hub), hub.to_be_told()), (None, Vec::new()));
    assert_eq!(named_to(&hub, TO, IP, 7 * 3600), [""; 0]);
    with(&hub, None, 7 * 3600);
    assert_eq!(named_to(&hub, TO, IP, 7 * 3600), OFFER, "without a window it is always open");
    with(&hub, Some(night), 7 * 3600 + 1);
    assert!(take(&hub, "P0S3-8-12-00.sb2", 7 * 3600 + 2) && offered(&hub).is_some(), "it has begun");
}

/// A phone that is held back while its turn has come is not late: neither by the window nor by a call, nor by a daemon that
/// was away.
#[test]
fn i12_who_is_held_back_is_not_late() {
    let late = |hub: &Hub, from: i64| {
        for second in (from..from + 1_800).step_by(9) {
            round(hub, second);
            assert!(conversion(hub).armed.is_some(), "{second}: {}", waits(hub));
        }
        round(hub, from + 1_801);
        assert!(conversion(hub).let_go.is_some());
    };
    let hub = begun();
    hub.firmware_settings(config::Firmware { window: Some("05:00-22:00".parse().unwrap()), ..settings() });
    for second in (3..6_000).step_by(9) {
        hub.hold_conversions(at(second), &TimeZone::UTC);
        round(&hub, second);
    }
    assert!(conversion(&hub).armed.is_some() && waits(&hub).contains("the window"), "{}", waits(&hub));
    hub.firmware_settings(settings());
    hub.hold_conversions(at(6_000), &TimeZone::UTC);
    late(&hub, 6_000);

    let hub = begun();
    calls(&hub, &["PJSIP/1001-00000001"]);
    for second in (3..6_000).step_by(9) {
        round(&hub, second);
    }
    calls(&hub, &[]);
    late(&hub, 6_000);

    late(&restarted(&begun(), 1_700), 1_700);
}

/// I17: a phone whose step failed may show no more than a lamp: its other way does not wait for the night.
#[test]
fn i17_another_way_does_not_wait_for_the_window() {
    let hub = begun();
    hub.firmware_settings(config::Firmware { window: Some("05:00-22:00".parse().unwrap()), ..settings() });
    hub.hold_conversions(at(3), &TimeZone::UTC);
    assert_eq!(offered(&hub), None);
    let mut again = conversion(&hub);
    let step = again.steps.first().unwrap().clone();
    again.steps.first_mut().unwrap().state = StepState::Failed;
    again.replan(vec![step], at(3));
    hub.lock().converting.put(again);
    keep(&hub);
    assert_eq!(offered(&hub).as_deref(), Some(TO));
    hub.end_conversions();
    assert_eq!(offered(&hub), None, "the next daemon offers it");
}

/// I16: who is in the middle of images, and that no step begins once the daemon is to end.
#[test]
fn i16_who_is_in_the_middle_of_images() {
    let hub = begun();
    let minute = SignedDuration::from_mins(1);
    assert_eq!(hub.in_images(at(3)), [], "it has not begun");
    take(&hub, SEP, 3);
    assert_eq!(hub.in_images(at(3)), []);
    take(&hub, "P0S3-8-12-00.loads", 4);
    assert_eq!(hub.in_images(at(4)), [mac()]);
    take(&hub, "P003-8-12-00.sbn", 90);
    assert_eq!(hub.in_images(at(90) + minute * 4), [mac()]);
    assert_eq!(hub.in_images(at(90) + minute * 5), [], "it is switched off");
    take(&hub, "P0S3-8-12-00.sb2", 100);
    assert_eq!(hub.in_images(at(100)), [], "it has all");

    let hub = started();
    hub.end_conversions();
    round(&hub, 3);
    assert_eq!(conversion(&hub).armed, None);
    assert!(waits(&hub).contains("being stopped"));
}

/// I18 has no object: no list of whom to trust is ever given out, so there is no key to lose. Whatever lies in the store, for
/// a phone on its way and for a stranger.
#[test]
fn i18_no_trust_list_is_ever_served() {
    let hub = begun();
    let names = [
        "CTLFile.tlv",
        "ITLFile.tlv",
        "CTLSEP001B54AABB01.tlv",
        "ITLSEP001B54AABB01.tlv",
        "itlfile.TLV",
        "/CTLFile.tlv",
        "./ITLFile.tlv",
        "tftp/CTLFile.tlv",
        "CTLFile.tlv.sgn",
        "ITLFile.tlv.sgn",
        "CTL001B54AABB01.tlv",
    ];
    let mut sets = index(&[FROM, TO]).sets;
    let lists = names.map(|name| SetFile { name: name.to_owned(), size: 1, sha256: format!("of {name}") });
    sets.get_mut(TO).unwrap().files.extend(lists);
    let held = Index::sample(sets.into_values().collect());
    hub.firmware_index(Arc::new(held));
    for (second, name) in (3..).zip(names) {
        for ip in [IP, Ipv4Addr::new(127, 0, 1, 99)] {
            let got = hub.ask(name, ip, SERVER, Transport::Tftp, at(second));
            assert_eq!(got, Answer::Refuse(Refusal::NotFound), "{name}");
        }
    }
}
