//! DHCP beside Kea, in one run and in turn: each server in a network of its own on the first core, ISC's perfdhcp behind a link
//! to it on the second, asking as a relay does. Both write each lease to their disk before they acknowledge it, and give
//! option 150. Every run begins with servers that know nobody; medians of each.
//!
//! Prints a table and, as its last line, the same as JSON; ends with 1 when a bar is missed. `OFFHOOK_BENCH_RUNS` sets how
//! many runs are made (3).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::cast_precision_loss, dead_code)]

#[path = "../it/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use support::daemon::{Daemon, Site};
use support::net::{Ends, apart, inside, ip};
use support::pbx::Pbx;
use support::{Component, have, run, succeed, text, wait_for};

/// A core each.
const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// The server, and the relay in whose name perfdhcp asks.
const SERVER: &str = "10.67.0.1";
const RELAY: &str = "10.67.0.2";
const CLASS: &[u8] = b"Cisco Systems, Inc. IP Phone CP-7960G";

/// Exchanges begun in a second: more than either server can bring to an end here.
const STORM: usize = 12_000;
const STORM_SECONDS: usize = 4;
/// Offers asked for in a second.
const STEADY: usize = 500;
const STEADY_SECONDS: usize = 10;
/// Phones that ask all at once when power comes back, and the bar: until the last has its address, in seconds.
const PHONES: usize = 1_000;
const PHONES_BAR: f64 = 3.0;

/// What one server came to in one run.
struct Run {
    /// Until the last of the phones has its address, in seconds.
    power: f64,
    /// The 99th of 100 offers to those same phones, in milliseconds.
    again: f64,
    /// The same for phones that the server does not know: ours looks first whether somebody sits at the address.
    new: f64,
    /// Exchanges brought to an end in a second of the storm.
    storm: f64,
}

fn main() {
    let programs = ["perfdhcp", "kea-dhcp4", "unshare", "nsenter", "ip", "taskset"].map(Component::Program);
    if !have(&[&[Component::RawPackets], programs.as_slice()].concat()) {
        return;
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        println!("SKIPPED: server and load need a core each");
        return;
    }
    let runs = std::env::var("OFFHOOK_BENCH_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let (mut ours, mut kea) = (Vec::new(), Vec::new());
    for number in 1..=runs {
        eprintln!("dhcp: run {number} of {runs}");
        ours.push(offhook());
        kea.push(peer());
    }
    report(&ours, &kea);
}

fn offhook() -> Run {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let configuration = site.configuration().replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"10.67.0.0/16\"]");
    // As often as it is looked at where nobody says otherwise.
    let configuration = configuration.replace("poll_interval = \"200ms\"", "poll_interval = \"2s\"");
    site.configure(&format!(
        "{configuration}\n[dhcp]\nmode = \"phones\"\ninterfaces = [\"v0\"]\nbeside_other_server = true\n\
         [[dhcp.subnet]]\nnetwork = \"10.67.0.0/16\"\n\
         pool = \"10.67.1.0-10.67.255.254\"\nlease = \"1h\"\n"
    ));
    let apart_with_link = format!(
        "exec unshare --net sh -c 'ip link set lo up && ip link add v0 type veth peer name v1 && \
         ip address add {SERVER}/16 dev v0 && ip link set v0 up && exec \"$@\"' sh \"$@\""
    );
    let daemon = site.serve_with(|command| *command = site.by_shell(&apart_with_link));
    let relay = relay(daemon.process());
    wait_for("DHCP to be served", || {
        let log = daemon.log();
        if log.contains("dhcp-serves") { Ok(()) } else { Err(log) }
    });
    let measured = measured(daemon.process(), &relay, || known(&daemon));
    daemon.stop();
    measured
}

/// Leases that the daemon counts.
fn known(daemon: &Daemon<'_>) -> usize {
    daemon.json(&["dhcp", "leases"]).as_array().map_or(0, Vec::len)
}

fn peer() -> Run {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let configuration = json!({ "Dhcp4": {
        "interfaces-config": { "interfaces": ["v0"], "dhcp-socket-type": "udp" },
        "lease-database": { "type": "memfile", "persist": true, "name": at("leases") },
        "valid-lifetime": 3600,
        // A line of the log for each lease is not what is measured.
        "loggers": [{ "name": "kea-dhcp4", "severity": "WARN" }],
        "option-def": [{ "name": "tftp-servers", "code": 150, "type": "ipv4-address", "array": true }],
        "subnet4": [{
            "subnet": "10.67.0.0/16",
            "pools": [{ "pool": "10.67.1.0 - 10.67.255.254" }],
            "option-data": [{ "name": "tftp-servers", "data": SERVER, "always-send": true }],
        }],
    } });
    fs::write(at("conf"), configuration.to_string()).unwrap();
    let host = apart();
    ip(
        host.0.id(),
        &[
            "link set lo up",
            "link add v0 type veth peer name v1",
            &format!("address add {SERVER}/16 dev v0"),
            "link set v0 up",
        ],
    );
    let relay = relay(host.0.id());
    let log = fs::File::create(at("log")).unwrap();
    let mut server = inside(host.0.id(), "kea-dhcp4", &["-c", at("conf").to_str().unwrap()]);
    server.env("KEA_PIDFILE_DIR", folder.path()).env("KEA_LOCKFILE_DIR", folder.path());
    let server = server.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let server = Ends(server);
    wait_for("Kea", || {
        let output = perfdhcp(&relay, &["-n", "1", "-r", "1", "-W", "1000000", "-b", "mac=00:1b:54:ff:00:00"]);
        let said = text(&output);
        if said.contains("received packets: 1\n") {
            return Ok(());
        }
        Err(said + &fs::read_to_string(at("log")).unwrap_or_default())
    });
    measured(server.0.id(), &relay, || kept(&at("leases")))
}

/// Addresses in the lease file.
fn kept(leases: &Path) -> usize {
    let written = fs::read_to_string(leases).unwrap_or_default();
    let addresses: std::collections::BTreeSet<&str> =
        written.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    addresses.len()
}

/// Takes the far end of a server's link into a network of its own.
fn relay(server: u32) -> Ends {
    let relay = apart();
    let process = relay.0.id();
    ip(server, &[&format!("link set v1 netns {process}")]);
    ip(process, &["link set lo up", &format!("address add {RELAY}/16 dev v1"), "link set v1 up"]);
    relay
}

/// What perfdhcp printed; it ends with another code where a packet was lost.
fn perfdhcp(relay: &Ends, arguments: &[&str]) -> Vec<u8> {
    let class = CLASS.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat();
    let mut command = inside(relay.0.id(), "taskset", &["-c", LOAD_CORE, "timeout", "60", "perfdhcp", "-4"]);
    run(command.args(["-l", "v1", "-o", &format!("60,{class}")]).args(arguments).arg(SERVER)).stdout
}

fn measured(server: u32, relay: &Ends, leases: impl Fn() -> usize) -> Run {
    succeed(Command::new("taskset").args(["-a", "-c", "-p", SERVER_CORE, &server.to_string()]));
    let asked = |arguments: String| text(&perfdhcp(relay, &arguments.split(' ').collect::<Vec<_>>()));
    let before = leases();
    let power = asked(format!("--scenario avalanche -R {PHONES} -b mac=00:1b:54:10:00:00"));
    let power = provisioned(&power).unwrap_or_else(|| panic!("perfdhcp says:\n{power}"));
    // What perfdhcp counts as given is on the disk.
    let written = leases() - before;
    assert!(written == PHONES, "{written} leases for {PHONES} phones");
    let offers = format!("-i -r {STEADY} -p {STEADY_SECONDS} -x t -R");
    let again = asked(format!("{offers} {PHONES} -b mac=00:1b:54:10:00:00"));
    let new = asked(format!("{offers} {} -b mac=00:1b:54:20:00:00", STEADY * STEADY_SECONDS));
    let storm = format!("-r {STORM} -p {STORM_SECONDS} -R {} -b mac=00:1b:54:40:00:00", STORM * STORM_SECONDS);
    let storm = asked(storm);
    let rate = storm.lines().find_map(|line| line.strip_prefix("Rate: ")?.split(' ').next()?.parse().ok());
    Run { power, again: p99(&again), new: p99(&new), storm: rate.unwrap_or_else(|| panic!("perfdhcp says:\n{storm}")) }
}

/// From a line such as `It took 00:00:02.216838 to provision 1000 clients.`, in seconds.
fn provisioned(said: &str) -> Option<f64> {
    let time = said.lines().find_map(|line| line.strip_prefix("It took ")?.split(' ').next())?;
    time.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}

/// From lines such as `sent / received: 000000.004128 / 000000.004604`, in milliseconds. An offer that did not come is
/// later than all that did.
fn p99(said: &str) -> f64 {
    let pair = |line: &str| {
        let (sent, received) = line.strip_prefix("sent / received: ")?.split_once(" / ")?;
        Some((received.parse::<f64>().ok()? - sent.parse::<f64>().ok()?) * 1e3)
    };
    let sent = said.lines().find_map(|line| line.strip_prefix("sent packets: ")?.parse::<usize>().ok());
    let sent = sent.unwrap_or_else(|| panic!("perfdhcp says:\n{said}"));
    let mut took: Vec<f64> = said.lines().filter_map(pair).collect();
    took.resize(sent.max(took.len()), f64::INFINITY);
    took.sort_by(f64::total_cmp);
    took[took.len() * 99 / 100]
}

type Figure = fn(&Run) -> f64;

fn report(ours: &[Run], kea: &[Run]) {
    let median = |runs: &[Run], figure: Figure| {
        let mut all: Vec<f64> = runs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let figures: [(&str, &str, Figure); 4] = [
        ("storm", "exchanges/s, 12,000 begun in each second, new phones", |run| run.storm),
        ("again", "p99 of an offer, ms, 500/s, phones with a lease", |run| run.again),
        ("new", "p99 of an offer, ms, 500/s, new phones", |run| run.new),
        ("power", "1,000 new phones at once, s until the last is bound", |run| run.power),
    ];
    println!("{:<8} {:<52} {:>10} {:>10} {:>7}", "", "", "offhook", "kea", "ratio");
    let mut rows = Vec::new();
    for (name, what, figure) in figures {
        let (own, other) = (median(ours, figure), median(kea, figure));
        println!("{name:<8} {what:<52} {own:>10.3} {other:>10.3} {:>7.3}", own / other);
        let each = |runs: &[Run]| runs.iter().map(figure).collect::<Vec<f64>>();
        rows.push(json!({ "figure": name, "offhook": each(ours), "kea": each(kea), "ratio": own / other }));
    }
    let ratio = |figure| median(ours, figure) / median(kea, figure);
    let bars = [
        ("storm: exchanges/s, to Kea's", 1.0, true, ratio(|run| run.storm)),
        ("again: p99 of an offer, to Kea's", 1.0, false, ratio(|run| run.again)),
        ("power: seconds until the last is bound", PHONES_BAR, false, median(ours, |run| run.power)),
    ];
    println!("\n{:<52} {:>9} {:>9}", "what must be reached", "bar", "reached");
    let mut missed = Vec::new();
    let mut listed = Vec::new();
    for (what, bar, at_least, reached) in bars {
        let met = if at_least { reached >= bar } else { reached <= bar };
        let shown = format!("{} {bar}", if at_least { ">=" } else { "<=" });
        println!("{what:<52} {shown:>9} {reached:>9.3}{}", if met { "" } else { "  MISSED" });
        listed.push(json!({ "what": what, "bar": bar, "at_least": at_least, "reached": reached, "met": met }));
        missed.extend((!met).then_some(what));
    }
    let kea_version = succeed(Command::new("kea-dhcp4").arg("-v"));
    println!(
        "\n{}",
        json!({ "bench": "dhcp", "peers": [format!("kea {}", kea_version.trim())], "rows": rows, "bars": listed })
    );
    assert!(missed.is_empty(), "missed: {missed:?}");
}
