//! F17 for DHCP: what interfaces do while phones ask on them. Phones on another interface notice nothing.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use super::field::{STUBBORN, asks, ready, serve, served, site, wait_until_served};
use crate::support::daemon::Daemon;
use crate::support::net::{Ends, inside, ip, within};
use crate::support::pbx::Pbx;
use crate::support::switch::Switch;
use crate::support::{succeed, wait_for};

/// Tells the phones of a test that it is over, also when it failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lines that say why an interface is not served.
fn sentences(log: &str, interface: &str) -> Vec<String> {
    let says = format!("DHCP is not served on {interface}: ");
    log.lines().filter(|line| line.contains(&says)).map(str::to_owned).collect()
}

/// Something befalls `v0`, and is mended: the log says the one and the other, and a new phone gets its address from there.
fn befalls(daemon: &Daemon<'_>, host: &Ends, phone: &Ends, what: &[&str], mended: impl FnOnce(), server: &str) {
    let before = daemon.log().len();
    ip(host.0.id(), what);
    wait_for("the sentence", || {
        let said = sentences(&daemon.log()[before..], "v0");
        if said.is_empty() { Err(daemon.log()) } else { Ok(()) }
    });
    let served = served(&daemon.log(), "v0");
    mended();
    wait_until_served(daemon, "v0", served);
    let said = sentences(&daemon.log()[before..], "v0");
    assert!(said[0].contains("it is not there, not up, nothing is plugged in, or it has no address"), "{said:#?}");
    // When it is back others are asked for anew; each of the two is said once.
    assert!(said.len() <= 2 && said.iter().skip(1).all(|line| line.contains("another DHCP server")), "F17: {said:#?}");
    let lease = within(phone.0.id(), || asks(&mac(0xA, FRESH.fetch_add(1, Ordering::Relaxed)), STUBBORN));
    assert_eq!(lease.map(|lease| lease.server.to_string()).as_deref(), Ok(server), "F17, {what:?}");
}

/// How long a phone of the load asks: it may be one that nobody hears.
const HURRIED: Duration = Duration::from_millis(1_200);

static FRESH: AtomicU16 = AtomicU16::new(0);

fn mac(network: u8, n: u16) -> String {
    format!("001B54{network:02X}{n:04X}")
}

#[test]
fn f17_interfaces_change_while_phones_ask() {
    if !ready(&[]) {
        return;
    }
    let (near, far) = (Switch::new(), Switch::new());
    let host = near.host();
    far.plug(host.0.id(), "w0", "02:00:00:00:00:02");
    ip(host.0.id(), &["address add 10.1.0.1/16 dev v0", "address add 10.2.0.1/16 dev w0"]);
    ip(host.0.id(), &["address del 192.0.2.1/24 dev v0"]);
    let pbx = Pbx::tables();
    let site = site(
        &pbx,
        "[dhcp]\nmode = \"phones\"\ninterfaces = [\"v0\", \"w0\"]\n\
         [[dhcp.subnet]]\nnetwork = \"10.1.0.0/16\"\npool = \"10.1.1.0-10.1.15.255\"\n\
         [[dhcp.subnet]]\nnetwork = \"10.2.0.0/16\"\npool = \"10.2.1.0-10.2.15.255\"\n",
    );
    let daemon = serve(&site, &host);
    wait_until_served(&daemon, "w0", 0);
    let undisturbed = (sentences(&daemon.log(), "w0").len(), served(&daemon.log(), "w0"));
    let (phone, other) = (near.device("00:1b:54:0a:00:01"), far.device("00:1b:54:0b:00:01"));
    let over = AtomicBool::new(false);
    let (tried, bound) = thread::scope(|scope| {
        // New phones, one after another, on both.
        let on_v0 = scope.spawn(|| {
            within(phone.0.id(), || {
                let all = (0..0x1000).take_while(|_| !over.load(Ordering::Relaxed));
                all.inspect(|n| drop(asks(&mac(0xC, *n), HURRIED))).count()
            })
        });
        let on_w0 = scope.spawn(|| {
            within(other.0.id(), || {
                let all = (0..0x1000).take_while(|_| !over.load(Ordering::Relaxed));
                let bound = all.map(|n| asks(&mac(0xB, n), STUBBORN).map(|lease| lease.server.to_string()));
                bound.inspect(|server| assert_eq!(server.as_deref(), Ok("10.2.0.1"), "F17")).count()
            })
        });
        let over = Over(&over);
        let id = host.0.id();
        let anew = |lines: &'static [&'static str]| move || ip(id, lines);
        befalls(&daemon, &host, &phone, &["link set v0 down"], anew(&["link set v0 up"]), "10.1.0.1");
        befalls(
            &daemon,
            &host,
            &phone,
            &["address del 10.1.0.1/16 dev v0"],
            anew(&["address add 10.1.0.2/16 dev v0"]),
            "10.1.0.2",
        );
        let plugged = || {
            near.plug(id, "v0", "02:00:00:00:00:03");
            ip(id, &["address add 10.1.0.3/16 dev v0"]);
        };
        befalls(&daemon, &host, &phone, &["link delete v0"], plugged, "10.1.0.3");
        // One address for another at once, as a router's DHCP client does: nobody has to say that it is gone.
        let promote = "echo 1 >/proc/sys/net/ipv4/conf/v0/promote_secondaries";
        succeed(&mut inside(id, "sh", &["-c", promote]));
        let before = served(&daemon.log(), "v0");
        ip(id, &["address add 10.1.0.4/16 dev v0", "address del 10.1.0.3/16 dev v0"]);
        wait_until_served(&daemon, "v0", before);
        wait_for("the new address", || {
            let lease = within(phone.0.id(), || asks(&mac(0xA, FRESH.fetch_add(1, Ordering::Relaxed)), STUBBORN));
            let server = lease.map(|lease| lease.server.to_string());
            if server.as_deref() == Ok("10.1.0.4") { Ok(()) } else { Err(format!("{server:?}")) }
        });
        drop(over);
        (on_v0.join().unwrap(), on_w0.join().unwrap())
    });
    let log = daemon.log();
    assert!(!log.contains("DHCP server 10.1.0."), "F17: it takes itself for another: {log}");
    println!("F17: {tried} new phones asked on the interface that changed, {bound} got an address on the other");
    assert!(tried > 3 && bound > 3, "F17: there was a load: {tried} {bound}");
    let now = (sentences(&daemon.log(), "w0").len(), served(&daemon.log(), "w0"));
    assert_eq!(now, undisturbed, "F17: the other interface: {}", daemon.log());
    daemon.stop();
}
