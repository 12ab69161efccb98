use super::*;
use crate::domain::{EventKind, LineKind, PhoneOptions};
use crate::pbx::roster::{Account, Button, Origin};

fn a_roster() -> Roster {
    let account = Account {
        name: "Böb \"R&D\"".into(),
        mailbox: Some("default".into()),
        nat: crate::pbx::roster::NatFlags { force_rport: true, rewrite_contact: false },
        transports: crate::pbx::roster::Transports { udp: true, tcp: false },
        ..Account::sample("1001", "S3cr3t")
    };
    let mut roster = Roster { voicemail_code: Some("*97".into()), ..Roster::default() };
    roster.accounts.insert(account.extension.clone(), account);
    let assignment = an_assignment();
    roster.assignments.insert(assignment.mac, assignment);
    roster
}

fn an_assignment() -> Assignment {
    Assignment {
        mac: "001B54AABB01".parse().unwrap(),
        model: Some(crate::domain::ModelName::new("7960")),
        description: "desk".into(),
        target_load: None,
        options: PhoneOptions::default(),
        enabled: true,
        buttons: vec![Button { button: 1, kind: LineKind::Line, extension: "1001".into(), label: String::new() }],
        origin: Origin::Own,
    }
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let store = Store::open(&folder).await.unwrap();
    assert!(store.roster().await.unwrap().is_none());
    store.keep_roster(&a_roster(), at).await.unwrap();
    store.keep_assignment(&an_assignment()).await.unwrap();
    store.close().await;
    drop(store);
    let store = Store::open(&folder).await.unwrap();
    assert_eq!(store.roster().await.unwrap(), Some((a_roster(), at)));
    assert_eq!(store.assignments().await.unwrap(), [an_assignment()]);
    assert!(store.drop_assignment(an_assignment().mac).await.unwrap());
    assert!(!store.drop_assignment(an_assignment().mac).await.unwrap());
}

/// F6: a database that is damaged costs what was only in there, never the start.
#[tokio::test]
async fn f6_a_damaged_database_is_set_aside_and_said() {
    let whole = tempfile::tempdir().unwrap();
    let store = Store::open(whole.path()).await.unwrap();
    store.keep_roster(&a_roster(), Timestamp::UNIX_EPOCH).await.unwrap();
    store.close().await;
    assert_eq!(store.damaged(), None);
    let bytes = fs::read(whole.path().join("offhook.db")).unwrap();
    let half = bytes.get(..bytes.len() / 2).unwrap();
    for (case, content) in [("empty", &b""[..]), ("garbage", &b"no database at all"[..]), ("cut", half)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("offhook.db"), content).unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let aside = store.damaged().unwrap_or_else(|| panic!("{case}"));
        assert_eq!(fs::read(aside).unwrap(), content, "{case}");
        store.keep_roster(&a_roster(), Timestamp::UNIX_EPOCH).await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!((store.damaged(), store.roster().await.unwrap().is_some()), (None, true), "{case}");
    }
}

#[tokio::test]
async fn a_folder_has_one_daemon_and_no_other_reader() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let store = Store::open(&folder).await.unwrap();
    assert!(matches!(Store::open(&folder).await, Err(StoreError::InUse(_))));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("offhook.db")), 0o600);
    drop(store);
    assert!(Store::open(&folder).await.is_ok());
}

#[tokio::test]
async fn tails_are_trimmed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let event = |n: i64| BootEvent {
        at: Timestamp::from_second(n).unwrap(),
        mac: "001B54AABB01".parse().unwrap(),
        ip: None,
        what: EventKind::Unregistered { extension: n.to_string() },
    };
    let many: Vec<_> = (0..500).map(event).collect();
    store.append(&many[..300]).await.unwrap();
    store.append(&many[300..]).await.unwrap();
    let kept = store.events().await.unwrap();
    assert_eq!(kept.len(), EVENTS_PER_PHONE);
    assert_eq!(kept, many[300..]);
}
