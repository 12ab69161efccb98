//! What is told of registrations, leases, bans and changed assignments: what happened, once, and nothing that did not.

use super::*;
use crate::fail2ban::{Line, Word};
use crate::timeline::{Change, Row};

/// A life of the daemon; what of it is kept comes out of the channel.
fn life(past: Vec<Row>) -> (Hub, mpsc::Receiver<Change>) {
    let (events, kept) = mpsc::channel(64);
    let settings = Settings { ntp_here: true, ..Settings::default() };
    let snapshot = Snapshot::empty(Arc::new(settings), Arc::new(Catalog::builtin()), 2026);
    let hub = Hub::new(snapshot, Vec::new(), past, events, at(0));
    assert!(hub.pbx(&view(roster(&["1001", "1002"], assignment(Some("7960"), &["1001", "1002"]))), at(0)));
    hub.ami(AmiUpdate::Up, at(0));
    (hub, kept)
}

/// What the disk has of it.
fn disk(kept: &mut mpsc::Receiver<Change>) -> Vec<Row> {
    let mut rows = BTreeMap::new();
    while let Ok(change) = kept.try_recv() {
        rows.extend(change.put.into_iter().map(|row| (row.id, row)));
        change.gone.iter().for_each(|id| drop(rows.remove(id)));
    }
    rows.into_values().collect()
}

fn by_call(endpoint: &str, call: &str, state: ContactState) -> Contact {
    Contact { call_id: call.to_owned(), ..contact(endpoint, "Cisco-CP7960G/8.0", state) }
}

/// Kinds and extensions of what happened since that second.
fn lines(hub: &Hub, since: i64) -> Vec<(String, String)> {
    let events = hub.timeline(MAC.parse().unwrap()).into_iter().filter(|event| event.at >= at(since));
    let of_a_line = events.filter(|event| event.data["extension"].is_string());
    of_a_line.map(|event| (event.kind, event.data["extension"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_restart_tells_what_happened_meanwhile_and_nothing_else() {
    use ContactState::{Registered, Unreachable};
    let (hub, mut kept) = life(Vec::new());
    hub.ami(AmiUpdate::Contacts(Vec::new()), at(1));
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 2), Ok(()));
    let there = vec![by_call("1001", "a", Registered), by_call("1002", "b", Unreachable)];
    hub.ami(AmiUpdate::Contacts(there.clone()), at(3));
    assert_eq!(lines(&hub, 0).len(), 2);
    let past = disk(&mut kept);

    let told = |contacts: &[Contact]| {
        let (hub, _kept) = life(past.clone());
        hub.ami(AmiUpdate::Contacts(contacts.to_vec()), at(100));
        let stage = state(&hub).0;
        // What is said once more says nothing new.
        hub.ami(AmiUpdate::Contacts(contacts.to_vec()), at(101));
        (stage, lines(&hub, 100))
    };
    let event = |kind: &str, extension: &str| (kind.to_owned(), extension.to_owned());
    assert_eq!(told(&there), ("partial".to_owned(), vec![]), "as it was");
    let restarted = [by_call("1001", "c", Registered), by_call("1002", "b", Unreachable)];
    assert_eq!(told(&restarted), ("partial".to_owned(), vec![event("registered", "1001")]));
    let (stage, mut gone) = told(&[]);
    gone.sort();
    assert_eq!(gone, [event("unregistered", "1001"), event("unregistered", "1002")]);
    assert_eq!(stage, "unreachable");
    let (stage, mut changed) = told(&[by_call("1001", "a", Unreachable), by_call("1002", "b", Registered)]);
    changed.sort();
    assert_eq!(changed, [event("registered", "1002"), event("unreachable", "1001")]);
    assert_eq!(stage, "partial");
}

/// A version before this one kept no call; then the contact's own address says whether it is the same.
#[test]
fn a_restart_after_an_upgrade() {
    let row = |uri: &str| {
        let body = serde_json::json!({
            "at": at(3), "mac": MAC, "ip": null,
            "kind": "registered", "extension": "1001", "uri": uri, "user_agent": "Cisco-CP7960G/8.0"
        });
        let event = Arc::new(serde_json::from_value(body).unwrap());
        Row { id: 1, event, times: 1, since: None, cycle: 1 }
    };
    let told = |uri: &str| {
        let (hub, _kept) = life(vec![row(uri)]);
        hub.ami(AmiUpdate::Contacts(vec![by_call("1001", "a", ContactState::Registered)]), at(100));
        lines(&hub, 100).len()
    };
    assert_eq!((told(&format!("sip:1001@{IP}:5060")), told("sip:1001@127.0.1.99:5060")), (0, 1));
}

/// No Call-ID is in what is kept or shown.
#[test]
fn a_call_is_kept_as_a_digest_and_not_shown() {
    let (hub, mut kept) = life(Vec::new());
    let contact = by_call("1001", "1-27148@127.0.0.1", ContactState::Registered);
    hub.ami(AmiUpdate::Contacts(vec![contact]), at(3));
    let shown = serde_json::to_string(&hub.timeline(MAC.parse().unwrap())).unwrap();
    let rows = format!("{:?}", disk(&mut kept));
    assert!(rows.contains("call: Some(") && !rows.contains("27148"), "{rows}");
    assert!(!shown.contains("call"), "{shown}");
}

#[test]
fn a_renewed_lease_is_no_boot() {
    let mac = MAC.parse().unwrap();
    let (hub, _kept) = life(Vec::new());
    let kinds = || hub.timeline(mac).into_iter().map(|event| event.kind).collect::<Vec<_>>();
    hub.has_address(mac, IP, Had::Taken, None, at(1));
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 2);
    let before = kinds();
    hub.has_address(mac, IP, Had::Renewed, None, at(1_000));
    hub.has_address(mac, Ipv4Addr::new(127, 0, 1, 99), Had::Renewed, None, at(2_000));
    assert_eq!(kinds(), before);
    assert_eq!(hub.phone(mac).unwrap().ip, Some([127, 0, 1, 99].into()), "where it is is known all the same");
    hub.has_address(mac, IP, Had::Taken, None, at(3_000));
    assert_eq!(kinds().last().map(String::as_str), Some("leased"));
    assert_eq!(kinds().len(), before.len() + 1);
}

/// A change in the PBX.
type Edit = fn(&mut Roster, &mut Assignment);

/// A change for all.
type Common<'a> = &'a dyn Fn(&Hub);

#[test]
fn a_change_is_one_of_the_file_where_the_file_says_another_thing() {
    let before = roster(&["1001", "1002"], assignment(Some("7960"), &["1001", "1002"]));
    let first = "1001".parse().unwrap();
    let mac: MacAddr = MAC.parse().unwrap();
    let table: [(&str, Edit, bool); 8] = [
        ("contacts", |roster, _| roster.accounts.values_mut().for_each(|account| account.max_contacts = 5), true),
        (
            "context",
            |roster, _| roster.accounts.values_mut().for_each(|account| account.settings.no_context = true),
            true,
        ),
        ("another's", |roster, _| drop(roster.accounts.insert("1009".parse().unwrap(), account("1009"))), true),
        ("target", |_, phone| phone.target_load = Some("P0S3-8-12-00".into()), true),
        ("label", |_, phone| phone.buttons[0].label = "Desk".into(), false),
        (
            "secret",
            |roster, _| {
                let accounts = roster.accounts.values_mut();
                accounts.for_each(|account| account.secret = Some(Secret::new("another secret")));
            },
            false,
        ),
        ("a line less", |_, phone| drop(phone.buttons.pop()), false),
        ("model", |_, phone| phone.model = Some(ModelName::new("7942")), false),
    ];
    for (what, change, same_file) in table {
        let (hub, _kept) = life(Vec::new());
        assert!(before.accounts.contains_key(&first));
        hub.ami(AmiUpdate::Contacts(Vec::new()), at(1));
        assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 2), Ok(()));
        register(&hub, "1001", "Cisco-CP7960G/8.0", 3);
        register(&hub, "1002", "Cisco-CP7960G/8.0", 3);
        let mut next = before.clone();
        let mut phone = next.assignments.remove(&mac).unwrap();
        change(&mut next, &mut phone);
        next.assignments.insert(mac, phone);
        assert!(hub.pbx(&view(next), at(100)), "{what}");
        let events = hub.timeline(mac);
        let assigned: Vec<_> = events.iter().filter(|event| event.kind == "assigned" && event.at == at(100)).collect();
        assert_eq!(assigned.len(), usize::from(what != "another's"), "{what}: {events:?}");
        hub.tick(at(161));
        let stale = hub.findings(mac).iter().any(|finding| finding.code == "config-stale");
        assert_eq!(stale, !same_file, "{what}: {assigned:?}");
    }
}

/// What all phones are told changes: the configuration, the zone.
#[test]
fn a_change_for_all_is_one_of_the_file_where_the_file_says_another_thing() {
    let told = roster(&["1001", "1002"], assignment(Some("7960"), &["1001", "1002"]));
    let mac: MacAddr = MAC.parse().unwrap();
    let settings = Settings { ntp_here: true, ..Settings::default() };
    let table: [(&str, Common<'_>, bool); 5] = [
        ("the same settings", &|hub| hub.settings(settings.clone(), at(100)), false),
        ("time", &|hub| hub.settings(Settings { ntp_here: false, ..settings.clone() }, at(100)), true),
        ("port", &|hub| hub.settings(Settings { sip_port: Some(5062), ..settings.clone() }, at(100)), true),
        (
            "zone",
            &|hub| assert!(hub.pbx(&view(Roster { time_zone: Some("Europe/Berlin".into()), ..told.clone() }), at(100))),
            true,
        ),
        ("apply", &|hub| assert!(hub.pbx(&view(Roster { apply_pending: true, ..told.clone() }), at(100))), false),
    ];
    for (what, change, is_stale) in table {
        for configured in [true, false] {
            let (hub, _kept) = life(Vec::new());
            hub.ami(AmiUpdate::Contacts(Vec::new()), at(1));
            if configured {
                assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 2), Ok(()));
                register(&hub, "1001", "Cisco-CP7960G/8.0", 3);
                register(&hub, "1002", "Cisco-CP7960G/8.0", 3);
            }
            change(&hub);
            hub.tick(at(161));
            let stale = hub.findings(mac).iter().any(|finding| finding.code == "config-stale");
            assert_eq!(stale, is_stale && configured, "{what}: {:?}", hub.timeline(mac));
        }
    }
}

/// Another year's daylight saving is no reason to read a file again, and happened to no phone.
#[test]
fn a_new_year_happens_to_no_phone() {
    let mac: MacAddr = MAC.parse().unwrap();
    let mut told = roster(&["1001"], assignment(Some("7960"), &["1001"]));
    // Its clocks were put on in 2022, and not in 2023.
    told.time_zone = Some("America/Mexico_City".into());
    let (events, _kept) = mpsc::channel(64);
    let snapshot = Snapshot::empty(Arc::default(), Arc::new(Catalog::builtin()), 2022);
    let hub = Hub::new(snapshot, Vec::new(), Vec::new(), events, at(0));
    assert!(hub.pbx(&view(told), at(0)));
    hub.ami(AmiUpdate::Up, at(0));
    hub.ami(AmiUpdate::Contacts(Vec::new()), at(1));
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 2), Ok(()));
    register(&hub, "1001", "Cisco-CP7960G/8.0", 3);
    let before = hub.timeline(mac);
    hub.tick(at(100));
    assert_eq!((hub.snapshot().year, hub.timeline(mac)), (2023, before));
}

#[test]
fn what_fail2ban_blocks_again_as_it_starts_was_not_free() {
    let mac: MacAddr = MAC.parse().unwrap();
    let (hub, _kept) = life(Vec::new());
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 1);
    let ban = |banned| Line::Says(Word { at: at(2), jail: "asterisk".into(), ip: IP, banned });
    let events = || {
        let events = hub.timeline(mac).into_iter().filter(|event| event.kind == "banned");
        events.map(|event| event.data["banned"] == true).collect::<Vec<_>>()
    };
    hub.banned([ban(true)].into_iter(), false, at(2));
    hub.banned([Line::Starts, ban(true)].into_iter(), false, at(3));
    assert_eq!((events(), hub.phone(mac).unwrap().health.as_str()), (vec![true], "banned"));
    hub.banned([Line::Starts].into_iter(), false, at(4));
    assert_eq!(events(), [true, false]);
    assert_ne!(hub.phone(mac).unwrap().health, "banned");
    hub.banned([ban(true), Line::Starts].into_iter(), true, at(5));
    assert_eq!((events(), hub.bans()), (vec![true, false], 0), "of the past nothing is told");
}

/// Thousands of phones that want the same load, or ask for the same file, cost one search of the store each.
#[test]
fn judging_does_not_grow_with_the_store() {
    use crate::firmware::set::{FirmwareSet, SetFile};
    use crate::firmware::store::Index;
    let set = |n: u32| {
        let load = format!("SIP42.9-4-2SR{n}-1S");
        let file = |name: String| SetFile { name, size: 4, sha256: format!("{n}") };
        FirmwareSet::sample(&load, vec![file(format!("{load}.loads"))])
    };
    let mut many = roster(&["1001"], assignment(Some("7942"), &[]));
    for n in 0..5_000_u32 {
        let [_, a, b, c] = n.to_be_bytes();
        let mac = MacAddr::new([0, 0x1b, 0x54, a, b, c]).unwrap();
        let target_load = Some(["SIP42.9-4-2SR3-1", "SIP42.9-4-2SR4-1"][usize::try_from(n % 2).unwrap()].to_owned());
        let phone = Assignment { mac, target_load, ..assignment(Some("7942"), &["1001"]) };
        many.assignments.insert(mac, phone);
    }
    for sets in [4, 400] {
        let (events, _) = mpsc::channel(1);
        let snapshot = Snapshot::empty(Arc::default(), Arc::new(Catalog::builtin()), 2026);
        let hub = Hub::new(snapshot, Vec::new(), Vec::new(), events, at(0));
        hub.firmware_index(Arc::new(Index::sample((1..=sets).map(set).collect())));
        assert!(hub.pbx(&view(many.clone()), at(0)));
        hub.judge(hub.snapshot().assignments.keys().copied(), at(1));
        let meant = |finding: &crate::diagnose::Finding| finding.summary.contains("did you mean");
        let found =
            hub.all_findings().iter().filter(|(_, finding)| finding.code == "load-unknown" && meant(finding)).count();
        assert_eq!((found, hub.lock().converting.lookup.searches()), (5_000, 2), "{sets} sets");
    }
}

/// The PBX gives a phone's extension to another: the old one is still plugged in, and what it registers as says nothing of the new
/// one, wherever that is.
#[test]
fn a_phone_that_was_replaced_is_not_its_successor() {
    let new: MacAddr = "001B54AABB99".parse().unwrap();
    let agent = "Cisco-CP7965G/9.4.2";
    for asks in [false, true] {
        let hub = hub(roster(&["1001"], assignment(Some("7965"), &["1001"])));
        assert_eq!(ask(&hub, "SEP001B54AABB01.cnf.xml", 1), Ok(()));
        register(&hub, "1001", agent, 2);
        is(&hub, "registered", "ok", "registered");
        let successor = Assignment { mac: new, ..assignment(None, &["1001"]) };
        assert!(hub.pbx(&view(roster(&["1001"], successor)), at(10)));
        if asks {
            let there = Ipv4Addr::new(127, 7, 7, 7);
            let _ = hub.ask("SIP001B54AABB99.cnf", there, SERVER, Transport::Tftp, at(11));
        }
        register(&hub, "1001", agent, 12);
        let phone = hub.phone(new).unwrap();
        assert_ne!(phone.stage, "registered", "asks {asks}: {phone:?}");
        assert_eq!((phone.model.as_str(), phone.lines[0].registered), ("auto", false), "asks {asks}: {phone:?}");
    }
}

/// A phone whose assignment changes was not heard by that.
#[test]
fn who_is_given_a_line_was_not_heard() {
    let hub = hub(roster(&["1001", "1002"], assignment(Some("7965"), &["1001"])));
    register(&hub, "1001", "Cisco-CP7965G/9.4.2", 2);
    let before = hub.phone(MAC.parse().unwrap()).unwrap().last;
    assert!(hub.pbx(&view(roster(&["1001", "1002"], assignment(Some("7965"), &["1001", "1002"]))), at(500)));
    assert_eq!(hub.phone(MAC.parse().unwrap()).unwrap().last, before);
}

/// Where one phone is registered no other is approved: it would get the other's secret.
#[test]
fn nobody_is_approved_in_the_place_of_another() {
    let other: MacAddr = "001B54AABB99".parse().unwrap();
    let mut roster = roster(&["1001", "1002"], assignment(Some("7965"), &["1001"]));
    roster.assignments.insert(other, Assignment { mac: other, ..assignment(Some("7965"), &["1002"]) });
    let hub = hub(roster);
    assert_eq!(ask(&hub, "SEP001B54AABB01.cnf.xml", 1), Ok(()));
    register(&hub, "1001", "Cisco-CP7965G/9.4.2", 2);
    let why = hub.approve(other, Some(IP), "root", at(3)).unwrap_err();
    assert!(why.contains(MAC) && why.contains("registered there"), "{why}");
    assert!(hub.approve(MAC.parse().unwrap(), Some(IP), "root", at(3)).is_ok());
}
