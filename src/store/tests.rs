use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use crate::domain::{BootEvent, EventKind, LineKind, PhoneOptions};
use crate::pbx::roster::{Account, Button, Origin};
use crate::timeline::{Change, Row};

fn a_roster() -> Roster {
    let account = Account {
        name: "Böb \"R&D\"".into(),
        mailbox: Some("default".into()),
        nat: crate::pbx::roster::NatFlags { force_rport: true, rewrite_contact: false },
        transports: crate::pbx::roster::Transports { udp: true, tcp: false },
        settings: crate::pbx::roster::EndpointSettings { dtmf: Some("info".into()), ..Default::default() },
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

/// F4: SQLite ends a transaction by itself when its commit fails; what comes after two such is kept all the same.
#[tokio::test]
async fn f4_a_write_after_failed_ones_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    // Often enough for each connection of the pool.
    for ended_by_itself in [[true; 10], [false; 10]].concat() {
        let failed = store.write(Kind::Passing, async |connection| {
            sqlx::query("delete from event").execute(&mut *connection).await?;
            if ended_by_itself {
                sqlx::query("rollback").execute(connection).await?;
            }
            Err::<(), _>(StoreError::Query(sqlx::Error::RowNotFound))
        });
        assert!(failed.await.is_err());
    }
    store.keep_assignment(&an_assignment()).await.unwrap();
    let seen_by_others = SqlitePool::connect_with(options(&folder.path().join(FILE))).await.unwrap();
    let kept: i64 = sqlx::query_scalar("select count(*) from assignment").fetch_one(&seen_by_others).await.unwrap();
    assert_eq!(kept, 1);
}

/// F4: a small row that fits into what is left says nothing of the roster that did not.
#[tokio::test]
async fn f4_trouble_with_the_roster_lasts_until_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let failed = store.write(Kind::Roster, async |_| Err::<(), _>(StoreError::Query(sqlx::Error::RowNotFound)));
    assert!(failed.await.is_err());
    store.keep_assignment(&an_assignment()).await.unwrap();
    assert!(store.trouble().is_some());
    store.keep_roster(&a_roster(), Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(store.trouble(), None);
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
        let damaged = store.damaged().unwrap_or_else(|| panic!("{case}"));
        assert_eq!(damaged.snapshot, None, "{case}");
        assert_eq!(fs::read(damaged.aside.as_ref().unwrap()).unwrap(), content, "{case}");
        store.keep_roster(&a_roster(), Timestamp::UNIX_EPOCH).await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!((store.damaged(), store.roster().await.unwrap().is_some()), (None, true), "{case}");
    }
}

/// F6: what was set aside is there still when it happens again.
#[tokio::test]
async fn f6_nothing_set_aside_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    for damage in [b"one".as_slice(), b"two", b"three"] {
        fs::write(folder.path().join("offhook.db"), damage).unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        store.close().await;
    }
    for (name, damage) in [("damaged", "one"), ("damaged.2", "two"), ("damaged.3", "three")] {
        assert_eq!(fs::read_to_string(folder.path().join(format!("offhook.db.{name}"))).unwrap(), damage);
    }
}

/// What is written to a file that has no name any more is not acknowledged.
#[tokio::test]
async fn f6_a_database_that_was_removed_is_said() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        store.keep_assignment(&an_assignment()).await.unwrap();
        let file = folder.path().join("offhook.db");
        if replaced {
            fs::copy(&file, folder.path().join("copy")).unwrap();
            fs::rename(folder.path().join("copy"), &file).unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        let why = store.keep_roster(&a_roster(), Timestamp::UNIX_EPOCH).await.unwrap_err().to_string();
        assert!(why.contains("removed or replaced") && why.contains("restart"), "{why}");
        assert_eq!(store.trouble(), Some(why));
        store.close().await;
    }
}

/// A folder of others that all may enter is neither used nor closed to them.
#[tokio::test]
async fn the_folder_is_our_own() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let others = tempfile::tempdir().unwrap();
    fs::write(others.path().join("theirs"), "").unwrap();
    fs::set_permissions(others.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let why = Store::open(others.path()).await.unwrap_err().to_string();
    assert!(why.contains("server.state_dir"), "{why}");
    assert_eq!(mode(others.path()), 0o755);
    for ours in ["", "lock"] {
        let folder = tempfile::tempdir().unwrap();
        if !ours.is_empty() {
            fs::write(folder.path().join(ours), "").unwrap();
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Store::open(folder.path()).await.unwrap().close().await;
        assert_eq!(mode(folder.path()), 0o700, "{ours:?}");
    }
}

/// F6: nothing changed, no copy; one per change, as many as are kept; a copy that is damaged gives way to the one before.
#[tokio::test]
async fn f6_copies_are_made_kept_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let copies = || snapshots::list(folder.path()).unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    store.snapshot(now).await.unwrap();
    assert_eq!(copies().len(), 0, "there is nothing to lose yet");
    for n in 1..=5 {
        store.keep_roster(&a_roster(), now).await.unwrap();
        store.keep_assignment(&Assignment { description: format!("{n}"), ..an_assignment() }).await.unwrap();
        store.snapshot(now).await.unwrap();
        store.snapshot(now).await.unwrap();
    }
    assert_eq!(copies().iter().map(|copy| copy.changes).collect::<Vec<_>>(), [10, 8, 6]);
    let mode = fs::metadata(&copies()[0].path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    store.close().await;
    drop(store);
    // Where SQLite left its journal it holds all of the database, and nothing would be damaged.
    for journal in ["offhook.db-wal", "offhook.db-shm"] {
        let _ = fs::remove_file(folder.path().join(journal));
    }
    fs::write(folder.path().join("offhook.db"), b"no database at all").unwrap();
    fs::write(&copies()[0].path, b"nor this").unwrap();
    let second = copies()[1].path.clone();
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.damaged().unwrap().snapshot, Some(second));
    assert_eq!(store.assignments().await.unwrap()[0].description, "4");
    assert_eq!(store.roster().await.unwrap(), Some((a_roster(), now)));
    store.close().await;
    drop(store);
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.damaged(), None, "said once");
}

/// F6: a database that is older than its own copy has lost what was acknowledged.
#[tokio::test]
async fn f6_an_older_database_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let path = folder.path().join("offhook.db");
    let store = Store::open(folder.path()).await.unwrap();
    store.keep_roster(&a_roster(), now).await.unwrap();
    store.close().await;
    drop(store);
    let old = fs::read(&path).unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    store.keep_assignment(&an_assignment()).await.unwrap();
    store.snapshot(now).await.unwrap();
    store.close().await;
    drop(store);
    for content in [Some(old), None] {
        match content {
            Some(old) => fs::write(&path, old).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let store = Store::open(folder.path()).await.unwrap();
        assert!(store.damaged().is_some_and(|damaged| damaged.snapshot.is_some()));
        assert_eq!(store.assignments().await.unwrap(), [an_assignment()]);
        store.close().await;
    }
}

/// A schema that a newer version made is no damage: it is refused and left alone.
#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    store.keep_assignment(&an_assignment()).await.unwrap();
    sqlx::query("update _sqlx_migrations set version = 9999 where version = 1").execute(&store.pool).await.unwrap();
    store.snapshot(Timestamp::UNIX_EPOCH).await.unwrap();
    sqlx::query("insert into _sqlx_migrations select 1, description, installed_on, success, checksum, execution_time from _sqlx_migrations where version = 9999")
        .execute(&store.pool)
        .await
        .unwrap();
    store.close().await;
    drop(store);
    assert!(matches!(Store::open(folder.path()).await, Err(StoreError::Migrate { .. })));
    assert!(folder.path().join("offhook.db").is_file());
}

/// What phones took is remembered for a day, and not for ever.
#[tokio::test]
async fn what_was_taken_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
    let keep = |name: &str, hour| ToKeep { taken: [(name.to_owned(), at(hour))].into(), ..ToKeep::default() };
    for (name, hour) in [("a", 100), ("b", 110), ("c", 125)] {
        store.keep_conversions(&keep(name, hour)).await.unwrap();
    }
    let kept = store.conversions().await.unwrap().taken;
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["b", "c"]);
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
async fn tails_are_trimmed_and_folds_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let row = |n: u64| Row {
        id: n + 1,
        event: Arc::new(BootEvent {
            at: Timestamp::from_second(n.try_into().unwrap()).unwrap(),
            mac: "001B54AABB01".parse().unwrap(),
            ip: None,
            what: EventKind::Unregistered { extension: n.to_string() },
        }),
        times: 1,
        since: None,
        cycle: 1,
    };
    let change = |put: Vec<Row>, gone: &[u64]| Change { id: 0, put, gone: gone.to_vec() };
    let many: Vec<_> = (0..500).map(row).collect();
    store.append(&[change(many[..300].to_vec(), &[])]).await.unwrap();
    store.append(&[change(many[300..].to_vec(), &[])]).await.unwrap();
    assert_eq!(store.events().await.unwrap(), many[300..], "what was lost on the way leaves no more than a tail");
    // A fold takes the place of what it stands for; what came and went in one batch is nowhere.
    let fold = Row { times: 7, since: Some(Timestamp::UNIX_EPOCH), cycle: 1, ..row(499) };
    let gone: Vec<u64> = (301..=499).collect();
    let passing = change(vec![row(600)], &[]);
    store.append(&[passing, change(vec![fold.clone()], &gone), change(Vec::new(), &[601])]).await.unwrap();
    assert_eq!(store.events().await.unwrap(), [fold]);
}

/// Who is where outlives a restart; what is too old or unreadable does not.
#[tokio::test]
async fn who_is_where_is_there_after_a_restart() {
    use crate::access::first::FirstContact;
    use crate::access::known::PINNED;
    use crate::access::{Kept, ToKeep};

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let (ip, other) = (std::net::Ipv4Addr::new(10, 1, 0, 5), std::net::Ipv4Addr::new(10, 1, 0, 6));
    let mac: MacAddr = "001B54AABB01".parse().unwrap();
    let first = FirstContact::opened(ip, now);
    let store = Store::open(&folder).await.unwrap();
    assert_eq!(store.access().await.unwrap(), Kept::default());
    let keep = ToKeep {
        pins: vec![(ip, mac, Some(now)), (other, mac, Some(now - PINNED - PINNED))],
        overheard: vec![(ip, Some((mac, now)))],
        first: vec![(mac, Some(first))],
    };
    store.keep_access(&keep, now).await.unwrap();
    store.close().await;
    drop(store);
    let store = Store::open(&folder).await.unwrap();
    let kept = Kept { pins: vec![(ip, mac, now)], overheard: vec![(ip, mac, now)], first: vec![(mac, first)] };
    assert_eq!(store.access().await.unwrap(), kept);
    sqlx::query("insert into pin (ip, mac, at) values ('x', 'y', 0)").execute(&store.pool).await.unwrap();
    let keep = ToKeep { pins: vec![(ip, mac, None)], overheard: vec![(ip, None)], first: vec![(mac, None)] };
    store.keep_access(&keep, now).await.unwrap();
    assert_eq!(store.access().await.unwrap(), Kept::default());
}
