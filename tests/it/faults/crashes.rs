//! F1 (kill -9), F2 (power cut), F27 (nothing but us comes up): what was acknowledged is there, and no half file is served.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use offhook::simulate::Timing;
use offhook::store::Store;

use super::{MAC, add, assigned, one_phone};
use crate::support::clients::scripted;
use crate::support::daemon::Site;
use crate::support::dice::Dice;
use crate::support::shim::{COMPILER, Shim};
use crate::support::{Component, amount, have, phone_address, wait_for};

/// A client that asks once and does not wait for a daemon that was killed.
const IMPATIENT: Timing = Timing {
    tftp_retry: Duration::from_millis(100),
    tftp_tries: 1,
    tftp_ports: 1,
    tftp_stall: Duration::from_millis(100),
    tftp_stall_tries: 0,
    sip_t1: Duration::from_millis(500),
    sip_t2: Duration::from_secs(4),
    sip_timeout: Duration::from_secs(32),
    hunt_retry: Duration::from_secs(1),
    hunt_tries: 1,
};

/// Tells the other threads of a test that it is over, also when it failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// F1: killed at any instant under load, again and again.
#[test]
fn f1_kill_9_loses_nothing_acknowledged_and_serves_no_half_file() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let mut dice = Dice::new(1);
    let name = format!("SIP{MAC}.cnf");
    let whole = {
        let daemon = site.serve();
        let whole = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
        daemon.stop();
        whole.into_bytes()
    };
    let acknowledged = Mutex::new(BTreeSet::new());
    let (served, next, mut slowest) = (AtomicUsize::new(0), AtomicUsize::new(0), Duration::ZERO);
    for cycle in 0..amount(25, 1_000) {
        let began = Instant::now();
        let mut daemon = site.serve();
        slowest = slowest.max(began.elapsed());
        let known = assigned(&daemon);
        let lost: Vec<_> = acknowledged.lock().unwrap().difference(&known).cloned().collect();
        assert!(lost.is_empty(), "F1, cycle {cycle}: lost {lost:?}");
        let (over, tftp) = (AtomicBool::new(false), daemon.tftp);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let from = phone_address();
                    while !over.load(Ordering::Relaxed) {
                        if let Ok(file) = scripted(from, tftp, &name, &IMPATIENT) {
                            assert!(file == whole, "F1, cycle {cycle}: {} of {} bytes", file.len(), whole.len());
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let mac = format!("00087D0B{:04X}", next.fetch_add(1, Ordering::Relaxed));
                    if add(&site, &mac).status.success() {
                        acknowledged.lock().unwrap().insert(mac);
                    }
                }
            });
            let _over = Over(&over);
            // Not waiting for anything: the instant is chance.
            thread::sleep(Duration::from_millis(dice.below(300)));
            daemon.signal("KILL");
            daemon.ended();
        });
    }
    let daemon = site.serve();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.is_subset(&assigned(&daemon)), "F1");
    assert!(acknowledged.len() > 5 && served.load(Ordering::Relaxed) > 5, "F1: there was a load");
    println!(
        "F1: {} phones acknowledged, {} files served, slowest start to ready {slowest:?}",
        acknowledged.len(),
        served.into_inner()
    );
    daemon.stop();
}

/// F27: the PBX is not there when we come up.
#[test]
fn f1_f27_after_kill_9_the_last_good_roster_is_served_without_the_pbx() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let mut daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    let before = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    // Served means kept: whatever was handed out survives.
    daemon.signal("KILL");
    daemon.ended();
    drop(daemon);
    site.configure(&site.configuration().replace("pbx.db", "gone.db"));
    let daemon = site.serve();
    assert_eq!(daemon.file(&name), Some(before));
    daemon.stop();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// F2: of every file only what was flushed is left, at any instant while phones are added. This is what tells
/// `synchronous = FULL` from NORMAL, which acknowledges what is not on the disk yet.
#[test]
fn f2_a_power_cut_loses_nothing_acknowledged() {
    if !have(&[COMPILER, Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let shim = Shim::new();
    let mut dice = Dice::new(2);
    let mut daemon = site.serve_with(|command| shim.before_and_keep(command, &site.state()));
    let name = format!("SIP{MAC}.cnf");
    let file = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    let acknowledged = Mutex::new(BTreeSet::new());
    let over = AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cuts = amount(40, 2_000);
    let last = thread::scope(|scope| {
        scope.spawn(|| {
            for n in (0..0xFFFF).take_while(|_| !over.load(Ordering::Relaxed)) {
                let mac = format!("00087D0B{n:04X}");
                assert!(add(&site, &mac).status.success(), "F2: nothing is in the way");
                acknowledged.lock().unwrap().insert(mac);
            }
        });
        let _over = Over(&over);
        let mut last = None;
        for cut in 0..cuts {
            thread::sleep(Duration::from_millis(dice.below(60)));
            let promised = acknowledged.lock().unwrap().clone();
            daemon.signal("STOP");
            let left = tempfile::tempdir().unwrap();
            copy(&shim.durable(), left.path());
            daemon.signal("CONT");
            let (found, damaged) = runtime.block_on(async {
                let store = Store::open(left.path()).await.unwrap();
                let damaged = store.damaged().cloned();
                let found: BTreeSet<String> =
                    store.assignments().await.unwrap().iter().map(|assignment| assignment.mac.to_string()).collect();
                store.close().await;
                (found, damaged)
            });
            assert_eq!(damaged, None, "F2, cut {cut}");
            let lost: Vec<_> = promised.difference(&found).collect();
            assert!(lost.is_empty(), "F2, cut {cut}: lost {lost:?}");
            last = Some((left, promised));
        }
        wait_for("some phones to be added", || {
            let added = acknowledged.lock().unwrap().len();
            if added > 5 { Ok(()) } else { Err(added.to_string()) }
        });
        last
    });
    daemon.signal("KILL");
    daemon.ended();
    drop(daemon);
    // And the daemon itself, on what the last cut left.
    let (left, promised) = last.unwrap();
    std::fs::remove_dir_all(site.state()).unwrap();
    copy(left.path(), &site.state());
    site.configure(&site.configuration().replace("pbx.db", "gone.db"));
    let daemon = site.serve();
    assert!(promised.is_subset(&assigned(&daemon)), "F2");
    assert_eq!(daemon.file(&name), Some(file), "F2");
    println!("F2: {cuts} cuts, {} phones acknowledged", acknowledged.into_inner().unwrap().len());
    daemon.stop();
}
