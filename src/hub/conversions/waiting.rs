//! What an administrator sees of phones that have not begun, that do not boot, and that failed.

use super::*;
use crate::discover::{Announcement, Protocol};

const OTHER: &str = "001B54AABB02";
const JAVA: &str = "SIP42.9-4-2SR3-1S";
const STONE: &str = "SIP42.8-5-2S";

fn other() -> MacAddr {
    OTHER.parse().unwrap()
}

/// What `offhook convert status` says comes next for a phone.
fn next(hub: &Hub, mac: MacAddr) -> String {
    let shown = hub.conversions().into_iter().find(|conversion| conversion.mac == mac);
    shown.map(|conversion| conversion.next).unwrap_or_default()
}

/// What `offhook phones list` says of it.
fn summary(hub: &Hub, mac: MacAddr) -> String {
    hub.lock().judged.get(&mac).map(|judged| judged.status.summary.clone()).unwrap_or_default()
}

/// Both phones are planned, as their pages said nothing yet, and taken in.
fn start(hub: &Hub, wanted: &Wanted, limit: Option<usize>, second: i64) {
    let plan = |mac| hub.plan_conversion(mac, wanted, at(second)).unwrap();
    hub.start_conversions(vec![plan(mac()), plan(other())], limit, at(second));
}

fn heard(hub: &Hub, mac: MacAddr, last: u8, second: i64) {
    let name = format!("CTLSEP{mac}.tlv");
    let _ = hub.ask(&name, Ipv4Addr::new(127, 0, 1, last), SERVER, Transport::Tftp, at(second));
}

fn armed(hub: &Hub, mac: MacAddr) -> bool {
    hub.lock().converting.conversions.get(&mac).is_some_and(|conversion| conversion.armed.is_some())
}

#[test]
fn everybody_is_told_what_they_wait_for() {
    let hub = site();
    start(&hub, &wanted(FROM), None, 1);
    round(&hub, 2);
    for mac in [mac(), other()] {
        assert!(next(&hub, mac).starts_with("plug it in"), "{}", next(&hub, mac));
        assert!(summary(&hub, mac).contains("plug it in"), "{}", summary(&hub, mac));
    }
    heard(&hub, mac(), 60, 3);
    round(&hub, 4);
    heard(&hub, other(), 61, 5);
    round(&hub, 6);
    assert!(next(&hub, mac()).starts_with("power-cycle it"), "{}", next(&hub, mac()));
    assert!(next(&hub, other()).contains(&format!("waits for {MAC}")), "{}", next(&hub, other()));
    assert!(summary(&hub, other()).contains(MAC), "{}", summary(&hub, other()));
    hub.steer_conversions(Mode::Paused, "", at(7)).unwrap();
    for mac in [mac(), other()] {
        assert!(next(&hub, mac).contains("conversion is paused"), "{}", next(&hub, mac));
    }

    let hub = site();
    start(&hub, &wanted(FROM), Some(1), 1);
    heard(&hub, mac(), 60, 2);
    heard(&hub, other(), 61, 2);
    round(&hub, 3);
    take(&hub, SEP, 4);
    take(&hub, "RINGLIST.DAT", 5);
    round(&hub, 6);
    assert!(conversion(&hub).done());
    assert!(next(&hub, other()).starts_with("the limit of 1 "), "{}", next(&hub, other()));
}

#[test]
fn phones_list_says_it_at_once() {
    let hub = site();
    heard(&hub, mac(), 60, 1);
    hub.hand_out();
    let published = |hub: &Hub| hub.statuses().borrow().get(&mac()).map(|status| status.summary.clone()).unwrap();
    assert!(!published(&hub).contains("step 1"));
    start(&hub, &wanted(FROM), None, 2);
    hub.tick(at(2));
    assert!(published(&hub).contains("step 1 of 1"), "{}", published(&hub));
    round(&hub, 3);
    hub.steer_conversions(Mode::Paused, "", at(4)).unwrap();
    hub.tick(at(4));
    assert!(published(&hub).contains("conversion is paused"), "{}", published(&hub));
    hub.steer_conversions(Mode::Aborted, "", at(5)).unwrap();
    hub.tick(at(5));
    assert!(!published(&hub).contains("step 1"), "{}", published(&hub));
}

/// A canary in a drawer: heard once, and never again.
#[test]
fn a_phone_that_does_not_boot_lets_another_go_first() {
    let hub = site();
    start(&hub, &wanted(FROM), None, 1);
    heard(&hub, mac(), 60, 1);
    heard(&hub, other(), 61, 1);
    for second in (2..1_810).step_by(9) {
        round(&hub, second);
        assert_eq!((armed(&hub, mac()), armed(&hub, other())), (second < 1_802, second >= 1_802), "{second}");
    }
    assert!(next(&hub, mac()).contains("did not boot within 30 minutes"), "{}", next(&hub, mac()));
    // Somebody opens the drawer: it does not go before the one that is under way.
    heard(&hub, mac(), 60, 1_805);
    round(&hub, 1_806);
    assert!(!armed(&hub, mac()) && next(&hub, mac()).contains(OTHER), "{}", next(&hub, mac()));
    let _ = hub.ask(&format!("SEP{OTHER}.cnf.xml"), Ipv4Addr::new(127, 0, 1, 61), SERVER, Transport::Tftp, at(1_807));
    let _ = hub.ask("RINGLIST.DAT", Ipv4Addr::new(127, 0, 1, 61), SERVER, Transport::Tftp, at(1_808));
    round(&hub, 1_809);
    round(&hub, 1_810);
    assert!(armed(&hub, mac()), "its turn: {}", next(&hub, mac()));
    assert_eq!(conversion(&hub).let_go, None);
    take(&hub, SEP, 1_811);
    assert_eq!(offered(&hub).as_deref(), Some(TO));
}

/// While nobody may begin, nobody is late.
#[test]
fn a_pause_is_not_held_against_a_phone() {
    let hub = begun();
    hub.steer_conversions(Mode::Paused, "", at(3)).unwrap();
    round(&hub, 10_000);
    assert!(armed(&hub, mac()));
    hub.steer_conversions(Mode::Running, "", at(10_001)).unwrap();
    for second in (10_001..11_800).step_by(9) {
        round(&hub, second);
    }
    assert!(armed(&hub, mac()));
    round(&hub, 11_802);
    assert!(!armed(&hub, mac()));
}

/// One that turns out to run its target proves nothing, and keeps nobody waiting.
#[test]
fn a_canary_that_is_there_already() {
    let hub = site();
    start(&hub, &Wanted { running: None, to: Some(TO.to_owned()) }, None, 1);
    heard(&hub, mac(), 60, 2);
    hub.lock().converting.learned(mac(), Source::WebPage, Runs::Load(Load::parse(TO).unwrap()), at(2));
    round(&hub, 3);
    assert!(conversion(&hub).done());
    heard(&hub, other(), 61, 4);
    round(&hub, 5);
    assert!(armed(&hub, other()), "{}", next(&hub, other()));
}

fn java(loads: &[&str]) -> Hub {
    let hub = hub(two("7942"));
    hub.firmware_settings(settings());
    hub.firmware_index(Arc::new(index(loads)));
    hub
}

/// A phone never heard of is taken in though the store lacks what the oldest would need; nothing is offered to it until it
/// has shown what it runs, and then by its own way.
#[test]
fn i4_a_phone_that_has_shown_nothing_waits_for_that() {
    let runs = |hub: &Hub, load: &str, second: i64| {
        hub.lock().converting.learned(mac(), Source::WebPage, Runs::Load(Load::parse(load).unwrap()), at(second));
    };
    let taken_in = || {
        let hub = java(&[JAVA]);
        let plan = hub.plan_conversion(mac(), &Wanted::default(), at(1)).unwrap();
        let lacks = crate::convert::text::warning(plan.lacks.as_ref().unwrap());
        assert!(lacks.contains(STONE) && lacks.contains("cmterm-7942_7962-sip.8-5-2.zip"), "{lacks}");
        hub.start_conversions(vec![plan], None, at(1));
        round(&hub, 2);
        assert!(next(&hub, mac()).starts_with("plug it in"), "{}", next(&hub, mac()));
        let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 3);
        round(&hub, 4);
        assert!(next(&hub, mac()).contains(STONE), "{}", next(&hub, mac()));
        assert_eq!(hub.campaign().unwrap().mode, Mode::Running, "what is lacking holds nobody else");
        assert_eq!((named_to(&hub, JAVA, IP, 5), named_to(&hub, STONE, IP, 5), offered(&hub)), (vec![], vec![], None));
        hub
    };
    let hub = taken_in();
    runs(&hub, JAVA, 6);
    round(&hub, 7);
    assert!(conversion(&hub).done() && offered(&hub).is_none(), "it runs it already");

    let hub = taken_in();
    runs(&hub, "SCCP42.9-2-1S", 6);
    round(&hub, 7);
    assert_eq!(offered(&hub).as_deref(), Some(JAVA));

    let hub = taken_in();
    runs(&hub, "SCCP42.8-2-1S", 6);
    round(&hub, 7);
    assert!(hub.conversions().is_empty() && offered(&hub).is_none(), "its way leads through what is not there");

    let hub = taken_in();
    hub.firmware_index(Arc::new(index(&[JAVA, STONE])));
    round(&hub, 7);
    assert_eq!(offered(&hub).as_deref(), Some(STONE));

    // Who says that nothing is known means the longest way, and a target that is not there is one for nobody.
    let said = Wanted { running: Some("unknown".to_owned()), ..Wanted::default() };
    assert!(java(&[JAVA]).plan_conversion(mac(), &said, at(1)).is_err());
    let absent = Wanted { to: Some(JAVA.to_owned()), ..Wanted::default() };
    assert!(java(&[STONE]).plan_conversion(mac(), &absent, at(1)).is_err());
}

/// A phone that was sent along the longest way shows what it runs before it was told anything: its way is made anew, and
/// nothing of the other one is offered meanwhile.
#[test]
fn i4_what_a_phone_shows_counts_until_it_has_begun() {
    let armed = || {
        let hub = java(&[JAVA, STONE]);
        let plan = hub.plan_conversion(mac(), &Wanted::default(), at(1)).unwrap();
        hub.start_conversions(vec![plan], None, at(1));
        let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 2);
        round(&hub, 3);
        assert_eq!(offered(&hub).as_deref(), Some(STONE), "the longest way");
        hub
    };
    let runs = |hub: &Hub, load: &str, second: i64| {
        hub.lock().converting.learned(mac(), Source::WebPage, Runs::Load(Load::parse(load).unwrap()), at(second));
    };
    let hub = armed();
    runs(&hub, "SCCP42.9-2-1S", 4);
    assert_eq!(offered(&hub), None);
    round(&hub, 5);
    assert_eq!(offered(&hub).as_deref(), Some(JAVA));
    runs(&hub, "SCCP42.9-2-1S", 6);
    assert!(offered(&hub).is_some(), "no news");

    let hub = armed();
    runs(&hub, JAVA, 4);
    round(&hub, 5);
    assert!(conversion(&hub).done() && offered(&hub).is_none(), "it runs it already");

    // Once it was told, it goes the way that it was told.
    let hub = armed();
    take(&hub, SEP, 4);
    runs(&hub, "SCCP42.9-2-1S", 5);
    round(&hub, 6);
    assert_eq!(offered(&hub).as_deref(), Some(STONE));

    // A pause is no way around it.
    let hub = armed();
    hub.steer_conversions(Mode::Paused, "", at(4)).unwrap();
    runs(&hub, "SCCP42.9-2-1S", 5);
    round(&hub, 6);
    hub.steer_conversions(Mode::Running, "", at(7)).unwrap();
    assert_eq!(offered(&hub), None);
    round(&hub, 8);
    assert_eq!(offered(&hub).as_deref(), Some(JAVA));
}

/// A failed phone that took an image is let go by an abort; it is offered the same set until it is back, and can be begun
/// anew.
#[test]
fn i13_an_abort_lets_go_of_who_failed() {
    let failed = || {
        let hub = begun();
        take(&hub, SEP, 3);
        take(&hub, "P003-8-12-00.sbn", 4);
        for second in (5..1_900).step_by(9) {
            round(&hub, second);
        }
        assert!(conversion(&hub).failed().is_some());
        let said = hub.steer_conversions(Mode::Aborted, "", at(1_900)).unwrap();
        assert!(said.contains("one phone is let go"), "{said}");
        round(&hub, 1_901);
        assert!(hub.conversions().is_empty(), "nobody is told of it any more");
        assert!(!summary(&hub, mac()).contains("convert"), "{}", summary(&hub, mac()));
        assert_eq!(offered(&hub).as_deref(), Some(TO), "it may need exactly this");
        hub
    };
    let hub = restarted(&failed(), 1_903);
    assert!(hub.conversions().is_empty() && offered(&hub).is_some(), "a restart changes nothing of that");
    let hub = failed();
    assert!(take(&hub, "P0S3-8-12-00.sb2", 1_903));
    assert!(summary(&hub, mac()).contains("never cut its power"), "{}", summary(&hub, mac()));
    assert_eq!(hub.conversions().len(), 1, "it is under way again");
    let hub = failed();
    register(&hub, "1001", "Cisco-CP7960G/8.0", 1_904);
    assert_eq!(offered(&hub), None, "it is back");

    let hub = failed();
    assert!(hub.steer_conversions(Mode::Aborted, "", at(1_903)).is_err(), "once");
    let plan = hub.plan_conversion(mac(), &wanted(FROM), at(1_904)).unwrap();
    hub.start_conversions(vec![plan], None, at(1_904));
    round(&hub, 1_905);
    assert_eq!((hub.conversions().len(), offered(&hub).as_deref()), (1, Some(TO)));
    take(&hub, SEP, 1_906);
    take(&hub, "RINGLIST.DAT", 1_907);
    assert!(conversion(&hub).done());
}

/// Anybody on the link may announce anything: while a phone takes images that ends no step.
#[test]
fn what_is_announced_ends_no_step_in_the_middle_of_images() {
    let announce = |hub: &Hub, load: &str, second| {
        let said = Announcement {
            mac: mac(),
            by: Protocol::Cdp,
            model: None,
            load: Some(load.to_owned()),
            hardware: None,
            serial: None,
            vlan: None,
            ip: None,
        };
        hub.announced(said, at(second));
    };
    let hub = begun();
    take(&hub, SEP, 3);
    take(&hub, "P0S3-8-12-00.loads", 4);
    assert_eq!(hub.in_images(at(4)), [mac()]);
    announce(&hub, TO, 5);
    assert!(!conversion(&hub).done());
    // Told, and not in the middle of it: then it is its own word.
    let hub = begun();
    take(&hub, SEP, 3);
    announce(&hub, TO, 4);
    assert!(conversion(&hub).done(), "{:?}", conversion(&hub));
}
