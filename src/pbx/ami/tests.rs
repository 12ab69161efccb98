//! The client against a scripted manager on loopback.

mod chan_sip;
mod manager;

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::client::{AmiError, AmiUpdate, Timing};
use super::proto::Action;
use crate::domain::{ContactState, Rejection};
use manager::{Client, Do, Manager, UNKNOWN, World, event, timing};

#[tokio::test]
async fn registrations_come_and_go() {
    let manager = Manager::start(World::phones(1)).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    assert!(matches!(client.next().await, AmiUpdate::Up));
    let first = client.list().await;
    assert_eq!((first[0].endpoint.name.as_str(), first[0].ip), ("1000", Some("10.0.0.0".parse().unwrap())));
    assert_eq!(first[0].call_id, "call-1000");
    // A second contact, and the first no longer answers: the event tells neither, the answer both.
    manager.change(|world| {
        let contacts = world.contacts.get_mut("1000").unwrap();
        contacts[0].1 = "Unreachable";
        contacts.push(("sip:1000@10.0.9.9:5060".into(), "NonQualified"));
    });
    manager.say(event("1000", "Unreachable"));
    let AmiUpdate::Endpoint { endpoint, contacts, .. } = client.next().await else { panic!("an endpoint") };
    assert_eq!(endpoint.name, "1000");
    let states: Vec<ContactState> = contacts.iter().map(|contact| contact.state).collect();
    assert_eq!(states, [ContactState::Unreachable, ContactState::Registered]);
    assert_eq!(contacts[0].since, first[0].since, "it is the same contact");
    // Gone.
    manager.change(|world| world.contacts.insert("1000".into(), Vec::new()));
    manager.say(event("1000", "Removed"));
    assert!(matches!(client.next().await, AmiUpdate::Endpoint { contacts, .. } if contacts.is_empty()));
    // N8: an endpoint that is none has no contacts. N6: a name that can be none is not asked about.
    manager.say("Event: PeerStatus\r\nPeer: PJSIP/100\u{1b}[2J\r\n\r\nEvent: PeerStatus\r\nPeer: PJSIP/../x\r\n\r\n");
    manager.say(event("7777", "Reachable"));
    assert!(
        matches!(client.next().await, AmiUpdate::Endpoint { endpoint, contacts, .. } if endpoint.name == "7777" && contacts.is_empty())
    );
    manager.say("Event: Reload\r\nModule: All\r\nStatus: 0\r\n\r\n");
    assert!(matches!(client.next().await, AmiUpdate::Reloaded));
    assert!(client.list().await.is_empty(), "a reload is followed by a list");
}

/// N1: whoever else listens there is named as that, and gets no secret.
#[tokio::test]
async fn n1_something_else_answers() {
    for greeting in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\n", b""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let patience = Duration::from_millis(50);
        let waits = Timing { patience, ..timing() };
        let mut client = Client::start(&listener.local_addr().unwrap().to_string(), waits, 16);
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(greeting).await.unwrap();
        let why = client.down().await;
        assert!(why.contains("no Asterisk manager interface; see ami.address"), "{greeting:?}: {why}");
        let mut sent = [0; 64];
        assert_eq!(stream.try_read(&mut sent).unwrap_or(0), 0, "nothing was sent");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut client = Client::start(&address, timing(), 16);
    let why = client.down().await;
    assert!(why.contains(&address) && why.contains("see that Asterisk runs"), "{why}");
    assert_eq!(client.handle.db_put("a", "b", "c").await, Err(AmiError::Away), "at once, not after a wait");
}

/// F11: a wrong secret is tried once and then not for a long time.
#[tokio::test]
async fn f11_wrong_secret_is_one_login() {
    let manager = Manager::start(World { secret: "another", ..World::default() }).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    let why = client.down().await;
    assert!(why.contains("the login as offhook was refused (Authentication failed)"), "{why}");
    assert!(why.contains("manager_custom.conf") && !why.contains("secret = "), "{why}");
    // Answered from the pause: no session is being tried meanwhile.
    assert_eq!(client.handle.action(Action::new("Ping")).await.map(|_| ()), Err(AmiError::Away));
    assert_eq!(manager.change(|world| world.count("Login")), 1);
}

#[tokio::test]
async fn where_no_challenge_is_offered_the_secret_logs_in() {
    let manager = Manager::start(World { offers_challenge: false, ..World::phones(2) }).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    assert_eq!(client.list().await.len(), 2);
}

/// F11: cut in the middle of an event, again and again; each time all is read anew, and contacts keep their date.
#[tokio::test]
async fn f11_flapping() {
    let manager = Manager::start(World::phones(3)).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    let first = client.list().await;
    for _ in 0..20 {
        manager.say("Event: ContactStatus\r\nURI: sip:1000@10.0");
        manager.doing.send(Do::Close).ok().unwrap();
        let why = client.down().await;
        assert!(why.contains("closed the connection"), "{why}");
        assert!(matches!(client.next().await, AmiUpdate::Up));
        assert_eq!(client.list().await, first);
    }
}

/// F11: a connection that is open but dead.
#[tokio::test]
async fn f11_half_open() {
    let manager = Manager::start(World { mute: vec!["Ping"], ..World::phones(1) }).await;
    let waits = Timing { ping: Duration::from_millis(20), patience: Duration::from_millis(500), ..timing() };
    let mut client = Client::start(&manager.address, waits, 16);
    let why = client.down().await;
    assert!(why.contains("did not answer a ping"), "{why}");
}

/// Who is rejected is told where it is a phone, and how nobody answered a challenge is not.
#[tokio::test]
async fn a_phone_that_is_rejected_is_told_and_who_tries_secrets_is_not() {
    let manager = Manager::start(World::phones(1)).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    client.list().await;
    let failed = |account: &str, ip: &str| {
        format!(
            "Event: ChallengeResponseFailed\r\nPrivilege: security,all\r\nService: PJSIP\r\nAccountID: {account}\r\n\
             RemoteAddress: IPV4/UDP/{ip}/5060\r\nChallenge: c1\r\nResponse: r1\r\n\r\n"
        )
    };
    let guesses: String = (0..10_000).map(|n| failed(&n.to_string(), "10.0.0.6")).collect();
    manager.say(guesses + &failed("1001", "10.0.0.5"));
    assert!(matches!(client.next().await, AmiUpdate::Hears));
    let AmiUpdate::Rejected(rejected) = client.next().await else { panic!("a phone was rejected") };
    assert_eq!((rejected.endpoint.name.as_str(), rejected.why), ("1001", Rejection::Secret));
    assert_eq!(rejected.address.to_string(), "10.0.0.5");
}

#[tokio::test]
async fn asterisk_says_that_it_goes() {
    let manager = Manager::start(World::phones(1)).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    client.list().await;
    manager.say("Event: Shutdown\r\nShutdown: Cleanly\r\nRestart: False\r\n\r\n");
    assert!(client.down().await.contains("shuts down"));
}

/// F12: a hundred thousand events in pieces of 1 to 500 bytes, read slowly: what is known at last is what the list says,
/// and callers are answered meanwhile.
#[tokio::test]
async fn f12_flood() {
    let manager = Manager::start(World::phones(300)).await;
    let mut client = Client::start(&manager.address, timing(), 1);
    client.list().await;
    let mut flood = String::new();
    for n in 0..100_000 {
        flood += &format!("Event: PeerStatus\r\nChannelType: PJSIP\r\nPeer: PJSIP/{}\r\n\r\n", 1_000 + n % 300);
    }
    let mut rest = flood.as_bytes();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rand::random_range(1..=500).min(rest.len()));
        rest = after;
        // The order queue is bounded too: the manager is given time to write.
        while manager.doing.len() > 32 {
            tokio::task::yield_now().await;
        }
        manager.say(piece);
    }
    // Nobody reads updates, yet actions are answered.
    assert_eq!(client.handle.db_put("offhook", "a", "b").await, Ok(()));
    let last = manager.change(|world| {
        world.contacts.retain(|name, _| name.ends_with('7'));
        world.contacts.len()
    });
    manager.say(event("1000", "Removed"));
    // Every endpoint is told about, by itself or by a list, and what is gone is gone.
    manager.say("Event: Reload\r\n\r\n");
    client.until(|seen| seen.len() == last && seen.values().all(|contact| contact.endpoint.name.ends_with('7'))).await;
}

/// F12: updates that nobody reads for a while are dropped, and made up for by a list.
#[tokio::test]
async fn f12_a_reader_that_sleeps() {
    const LIST: &str = "PJSIPShowRegistrationInboundContactStatuses";
    let manager = Manager::start(World::phones(600)).await;
    let mut client = Client::start(&manager.address, timing(), 1);
    client.list().await;
    // Each endpoint by itself, so few at a time that no list is asked for because of many changes.
    for n in (0..600).step_by(40) {
        manager.say((n..n + 40).map(|n| event(&(1_000 + n).to_string(), "Reachable")).collect::<String>());
        while manager.change(|world| world.count("PJSIPShowEndpoint")) < n + 40 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(client.handle.db_put("offhook", "a", "b").await, Ok(()), "the session does not wait for its reader");
    assert_eq!(manager.change(|world| world.count(LIST)), 1, "no list while nobody reads");
    manager.change(|world| world.contacts.retain(|name, _| name == "1000"));
    let mut endpoints = 0;
    let last = loop {
        match client.next().await {
            AmiUpdate::Endpoint { .. } => endpoints += 1,
            AmiUpdate::Contacts(contacts) => break contacts,
            other => panic!("{other:?}"),
        }
    };
    assert!(endpoints < 600, "some were dropped");
    assert_eq!(last.iter().map(|contact| contact.endpoint.name.as_str()).collect::<Vec<_>>(), ["1000"]);
}

/// N5: answers that nobody waits for, or twice.
#[tokio::test]
async fn n5_stray_answers() {
    let manager = Manager::start(World::phones(1)).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    client.list().await;
    manager.change(|world| world.mute.push("DBPut"));
    let handle = client.handle.clone();
    let put = tokio::spawn(async move { handle.db_put("a", "b", "c").await });
    while manager.change(|world| world.count("DBPut")) == 0 {
        tokio::task::yield_now().await;
    }
    // Numbers of the session so far: Challenge, Login, the list, SIPpeers, then DBPut.
    manager.say(
        "Response: Error\r\nActionID: 999\r\nMessage: no\r\n\r\nResponse: Goodbye\r\nMessage: x\r\n\r\n\
         Event: ContactStatusDetail\r\nActionID: 998\r\nEndpointName: 1000\r\n\r\n\
         Response: Success\r\nActionID: 5\r\n\r\nResponse: Error\r\nActionID: 5\r\nMessage: late\r\n\r\n",
    );
    assert_eq!(put.await.unwrap(), Ok(()), "the first counts");
    manager.say(event("1000", "Reachable"));
    assert!(matches!(client.next().await, AmiUpdate::Endpoint { .. }));
    assert_eq!(manager.change(|world| world.count("PJSIPShowEndpoint")), 1, "a late part of a list is no event");
}

/// N9: Asterisk is still starting. Without class system no event says so, and the time of its start does.
#[tokio::test]
async fn n9_not_booted_yet() {
    let world = World { says_booted: false, started: "1970-01-01", ..World::phones(2) };
    let manager = Manager::start(world).await;
    let waits = Timing { boot: Duration::from_millis(1), list: Duration::from_millis(20), ..timing() };
    let mut client = Client::start(&manager.address, waits, 16);
    while manager.change(|world| world.count("CoreStatus")) < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(manager.change(|world| world.count("PJSIPShowRegistrationInboundContactStatuses")), 0);
    assert!(client.updates.is_empty(), "nothing is said of phones yet");
    manager.change(|world| world.started = "2026-11-21");
    assert_eq!(client.list().await.len(), 2);
}

/// N9: `FullyBooted` after a while.
#[tokio::test]
async fn n9_booted_late() {
    let manager = Manager::start(World { says_booted: false, ..World::phones(2) }).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    while manager.change(|world| world.count("Login")) == 0 {
        tokio::task::yield_now().await;
    }
    manager.say("Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n");
    assert_eq!(client.list().await.len(), 2);
    assert_eq!(manager.change(|world| world.count("CoreStatus")), 0);
}

/// N10: a list that holds less than it says is not believed, and asked for again.
#[tokio::test]
async fn n10_a_list_that_lacks_some() {
    let manager = Manager::start(World { overstated: vec![1, 7], ..World::phones(400) }).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    assert!(matches!(client.next().await, AmiUpdate::Up));
    let AmiUpdate::Contacts(contacts) = client.next().await else { panic!("a list") };
    assert_eq!(contacts.len(), 400);
    assert_eq!(manager.change(|world| world.count("PJSIPShowRegistrationInboundContactStatuses")), 3);
}

/// N10: a list that does not come in time.
#[tokio::test]
async fn n10_a_list_that_does_not_come() {
    let world = World { mute: vec!["PJSIPShowRegistrationInboundContactStatuses"], ..World::phones(4) };
    let manager = Manager::start(world).await;
    let mut client = Client::start(&manager.address, Timing { patience: Duration::from_millis(300), ..timing() }, 16);
    while manager.change(|world| world.count("PJSIPShowRegistrationInboundContactStatuses")) < 2 {
        tokio::task::yield_now().await;
    }
    assert!(client.updates.is_empty(), "what was known stays");
    manager.change(|world| world.mute.clear());
    assert_eq!(client.list().await.len(), 4);
}

/// N11: what is missing is named once, the rest goes on; once granted, registrations are known.
#[tokio::test]
async fn n11_permission_denied() {
    let mut world = World::phones(2);
    world.refused.insert("PJSIPShowRegistrationInboundContactStatuses", "Permission denied");
    let manager = Manager::start(world).await;
    let mut client = Client::start(&manager.address, Timing { list: Duration::from_millis(5), ..timing() }, 16);
    let why = client.down().await;
    assert!(why.contains("write = system"), "{why}");
    while manager.change(|world| world.count("PJSIPShowRegistrationInboundContactStatuses")) < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.handle.db_put("offhook", "a", "b").await, Ok(()));
    assert!(client.updates.is_empty(), "said once");
    assert_eq!(manager.change(|world| world.count("Login")), 1);
    manager.change(|world| world.refused.remove("PJSIPShowRegistrationInboundContactStatuses"));
    assert!(matches!(client.next().await, AmiUpdate::Up));
    assert_eq!(client.list().await.len(), 2);
}

/// An Asterisk whose channel drivers are not loaded knows nothing of phones; that is not "unregistered".
#[tokio::test]
async fn no_channel_driver() {
    let mut world = World::phones(2);
    for action in ["PJSIPShowRegistrationInboundContactStatuses", "PJSIPShowContacts"] {
        world.refused.insert(action, UNKNOWN);
    }
    let manager = Manager::start(world).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    let AmiUpdate::Down { why } = client.next().await else { panic!("down") };
    assert!(why.contains("neither chan_pjsip nor chan_sip"), "{why}");
    manager.change(|world| world.refused.remove("PJSIPShowRegistrationInboundContactStatuses"));
    assert_eq!(client.list().await.len(), 2);
}

#[tokio::test]
async fn settings_of_an_endpoint_hold_no_password() {
    let manager = Manager::start(World::phones(1)).await;
    let mut client = Client::start(&manager.address, timing(), 16);
    client.list().await;
    let settings = client.handle.endpoint("1000").await.unwrap().unwrap();
    assert_eq!(settings.get("ForceRport").map(String::as_str), Some("true"));
    assert!(!settings.contains_key("Password"));
    assert_eq!(client.handle.endpoint("7777").await, Ok(None));
    let reply = client.handle.action(Action::new("PJSIPShowEndpoint").with("Endpoint", "1000").unwrap()).await.unwrap();
    assert!(!format!("{reply:?}").contains("hidden"), "a password is not shown");
    manager.change(|world| world.refused.insert("PJSIPShowAuths", "Permission denied"));
    assert!(matches!(client.handle.auths().await, Err(AmiError::Denied)));
}
