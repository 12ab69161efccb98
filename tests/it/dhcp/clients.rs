//! Other clients of offhook's DHCP server, a relay before it, and another server beside it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use super::server::{CISCO, Client, PHONE, phone, plug, ready, serve, site};
use crate::support::net::{Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::wait_for;

/// Runs a client until its script was told of a lease; what it was told.
fn told(
    folder: &Path,
    process: u32,
    program: &str,
    arguments: &[&str],
    log: impl Fn() -> String,
) -> Vec<(String, String)> {
    let (said, hook) = (folder.join("said"), folder.join("hook"));
    let script = format!(
        "#!/bin/sh\ncase \"$reason\" in BOUND|REBOOT|RENEW) env >{0}.new && mv {0}.new {0};; esac\nexit 0\n",
        said.display()
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let output = fs::File::create(folder.join("log")).unwrap();
    let mut client = inside(process, program, arguments);
    let client = client.current_dir(folder).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let _client = Ends(client.spawn().unwrap());
    wait_for("a lease", || {
        let why = || fs::read_to_string(folder.join("log")).unwrap_or_default() + &log();
        fs::metadata(&said).map(|_| ()).map_err(|_| why())
    });
    let text = fs::read_to_string(&said).unwrap();
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, v)| (name.to_owned(), v.to_owned())).collect()
}

fn value<'a>(said: &'a [(String, String)], name: &str) -> Option<&'a str> {
    said.iter().find(|(had, _)| had == name).map(|(_, value)| value.as_str())
}

#[test]
fn dhclient_and_dhcpcd_are_told_what_phones_are() {
    if !ready(&["dhclient", "dhcpcd"]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    let id = at_phone.0.id();

    let folder = tempfile::tempdir().unwrap();
    let configuration = format!(
        "option cisco-tftp code 150 = array of ip-address;\nsend vendor-class-identifier \"{CISCO}\";\n\
         request subnet-mask, routers, tftp-server-name, cisco-tftp;\ntimeout 20;\ninitial-interval 1;\n"
    );
    fs::write(folder.path().join("conf"), configuration).unwrap();
    fs::write(folder.path().join("leases"), "").unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (conf, leases, pid, hook) = (at("conf"), at("leases"), at("pid"), at("hook"));
    let arguments = ["-4", "-1", "-d", "-cf", &conf, "-lf", &leases, "-pf", &pid, "-sf", &hook, "v1"];
    let said = told(folder.path(), id, "dhclient", &arguments, || daemon.log());
    assert_eq!(value(&said, "new_cisco_tftp"), Some("192.0.2.1"), "{said:#?}");
    assert_eq!(value(&said, "new_tftp_server_name"), Some("192.0.2.1"));
    assert_eq!(
        (value(&said, "new_next_server"), value(&said, "new_routers")),
        (Some("192.0.2.1"), Some("192.0.2.254"))
    );
    let first = value(&said, "new_ip_address").unwrap().to_owned();

    let folder = tempfile::tempdir().unwrap();
    let configuration = format!(
        "define 150 array ipaddress cisco_tftp\noption subnet_mask, routers, tftp_server_name, cisco_tftp\n\
         vendorclassid {CISCO}\nnoarp\nnoipv4ll\nipv4only\nnogateway\ntimeout 20\n"
    );
    fs::write(folder.path().join("conf"), configuration).unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (conf, hook) = (at("conf"), at("hook"));
    let arguments = ["-4", "-1", "-B", "-d", "-f", &conf, "-c", &hook, "v1"];
    let said = told(folder.path(), id, "dhcpcd", &arguments, || daemon.log());
    assert_eq!(value(&said, "new_cisco_tftp"), Some("192.0.2.1"), "{said:#?}");
    assert_eq!(value(&said, "new_tftp_server_name"), Some("192.0.2.1"));
    assert_eq!(value(&said, "new_ip_address"), Some(first.as_str()), "the same phone has the same address");
}

/// T12: a server that was there first is left alone; when it has gone, phones are served.
#[test]
fn t12_silent_beside_another_server() {
    if !ready(&["dnsmasq"]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve(&site);
    let other = apart();
    let id = other.0.id();
    ip(id, &["link set lo up", "link add br0 type bridge", "address add 192.0.2.9/24 dev br0", "link set br0 up"]);
    let folder = tempfile::tempdir().unwrap();
    let leases = format!("--dhcp-leasefile={}", folder.path().join("leases").display());
    let options =
        ["--keep-in-foreground", "--user=root", "--port=0", "--interface=br0", "--bind-interfaces", "--no-ping"];
    let mut server = inside(id, "dnsmasq", &options);
    server.args(["--conf-file=/dev/null", "--dhcp-range=192.0.2.50,192.0.2.60", &leases]);
    let server = Ends(server.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    plug(&daemon, id, PHONE);
    ip(id, &["link set v1 master br0"]);
    wait_for("its silence", || {
        let log = daemon.log();
        if log.contains("the DHCP server 192.0.2.9 answers there") { Ok(()) } else { Err(log) }
    });
    assert!(!daemon.log().contains("dhcp-serves"), "{}", daemon.log());
    drop(server);
    wait_for("its turn", || {
        let log = daemon.log();
        if log.contains("dhcp-serves") { Ok(()) } else { Err(log) }
    });
}

/// RFC 3046: phones behind a router, by the relay that Debian has.
#[test]
fn phones_behind_a_relay() {
    if !ready(&["dhcrelay"]) {
        return;
    }
    let pbx = Pbx::tables();
    let behind = "[[dhcp.subnet]]\nnetwork = \"198.51.100.0/24\"\npool = \"198.51.100.100-198.51.100.109\"\n\
        router = \"198.51.100.1\"\nrelays = [\"192.0.2.2\"]\n";
    let (site, _) = site(&pbx, "phones", behind);
    let daemon = serve(&site);
    let router = apart();
    let at_phone = apart();
    let (at_router, id) = (router.0.id(), at_phone.0.id());
    plug(&daemon, at_router, "02:00:00:00:00:02");
    ip(daemon.process(), &["route add 198.51.100.0/24 via 192.0.2.2"]);
    ip(
        at_router,
        &[
            "address add 192.0.2.2/24 dev v1",
            "link add r0 type veth peer name r1",
            "address add 198.51.100.1/24 dev r0",
            &format!("link set r1 netns {id}"),
            "link set r0 up",
        ],
    );
    ip(id, &["link set r1 name v1", &format!("link set v1 address {PHONE}"), "link set v1 up"]);
    let options = ["-4", "-d", "-a", "-iu", "v1", "-id", "r0", "192.0.2.1"];
    let mut relay = inside(at_router, "dhcrelay", &options);
    let _relay = Ends(relay.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("a DHCP server", || {
        let log = daemon.log();
        if log.contains("dhcp-serves") { Ok(()) } else { Err(log) }
    });
    let client = Client::new(id);
    wait_for("an address through the relay", || {
        let asked = client.ask(Some(CISCO), &[]);
        if asked.status.success() { Ok(()) } else { Err(daemon.log()) }
    });
    let value = |name: &str| client.value(name).unwrap_or_default();
    assert!(value("ip").starts_with("198.51.100.10"), "{}", value("ip"));
    assert_eq!([value("opt150"), value("router")], ["c0000201", "198.51.100.1"]);
}
