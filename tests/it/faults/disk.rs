//! F3 (a flush that fails), F4 (disk full), F5 (no inodes, read-only): phones are served from memory, writes are refused
//! with a reason, and room that returns is noticed.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use offhook::simulate::Timing;

use super::{MAC, add, assigned, one_phone, wait_for_complaint};
use crate::support::clients::scripted;
use crate::support::daemon::{Daemon, Site};
use crate::support::shim::{COMPILER, Shim};
use crate::support::small::Small;
use crate::support::{Component, amount, have, phone_address, run, succeed, text, wait_for};

/// Adds phones until one is refused, at most so many; who was acknowledged, and what the refusal said.
fn add_until_refused(site: &Site, most: usize) -> (BTreeSet<String>, Option<String>) {
    let mut acknowledged = BTreeSet::new();
    for n in 0..most {
        let mac = format!("00087D0D{n:04X}");
        let output = add(site, &mac);
        if !output.status.success() {
            assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
            return (acknowledged, Some(text(&output.stderr)));
        }
        acknowledged.insert(mac);
    }
    (acknowledged, None)
}

/// A file over TFTP, by the scripted phones' own client.
fn as_phones_get_it(daemon: &Daemon<'_>, name: &str) -> String {
    let got = scripted(phone_address(), daemon.tftp, name, &Timing::default());
    text(&got.unwrap_or_else(|why| panic!("{name} over TFTP: {why}")))
}

fn wait_until_kept(daemon: &Daemon<'_>) {
    wait_for("check to have no complaint about the state", || {
        let checks = daemon.json(&["check"]);
        let bad = checks.as_array().expect("a list").iter().find(|check| check["name"] == "state");
        bad.map_or(Ok(()), |bad| Err(bad.to_string()))
    });
}

/// F3: one flush fails with EIO, whichever it is. Nothing is acknowledged from then on, though later flushes would
/// succeed: what the failed one should have written may be gone. Phones are served; a restart has all that was
/// acknowledged.
#[test]
fn f3_a_flush_that_fails_ends_acknowledging() {
    if !have(&[COMPILER, Component::Program("curl")]) {
        return;
    }
    let name = format!("SIP{MAC}.cnf");
    let mut refusals = 0;
    for nth in 1..=amount(6, 500) {
        let pbx = one_phone();
        let site = Site::new(&pbx);
        let shim = Shim::new();
        let mut daemon = site.serve_with(|command| shim.before(command, &site.state()));
        let file = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
        shim.fail(nth, 1);
        let (acknowledged, refused) = add_until_refused(&site, usize::try_from(nth).unwrap() + 5);
        if let Some(said) = refused {
            refusals += 1;
            assert!(said.contains("disk") && said.contains("restart offhook"), "F3, flush {nth}: {said}");
            let (more, _) = add_until_refused(&site, 1);
            assert!(more.is_empty(), "F3, flush {nth}: acknowledged on a disk that lost a flush");
            wait_for_complaint(&daemon, &["state", "disk"]);
        } else {
            // The flush was that of a copy, or one that nothing acknowledged depended on.
            assert!(shim.flushes() > nth, "F3, flush {nth} came");
        }
        assert_eq!(daemon.file(&name).as_ref(), Some(&file), "F3, flush {nth}");
        daemon.signal("KILL");
        daemon.ended();
        drop(daemon);
        let daemon = site.serve();
        let known = assigned(&daemon);
        assert!(acknowledged.is_subset(&known), "F3, flush {nth}: {acknowledged:?} {known:?}");
        assert!(add(&site, "00087D0DFFFF").status.success(), "F3: a restart looks at the disk anew");
        daemon.stop();
    }
    assert!(refusals > 0, "F3: some flush was one that acknowledges");
}

/// F4: not one page is left in the state folder.
#[test]
fn f4_a_full_disk_refuses_writes_serves_phones_and_is_noticed_when_it_has_room() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let Some(_mounted) = Small::mount(&site.state(), "size=8m") else { return };
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    let filler = site.state().join("filler");
    run(Command::new("dd").args(["if=/dev/zero", "bs=4k"]).arg(format!("of={}", filler.display())));
    let (acknowledged, refused) = add_until_refused(&site, 100);
    let said = refused.expect("F4: a full disk acknowledges nothing");
    assert!(said.contains("full") || said.contains("room"), "F4: {said}");
    wait_for_complaint(&daemon, &["state", "full"]);
    // What the PBX changes is served though it cannot be kept: more than fits into what the kernel rounds up.
    for n in 2_000..2_100 {
        pbx.add_extension(&n.to_string(), &"a long name ".repeat(20), "CANARYmore");
    }
    pbx.set_secret("1001", "CANARYnew");
    pbx.apply();
    daemon.wait_for_file(&name, "given the new secret", |file| file.contains("CANARYnew"));
    for _ in 0..20 {
        let file = daemon.file(&name).expect("F4: served over HTTP");
        assert!(file.contains("CANARYnew"), "F4: {file}");
        assert_eq!(as_phones_get_it(&daemon, &name), file, "F4: over TFTP");
    }
    let complaints = daemon.log().lines().filter(|line| line.contains("roster-not-kept")).count();
    // Small changes may still fit now and then; each look that fails is not said.
    assert!((1..=4).contains(&complaints), "F4: one line per cause, not one per look at the PBX: {complaints}");
    // Many that fail, one after another: what SQLite undid by itself must leave no connection in a transaction.
    for _ in 0..10 {
        run(&mut site.command(&["phones", "remove", "00087D0D0000"]));
        let _ = add_until_refused(&site, 1);
    }
    fs::remove_file(filler).unwrap();
    wait_until_kept(&daemon);
    for _ in 0..10 {
        let added = add(&site, "00087D0DFFFE");
        assert!(added.status.success(), "F4: it recovers by itself: {}", text(&added.stderr));
    }
    daemon.stop();
    site.configure(&site.configuration().replace("pbx.db", "gone.db"));
    let daemon = site.serve();
    let known = assigned(&daemon);
    assert!(acknowledged.is_subset(&known) && known.contains("00087D0DFFFE"), "F4: {known:?}");
    assert!(daemon.file(&name).is_some_and(|file| file.contains("CANARYnew")), "F4: the roster was kept in the end");
    daemon.stop();
}

/// F5: no inode is left: what needs no new file works, copies are made up for later.
#[test]
fn f5_a_disk_without_inodes_serves_and_keeps() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let Some(_mounted) = Small::mount(&site.state(), "size=8m,nr_inodes=64") else { return };
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    let file = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    let mut inodes = 0;
    while fs::File::create(site.state().join(format!("filler{inodes}"))).is_ok() {
        inodes += 1;
    }
    assert!(inodes > 0 && inodes < 64, "F5: {inodes}");
    let (acknowledged, refused) = add_until_refused(&site, 3);
    assert!(refused.is_none_or(|said| said.contains("database")), "F5");
    assert_eq!(daemon.file(&name).as_ref(), Some(&file), "F5");
    assert_eq!(as_phones_get_it(&daemon, &name), file, "F5: over TFTP");
    for n in 0..inodes {
        fs::remove_file(site.state().join(format!("filler{n}"))).unwrap();
    }
    assert!(add(&site, "00087D0DFFFD").status.success(), "F5");
    daemon.stop();
    let daemon = site.serve();
    assert!(acknowledged.is_subset(&assigned(&daemon)), "F5");
    daemon.stop();
}

/// F5: the file system turns read-only under the daemon, as ext4 does after an error.
#[test]
fn f5_a_read_only_disk_refuses_writes_and_serves_phones() {
    if !have(&[COMPILER, Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let shim = Shim::new();
    let daemon = site.serve_with(|command| shim.before(command, &site.state()));
    let name = format!("SIP{MAC}.cnf");
    daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    shim.read_only(true);
    let (acknowledged, refused) = add_until_refused(&site, 1);
    assert!(acknowledged.is_empty(), "F5");
    assert!(refused.is_some_and(|said| said.contains("database")), "F5");
    wait_for_complaint(&daemon, &["state", "database"]);
    pbx.set_secret("1001", "CANARYnew");
    pbx.apply();
    let file = daemon.wait_for_file(&name, "given the new secret", |file| file.contains("CANARYnew"));
    assert_eq!(as_phones_get_it(&daemon, &name), file, "F5: over TFTP");
    shim.read_only(false);
    wait_until_kept(&daemon);
    assert!(add(&site, "00087D0DFFFC").status.success(), "F5: it recovers by itself");
    daemon.stop();
    succeed(Command::new("sqlite3").arg(site.state().join("offhook.db")).arg("pragma integrity_check"));
}
