//! Phones that announce themselves, each end in a network of its own: frames put together octet by octet as phones send them,
//! and those of a real sender of both protocols.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::support::daemon::{Daemon, Site};
use crate::support::net::{Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, text, wait_for};

const MAC_7960: &str = "00087D0A0001";
const MAC_7945: &str = "001B54CE0009";

/// Sends a frame, once: interface, frame in hex.
const SENDER: &str = "import socket,sys\n\
    s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\n\
    s.bind((sys.argv[1],0))\n\
    s.send(bytes.fromhex(sys.argv[2]))\n";

fn ready() -> bool {
    let tools = ["unshare", "nsenter", "ip", "python3"].map(Component::Program);
    have(&[&[Component::RawPackets], tools.as_slice()].concat())
}

fn site(pbx: &Pbx, interface: &str) -> Site {
    let site = Site::new(pbx);
    let configuration = site.configuration();
    site.configure(&format!("{configuration}\n[discovery]\ninterfaces = [\"{interface}\"]\n"));
    site
}

/// A daemon in a network of its own that has no link yet.
fn serve(site: &Site) -> Daemon<'_> {
    let apart = "exec unshare --net sh -c 'ip link set lo up && exec \"$@\"' sh \"$@\"";
    site.serve_with(|command| *command = site.by_shell(apart))
}

/// A link from the daemon to a network of its own.
fn link(daemon: &Daemon<'_>) -> Ends {
    let phone = apart();
    let id = phone.0.id();
    ip(daemon.process(), &["link add v0 type veth peer name v1", &format!("link set v1 netns {id}"), "link set v0 up"]);
    ip(id, &["link set v1 address 00:1b:54:ce:00:09", "link set v1 up"]);
    phone
}

/// What `offhook check` says of the interface: its status and a sentence.
fn checked(daemon: &Daemon<'_>) -> (String, String) {
    let checks = daemon.json(&["check"]);
    let one = checks.as_array().unwrap().iter().find(|check| check["name"] == "discovery").cloned();
    let said = |key: &str| one.as_ref().map(|one| one[key].as_str().unwrap().to_owned()).unwrap_or_default();
    (said("status"), said("summary"))
}

fn wait_for_check(daemon: &Daemon<'_>, status: &str) -> String {
    wait_for(&format!("the interface to be {status}"), || {
        let (found, summary) = checked(daemon);
        if found == status { Ok(summary) } else { Err(format!("{found}: {summary}")) }
    })
}

fn octets_of(mac: &str) -> Vec<u8> {
    (0..12).step_by(2).map(|at| u8::from_str_radix(&mac[at..at + 2], 16).unwrap()).collect()
}

fn cdp(mac: &str, load: &str, platform: &str) -> Vec<u8> {
    let value = |kind: u8, value: &[u8]| {
        [&[0, kind][..], &u16::try_from(value.len() + 4).unwrap().to_be_bytes(), value].concat()
    };
    let mut said = vec![2, 180, 0, 0];
    for one in [
        value(1, format!("SEP{mac}").as_bytes()),
        value(2, &[0, 0, 0, 1, 1, 1, 0xcc, 0, 4, 10, 1, 2, 3]),
        value(3, b"Port 1"),
        value(4, &[0, 0, 0, 0x90]),
        value(5, load.as_bytes()),
        value(6, platform.as_bytes()),
        value(15, &[0x20, 2, 0, 1]),
    ] {
        said.extend(one);
    }
    let words = said.chunks(2).map(|pair| u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0)));
    let sum = words.fold(0, |sum, word| (sum + word) % 0xffff);
    said[2..4].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
    let length = u16::try_from(said.len() + 8).unwrap().to_be_bytes();
    let to = [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc];
    [&to[..], &octets_of(mac), &length, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], &said].concat()
}

fn lldp(mac: &str, description: &str) -> Vec<u8> {
    let value = |kind: u16, value: &[u8]| {
        [&((kind << 9) | u16::try_from(value.len()).unwrap()).to_be_bytes()[..], value].concat()
    };
    let to = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e];
    [
        [&to[..], &octets_of(mac), &[0x88, 0xcc]].concat(),
        value(1, &[5, 1, 10, 1, 2, 4]),
        value(2, format!("\x07{mac}:P1").as_bytes()),
        value(3, &[0, 180]),
        value(5, format!("SEP{mac}").as_bytes()),
        value(6, description.as_bytes()),
        value(127, &[0x00, 0x12, 0xbb, 2, 1, 0x40, 0xc9, 0x6e]),
        value(0, &[]),
    ]
    .concat()
}

fn send(phone: &Ends, frame: &[u8]) {
    let hex: Vec<String> = frame.iter().map(|octet| format!("{octet:02x}")).collect();
    let hex = hex.concat();
    succeed(&mut inside(phone.0.id(), "python3", &["-c", SENDER, "v1", &hex]));
}

fn is_heard(daemon: &Daemon<'_>, mac: &str, load: &str) -> Result<Value, String> {
    let phone = daemon.phone(mac);
    if phone["announced"]["load"] == load { Ok(phone) } else { Err(phone.to_string()) }
}

/// F17: the link comes after the daemon, goes away and comes again; what phones announce there is heard, and only that.
#[test]
fn f17_phones_announce_themselves_on_a_link_that_comes_and_goes() {
    if !ready() {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1009", "Ada", "CANARY1009");
    let site = site(&pbx, "v0");
    let daemon = serve(&site);
    let why = wait_for_check(&daemon, "warning");
    assert!(why.contains("v0") && why.contains("not there"), "{why}");
    let phone = link(&daemon);
    wait_for_check(&daemon, "ok");
    let groups = succeed(&mut inside(daemon.process(), "ip", &["maddress", "show", "dev", "v0"]));
    for group in ["01:00:0c:cc:cc:cc", "01:80:c2:00:00:0e"] {
        assert!(groups.contains(group), "the interface lets {group} in: {groups}");
    }

    send(&phone, &cdp(MAC_7960, "P0S3-8-12-00", "Cisco IP Phone 7960"));
    send(&phone, &lldp(MAC_7945, "Cisco IP Phone 7945G,V9, SCCP45.8-5-2S"));
    let old = wait_for("the 7960", || is_heard(&daemon, MAC_7960, "P0S3-8-12-00"));
    let new = wait_for("the 7945", || is_heard(&daemon, MAC_7945, "SCCP45.8-5-2S"));
    assert_eq!((&old["model"], &old["ownership"], &old["ip"]), (&"7960".into(), &"seen".into(), &"10.1.2.3".into()));
    assert_eq!((&new["model"], &new["announced"]["vlan"]), (&"7945".into(), &100.into()));
    assert_eq!(new["announced"]["hardware"], "V9");
    let list = text(&daemon.cli(&["phones", "list"]).stdout);
    assert!(list.starts_with("unknown phones"), "{list}");
    assert!(list.contains("SCCP45.8-5-2S") && list.contains("10.1.2.4"), "{list}");
    assert!(list.contains(&format!("offhook phones adopt {MAC_7945} --line EXT")), "{list}");
    let show = text(&daemon.cli(&["phones", "show", MAC_7945]).stdout);
    assert!(show.contains("announces by LLDP") && show.contains("voice VLAN 100"), "{show}");
    let timeline = text(&daemon.cli(&["phones", "timeline", MAC_7960]).stdout);
    assert!(timeline.contains("announces by CDP: a 7960, load P0S3-8-12-00, address 10.1.2.3"), "{timeline}");

    let adopted = daemon.cli(&["phones", "adopt", MAC_7945, "--line", "1009"]);
    assert!(adopted.status.success(), "{}", text(&adopted.stderr));
    let shown = daemon.phone(MAC_7945);
    assert_eq!((&shown["ownership"], &shown["model"]), (&"adopted".into(), &"7945".into()), "{shown}");
    assert_eq!(shown["load"], "SCCP45.8-5-2S", "{shown}");
    let again = daemon.cli(&["phones", "adopt", MAC_7945, "--line", "1009"]);
    assert!(!again.status.success() && text(&again.stderr).contains("assigned already"), "{}", text(&again.stderr));
    let nobody = daemon.cli(&["phones", "adopt", "001B54CE00FF", "--line", "1009"]);
    assert!(!nobody.status.success() && text(&nobody.stderr).contains("never seen"), "{}", text(&nobody.stderr));

    ip(daemon.process(), &["link set v0 down"]);
    wait_for_check(&daemon, "warning");
    ip(daemon.process(), &["link set v0 up"]);
    wait_for_check(&daemon, "ok");
    ip(daemon.process(), &["link delete v0"]);
    wait_for_check(&daemon, "warning");
    drop(phone);
    let phone = link(&daemon);
    wait_for_check(&daemon, "ok");
    send(&phone, &cdp(MAC_7960, "P0S3-8-9-00", "Cisco IP Phone 7960"));
    wait_for("the 7960's other load", || is_heard(&daemon, MAC_7960, "P0S3-8-9-00"));
    daemon.stop();
}

/// Without the right it says how to give it, and serves.
#[test]
fn without_the_right_it_says_so_and_serves() {
    if !have(&[Component::RawPackets, Component::Program("setpriv")]) {
        return;
    }
    let pbx = Pbx::tables();
    let site = site(&pbx, "lo");
    let daemon = site.serve_with(|command| *command = site.by_shell("exec setpriv --bounding-set=-net_raw -- \"$@\""));
    let why = wait_for_check(&daemon, "warning");
    assert!(why.contains("CAP_NET_RAW") && why.contains("discovery.conf"), "{why}");
    assert!(daemon.log().contains("discovery-refused"), "{}", daemon.log());
    daemon.wait_for_file("SIPDefault.cnf", "served", |_| true);
    daemon.stop();
}

/// What lldpd sends, of LLDP with its extension and of CDP.
#[test]
fn a_real_sender_of_both_protocols_is_read() {
    let tools = ["lldpd", "lldpcli"].map(Component::Program);
    if !ready() || !have(&tools) {
        return;
    }
    let pbx = Pbx::tables();
    let site = site(&pbx, "v0");
    let daemon = serve(&site);
    let phone = link(&daemon);
    let at = |name: &str| site.folder().join(name).to_str().unwrap().to_owned();
    let (socket, log) = (at("lldpd"), at("lldpd.log"));
    let file = fs::File::create(&log).unwrap();
    let id = phone.0.id();
    let arguments = [
        "-d",
        "-M",
        "3",
        "-l",
        "-ccccc",
        "-L",
        "",
        "-I",
        "v1",
        "-u",
        &socket,
        "-S",
        "Cisco IP Phone 7945G,V9, SIP45.9-4-2SR4-3S",
    ];
    let mut sender = inside(id, "lldpd", &arguments);
    sender.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
    let _sender = Ends(sender.spawn().unwrap());
    let told = |words: &[&str]| {
        let said = run(inside(id, "lldpcli", &["-u", &socket]).args(words));
        if said.status.success() {
            Ok(())
        } else {
            let log = fs::read_to_string(&log).unwrap_or_default();
            Err(format!("{words:?}: {}{}\n{log}", text(&said.stdout), text(&said.stderr)))
        }
    };
    wait_for("lldpd", || told(&["configure", "system", "hostname", &format!("SEP{MAC_7945}")]));
    for words in [
        &["configure", "system", "platform", "Cisco IP Phone 7945"][..],
        &["configure", "inventory", "software-revision", "SIP45.9-4-2SR4-3S"],
        &["configure", "inventory", "serial-number", "FCH12345678"],
        &["configure", "inventory", "model", "CP-7945G"],
        &[
            "configure",
            "med",
            "policy",
            "application",
            "voice",
            "tagged",
            "vlan",
            "100",
            "priority",
            "voice",
            "dscp",
            "46",
        ],
        &["configure", "lldp", "tx-interval", "1"],
    ] {
        told(words).unwrap();
    }
    wait_for("both protocols", || {
        let phone = is_heard(&daemon, MAC_7945, "SIP45.9-4-2SR4-3S")?;
        let announced = &phone["announced"];
        let all = announced["by"] == serde_json::json!(["cdp", "lldp"])
            && announced["vlan"] == 100
            && announced["serial"] == "FCH12345678"
            && announced["model"] == "7945";
        if all { Ok(()) } else { Err(phone.to_string()) }
    });
    daemon.stop();
}

/// F33: the kernel's table in a network that fills it, and what to set. The limit is the host's, and stays.
#[test]
fn f33_a_table_of_neighbours_that_is_nearly_full_is_named() {
    if !ready() {
        return;
    }
    let limit: u32 = fs::read_to_string("/proc/sys/net/ipv4/neigh/default/gc_thresh3").unwrap().trim().parse().unwrap();
    if limit > 4_096 {
        println!("SKIPPED: this host's gc_thresh3 is {limit}: too many to fill");
        return;
    }
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let daemon = serve(&site);
    let _phone = link(&daemon);
    let said = |daemon: &Daemon<'_>| {
        let checks = daemon.json(&["check"]);
        checks.as_array().unwrap().iter().find(|check| check["name"] == "neighbours").map(ToString::to_string)
    };
    assert_eq!(said(&daemon), None);
    // Gone with the network; the limit is for all networks of this host, and is not reached.
    let batch: Vec<String> = (2..limit / 10 * 9)
        .map(|n| {
            format!(
                "neigh add 10.9.{}.{} lladdr 00:1b:54:ce:{:02x}:{:02x} dev v0 nud reachable\n",
                n / 256,
                n % 256,
                n / 256,
                n % 256
            )
        })
        .collect();
    let file = site.folder().join("neighbours");
    fs::write(&file, batch.concat()).unwrap();
    ip(daemon.process(), &["address add 10.9.0.1/16 dev v0"]);
    let _ = run(&mut inside(daemon.process(), "ip", &["-force", "-batch", file.to_str().unwrap()]));
    let check = said(&daemon).expect("a check");
    assert!(check.contains("gc_thresh3="), "{check}");
    daemon.stop();
}

/// A phone that nothing answers, by a real client, and that a server answers then.
#[test]
fn a_phone_that_gets_no_address_is_told_of() {
    if !ready() || !have(&["dnsmasq", "busybox"].map(Component::Program)) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC_7945, "7945", &["1001"]);
    let site = site(&pbx, "v0");
    let daemon = serve(&site);
    daemon.wait_for_phone(MAC_7945, "it is assigned", |phone| phone["ownership"] == "adopted");
    let phone = link(&daemon);
    let id = phone.0.id();
    wait_for_check(&daemon, "ok");
    let ask = |times: &str| {
        let client = ["udhcpc", "-i", "v1", "-f", "-n", "-q", "-t", times, "-T", "1", "-s", "/bin/true"];
        run(inside(id, "busybox", &client).args(["-V", "Cisco Systems, Inc. IP Phone CP-7945G"]))
    };
    assert!(!ask("2").status.success(), "nobody serves here");
    assert_ne!(daemon.phone(MAC_7945)["reason"], "no-address", "a boot takes as many");
    assert!(!ask("4").status.success(), "nobody serves here");
    let told = daemon.wait_for_phone(MAC_7945, "no address", |phone| phone["reason"] == "no-address");
    assert_eq!(told["health"], "stalled", "{told}");
    let explained = text(&daemon.cli(&["explain", MAC_7945]).stdout);
    assert!(explained.contains("asked for an address 6 times and got none"), "{explained}");

    ip(daemon.process(), &["address add 192.0.2.1/24 dev v0"]);
    let leases = site.folder().join("leases");
    let options = ["--keep-in-foreground", "--user=root", "--conf-file=/dev/null", "--port=0", "--interface=v0"];
    let mut server = inside(daemon.process(), "dnsmasq", &options);
    server.args(["--dhcp-range=192.0.2.50,192.0.2.50", "--no-ping"]);
    server.arg(format!("--dhcp-leasefile={}", leases.display()));
    let _server = Ends(server.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("an address", || if ask("3").status.success() { Ok(()) } else { Err(daemon.log()) });
    daemon.wait_for_phone(MAC_7945, "an address", |phone| phone["reason"] != "no-address");
    daemon.stop();
}

/// What a phone asks of another DHCP server, by real ones of both: it is seen before it has an address, its address is its own
/// once it takes it, and that server is asked what it tells. Port 67 stays free for it.
#[test]
fn what_a_phone_asks_of_another_dhcp_server_is_heard() {
    if !ready() || !have(&["dnsmasq", "busybox", "curl"].map(Component::Program)) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC_7960, "7960", &["1001"]);
    let site = site(&pbx, "v0");
    let configuration = site.configuration().replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"192.0.2.0/24\"]");
    let listen = "[tftp]\nlisten = [\"127.0.0.1:0\"";
    assert!(configuration.contains(listen), "{configuration}");
    site.configure(&configuration.replace(listen, &format!("{listen}, \"192.0.2.1:69\"")));
    let daemon = serve(&site);
    let phone = link(&daemon);
    let id = phone.0.id();
    wait_for_check(&daemon, "ok");
    let ask = |seconds: &str| {
        let client = ["udhcpc", "-i", "v1", "-f", "-n", "-q", "-t", seconds, "-T", "1", "-s", "/bin/true"];
        run(inside(id, "busybox", &client).args(["-V", "Cisco Systems, Inc. IP Phone CP-7945G"]))
    };
    assert!(!ask("1").status.success(), "nobody serves here");
    let shown = wait_for("the phone", || {
        let phone = daemon.phone(MAC_7945);
        if phone["announced"]["by"] == serde_json::json!(["dhcp"]) { Ok(phone) } else { Err(phone.to_string()) }
    });
    assert_eq!((&shown["model"], &shown["ip"], &shown["ownership"]), (&"7945".into(), &Value::Null, &"seen".into()));

    // On this host, and as it comes out of the box: it takes port 67 of all addresses.
    ip(daemon.process(), &["address add 192.0.2.1/24 dev v0"]);
    let leases = site.folder().join("leases");
    let options = ["--keep-in-foreground", "--user=root", "--conf-file=/dev/null", "--port=0", "--interface=v0"];
    let mut server = inside(daemon.process(), "dnsmasq", &options);
    server.args(["--dhcp-range=192.0.2.50,192.0.2.50", "--no-ping"]);
    server.arg(format!("--dhcp-leasefile={}", leases.display()));
    let _server = Ends(server.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("an address", || if ask("3").status.success() { Ok(()) } else { Err(daemon.log()) });
    wait_for("its address", || {
        let phone = daemon.phone(MAC_7945);
        if phone["ip"] == "192.0.2.50" { Ok(()) } else { Err(phone.to_string()) }
    });
    // It asks for another's file: who it is was overheard.
    ip(id, &["address add 192.0.2.50/24 dev v1"]);
    let url = format!("tftp://192.0.2.1/SIP{MAC_7960}.cnf");
    let _ = run(&mut inside(id, "curl", &["-sS", "--max-time", "20", &url]));
    wait_for("a denial", || {
        let log = daemon.log();
        if log.contains(&format!("overheard:{MAC_7945}")) { Ok(()) } else { Err(log) }
    });
    daemon.stop();
}
