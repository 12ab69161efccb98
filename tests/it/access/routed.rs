//! The rule of access where the link says less than it seems to: behind a router that answers ARP for all of its network, and
//! under a flood of phones that do not exist.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use crate::dhcp::field::{Caller, STUBBORN, asks, bindings, ready, serve, served, site, subnet};
use crate::dhcp_phone::colons;
use crate::support::Component;
use crate::support::daemon::{Daemon, Site};
use crate::support::net::{Ends, apart, inside, ip, within};
use crate::support::pbx::Pbx;
use crate::support::switch::Switch;
use crate::support::{run, succeed, text, wait_for};

const PHONES: [(&str, &str); 2] = [("001B54F00001", "1001"), ("001B54F00002", "1002")];

fn pbx() -> Pbx {
    let pbx = Pbx::tables();
    for (mac, extension) in PHONES {
        pbx.add_extension(extension, "Ada", &format!("CANARY{extension}"));
        pbx.add_phone(mac, "7942", &[extension]);
    }
    pbx
}

fn wait_until_known(daemon: &Daemon<'_>) {
    for (mac, _) in PHONES {
        daemon.wait_for_phone(mac, "known", serde_json::Value::is_object);
    }
}

/// A phone's configuration as a device gets it, if it does.
fn fetch(device: &Ends, mac: &str) -> Option<String> {
    let url = format!("tftp://192.0.2.1/SEP{mac}.cnf.xml");
    let output = run(&mut inside(device.0.id(), "curl", &["-s", "--max-time", "5", &url]));
    output.status.success().then(|| text(&output.stdout))
}

/// 192.0.2.1, a router at 192.0.2.2 that says of all 198.51.100.0/24 that it is itself, and a switch behind it. The host
/// has that network on its link.
struct Behind {
    host: Ends,
    router: Ends,
    far: Switch,
    _near: Switch,
}

fn behind() -> Behind {
    let (near, far, router) = (Switch::new(), Switch::new(), apart());
    let host = near.host();
    let id = router.0.id();
    near.plug(id, "v1", "02:00:5e:00:00:fe");
    far.plug(id, "r0", "02:00:5e:00:00:fd");
    ip(id, &["address add 192.0.2.2/24 dev v1", "address add 198.51.100.1/24 dev r0"]);
    // As a router does that is made for it: Linux would wait for up to 0.8 s before it answers for others (arp(7)).
    let settings = "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/conf/v1/proxy_arp; \
        echo 0 >/proc/sys/net/ipv4/neigh/v1/proxy_delay";
    succeed(&mut inside(id, "sh", &["-c", settings]));
    ip(host.0.id(), &["route add 198.51.100.0/24 dev v0"]);
    Behind { host, router, far, _near: near }
}

fn site_behind(pbx: &Pbx) -> Site {
    let behind = "[[dhcp.subnet]]\nnetwork = \"198.51.100.0/24\"\npool = \"198.51.100.100-198.51.100.109\"\n\
        router = \"198.51.100.1\"\nrelays = [\"192.0.2.2\"]\n";
    let site = site(pbx, &(subnet("192.0.2.100-192.0.2.109") + behind));
    site.configure(&site.configuration().replace("[\"192.0.2.0/24\"]", "[\"192.0.2.0/24\", \"198.51.100.0/24\"]"));
    site
}

/// A device behind the router with an address that nobody gave it.
fn fixed(behind: &Behind, mac: &str, address: &str) -> Ends {
    let device = behind.far.device(mac);
    ip(device.0.id(), &[&format!("address add {address}/24 dev v1"), "route add default via 198.51.100.1"]);
    device
}

/// The host hears of three addresses that the router answers for: from then on it is known to be no phone.
fn shows_itself(around: &Behind, laptop: &Ends) {
    let (host, far) = (&around.host, "198.51.100.200");
    for (from, to) in [(laptop, "192.0.2.1"), (host, "192.0.2.2"), (host, "198.51.100.1"), (host, far)] {
        wait_for("the one to reach the other", || {
            let ping = run(&mut inside(from.0.id(), "busybox", &["ping", "-c", "1", "-W", "2", to]));
            if ping.status.success() { Ok(()) } else { Err(text(&ping.stdout) + &text(&ping.stderr)) }
        });
    }
}

/// Phones get their address through the router's relay, so the lease says who is where; what the link says is the router's.
#[test]
fn behind_proxy_arp_a_lease_says_who_is_there() {
    if !ready(&["dhcrelay", "busybox"].map(Component::Program)) {
        return;
    }
    let (pbx, around) = (pbx(), behind());
    let site = site_behind(&pbx);
    let daemon = serve(&site, &around.host);
    wait_until_known(&daemon);
    let options = ["-4", "-d", "-a", "-iu", "v1", "-id", "r0", "192.0.2.1"];
    let mut relay = inside(around.router.0.id(), "dhcrelay", &options);
    let _relay = Ends(relay.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let laptop = fixed(&around, "02:00:5e:00:00:0b", "198.51.100.200");
    shows_itself(&around, &laptop);
    let mut phones: Vec<(Ends, Ipv4Addr)> = Vec::new();
    for (mac, extension) in PHONES {
        let phone = around.far.device(&colons(mac));
        let lease = within(phone.0.id(), || asks(mac, STUBBORN)).unwrap();
        ip(phone.0.id(), &[&format!("address add {}/24 dev v1", lease.address), "route add default via 198.51.100.1"]);
        assert_eq!(bindings(&daemon).get(&lease.address).map(String::as_str), Some(mac));
        let file = fetch(&phone, mac).unwrap_or_else(|| panic!("{mac}: {}", daemon.log()));
        assert!(file.contains(&format!("CANARY{extension}")), "{file}");
        phones.push((phone, lease.address));
    }
    // The neighbours ask for each other's, and a laptop for both.
    for (device, mac) in [(&phones[0].0, PHONES[1].0), (&phones[1].0, PHONES[0].0)] {
        assert_eq!(fetch(device, mac), None);
    }
    for (mac, _) in PHONES {
        assert_eq!(fetch(&laptop, mac), None);
    }
    for ((phone, address), (mac, _)) in phones.iter().zip(PHONES) {
        assert!(fetch(phone, mac).is_some(), "{mac} at {address} is served all the same: {}", daemon.log());
    }
    daemon.stop();
}

/// With addresses that nobody leased it is as behind any router: first contact, and then a person's word.
#[test]
fn behind_proxy_arp_without_a_lease_the_link_says_nothing() {
    if !ready(&[Component::Program("busybox")]) {
        return;
    }
    let (pbx, around) = (pbx(), behind());
    let site = site_behind(&pbx);
    let daemon = serve(&site, &around.host);
    wait_until_known(&daemon);
    let phone = fixed(&around, &colons(PHONES[0].0), "198.51.100.11");
    let laptop = fixed(&around, "02:00:5e:00:00:0b", "198.51.100.200");
    shows_itself(&around, &laptop);
    let own = PHONES[0].0;
    assert!(fetch(&phone, own).is_some(), "{}", daemon.log());
    assert_eq!(fetch(&laptop, own), None);
    // Two asked: nobody is served until somebody says who is who.
    let approved = daemon.cli(&["phones", "approve", own, "--address", "198.51.100.11"]);
    assert!(approved.status.success(), "{}", text(&approved.stderr));
    assert!(fetch(&phone, own).is_some(), "{}", daemon.log());
    assert_eq!(fetch(&laptop, own), None);
    daemon.stop();
}

/// Ten thousand phones that do not exist ask for an address, and for files in their names.
const FLOOD: &str = "import random, socket
dice = random.Random(26)
dhcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dhcp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
dhcp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'v1')
dhcp.bind(('0.0.0.0', 68))
tftp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(10000):
    mac = b'\\x00\\x1b\\x54' + dice.randbytes(3)
    p = bytearray(240)
    p[0:3] = 1, 1, 6
    p[4:8] = mac[2:6]
    p[10] = 0x80
    p[28:34] = mac
    p[236:240] = 99, 130, 83, 99
    p += b'\\x35\\x01\\x01\\x3c\\x25Cisco Systems, Inc. IP Phone CP-7942G\\xff'
    dhcp.sendto(p, ('255.255.255.255', 67))
    name = 'SEP' + mac.hex().upper() + '.cnf.xml'
    tftp.sendto(b'\\0\\1' + name.encode() + b'\\0octet\\0', ('192.0.2.1', 69))
";

/// What the daemon has in memory, in KiB.
fn resident(daemon: &Daemon<'_>) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.process())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// T26: they leave no phone, no row and no memory behind, a line of the log for each kind, and a real phone is served.
#[test]
fn t26_phones_that_do_not_exist_leave_nothing_behind() {
    if !ready(&["python3", "sqlite3"].map(Component::Program)) {
        return;
    }
    let (pbx, near) = (pbx(), Switch::new());
    let host = near.host();
    let site = site(&pbx, &subnet("192.0.2.100-192.0.2.199"));
    let daemon = serve(&site, &host);
    wait_until_known(&daemon);
    let (mac, _) = PHONES[0];
    let phone = near.device(&colons(mac));
    let lease = within(phone.0.id(), || asks(mac, STUBBORN)).unwrap();
    ip(phone.0.id(), &[&format!("address add {}/24 dev v1", lease.address)]);
    assert!(fetch(&phone, mac).is_some(), "{}", daemon.log());
    let laptop = near.device("02:00:5e:00:00:0b");
    ip(laptop.0.id(), &["address add 192.0.2.250/24 dev v1"]);
    let rows = || {
        // What is told of the real phones is theirs.
        let [one, other] = PHONES.map(|(mac, _)| mac);
        let tables = ["lease", "event"]
            .map(|table| format!("select count(*) from {table} where mac not in ('{one}', '{other}')"));
        succeed(Command::new("sqlite3").arg(site.state().join("offhook.db")).args(tables))
    };
    let listed = || daemon.json(&["phones", "list"]).as_array().unwrap().len();
    let spoken = || {
        let log = daemon.log();
        log.lines().filter(|line| [" INFO ", " WARN ", "ERROR "].iter().any(|level| line.starts_with(level))).count()
    };
    let before = (rows(), listed(), spoken(), resident(&daemon));
    succeed(&mut inside(laptop.0.id(), "python3", &["-c", FLOOD]));
    // What was sent is in the kernel's hands; whoever asks now comes after it.
    let renewed = within(phone.0.id(), || {
        let mut phone = Caller::new(mac, STUBBORN, Some(lease.address));
        phone.bound().map(|lease| lease.address)
    });
    assert_eq!(renewed, Ok(lease.address), "T26: {}", daemon.log());
    assert!(fetch(&phone, mac).is_some(), "T26: {}", daemon.log());
    let after = (rows(), listed(), spoken(), resident(&daemon));
    println!("T26: rows, phones listed, lines of the log, KiB: {before:?} -> {after:?}");
    assert_eq!(after.0, before.0, "T26: rows of leases and of events");
    assert!(after.1 <= before.1 + 10, "T26: {} phones are listed", after.1);
    assert!(after.2 <= before.2 + 10, "T26: {}", daemon.log());
    assert!(after.3 <= before.3 + 16 * 1_024, "T26: from {} KiB to {}", before.3, after.3);
    assert_eq!(served(&daemon.log(), "v0"), 1, "T26: it is the same server");
    daemon.stop();
}
