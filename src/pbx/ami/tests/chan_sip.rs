//! chan_sip beside chan_pjsip, and one without the other.

use std::time::Duration;

use super::manager::{Client, Do, LONG, Manager, World, event, timing};
use crate::domain::{Contact, ContactState, Driver, Endpoint};
use crate::pbx::ami::client::{AmiUpdate, Timing};

const LIST: &str = "PJSIPShowRegistrationInboundContactStatuses";
const PHONE: Option<[&str; 3]> = Some(["10.0.0.7", "OK (12 ms)", "Cisco-CP7960G/8.0"]);

fn peer_status(name: &str, status: &str) -> String {
    format!(
        "Event: PeerStatus\r\nPrivilege: system,all\r\nChannelType: SIP\r\nPeer: SIP/{name}\r\nPeerStatus: {status}\r\n\r\n"
    )
}

/// The next word on a single endpoint, which is this.
async fn told(client: &mut Client, driver: Driver, name: &str) -> Vec<Contact> {
    loop {
        match client.next().await {
            AmiUpdate::Endpoint { endpoint, contacts, .. } => {
                assert_eq!(endpoint, Endpoint::new(driver, name));
                return contacts;
            }
            AmiUpdate::Down { why } => panic!("{why}"),
            AmiUpdate::Rejected(rejected) => panic!("{rejected:?}"),
            AmiUpdate::Up | AmiUpdate::Contacts(_) | AmiUpdate::Reloaded | AmiUpdate::Hears => {}
        }
    }
}

fn of(contacts: &[Contact]) -> Vec<(Driver, &str, &str)> {
    contacts.iter().map(|c| (c.endpoint.driver, c.endpoint.name.as_str(), c.user_agent.as_str())).collect()
}

/// The list shows who is registered, a question for each phone's peer what the list lacks; it is asked once.
#[tokio::test]
async fn peers_and_contacts_are_one_list() {
    let mut world = World::phones(1).with_peers(&["2001", "2002", "soft1"]);
    world.peer("2001", PHONE);
    world.peer("soft1", Some(["10.0.0.8", "Unmonitored", "Softphone/1"]));
    let manager = Manager::start(world).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    let first = client.list().await;
    let pjsip = (Driver::Pjsip, "1000", "Cisco-CP7960G/8.0");
    assert_eq!(of(&first), [pjsip, (Driver::ChanSip, "2001", ""), (Driver::ChanSip, "soft1", "")]);
    let described = told(&mut client, Driver::ChanSip, "2001").await;
    assert_eq!(of(&described), [(Driver::ChanSip, "2001", "Cisco-CP7960G/8.0")]);
    assert_eq!((&described[0].uri, described[0].since), (&first[1].uri, first[1].since), "it is the same contact");
    assert!(described[0].expires.is_some());
    manager.say("Event: Reload\r\nModule: All\r\nStatus: 0\r\n\r\n");
    let again = client.list().await;
    assert_eq!(again[1], described[0], "what is known stays known");
    assert_eq!(manager.change(|world| world.count("SIPshowpeer")), 1);
}

#[tokio::test]
async fn registrations_of_peers_come_and_go() {
    let manager = Manager::start(World::phones(1).with_peers(&["2001", "soft1"])).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    assert_eq!(client.list().await.len(), 1);
    for (facts, event, expected) in [
        (PHONE, "Registered", vec![ContactState::Registered]),
        (Some(["10.0.0.7", "LAGGED (2500 ms)", "x"]), "Lagged", vec![ContactState::Registered]),
        (Some(["10.0.0.7", "UNREACHABLE", "x"]), "Unreachable", vec![ContactState::Unreachable]),
        (PHONE, "Reachable", vec![ContactState::Registered]),
        (None, "Unregistered", vec![]),
    ] {
        manager.change(|world| world.peer("2001", facts));
        // Others refresh all the time, and nobody is asked about them; nor about names that can be none.
        manager.say(peer_status("soft1", "Registered") + &peer_status("2001\u{1b}[2J", "Registered"));
        manager.say(peer_status("2001", event));
        let contacts = told(&mut client, Driver::ChanSip, "2001").await;
        assert_eq!(contacts.iter().map(|contact| contact.state).collect::<Vec<_>>(), expected, "{event}");
    }
    assert_eq!(manager.change(|world| (world.count("SIPshowpeer"), world.count("SIPpeers"))), (5, 1));
    // Deleted.
    manager.change(|world| world.peers.clear());
    manager.say(peer_status("2001", "Unregistered"));
    assert_eq!(told(&mut client, Driver::ChanSip, "2001").await, []);
}

/// chan_sip says that a phone registered before it has noted its User-Agent; a phone that has none costs one list.
#[tokio::test]
async fn a_user_agent_that_comes_late() {
    let manager = Manager::start(World::default().with_peers(&["2001"])).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    client.list().await;
    manager.change(|world| world.peer("2001", Some(["10.0.0.7", "Unmonitored", ""])));
    manager.say(peer_status("2001", "Registered"));
    for _ in 0..2 {
        assert_eq!(of(&told(&mut client, Driver::ChanSip, "2001").await), [(Driver::ChanSip, "2001", "")]);
    }
    assert_eq!(manager.change(|world| (world.count("SIPshowpeer"), world.count("SIPpeers"))), (2, 2));
    manager.change(|world| world.peer("2001", PHONE));
    manager.say("Event: Reload\r\n\r\n");
    assert_eq!(told(&mut client, Driver::ChanSip, "2001").await[0].user_agent, "Cisco-CP7960G/8.0");
}

/// An extension that was moved may be known to both drivers: what one says is nothing about the other.
#[tokio::test]
async fn one_name_on_both_drivers() {
    let mut world = World::phones(1).with_peers(&["1000"]);
    world.peer("1000", PHONE);
    let manager = Manager::start(world).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    let first = client.list().await;
    assert_eq!(first.iter().map(|c| c.endpoint.driver).collect::<Vec<_>>(), [Driver::Pjsip, Driver::ChanSip]);
    assert_eq!(told(&mut client, Driver::ChanSip, "1000").await.len(), 1);
    manager.change(|world| world.peer("1000", None));
    manager.say(peer_status("1000", "Unregistered"));
    assert_eq!(told(&mut client, Driver::ChanSip, "1000").await, []);
    manager.say(event("1000", "Reachable"));
    let kept = told(&mut client, Driver::Pjsip, "1000").await;
    assert_eq!((kept.len(), kept[0].since), (1, first[0].since), "it was there all the time");
}

/// N10: half a list of peers would say of the other half that it is unregistered.
#[tokio::test]
async fn n10_a_list_of_peers_that_lacks_some() {
    let mut world = World::default().with_peers(&["2001"]);
    world.peer("2001", PHONE);
    // The last is taken first: the list of chan_pjsip is whole, that of chan_sip is not.
    world.overstated = vec![0, 0, 3, 0];
    let manager = Manager::start(world).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    assert!(matches!(client.next().await, AmiUpdate::Up));
    assert!(matches!(client.next().await, AmiUpdate::Contacts(contacts) if contacts.len() == 1));
    assert_eq!(manager.change(|world| (world.count(LIST), world.count("SIPpeers"))), (2, 2));
}

/// A driver that is missing is asked for once, and again when it may have come: no storm and no word about it.
#[tokio::test]
async fn one_driver_alone() {
    let with_both = || World::phones(1).with_peers(&["2001"]);
    for (missing, has) in [(&["SIPpeers"][..], LIST), (&[LIST, "PJSIPShowContacts"][..], "SIPpeers")] {
        let mut world = with_both();
        world.peer("2001", PHONE);
        world.refuse(missing);
        let manager = Manager::start(world).await;
        let waits = Timing { list: Duration::from_millis(5), ping: LONG, ..timing() };
        let mut client = Client::start(&manager.address, waits, 16);
        assert!(matches!(client.next().await, AmiUpdate::Up), "{missing:?}");
        while manager.change(|world| world.count(has)) < 5 {
            assert!(!matches!(client.next().await, AmiUpdate::Down { .. }), "{missing:?}");
        }
        for action in missing {
            assert_eq!(manager.change(|world| world.count(action)), 1, "{action}");
        }
        // Another module says nothing of it; its own does.
        manager.say("Event: Load\r\nModule: app_dial.so\r\nStatus: Success\r\n\r\n");
        manager.change(|world| world.refused.clear());
        manager.say("Event: Load\r\nModule: chan_sip.so\r\nStatus: Success\r\n\r\n");
        while client.list().await.len() < 2 {}
        manager.change(|world| world.refuse(missing));
        manager.say("Event: Unload\r\nModule: chan_sip.so\r\nStatus: Success\r\n\r\n");
        while client.list().await.len() > 1 {}
    }
}

/// The connection is cut: contacts keep their date, and phones are asked about anew, for they may run another load.
#[tokio::test]
async fn a_cut_connection_costs_peers_nothing() {
    let mut world = World::default().with_peers(&["2001"]);
    world.peer("2001", PHONE);
    let manager = Manager::start(world).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    let before = told(&mut client, Driver::ChanSip, "2001").await;
    manager.change(|world| world.peer("2001", Some(["10.0.0.7", "OK (1 ms)", "Cisco-CP7960G/8.12"])));
    manager.doing.send(Do::Close).ok().unwrap();
    client.down().await;
    let after = told(&mut client, Driver::ChanSip, "2001").await;
    assert_eq!((after[0].since, after[0].user_agent.as_str()), (before[0].since, "Cisco-CP7960G/8.12"));
}

/// Power returns to a building: more registrations at once than are asked about one by one; all are known at last.
#[tokio::test]
async fn many_peers_register_at_once() {
    let names: Vec<String> = (0..400).map(|n| format!("{}", 2_000 + n)).collect();
    let named: Vec<&str> = names.iter().map(String::as_str).collect();
    let manager = Manager::start(World::default().with_peers(&named)).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    assert_eq!(client.list().await.len(), 0);
    manager.change(|world| named.iter().for_each(|name| world.peer(name, PHONE)));
    manager.say(named.iter().map(|name| peer_status(name, "Registered")).collect::<String>());
    let wanted = |contact: &Contact| contact.user_agent == "Cisco-CP7960G/8.0";
    client.until(|seen| seen.len() == 400 && seen.values().all(wanted)).await;
}
