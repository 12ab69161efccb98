//! Files under the rule of access: what is denied, what is noted of it, what people are told.

use super::*;

const PC: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 66);

fn pc() -> MacAddr {
    "02005E000001".parse().unwrap()
}

pub(super) fn own_mac(model: &str) -> Hub {
    let hub = hub(roster(&["1001"], assignment(Some(model), &["1001"])));
    hub.access_settings(config::Access::default());
    hub
}

fn ask_from(hub: &Hub, name: &str, ip: Ipv4Addr, second: i64) -> Result<(), &'static str> {
    match hub.ask(name, ip, SERVER, Transport::Tftp, at(second)) {
        Answer::Serve(_) => Ok(()),
        Answer::Refuse(why) => Err(why.code()),
        answer => panic!("{answer:?}"),
    }
}

fn contacts(hub: &Hub, contacts: Vec<Contact>, second: i64) {
    let endpoint = Endpoint::new(Driver::Pjsip, "1001");
    hub.ami(AmiUpdate::Endpoint { endpoint, contacts, at: at(second) }, at(second));
}

fn sent(hub: &Hub, name: &str, ip: Ipv4Addr, second: i64) {
    let what = |name| EventKind::FileSent { name, transport: Transport::Tftp, octets: 1, millis: 1, resent: 0 };
    hub.delivered(name, ip, what, at(second));
}

fn codes(hub: &Hub) -> Vec<String> {
    hub.findings(MAC.parse().unwrap()).into_iter().map(|finding| finding.code).collect()
}

#[test]
fn first_contact_ends_with_the_registration() {
    let hub = own_mac("7960");
    let name = format!("SIP{MAC}.cnf");
    assert_eq!(ask_from(&hub, &name, IP, 1), Ok(()));
    register(&hub, "1001", "Cisco-CP7960G/8.0", 2);
    assert_eq!(ask_from(&hub, &name, PC, 3), Err("unproven"));
    assert_eq!(ask_from(&hub, &format!("CTLSEP{MAC}.tlv"), PC, 3), Err("not-found"), "what is not there is not there");
    assert_eq!(codes(&hub), ["unproven"]);
    let findings = hub.findings(MAC.parse().unwrap());
    assert!(findings[0].remedy.contains(&format!("offhook phones approve {MAC} --address {PC}")), "{findings:?}");
    is(&hub, "registered", "ok", "registered");
    assert_eq!(ask_from(&hub, &name, IP, 4), Ok(()), "it is registered from there");
    let said = hub.approve(MAC.parse().unwrap(), None, "root", at(5)).unwrap();
    assert!(said.contains(&PC.to_string()), "{said}");
    assert_eq!((ask_from(&hub, &name, PC, 6), codes(&hub)), (Ok(()), Vec::<String>::new()));
    let audit = hub.to_keep().unwrap().audit;
    assert!(audit.iter().any(|(_, who, what)| who == "root" && what.contains("approved")), "{audit:?}");
    assert!(hub.approve(pc(), Some(PC), "root", at(7)).is_err(), "nobody assigned it");
    assert!(hub.approve(MAC.parse().unwrap(), None, "root", at(7)).is_err(), "nobody was denied");
}

/// What the timeline tells of the phone itself: not who was denied its files.
fn own_events(hub: &Hub) -> Vec<crate::api::Event> {
    let all = hub.timeline(MAC.parse().unwrap()).into_iter();
    all.filter(|event| event.kind != "denied").collect()
}

/// Who is proven another says nothing of the phone: not where it is, not what it runs.
#[test]
fn a_foreign_request_leaves_the_phone_as_it_was() {
    let hub = own_mac("7960")
        .with_neighbours(|ip| if ip == PC { Neighbour::Is(pc()) } else { Neighbour::Unknown })
        .with_links(|_| true);
    let name = format!("SIP{MAC}.cnf");
    assert_eq!(ask_from(&hub, &name, IP, 1), Ok(()));
    let before = own_events(&hub);
    assert_eq!(ask_from(&hub, &name, PC, 2), Err("foreign-request"));
    assert_eq!(own_events(&hub), before);
    let denied = hub.timeline(MAC.parse().unwrap()).pop().unwrap();
    assert_eq!((denied.kind.as_str(), denied.data["from"].as_str()), ("denied", Some(PC.to_string().as_str())));
    let (boots, of_the_phone) = (hub.boots(MAC.parse().unwrap(), at(3)), Some(at(1)));
    assert_eq!(boots.last().unwrap().began, of_the_phone, "{boots:?}");
    assert_eq!(hub.phone(MAC.parse().unwrap()).unwrap().ip, Some(IP.into()));
    assert_eq!(codes(&hub), ["foreign-request"]);
    is(&hub, "booting", "waiting", "booting");
    assert!(hub.approve(MAC.parse().unwrap(), Some(PC), "root", at(3)).unwrap_err().contains(&pc().to_string()));
    assert_eq!(ask_from(&hub, &name, IP, 4), Ok(()), "its first contact goes on");
    // An hour later it concerns nobody.
    hub.tick(at(2 + 3_600));
    assert_eq!(codes(&hub), Vec::<String>::new());
}

/// The neighbour of an address behind a router is the router.
#[test]
fn behind_a_router_the_neighbour_says_nothing() {
    let hub = own_mac("7960").with_neighbours(|_| Neighbour::Is(pc())).with_links(|_| false);
    assert_eq!(ask_from(&hub, &format!("SIP{MAC}.cnf"), IP, 1), Ok(()));
}

/// The words of the DHCP server and of who watches others.
#[test]
fn leases_and_what_was_overheard() {
    let hub = own_mac("7960");
    let (mac, name) = (MAC.parse().unwrap(), format!("SIP{MAC}.cnf"));
    hub.leased(PC, pc(), at(100));
    assert_eq!(ask_from(&hub, &name, PC, 1), Err("foreign-request"));
    hub.leased(IP, mac, at(100));
    assert_eq!(ask_from(&hub, &name, IP, 1), Ok(()));
    hub.lease_ended(PC, pc());
    hub.overheard(PC, mac, at(2));
    assert_eq!(ask_from(&hub, &name, PC, 3), Ok(()), "it hopped to another network");
}

/// A SEP file for a 7940 or 7960 names a load and holds no secret; for the others it does.
#[test]
fn only_what_holds_a_secret_is_guarded() {
    let hub = own_mac("7942").with_neighbours(|_| Neighbour::Is(pc())).with_links(|_| true);
    assert_eq!(ask_from(&hub, &format!("SEP{MAC}.cnf.xml"), PC, 1), Err("foreign-request"));
    for name in ["SIPDefault.cnf", "RINGLIST.DAT", "dialplan.xml", "XMLDefault.cnf.xml"] {
        assert_eq!(ask_from(&hub, name, PC, 2), Ok(()), "{name}");
    }
}

/// Who is not shown to be the phone, which is known to be elsewhere, moves nothing of it: neither where it is believed to be, nor
/// whose what has no name is, nor its file without a secret in the name.
#[test]
fn who_asks_from_elsewhere_is_not_the_phone() {
    let hub = own_mac("7960");
    let (mac, own) = (MAC.parse().unwrap(), format!("SIP{MAC}.cnf"));
    assert_eq!(ask_from(&hub, &own, IP, 1), Ok(()));
    sent(&hub, &own, IP, 1);
    register(&hub, "1001", "Cisco-CP7960G/8.0", 2);
    let noted = own_events(&hub);
    for (second, name) in (3..).zip([&own, &format!("SEP{MAC}.cnf.xml"), &format!("CTLSEP{MAC}.tlv")]) {
        assert!(ask_from(&hub, name, PC, second).is_err(), "{name}");
    }
    assert_eq!((hub.phone(mac).unwrap().ip, own_events(&hub)), (Some(IP.into()), noted));
    assert_eq!(ask_from(&hub, "syncinfo.xml", PC, 6), Err("not-found"));
    assert_eq!(ask_from(&hub, "syncinfo.xml", IP, 6), Ok(()));
    let page = super::looking::page(MAC, "P0S3-8-12-00");
    assert!(hub.page(mac, PC, page.as_bytes(), at(7)) && ask_from(&hub, &own, PC, 8).is_err());
}

/// A phone behind a router that was off until its lease had ended comes back elsewhere. Its own page says so, to people: whoever
/// is there can write one, and the phone may be off. A 7960 has none.
#[test]
fn a_phone_that_moved_is_shown_by_its_page_and_approved() {
    for (model, tells) in [("7942", true), ("7960", false)] {
        let hub = own_mac(model);
        let mac: MacAddr = MAC.parse().unwrap();
        let own = if tells { format!("SEP{MAC}.cnf.xml") } else { format!("SIP{MAC}.cnf") };
        let page = super::looking::page(MAC, "SIP42.9-4-2SR3-1S");
        assert_eq!(ask_from(&hub, &own, IP, 1), Ok(()));
        sent(&hub, &own, IP, 1);
        register(&hub, "1001", "Cisco-CP7942G/9.4.2", 2);
        contacts(&hub, Vec::new(), 5);
        assert_eq!(ask_from(&hub, &own, PC, 6), Err("unproven"));
        assert_eq!(hub.to_look_at(at(7)).contains(&Look { mac, ip: PC, verified: None }), tells, "{model}");
        assert!(hub.page(mac, PC, page.as_bytes(), at(8)));
        assert_eq!(ask_from(&hub, &own, PC, 9), Err("unproven"), "{model}");
        let said = |hub: &Hub| {
            hub.findings(mac).iter().any(|found| found.evidence.iter().any(|line| line.contains("a web page at")))
        };
        assert!(said(&hub), "{:?}", hub.findings(mac));
        hub.approve(mac, None, "root", at(10)).unwrap();
        assert!(ask_from(&hub, &own, PC, 11).is_ok() && !said(&hub));
    }
}

/// A program on a computer registers the same extension: that is not the phone.
#[test]
fn a_registration_of_a_computer_says_nothing_of_the_phone() {
    let hub = own_mac("7960");
    let own = format!("SIP{MAC}.cnf");
    let computer = contact("1001", "Zoiper v2.10", ContactState::Registered);
    contacts(&hub, vec![Contact { ip: Some(PC.into()), ..computer }], 1);
    assert_eq!(ask_from(&hub, &own, IP, 2), Ok(()), "its first contact is before it");
    assert_eq!(ask_from(&hub, &own, PC, 3), Err("unproven"));
    // Both are registered: it is the phone that is shown, and told to restart.
    let both = [("Zoiper v2.10", PC), ("Cisco-CP7960G/8.0", IP)];
    let both =
        both.map(|(agent, ip)| Contact { ip: Some(ip.into()), ..contact("1001", agent, ContactState::Registered) });
    contacts(&hub, both.to_vec(), 4);
    assert_eq!(hub.phone(MAC.parse().unwrap()).unwrap().ip, Some(IP.into()));
    assert_eq!(ask_from(&hub, &own, IP, 5), Ok(()));
}

/// The kernel remembers a phone's addresses of before: whoever answers for many is a router, unless it is the phone.
#[test]
fn a_phone_that_had_many_addresses_is_itself() {
    let hub = own_mac("7960").with_neighbours(|_| Neighbour::Several(MAC.parse().ok())).with_links(|_| true);
    let name = format!("SIP{MAC}.cnf");
    assert_eq!((ask_from(&hub, &name, IP, 1), ask_from(&hub, &name, PC, 2)), (Ok(()), Ok(())));
}

#[test]
fn the_link_is_asked_who_is_there() {
    let hub = own_mac("7960");
    let name = format!("SIP{MAC}.cnf");
    assert!(!hub.is_to_be_resolved(&name, IP, at(1)), "behind a router it would not tell");
    for (neighbour, wanted) in
        [(Neighbour::Unknown, true), (Neighbour::Unresolved, true), (Neighbour::Several(None), false)]
    {
        NEIGHBOUR.set(neighbour);
        let hub = own_mac("7960").with_neighbours(|_| NEIGHBOUR.get()).with_links(|_| true);
        assert_eq!(hub.is_to_be_resolved(&name, IP, at(1)), wanted, "{neighbour:?}");
        assert_eq!(hub.is_to_be_resolved("SIP00087D000001.cnf", IP, at(1)), wanted, "nobody assigned it");
        assert!(!hub.is_to_be_resolved("RINGLIST.DAT", IP, at(1)));
    }
    let hub = own_mac("7960").with_neighbours(|_| Neighbour::Unresolved).with_links(|_| true);
    assert_eq!(ask_from(&hub, &name, IP, 1), Err("unproven"));
    assert_eq!(codes(&hub), Vec::<String>::new(), "a source that was made up concerns nobody");
}

thread_local! {
    static NEIGHBOUR: std::cell::Cell<Neighbour> = const { std::cell::Cell::new(Neighbour::Unknown) };
}

#[test]
fn who_tries_names_hears_nothing() {
    let hub = own_mac("7960");
    for n in 1..=5 {
        assert_eq!(ask_from(&hub, &format!("SIP00087D00000{n}.cnf"), PC, 1), Err("not-assigned"));
    }
    assert_eq!(ask_from(&hub, "SIP00087D000006.cnf", PC, 2), Err("muted"));
    assert_eq!(ask_from(&hub, &format!("SIP{MAC}.cnf"), PC, 2), Err("muted"));
    assert_eq!(ask_from(&hub, &format!("SIP{MAC}.cnf"), IP, 2), Ok(()));
    sent(&hub, &format!("SIP{MAC}.cnf"), IP, 2);
    assert_eq!(ask_from(&hub, "SIPDefault.cnf", PC, 2), Ok(()));
    assert_eq!(ask_from(&hub, &format!("SIP{MAC}.cnf"), PC, 700), Err("unproven"));
}
