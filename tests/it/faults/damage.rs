//! F6: the state database is damaged on the disk, anywhere. What was assigned is there all the same, from the newest copy
//! that is sound; the damaged file is set aside; nothing starts empty without a word.

use std::fs;
use std::path::Path;

use offhook::domain::ModelName;
use offhook::pbx::roster::{Account, Assignment, Origin, Roster};
use offhook::store::Store;

use super::{MAC, add, assigned, one_phone, wait_for_complaint};
use crate::support::daemon::Site;
use crate::support::dice::Dice;
use crate::support::{Component, amount, have, wait_for};

fn account(number: &str) -> Account {
    Account {
        extension: number.parse().unwrap(),
        driver: offhook::pbx::roster::Driver::Pjsip,
        sip_user: number.to_owned(),
        auth_user: number.to_owned(),
        secret: Some(offhook::domain::Secret::new(format!("secret-{number}"))),
        name: format!("Phone {number}"),
        mailbox: None,
        max_contacts: 1,
        nat: offhook::pbx::roster::NatFlags::default(),
        transports: offhook::pbx::roster::Transports::default(),
        settings: offhook::pbx::roster::EndpointSettings::default(),
        problems: Vec::new(),
    }
}

fn assignment(n: u32) -> Assignment {
    Assignment {
        mac: format!("00087D0E{n:04X}").parse().unwrap(),
        model: Some(ModelName::new("7960")),
        description: format!("desk {n}"),
        target_load: None,
        options: offhook::domain::PhoneOptions::default(),
        enabled: true,
        buttons: Vec::new(),
        origin: Origin::Own,
    }
}

/// What a daemon left that was killed: a database, what was not moved into it yet, and copies of all that was kept.
struct Left {
    folder: tempfile::TempDir,
    roster: Roster,
    assignments: Vec<Assignment>,
}

impl Left {
    async fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let work = tempfile::tempdir().unwrap();
        let mut roster = Roster { assignments_known: true, ..Roster::default() };
        for n in 1000..1020 {
            let account = account(&n.to_string());
            roster.accounts.insert(account.extension.clone(), account);
        }
        let assignments: Vec<Assignment> = (0..20).map(assignment).collect();
        let store = Store::open(work.path()).await.unwrap();
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        for (n, assignment) in assignments.iter().enumerate() {
            store.keep_assignment(assignment).await.unwrap();
            if n % 5 == 0 {
                store.snapshot(now).await.unwrap();
            }
        }
        store.keep_roster(&roster, now).await.unwrap();
        store.snapshot(now).await.unwrap();
        // With the store still open, as a kill leaves it.
        copy(work.path(), folder.path());
        store.close().await;
        Self { folder, roster, assignments }
    }

    /// Starts on a copy of the folder in which `damage` was done; says whether that was noticed.
    async fn start(&self, case: &str, damage: impl FnOnce(&Path)) -> bool {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        damage(folder.path());
        let store = Store::open(folder.path()).await.unwrap_or_else(|why| panic!("F6, {case}: {why}"));
        let known = store.assignments().await.unwrap_or_else(|why| panic!("F6, {case}: {why}"));
        assert_eq!(known, self.assignments, "F6, {case}: damaged: {:?}", store.damaged());
        let roster = store.roster().await.unwrap_or_else(|why| panic!("F6, {case}: {why}"));
        assert!(roster.is_some_and(|(roster, _)| roster == self.roster), "F6, {case}");
        let damaged = store.damaged().cloned();
        if let Some(damaged) = &damaged {
            assert!(damaged.snapshot.is_some(), "F6, {case}: it started empty");
            assert!(damaged.aside.as_ref().is_none_or(|aside| aside.is_file()), "F6, {case}");
        }
        store.close().await;
        damaged.is_some()
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&place).unwrap();
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// F6: one byte in the database or its write-ahead log is another.
#[tokio::test]
async fn f6_any_byte_may_flip() {
    let left = Left::make().await;
    let mut noticed = 0;
    let flips = amount(150, 1_000);
    for seed in 1..=flips {
        let mut dice = Dice::new(seed);
        let file = if dice.percent(50) { "offhook.db" } else { "offhook.db-wal" };
        let mut bytes = fs::read(left.folder.path().join(file)).unwrap();
        let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        let mask = u8::try_from(1 + dice.below(255)).unwrap();
        bytes[at] ^= mask;
        let case = format!("seed {seed}: byte {at} of {file} ^ {mask:#x}");
        noticed += u64::from(left.start(&case, |folder| fs::write(folder.join(file), &bytes).unwrap()).await);
    }
    println!("F6: {noticed} of {flips} flips mattered");
    assert!(noticed > 0, "F6: some of them matter");
}

/// F6: cut at every page, or gone.
#[tokio::test]
async fn f6_any_file_may_end_early() {
    let left = Left::make().await;
    for file in ["offhook.db", "offhook.db-wal"] {
        let bytes = fs::read(left.folder.path().join(file)).unwrap();
        for length in (0..bytes.len()).step_by(amount(8, 1) * 4_096) {
            let case = format!("{file} cut at {length} of {}", bytes.len());
            left.start(&case, |folder| fs::write(folder.join(file), &bytes[..length]).unwrap()).await;
        }
    }
    assert!(left.start("no database", |folder| fs::remove_file(folder.join("offhook.db")).unwrap()).await);
    let both = |folder: &Path| {
        fs::remove_file(folder.join("offhook.db")).unwrap();
        fs::remove_file(folder.join("offhook.db-wal")).unwrap();
    };
    assert!(left.start("neither database nor log", both).await);
}

/// F6, the daemon: damaged and without a PBX, phones are served from the copy, and `check` says what happened.
#[test]
fn f6_phones_keep_booting_from_the_newest_copy() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    let file = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    assert!(add(&site, "00087D0E0001").status.success());
    // The end takes a copy of what the last one lacks.
    daemon.stop();
    let database = site.state().join("offhook.db");
    let mut bytes = fs::read(&database).unwrap();
    for byte in bytes.iter_mut().skip(100).step_by(97) {
        *byte = !*byte;
    }
    fs::write(&database, &bytes).unwrap();
    site.configure(&site.configuration().replace("pbx.db", "gone.db"));
    let daemon = site.serve();
    assert_eq!(daemon.file(&name), Some(file), "F6");
    assert!(assigned(&daemon).contains("00087D0E0001"), "F6");
    wait_for_complaint(&daemon, &["state", "damaged"]);
    wait_for("the log to say so", || {
        let log = daemon.log();
        if log.contains("state-damaged") { Ok(()) } else { Err(log) }
    });
    assert_eq!(fs::read(site.state().join("offhook.db.damaged")).unwrap(), bytes, "F6: set aside as it was");
    daemon.stop();
}
