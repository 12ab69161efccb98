//! Leases and their disk: killed at any instant (F1), without room (F4), under a clock that steps (F14). What was
//! acknowledged is its phone's, whatever happens, and nobody else's.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use offhook::simulate::dhcp::link::Configured;

use super::field::{Caller, IMPATIENT, STUBBORN, asks, bindings, ready, serve, serve_with, site, subnet};
use crate::support::dice::Dice;
use crate::support::net::{inside, ip, within};
use crate::support::pbx::Pbx;
use crate::support::shim::{COMPILER, Shim};
use crate::support::small::Small;
use crate::support::switch::{FAIR, Switch, Weather};
use crate::support::{Component, amount, run, succeed, wait_for};

fn mac(n: u16) -> String {
    format!("001B54E0{n:04X}")
}

/// F1: killed when the lease is on the disk and its acknowledgement is not at the phone. Others ask first.
#[test]
fn f1_killed_between_the_disk_and_the_acknowledgement() {
    if !ready(&["python3", "sqlite3"].map(Component::Program)) {
        return;
    }
    let pbx = Pbx::tables();
    let switch = Switch::new();
    let (host, mut cable) = switch.host_by_cable();
    let site = site(&pbx, &subnet("192.0.2.100-192.0.2.102"));
    let mut daemon = serve(&site, &host);
    cable.weather(Weather { unacknowledged: true, ..FAIR }, 1);
    let (phone, others) = (switch.device("00:1b:54:e0:00:01"), switch.device("00:1b:54:e0:00:02"));
    let on_disk = || {
        let row = format!("select ip from lease where mac = '{}'", mac(1));
        succeed(Command::new("sqlite3").arg(site.state().join("offhook.db")).arg(row)).trim().to_owned()
    };
    thread::scope(|scope| {
        let phone = scope.spawn(|| within(phone.0.id(), || asks(&mac(1), STUBBORN)));
        let kept = wait_for("its lease on the disk", || {
            let ip = on_disk();
            if ip.is_empty() { Err(daemon.log()) } else { Ok(ip) }
        });
        wait_for("an acknowledgement", || if cable.said("ack ").is_empty() { Err(kept.clone()) } else { Ok(()) });
        daemon.signal("KILL");
        daemon.ended();
        // Nothing gets through until two others have theirs.
        cable.weather(Weather { loss: 100, ..FAIR }, 1);
        let daemon = serve(&site, &host);
        assert_eq!(bindings(&daemon).values().collect::<Vec<_>>(), [&mac(1)], "F1");
        cable.weather(FAIR, 1);
        let others: Vec<String> = within(others.0.id(), || {
            let lease = |n| asks(&mac(n), STUBBORN).unwrap().address.to_string();
            [2, 3].map(lease).to_vec()
        });
        assert!(!others.contains(&kept), "F1: {kept} is given to another");
        let lease = phone.join().unwrap();
        assert_eq!(lease.map(|lease| lease.address.to_string()), Ok(kept), "F1");
        daemon.stop();
    });
}

/// A pool whose offers do not wait for an answer that nobody gives.
fn unprobed(pool: &str) -> String {
    subnet(pool).replace("[[", "probe = false\n[[")
}

/// F1: killed at any instant while phones get their addresses, again and again.
#[test]
fn f1_killed_at_any_instant_no_address_has_two() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let switch = Switch::new();
    let host = switch.host();
    let site = site(&pbx, &unprobed("192.0.2.2-192.0.2.254"));
    let phones = [1, 2].map(|n| switch.device(&format!("00:1b:54:e0:00:{n:02}")));
    let (mut dice, next) = (Dice::new(5), AtomicU16::new(0));
    let acknowledged: Mutex<BTreeMap<Ipv4Addr, String>> = Mutex::default();
    let cycles = amount(6, 30);
    for cycle in 0..cycles {
        let mut daemon = serve(&site, &host);
        let known = bindings(&daemon);
        for (ip, mac) in &*acknowledged.lock().unwrap() {
            assert_eq!(known.get(ip), Some(mac), "F1, cycle {cycle}");
        }
        let over = AtomicBool::new(false);
        let most = u16::try_from(240 * (cycle + 1) / cycles).unwrap();
        thread::scope(|scope| {
            for phone in &phones {
                scope.spawn(|| {
                    within(phone.0.id(), || {
                        while !over.load(Ordering::Relaxed) && next.load(Ordering::Relaxed) < most {
                            let mac = mac(0x100 + next.fetch_add(1, Ordering::Relaxed));
                            let Ok(lease) = asks(&mac, IMPATIENT) else { continue };
                            let other = acknowledged.lock().unwrap().insert(lease.address, mac.clone());
                            assert_eq!(other, None, "F1: {} is {mac}'s, too", lease.address);
                        }
                    });
                });
            }
            // Not waiting for anything: the instant is chance.
            thread::sleep(Duration::from_millis(dice.below(400)));
            daemon.signal("KILL");
            daemon.ended();
            over.store(true, Ordering::Relaxed);
        });
    }
    let daemon = serve(&site, &host);
    let (known, acknowledged) = (bindings(&daemon), acknowledged.into_inner().unwrap());
    assert!(acknowledged.iter().all(|(ip, mac)| known.get(ip) == Some(mac)), "F1: {acknowledged:?} {known:?}");
    println!("F1: {cycles} kills, {} leases acknowledged, {} on the disk", acknowledged.len(), known.len());
    assert!(acknowledged.len() > 20, "F1: there was a load: {}", acknowledged.len());
    daemon.stop();
}

/// F4: not one page is left in the state folder.
#[test]
fn f4_on_a_full_disk_no_lease_is_given_and_none_is_lost() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let switch = Switch::new();
    let host = switch.host();
    let site = site(&pbx, &unprobed("192.0.2.2-192.0.2.254"));
    let Some(_mounted) = Small::mount(&site.state(), "size=8m") else { return };
    let mut daemon = serve(&site, &host);
    let (holder, others) = (switch.device("00:1b:54:e0:00:01"), switch.device("00:1b:54:e0:00:02"));
    let mut told: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    within(holder.0.id(), || {
        let mut phone = Caller::new(&mac(1), STUBBORN, None);
        let lease = phone.bound().unwrap();
        let _address = Configured::put("v1", &lease).unwrap();
        told.insert(lease.address, mac(1));
        let filler = site.state().join("filler");
        run(Command::new("dd").args(["if=/dev/zero", "bs=4k"]).arg(format!("of={}", filler.display())));
        // What the database has room for within itself is kept, and then nothing.
        let refused = (2..200).map(mac).find(|mac| match within(others.0.id(), || asks(mac, IMPATIENT)) {
            Ok(lease) => {
                assert_eq!(told.insert(lease.address, mac.clone()), None, "F4: {} has two", lease.address);
                false
            }
            Err(_) => daemon.log().contains("\"leases-not-kept\""),
        });
        let refused = refused.expect("F4: a full disk acknowledges nothing");
        for _ in 0..3 {
            assert_eq!(phone.renewed().map(|renewed| renewed.address), Ok(lease.address), "F4: who has one keeps it");
        }
        let log = daemon.log();
        let said: Vec<&str> = log.lines().filter(|line| line.contains("\"leases-not-kept\"")).collect();
        // A small change may still fit now and then.
        assert!((1..=3).contains(&said.len()), "F4: once for each cause: {said:#?}");
        assert!(said[0].contains("full") && said[0].contains("server.state_dir"), "F4: {said:#?}");
        // It asks on, and nobody does anything but make room.
        let lease = thread::scope(|scope| {
            let waiting = scope.spawn(|| within(others.0.id(), || asks(&refused, STUBBORN)));
            fs::remove_file(&filler).unwrap();
            waiting.join().unwrap()
        });
        told.insert(lease.unwrap().address, refused);
        wait_for("the log to say that it is mended", || {
            let log = daemon.log();
            if log.contains("\"leases-kept\"") { Ok(()) } else { Err(log) }
        });
        assert_eq!(phone.renewed().map(|renewed| renewed.address), Ok(lease_of(&told, &mac(1))), "F4");
    });
    daemon.signal("KILL");
    daemon.ended();
    drop(daemon);
    let daemon = serve(&site, &host);
    let known = bindings(&daemon);
    assert!(told.iter().all(|(ip, mac)| known.get(ip) == Some(mac)), "F4: {told:?} {known:?}");
    println!("F4: {} leases acknowledged", told.len());
    daemon.stop();
}

fn lease_of(told: &BTreeMap<Ipv4Addr, String>, mac: &str) -> Ipv4Addr {
    *told.iter().find(|(_, of)| *of == mac).unwrap().0
}

const HOUR: i64 = 3_600;

/// F14: an hour either way, which is six times the time of a lease, under two phones that have all addresses there are, while a third
/// wants one; then a start under a wrong clock.
#[test]
fn f14_a_clock_that_steps_neither_ends_leases_nor_gives_them_twice() {
    if !ready(&[COMPILER]) {
        return;
    }
    let pbx = Pbx::tables();
    let switch = Switch::new();
    let host = switch.host();
    // As Debian has it; a network of its own begins without. The third phone is not to wait for answers of the dead.
    let pings = "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range";
    succeed(&mut inside(host.0.id(), "sh", &["-c", pings]));
    let site = site(&pbx, &(subnet("192.0.2.100-192.0.2.101") + "lease = \"10m\"\n"));
    let shim = Shim::new();
    let start = || serve_with(&site, &host, |command| shim.before(command, &site.state()));
    let daemon = start();
    let [holder, second, third] = [1, 2, 3].map(|n| switch.device(&format!("00:1b:54:e0:00:{n:02}")));
    let other = within(second.0.id(), || asks(&mac(2), STUBBORN)).unwrap().address;
    ip(second.0.id(), &[&format!("address add {other}/24 dev v1")]);
    within(holder.0.id(), || {
        let mut phone = Caller::new(&mac(1), STUBBORN, None);
        let lease = phone.bound().unwrap();
        let _address = Configured::put("v1", &lease).unwrap();
        let owners: BTreeMap<Ipv4Addr, String> = [(lease.address, mac(1)), (other, mac(2))].into();
        let none_for_a_third = |when: &str| {
            let third = within(third.0.id(), || asks(&mac(3), IMPATIENT));
            assert!(third.is_err(), "F14, {when}: {third:?} is given twice");
        };
        none_for_a_third("before");
        let epoch = -jiff::Timestamp::now().as_second();
        for (step, ahead) in [HOUR, -HOUR, 0].into_iter().enumerate() {
            shim.clock(ahead);
            wait_for("the log to mark the step", || {
                let marks = daemon.log().lines().filter(|line| line.contains("clock-stepped")).count();
                if marks > step { Ok(()) } else { Err(format!("F14, {ahead} s: {marks} marks")) }
            });
            assert_eq!(bindings(&daemon), owners, "F14, {ahead} s");
            none_for_a_third(&format!("{ahead} s"));
            let renewed = phone.renewed().map(|lease| (lease.address, lease.time));
            assert_eq!(renewed, Ok((lease.address, Some(Duration::from_mins(10)))), "F14, {ahead} s");
        }
        daemon.stop();
        // The host boots without a battery.
        shim.clock(epoch);
        let daemon = start();
        assert_eq!(bindings(&daemon), owners, "F14: a start in 1970");
        none_for_a_third("a start in 1970");
        daemon.stop();
        // All leases are over by that clock, and their phones are there.
        shim.clock(HOUR);
        let daemon = start();
        none_for_a_third("a start an hour ahead");
        // They were found there, so their leases go on.
        assert_eq!(bindings(&daemon), owners, "F14: a start an hour ahead");
        let again = phone.rebound().map(|lease| lease.address);
        assert_eq!(again, Ok(lease.address), "F14: a start an hour ahead");
        daemon.stop();
    });
}
