//! The manager client and what it writes into `AstDB`, against a real Asterisk: here the library is called, since what it
//! tells of each contact is more than the daemon's faces show.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;
use offhook::domain::{Contact, ContactState, MacAddr};
use offhook::pbx::ami::client::{AmiError, AmiUpdate};
use offhook::status::publish;
use offhook::status::sinks::{AstDb, Sink};
use offhook::status::{Health, PhoneStatus, Stage};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::asterisk::{Asterisk, MANAGER_SECRET};
use crate::support::manager::{PATIENCE, client};
use crate::support::phone::Phone;
use crate::support::{Component, have};

/// A digest user whose name is not the section's, and a contact that is asked whether it answers.
const EXTENSION: &str = "[1001]\ntype = endpoint\ncontext = none\ndisallow = all\nallow = ulaw\nauth = 1001-auth\naors = 1001\n\n\
    [1001-auth]\ntype = auth\nauth_type = userpass\nusername = 1001\npassword = pw1001\n\n\
    [1001]\ntype = aor\nmax_contacts = 2\nqualify_frequency = 1\nqualify_timeout = 0.5\n";

/// Neither may read events of class system; the second may not list either.
const USERS: &str = "[deaf]\nsecret = s-deaf\nread = call\nwrite = system,reporting\n\n\
    [weak]\nsecret = s-weak\nread = call\nwrite = call\n";

fn status(stage: Stage) -> BTreeMap<MacAddr, Arc<PhoneStatus>> {
    let mac = "001B54AABB01".parse().unwrap();
    let status = PhoneStatus {
        mac,
        ip: Some("10.0.0.5".parse().unwrap()),
        stage,
        health: Health::Ok,
        reason: "registered".into(),
        summary: "R&D: \"first\" line; ü".into(),
        load: None,
        lines_registered: 1,
        lines_total: 1,
        since: Timestamp::UNIX_EPOCH,
    };
    BTreeMap::from([(mac, Arc::new(status))])
}

/// One Asterisk for all: starting it is most of the time.
#[tokio::test(flavor = "multi_thread")]
async fn contacts_and_keys_of_a_real_asterisk() {
    if !have(&[Component::Asterisk]) {
        return;
    }
    let asterisk = Asterisk::start_with(USERS, EXTENSION);
    registrations(&asterisk).await;
    astdb(&asterisk).await;
    users(&asterisk).await;
}

/// Registered, taken away, registered again; Asterisk stops and comes back.
async fn registrations(asterisk: &Asterisk) {
    let mut client = client(asterisk, "offhook", MANAGER_SECRET);
    client.until("being up", |update| matches!(update, AmiUpdate::Up).then_some(())).await;
    client.contacts("1001", <[Contact]>::is_empty).await;
    let mut phone = Phone::new("1001", "pw1001", asterisk.sip_port);
    phone.register(3_600);
    let contacts = client.contacts("1001", |contacts| !contacts.is_empty()).await;
    let contact = &contacts[0];
    assert_eq!(contact.uri, format!("sip:1001@127.0.0.1:{}", phone.port()));
    assert_eq!(contact.ip, Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(contact.user_agent, "Cisco-CP7960G/8.0");
    assert_eq!(contact.call_id, format!("call-{}", phone.port()));
    let left = contact.expires.unwrap().as_second() - Timestamp::now().as_second();
    assert!((3_000..=3_700).contains(&left), "{left} s are left");
    // The phone answers no OPTIONS: it is bound and silent.
    let silent = client.contacts("1001", |all| all.iter().any(|one| one.state == ContactState::Unreachable)).await;
    assert_eq!((silent.len(), silent[0].since), (1, contact.since), "it is the same contact");
    phone.register(0);
    client.contacts("1001", <[Contact]>::is_empty).await;
    phone.register(3_600);
    client.contacts("1001", |contacts| contacts.len() == 1).await;

    let settings = client.handle.endpoint("1001").await.unwrap().unwrap();
    assert_eq!(settings.get("ObjectName").map(String::as_str), Some("1001"));
    assert!(settings.contains_key("ForceRport") && !settings.contains_key("Password"), "{settings:?}");
    assert_eq!(client.handle.endpoint("7777").await, Ok(None));
    let auths = client.handle.auths().await.unwrap();
    assert_eq!(auths.get("1001-auth").map(|section| section.secret.expose()), Some("pw1001"));

    asterisk.down();
    client.down().await;
    assert_eq!(client.handle.db_put("offhook", "a", "b").await, Err(AmiError::Away));
    asterisk.up();
    client.until("being up again", |update| matches!(update, AmiUpdate::Up).then_some(())).await;
    client.contacts("1001", |contacts| contacts.len() == 1).await;
}

/// Written, found again by the next run, changed, taken away.
async fn astdb(asterisk: &Asterisk) {
    let mut client = client(asterisk, "offhook", MANAGER_SECRET);
    client.until("being up", |update| matches!(update, AmiUpdate::Up).then_some(())).await;
    let handle = client.handle.clone();
    let publish = async |statuses: BTreeMap<_, _>| {
        let (_latest, receiver) = watch::channel(Arc::new(statuses));
        let (_, never) = watch::channel(());
        let (health, mut healthy) = watch::channel(Some("not begun".to_owned()));
        let shutdown = CancellationToken::new();
        let sink = Sink::AstDb(AstDb::new(handle.clone()));
        let task = tokio::spawn(publish::run(sink, receiver, never, health, shutdown.clone()));
        timeout(PATIENCE, healthy.wait_for(Option::is_none)).await.unwrap().unwrap();
        shutdown.cancel();
        task.await.unwrap();
    };
    publish(status(Stage::Registered)).await;
    let shown = asterisk.cli("database show offhook");
    for (field, value) in [("stage", "registered"), ("summary", "R&D: \"first\" line; ü"), ("lines_total", "1")] {
        let line = shown.lines().find(|line| line.contains(&format!("/offhook/001B54AABB01/{field} "))).unwrap();
        assert!(line.ends_with(value) || line.trim_end().ends_with(value), "{line}");
    }
    // What is right is left alone: the time of writing would show otherwise.
    handle.db_put("offhook", "001B54AABB01/updated", "long ago").await.unwrap();
    publish(status(Stage::Registered)).await;
    assert_eq!(handle.db_get("offhook", "001B54AABB01/updated").await, Ok(Some("long ago".into())));
    publish(status(Stage::Unreachable)).await;
    assert_eq!(handle.db_get("offhook", "001B54AABB01/stage").await, Ok(Some("unreachable".into())));
    publish(BTreeMap::new()).await;
    assert_eq!(handle.db_tree("offhook").await, Ok(BTreeMap::new()), "a phone that is gone leaves nothing");
    assert_eq!(handle.db_get("offhook", "none").await, Ok(None));
    assert_eq!(handle.db_del("offhook", "none").await, Ok(()), "nothing to delete is no failure");
}

/// Users that may do less, and one with a wrong secret.
async fn users(asterisk: &Asterisk) {
    // Without read class system nothing says that Asterisk is booted, and it is asked.
    let mut deaf = client(asterisk, "deaf", "s-deaf");
    deaf.contacts("1001", |contacts| contacts.len() == 1).await;
    let mut weak = client(asterisk, "weak", "s-weak");
    let why = weak.down().await;
    assert!(why.contains("may not list registrations") && why.contains("write = system"), "{why}");
    assert_eq!(weak.handle.db_put("offhook", "a", "b").await, Err(AmiError::Denied));
    let mut wrong = client(asterisk, "offhook", "another");
    let why = wrong.down().await;
    assert!(why.contains("refused") && why.contains("see the secret"), "{why}");
}
