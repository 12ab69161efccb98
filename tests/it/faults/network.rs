//! F16: a bad network between phones and us. The proxy of `support::impair` stands between; clients are ours and Debian's.

use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use offhook::simulate::Timing;

use crate::support::clients::{Client, scripted};
use crate::support::daemon::{Site, make_file};
use crate::support::impair::{CALM, Proxy, STORM, Weather};
use crate::support::pbx::Pbx;
use crate::support::{Component, amount, have, phone_address, run, succeed};

const SEED: u64 = 16;

/// Patience of phones, but a request that was lost is repeated sooner: it is not what is measured.
fn timing() -> Timing {
    Timing { tftp_retry: Duration::from_secs(1), tftp_tries: 20, ..Timing::default() }
}

/// Foreign clients. Not curl, which asks for six seconds between resends (RFC 2349) and gets them, nor atftp, which waits
/// five by itself: they get there, in minutes.
const FOREIGN: [Client; 2] = [Client::TftpHpa, Client::Busybox];

/// F16: a hundred files, each byte-exact; four in five by our phones' client, the others by two foreign ones.
#[test]
fn f16_a_hundred_files_through_loss_doubles_and_reordering() {
    let foreign: Vec<Component> = FOREIGN.map(|client| Component::Program(client.program())).to_vec();
    if !have(&foreign) {
        return;
    }
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("0.bin"), amount(64 << 10, 1 << 20));
    for n in 1..100 {
        // One address that asks twice for one name is a phone that began anew; most foreign clients share an address here.
        fs::hard_link(site.fall_through().join("0.bin"), site.fall_through().join(format!("{n}.bin"))).unwrap();
    }
    let daemon = site.serve();
    let proxy = Proxy::before(daemon.tftp, STORM, SEED);
    let (began, queue) = (Instant::now(), Mutex::new((0..100).step_by(5).chain((0..100).filter(|n| n % 5 != 0))));
    thread::scope(|scope| {
        for _ in 0..25 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(n) = next else { break };
                    let name = format!("{n}.bin");
                    let got = if n % 5 == 0 {
                        let client = FOREIGN[n / 5 % FOREIGN.len()];
                        // Some give up after a few losses in a row; they are started again, as people do.
                        (0..3).find_map(|_| client.fetch(proxy.address, &name))
                    } else {
                        scripted(phone_address(), proxy.address, &name, &timing()).ok()
                    };
                    assert!(
                        got.as_ref() == Some(&content),
                        "F16, seed {SEED}, file {n}: {:?}",
                        got.map(|got| got.len())
                    );
                }
            });
        }
    });
    println!("F16, seed {SEED}: 100 of 100 in {:?}; datagrams {:?}", began.elapsed(), proxy.counts());
    let counts = proxy.counts();
    assert!(["lost", "doubled", "late"].iter().all(|what| counts[what] > 100), "F16: it was bad: {counts:?}");
    assert!(["spoilt", "cut"].iter().all(|what| counts[what] > 20), "F16: some was damaged: {counts:?}");
    // Killed: transfers whose last acknowledgement was lost would hold its end up.
    drop(daemon);
}

/// F16: three datagrams of ten are lost each way. A file of 8 KiB comes byte by byte, of a hundred phones to 99 within
/// three attempts. An attempt is here all that a phone does for a file before it gives up: some ports, some requests from each,
/// and some transfers that it begins anew after 13 s of silence.
#[test]
fn f16_a_configuration_through_thirty_percent_loss() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("8k.bin"), 8 << 10);
    let daemon = site.serve();
    let proxy = Proxy::before(daemon.tftp, Weather { loss: 30, ..CALM }, SEED);
    let attempt = Timing { tftp_retry: Duration::from_secs(1), ..Timing::default() };
    let phones: u32 = amount(10, 100);
    let fetched: Vec<_> = thread::scope(|scope| {
        let booting: Vec<_> = (0..phones)
            .map(|_| {
                let (from, proxy, attempt) = (phone_address(), &proxy, &attempt);
                scope.spawn(move || {
                    (1..=3).find_map(|n| Some((n, scripted(from, proxy.address, "8k.bin", attempt).ok()?)))
                })
            })
            .collect();
        booting.into_iter().map(|phone| phone.join().unwrap()).collect()
    });
    let (counts, mut attempts) = (proxy.counts(), [0; 3]);
    for (n, got) in fetched.iter().flatten() {
        assert!(*got == content, "F16, seed {SEED}: another file of {} bytes came", got.len());
        attempts[n - 1] += 1;
    }
    println!("F16, seed {SEED}: phones by attempts needed {attempts:?}; datagrams {counts:?}");
    assert!(counts["lost"] * 10 > (counts["lost"] + counts["passed"]) * 2, "F16: it was bad: {counts:?}");
    let came: u32 = attempts.iter().sum();
    assert!(came * 100 >= phones * 99, "F16, seed {SEED}: to {came} of {phones}, by attempts {attempts:?}");
    // Killed: transfers whose last acknowledgement was lost would hold its end up.
    drop(daemon);
}

/// F16: a way that carries 576 octets at most. Plain clients and those that ask for less get the file; one that insists
/// on more fails, and has no other bytes.
#[test]
fn f16_a_way_of_576_octets() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("file.bin"), 20_000);
    let daemon = site.serve();
    // Less 20 octets of IP and 8 of UDP.
    let narrow = Weather { largest: 576 - 28, ..CALM };
    let proxy = Proxy::before(daemon.tftp, narrow, SEED);
    let plain = scripted(phone_address(), proxy.address, "file.bin", &timing());
    assert!(plain.as_ref() == Ok(&content), "F16: plain");
    let url = format!("tftp://{}/file.bin", proxy.address);
    let folder = tempfile::tempdir().unwrap();
    let curl = |size: &str, name: &str| {
        let mut command = Command::new("curl");
        command.args(["-sS", "-m", "4", "--tftp-blksize", size, "-o"]).arg(folder.path().join(name)).arg(&url);
        command
    };
    succeed(&mut curl("544", "fits"));
    assert!(std::fs::read(folder.path().join("fits")).unwrap() == content, "F16: 544");
    assert!(!run(&mut curl("1428", "large")).status.success(), "F16: 1428 cannot pass");
    let large = std::fs::read(folder.path().join("large")).unwrap_or_default();
    assert!(large.is_empty() || content.starts_with(&large), "F16: nothing that is not in the file");
    assert!(proxy.counts()["too-large"] > 0, "F16");
    assert!(
        scripted(phone_address(), proxy.address, "file.bin", &timing()).as_ref() == Ok(&content),
        "F16: afterwards"
    );
    // Killed: the transfer that cannot pass would hold its end up.
    drop(daemon);
}
