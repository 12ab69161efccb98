//! Files under the rule of access: what is denied, what is noted of it, what people are told.

use super::*;

const PC: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 66);

fn pc() -> MacAddr {
    "02005E000001".parse().unwrap()
}

fn own_mac(model: &str) -> Hub {
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

/// Who is proven another says nothing of the phone: not where it is, not what it runs.
#[test]
fn a_foreign_request_leaves_the_phone_as_it_was() {
    let hub = own_mac("7960").with_neighbours(|ip| (ip == PC).then(pc)).with_links(|_| true);
    let name = format!("SIP{MAC}.cnf");
    assert_eq!(ask_from(&hub, &name, IP, 1), Ok(()));
    let before = hub.timeline(MAC.parse().unwrap()).len();
    assert_eq!(ask_from(&hub, &name, PC, 2), Err("foreign-request"));
    assert_eq!(hub.timeline(MAC.parse().unwrap()).len(), before);
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
    let hub = own_mac("7960").with_neighbours(|_| Some(pc())).with_links(|_| false);
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
    let hub = own_mac("7942").with_neighbours(|_| Some(pc())).with_links(|_| true);
    assert_eq!(ask_from(&hub, &format!("SEP{MAC}.cnf.xml"), PC, 1), Err("foreign-request"));
    for name in ["SIPDefault.cnf", "RINGLIST.DAT", "dialplan.xml", "XMLDefault.cnf.xml"] {
        assert_eq!(ask_from(&hub, name, PC, 2), Ok(()), "{name}");
    }
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
    assert_eq!(ask_from(&hub, "SIPDefault.cnf", PC, 2), Ok(()));
    assert_eq!(ask_from(&hub, &format!("SIP{MAC}.cnf"), PC, 700), Err("unproven"));
}
