//! Floods: whoever asks in many names takes neither memory nor room from phones.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::server::{PHONE, phone, ready, serve, site};
use crate::support::crowd::{CISCO, Crowd, Mac};
use crate::support::daemon::Daemon;
use crate::support::pbx::Pbx;
use crate::support::{succeed, wait_for};

const KNOWN: Mac = [0x00, 0x1b, 0x54, 0xce, 0x00, 0x09];

/// What T26 allows, in KiB.
const MEMORY: u64 = 16 * 1024;

/// Resident size, in KiB.
fn resident(daemon: &Daemon<'_>) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.process())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The files below a folder, each with its length.
fn lengths(folder: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<_> = entries
        .flat_map(|entry| {
            let (path, length) = (entry.path(), entry.metadata().unwrap().len());
            if path.is_dir() { lengths(&path) } else { vec![(path.display().to_string(), length)] }
        })
        .collect();
    all.sort();
    all
}

/// Packets of those who are no phones, by the daemon's own count.
fn unanswered(log: &str) -> u64 {
    let lines = log.lines().filter(|line| line.contains("were not answered: NotAPhone"));
    let counts = lines.filter_map(|line| line.split_once("count=")?.1.split_whitespace().next()?.parse::<u64>().ok());
    counts.sum()
}

/// T26: 100,000 hardware addresses that nobody was given, half of them with a phone's vendor class: less than 16 MiB of memory,
/// nothing in the store, nothing in the directory; and the one phone that is assigned is answered all along.
#[test]
fn t26_a_hundred_thousand_strangers_leave_nothing() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1009", "Ada", "CANARY1009");
    pbx.add_phone("001B54CE0009", "7942", &["1009"]);
    let (site, _) = site(&pbx, "phones", "");
    // Room for more offers than are kept.
    let roomy = site.configuration().replace("network = \"192.0.2.0/24\"", "network = \"192.0.0.0/16\"");
    let roomy = roomy.replace("192.0.2.100-192.0.2.109", "192.0.128.0-192.0.255.254");
    assert!(roomy.contains("192.0.255.254"), "{roomy}");
    site.configure(&roomy);
    let daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    let process = at_phone.0.id();
    daemon.wait_for_phone("001B54CE0009", "known", |phone| phone["lines"][0]["extension"] == "1009");
    let leased = thread::spawn(move || Crowd::enter(process, 1).bound(&[KNOWN], Duration::from_secs(20)));
    assert_eq!(leased.join().unwrap().len(), 1, "{}", daemon.log());
    daemon.wait_for_phone("001B54CE0009", "its lease", |phone| phone["stage"] == "leased");

    let ask = move |seed: u64, names: usize| {
        let mut crowd = Crowd::enter(process, seed);
        for round in 0..names / 100 {
            for name in 0..100 {
                let stranger = crowd.stranger();
                crowd.discover(stranger, Some(CISCO).filter(|_| name % 2 == 0));
            }
            // What came before this is through: there is one queue.
            let answered = crowd.offered(KNOWN, Some(CISCO), Duration::from_secs(20));
            assert!(answered.is_some(), "no answer after {round} hundreds");
        }
    };
    // What is laid out once is not what grows.
    thread::spawn(move || ask(2, 1_000)).join().unwrap();
    let store = wait_for("a store at rest", || {
        let before = lengths(&site.state());
        thread::sleep(Duration::from_secs(1));
        let after = lengths(&site.state());
        if before == after { Ok(after) } else { Err(format!("{before:?} {after:?}")) }
    });
    let before = resident(&daemon);
    thread::spawn(move || ask(3, 100_000)).join().unwrap();
    let grown = resident(&daemon).saturating_sub(before);
    println!("100,000 strangers: {grown} KiB more than {before}");
    assert!(grown < MEMORY, "{grown} KiB more than {before}");
    // They came, and were looked at: who says that he is a phone was offered something, the others nothing.
    wait_for("the daemon to count them", || {
        let counted = unanswered(&daemon.log());
        if counted >= 50_000 { Ok(()) } else { Err(counted.to_string()) }
    });
    // What the phone itself is offered, to see that all before it is through, goes through the log of the database.
    let but_log =
        |all: Vec<(String, u64)>| all.into_iter().filter(|(name, _)| !name.ends_with("-wal")).collect::<Vec<_>>();
    assert_eq!(but_log(lengths(&site.state())), but_log(store));
    let strangers = "select (select count(*) from lease) || ' ' || count(*) from event where mac <> '001B54CE0009'";
    let rows = succeed(Command::new("sqlite3").arg("-readonly").arg(site.state().join("offhook.db")).arg(strangers));
    assert_eq!(rows.trim(), "1 0");
    let leases = daemon.json(&["dhcp", "leases"]);
    assert_eq!(leases.as_array().map(Vec::len), Some(1), "{leases}");
    let phones = daemon.json(&["phones", "list"]);
    assert_eq!(phones.as_array().map(Vec::len), Some(1), "{phones}");
}

/// T11: ten addresses, eight phones that are assigned, and somebody who asks in ten thousand names of phones, 2,000 a second,
/// again and again: what he is only offered is theirs when they ask.
#[test]
fn t11_assigned_phones_come_up_in_a_flood() {
    if !ready(&[]) {
        return;
    }
    let phones: Vec<Mac> = (1..=8).map(|last| [0x00, 0x1b, 0x54, 0xce, 0x00, last]).collect();
    let pbx = Pbx::tables();
    for last in 1..=8 {
        let extension = (1000 + last).to_string();
        pbx.add_extension(&extension, &format!("Phone {last}"), &format!("CANARY{extension}"));
        pbx.add_phone(&format!("001B54CE{last:04X}"), "7942", &[&extension]);
    }
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    let process = at_phone.0.id();
    wait_for("every phone to be known", || {
        let known = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if known == phones.len() { Ok(()) } else { Err(known.to_string()) }
    });
    let (asked, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let bound = thread::scope(|scope| {
        scope.spawn(|| {
            let mut crowd = Crowd::enter(process, 4);
            let names: Vec<Mac> = (0..10_000).map(|_| crowd.stranger()).collect();
            // A minute of it, if nothing ends it before.
            for names in names.chunks(20).cycle().take(6_000) {
                names.iter().for_each(|name| crowd.discover(*name, Some(CISCO)));
                asked.fetch_add(names.len(), Ordering::Relaxed);
                if over.load(Ordering::Relaxed) {
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
        });
        wait_for("the first thousand names", || {
            let asked = asked.load(Ordering::Relaxed);
            if asked >= 1_000 { Ok(()) } else { Err(asked.to_string()) }
        });
        let bound = scope.spawn(|| Crowd::enter(process, 5).bound(&phones, Duration::from_secs(50))).join();
        over.store(true, Ordering::Relaxed);
        bound.unwrap()
    });
    let addresses: BTreeSet<Ipv4Addr> = bound.values().copied().collect();
    assert_eq!(addresses.len(), phones.len(), "{bound:?}\n{}", daemon.log());
    let leases = daemon.json(&["dhcp", "leases"]);
    let leases: BTreeSet<&str> = leases.as_array().unwrap().iter().filter_map(|lease| lease["mac"].as_str()).collect();
    assert!((1..=8).all(|last| leases.contains(format!("001B54CE{last:04X}").as_str())), "{leases:?}");
    assert_eq!(leases.len(), phones.len(), "an offer is no lease: {leases:?}");
}
