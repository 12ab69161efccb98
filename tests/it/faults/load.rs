//! F19 (no descriptors), F21 (a flood), F22 (power comes back and every phone boots): everyone is served in the end.

use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use offhook::simulate::tftp::fetch;
use offhook::simulate::{Setup, Timing};

use super::{MAC, add, one_phone};
use crate::support::daemon::{Daemon, Site};
use crate::support::dice::Dice;
use crate::support::pbx::Pbx;
use crate::support::{Component, amount, have, phone_address, succeed, wait_for};

/// A phone that gives up after three requests for a file, and at the first transfer that stalls: each file has to come
/// within three tries.
fn three_tries() -> Timing {
    Timing { tftp_tries: 3, tftp_ports: 1, tftp_stall_tries: 0, ..Timing::default() }
}

/// Datagrams that make a flood.
const FLOOD: u64 = 100_000;

struct Phone {
    mac: String,
    extension: String,
    model: &'static str,
    state: &'static str,
}

/// So many phones of both generations, in the PBX and known to the daemon.
fn phones(pbx: &Pbx, count: usize) -> Vec<Phone> {
    let phones: Vec<Phone> = (0..count)
        .map(|at| {
            let extension = (1000 + at).to_string();
            if at % 2 == 0 {
                Phone { mac: format!("00087D0C{at:04X}"), extension, model: "7960", state: "sip:P0S3-8-12-00" }
            } else {
                Phone { mac: format!("001B54BB{at:04X}"), extension, model: "7942", state: "sip:SIP42.9-4-2SR3-1S" }
            }
        })
        .collect();
    for Phone { mac, extension, model, .. } in &phones {
        pbx.add_extension(extension, &format!("Phone {extension}"), &format!("CANARY{extension}"));
        pbx.add_phone(mac, model, &[extension]);
    }
    pbx.apply();
    phones
}

fn wait_until_known(daemon: &Daemon<'_>, phones: &[Phone]) {
    wait_for("every phone to be known", || {
        let known = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if known == phones.len() { Ok(()) } else { Err(format!("{known}")) }
    });
    for Phone { mac, .. } in [&phones[0], &phones[phones.len() - 2]] {
        daemon.wait_for_file(&format!("SIP{mac}.cnf"), "given its line", |file| file.contains("CANARY"));
    }
}

/// Boots them all at once and waits until each is registered.
fn boot(daemon: &Daemon<'_>, phones: &[Phone], timing: Timing) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bad: Vec<String> = runtime.block_on(async {
        let mut boots = tokio::task::JoinSet::new();
        for Phone { mac, model, state, .. } in phones {
            let (model, state) = (model.parse().unwrap(), state.parse().unwrap());
            let mut setup = Setup::new(model, mac.parse().unwrap(), state, daemon.tftp.ip());
            (setup.tftp_port, setup.timing) = (daemon.tftp.port(), timing);
            setup.from_address = Some(phone_address().into());
            boots.spawn(async move {
                let outcome = offhook::simulate::boot(&setup, |_| ()).await;
                (!outcome.is_ok()).then(|| format!("{} {}: {}", setup.model, setup.mac, outcome.sentence()))
            });
        }
        boots.join_all().await.into_iter().flatten().collect()
    });
    assert!(bad.is_empty(), "{} of {} did not come up, such as {}", bad.len(), phones.len(), bad[0]);
    wait_for("every phone to be registered", || {
        let listed = daemon.json(&["phones", "list"]);
        let not: Vec<String> = listed
            .as_array()
            .unwrap()
            .iter()
            .filter(|phone| phone["stage"] != "registered")
            .map(ToString::to_string)
            .collect();
        if not.is_empty() { Ok(()) } else { Err(format!("{} are not, such as {}", not.len(), not[0])) }
    });
}

/// F22: no phone is left behind, in the daemon and in the PBX, and none has to ask for a file more than three times.
#[test]
fn f22_a_boot_storm() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let phones = phones(&pbx, amount(200, 1_000));
    let site = Site::new(&pbx);
    let daemon = site.serve();
    wait_until_known(&daemon, &phones);
    let began = Instant::now();
    boot(&daemon, &phones, three_tries());
    println!("F22: {} phones booted and registered in {:?}", phones.len(), began.elapsed());
    wait_for("every row of offhook_status", || {
        let rows = pbx
            .database
            .rows(&["mac"], "FROM offhook_status WHERE stage = 'registered' AND lines_registered = 1")
            .len();
        if rows == phones.len() { Ok(()) } else { Err(format!("{rows}")) }
    });
    daemon.stop();
}

/// F21: junk from many sources as fast as this machine sends it, while fifty phones boot and people look at the pages.
#[test]
fn f21_phones_boot_through_a_flood() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let phones = phones(&pbx, 50);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    wait_until_known(&daemon, &phones);
    let (over, sent, asked) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (tftp, admin, mut boots) = (daemon.tftp, daemon.admin, 0);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice::new(21);
            let sources: Vec<UdpSocket> =
                (0..200).map(|n| UdpSocket::bind((Ipv4Addr::new(127, 250, n, 1), 0)).unwrap()).collect();
            while !over.load(Ordering::Relaxed) {
                let junk: Vec<u8> = (0..dice.below(80)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
                let request = format!("\0\x01{:x}.bin\0octet\0", dice.below(u64::MAX));
                let source = &sources[usize::try_from(dice.below(200)).unwrap()];
                // Bounded: a burst, then a breath, so that two cores are left to the phones as well.
                for _ in 0..100 {
                    let what = if dice.percent(50) { &junk } else { request.as_bytes() };
                    sent.fetch_add(u64::from(source.send_to(what, tftp).is_ok()), Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        // People look at the pages all the while.
        let people = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for (page, word) in [("healthz", ""), ("metrics", "offhook_tftp_dropped_total")] {
                    let url = format!("http://{admin}/{page}");
                    let said = succeed(Command::new("curl").args(["-sS", "-f", "-m", "30", &url]));
                    assert!(said.contains(word), "F21: {page}: {said}");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // Again and again, until it is a flood.
            while sent.load(Ordering::Relaxed) < FLOOD {
                boot(&daemon, &phones, Timing::default());
                boots += 1;
            }
        }));
        over.store(true, Ordering::Relaxed);
        people.join().unwrap();
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
    let (sent, asked, took) = (sent.into_inner(), asked.into_inner(), began.elapsed());
    println!(
        "F21: 50 phones booted {boots} times in {took:?} through {sent} datagrams of junk ({} a second); {asked} pages",
        sent / took.as_secs().max(1)
    );
    assert!(asked > 10, "F21: pages that were answered meanwhile: {asked}");
    daemon.stop();
}

/// F19: 128 descriptors and 500 clients; then connections that hold all there are.
#[test]
fn f19_few_descriptors_serve_many_clients() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let daemon = site.serve_with(|command| *command = site.by_shell("ulimit -n 128; exec \"$@\""));
    let name = format!("SIP{MAC}.cnf");
    let file = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001")).into_bytes();
    let fetch_by_all = |case: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (tftp, timing) = (daemon.tftp, Timing::default());
        let fetched = runtime.block_on(async {
            let mut clients = tokio::task::JoinSet::new();
            for n in 0..500_u16 {
                let [high, low] = n.to_be_bytes();
                let name = name.clone();
                clients
                    .spawn(async move { fetch(Ipv4Addr::new(127, 240, high, low).into(), tftp, &name, &timing).await });
            }
            clients.join_all().await
        });
        let bad: Vec<_> = fetched.iter().filter(|got| got.as_ref() != Ok(&file)).collect();
        assert!(bad.is_empty(), "F19, {case}: {} of 500, such as {:?}", bad.len(), bad[0]);
    };
    fetch_by_all("descriptors are there");
    // More connections than there are descriptors, each from an address of its own, and none says anything.
    let held: Vec<TcpStream> = (0..200)
        .filter_map(|n| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
            let from: std::net::SocketAddr = (Ipv4Addr::new(127, 241, 0, n), 0).into();
            socket.bind(&from.into()).ok()?;
            socket.connect(&daemon.http.into()).ok()?;
            Some(socket.into())
        })
        .collect();
    assert!(held.len() > 150, "F19: {} connections", held.len());
    fetch_by_all("connections hold what they can");
    // People and the disk have what they need.
    assert!(add(&site, "00087D0F0001").status.success(), "F19: the command line has a way in");
    drop(held);
    daemon.wait_for_file(&name, "served over HTTP again", |_| true);
    daemon.stop();
}
