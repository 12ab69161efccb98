//! What the real DHCP servers tell phones, as `offhook dhcp listen` and the watching daemon hear it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{lines, path, ready};
use crate::support::daemon::{Daemon, Site};
use crate::support::net::{Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, text, wait_for};

/// The link of the host that offhook is on, 192.0.2.1, and of the one with the other server, 192.0.2.2.
struct Cable {
    host: Ends,
    rival: Ends,
}

impl Cable {
    fn new() -> Self {
        let cable = Self { host: apart(), rival: apart() };
        ip(cable.host.0.id(), &["link set lo up"]);
        cable.plug();
        cable
    }

    fn plug(&self) {
        let (host, rival) = (self.host.0.id(), self.rival.0.id());
        ip(
            host,
            &[
                "link add v0 type veth peer name v1",
                "address add 192.0.2.1/24 dev v0",
                &format!("link set v1 netns {rival}"),
                "link set v0 up",
            ],
        );
        ip(rival, &["address add 192.0.2.2/24 dev v1", "link set v1 up"]);
    }

    /// A server at the other end, as long as this lives.
    fn server(&self, folder: &Path, configuration: &str, program: &str, arguments: &[&str]) -> Ends {
        fs::write(folder.join("conf"), configuration).unwrap();
        fs::write(folder.join("leases"), "").unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut server = inside(self.rival.0.id(), program, arguments);
        server.env("KEA_PIDFILE_DIR", folder).env("KEA_LOCKFILE_DIR", folder);
        Ends(server.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    fn dnsmasq(&self, folder: &Path, options: &str) -> Ends {
        let configuration =
            format!("port=0\ninterface=v1\nbind-interfaces\ndhcp-range=192.0.2.100,192.0.2.110\nno-ping\n{options}\n");
        let (conf, leases) =
            (format!("--conf-file={}", path(folder, "conf")), format!("--dhcp-leasefile={}", path(folder, "leases")));
        let arguments = ["--keep-in-foreground", "--user=root", "--log-facility=-", &conf, &leases];
        self.server(folder, &configuration, "dnsmasq", &arguments)
    }

    /// A command inside of the host.
    fn on_host(&self, inner: &Command) -> Command {
        let word = |word: &std::ffi::OsStr| word.to_str().unwrap().to_owned();
        let arguments: Vec<String> = inner.get_args().map(word).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = inside(self.host.0.id(), inner.get_program().to_str().unwrap(), &arguments);
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// `offhook dhcp listen` without a daemon, as root.
    fn listen(&self, site: &Site, more: &[&str]) -> Output {
        let arguments = [more, &["dhcp", "listen", "--interface", "v0", "--for", "2s"]].concat();
        run(&mut self.on_host(&site.command(&arguments)))
    }

    /// The answers once a server does: each server's problems by code, and the exit code.
    fn heard(&self, site: &Site, log: &Path) -> (Vec<Value>, Option<i32>) {
        wait_for("a server to answer", || {
            let output = self.listen(site, &["--json"]);
            let servers: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            match servers.as_array() {
                Some(servers) if !servers.is_empty() => Ok((servers.clone(), output.status.code())),
                _ => Err(text(&output.stderr) + &fs::read_to_string(log.join("log")).unwrap_or_default()),
            }
        })
    }
}

/// A configuration whose phones are on that cable; with `interfaces`, those are watched.
fn site(pbx: &Pbx, interfaces: &str) -> Site {
    let site = Site::new(pbx);
    let configuration = site.configuration().replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"192.0.2.0/24\"]");
    site.configure(&format!("{configuration}\n[dhcp]\ninterfaces = [{interfaces}]\n"));
    site
}

/// The daemon on that host, which asks every second.
fn serve<'a>(site: &'a Site, cable: &Cable) -> Daemon<'a> {
    serve_asking(site, cable, "1000")
}

/// The same, at these times.
fn serve_asking<'a>(site: &'a Site, cable: &Cable, times: &str) -> Daemon<'a> {
    site.serve_with(|command| {
        *command = cable.on_host(command);
        command.env("OFFHOOK_FAULT", format!("round:watching:{times}"));
    })
}

/// The line of `check` that begins so, once it says this.
fn wait_for_check(daemon: &Daemon<'_>, name: &str, status: &str, words: &str) -> Value {
    wait_for(&format!("{name} to be {status}: {words}"), || {
        let checks = daemon.json(&["check"]);
        let is = |check: &&Value| {
            check["name"] == name
                && check["status"] == status
                && check["summary"].as_str().is_some_and(|summary| summary.contains(words))
        };
        let found = checks.as_array().and_then(|checks| checks.iter().find(is));
        found.cloned().ok_or_else(|| format!("{checks:#}\n{}", daemon.log()))
    })
}

fn codes(server: &Value) -> Vec<&str> {
    server["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

/// It refuses text for option 150.
#[test]
fn what_dnsmasq_tells_phones_is_judged() {
    if !ready("dnsmasq") {
        return;
    }
    let (pbx, cable, folder) = (Pbx::tables(), Cable::new(), tempfile::tempdir().unwrap());
    let site = site(&pbx, "");
    let six = "dhcp-option-force=66,\"192.0.2.1\"";
    for (options, problems) in [
        ("dhcp-option-force=150,192.0.2.1\ndhcp-option-force=66,\"192.0.2.1\"", &[][..]),
        (&format!("dhcp-option-force=150,1.2.0.192\n{six}"), &["option-150-reversed"]),
        (&format!("dhcp-option-force=150,192.0.2.9,192.0.2.1\n{six}"), &["option-150-later"]),
        (six, &["option-150-missing"]),
        (
            "dhcp-option-force=150,192.0.2.9\ndhcp-option-force=66,\"no.such.host.invalid\"",
            &["option-150-elsewhere", "option-66-unknown"],
        ),
        // It names itself as next-server.
        ("dhcp-option=3,192.0.3.1", &["next-server-elsewhere", "router-off-subnet"]),
        // Only phones are told.
        (
            "dhcp-vendorclass=set:phones,Cisco Systems\ndhcp-option-force=tag:phones,150,192.0.2.1\ndhcp-option-force=tag:phones,66,\"192.0.2.1\"",
            &[],
        ),
    ] {
        let server = cable.dnsmasq(folder.path(), options);
        let (servers, exit) = cable.heard(&site, folder.path());
        let [said] = servers.as_slice() else { panic!("{servers:#?}") };
        assert_eq!(
            (codes(said).as_slice(), exit),
            (problems, Some(i32::from(!problems.is_empty()))),
            "{options}: {said:#}"
        );
        assert_eq!((&said["server"], &said["interface"]), (&"192.0.2.2".into(), &"v0".into()), "{said:#}");
        drop(server);
    }
    // Nobody.
    let output = cable.listen(&site, &["--json"]);
    assert_eq!((output.status.code(), text(&output.stdout).trim()), (Some(1), "[]"), "{output:?}");
    assert!(text(&output.stderr).contains("nobody answered on v0 within 2 s"), "{output:?}");
    assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
}

/// For people; the lease file shows that nothing was taken.
#[test]
fn what_isc_dhcp_tells_phones_is_judged() {
    if !ready("dhcpd") {
        return;
    }
    let (pbx, cable, folder) = (Pbx::tables(), Cable::new(), tempfile::tempdir().unwrap());
    let site = site(&pbx, "");
    let configuration = "option cisco code 150 = text;\noption cisco \"192.0.2.1\";\nping-check false;\n\
        subnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.100 192.0.2.110; max-lease-time 60; default-lease-time 60; }\n";
    let at = |name| path(folder.path(), name);
    let arguments = ["-4", "-f", "-d", "-cf", &at("conf"), "-lf", &at("leases"), "-pf", &at("pid"), "v1"];
    let _server = cable.server(folder.path(), configuration, "dhcpd", &arguments);
    cable.heard(&site, folder.path());
    let output = cable.listen(&site, &[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in [
        "192.0.2.2 on v0: option 150 \"192.0.2.1\", option 66 -, ",
        "lease 60 s\n",
        "  wrong: option 150 is the text \"192.0.2.1\" in place of four octets",
        "  wrong: there is no option 66",
        "  wrong: a lease of 60 s is so short",
        "  -> write into that server what `offhook dhcp snippet --for NAME --server 192.0.2.1` prints",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let leases = fs::read_to_string(folder.path().join("leases")).unwrap();
    assert!(!leases.contains("lease 192.0.2."), "{leases}");
}

/// What the snippet makes of a server is right, and its lines of another address are not.
#[test]
fn what_kea_tells_phones_is_judged() {
    if !ready("kea-dhcp4") {
        return;
    }
    let (pbx, cable, folder) = (Pbx::tables(), Cable::new(), tempfile::tempdir().unwrap());
    let site = site(&pbx, "");
    let right = lines("kea", &["192.0.2.1", "192.0.2.9"]);
    // As by whoever knows no type for it.
    let typed = |data: &str| {
        format!(
            "\"option-def\": [ {{ \"name\": \"cisco\", \"code\": 150, \"type\": \"string\" }} ],
             \"option-data\": [ {{ \"name\": \"cisco\", {data} }} ]"
        )
    };
    for (options, problems) in [
        (right.clone(), &[][..]),
        (right.replace("192.0.2.1", "192.0.2.7"), &["option-150-elsewhere", "option-66-elsewhere"]),
        (typed("\"data\": \"192.0.2.1\""), &["option-150-text", "option-66-missing"]),
        (typed("\"data\": \"c00002\", \"csv-format\": false"), &["option-150-length", "option-66-missing"]),
        (String::from("\"next-server\": \"192.0.2.1\""), &["option-150-missing", "option-66-missing"]),
        (String::from("\"next-server\": \"0.0.0.0\""), &["no-tftp-server"]),
    ] {
        let configuration = format!(
            "{{ \"Dhcp4\": {{ \"interfaces-config\": {{ \"interfaces\": [ \"v1\" ] }},
               \"lease-database\": {{ \"type\": \"memfile\", \"persist\": false }},
               \"subnet4\": [ {{ \"subnet\": \"192.0.2.0/24\", \"pools\": [ {{ \"pool\": \"192.0.2.100 - 192.0.2.110\" }} ] }} ],
               {options} }} }}"
        );
        let server = cable.server(folder.path(), &configuration, "kea-dhcp4", &["-c", &path(folder.path(), "conf")]);
        let (servers, _) = cable.heard(&site, folder.path());
        let [said] = servers.as_slice() else { panic!("{servers:#?}") };
        assert_eq!(codes(said), problems, "{options}: {said:#}");
        drop(server);
    }
}

/// A forged DHCPOFFER for a phone: that server, that address of files.
const FORGED: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'v1')
four = socket.inet_aton
p = bytearray(240)
p[0:3] = 2, 1, 6
p[16:20] = four('192.0.2.109')
p[28:34] = bytes.fromhex('001b54ce0009')
p[236:240] = 99, 130, 83, 99
p += b'\\x35\\x01\\x02\\x36\\x04' + four(sys.argv[1]) + b'\\x96\\x04' + four(sys.argv[2]) + b'\\xff'
s.sendto(p, ('255.255.255.255', 68))
";

/// A phone that is assigned and not there.
const EXPECTED: &str = "001B54AABB01";

/// T12, T13: a server appears, says something else, and disappears; answers are forged in its name and in another.
#[test]
fn t13_a_rival_comes_and_goes_and_is_forged() {
    if !ready("dnsmasq") || !have(&[Component::Program("python3")]) {
        return;
    }
    let (pbx, cable, folder) = (Pbx::tables(), Cable::new(), tempfile::tempdir().unwrap());
    pbx.add_extension("1001", "Ada Lovelace", "abcdef123456");
    pbx.add_phone(EXPECTED, "7960", &["1001"]);
    let site = site(&pbx, "\"v0\"");
    let daemon = serve(&site, &cable);
    wait_for_check(&daemon, "dhcp-offer", "warning", "no DHCP server answered on v0");
    let right = "dhcp-option-force=150,192.0.2.1\ndhcp-option-force=66,\"192.0.2.1\"";
    let server = cable.dnsmasq(folder.path(), right);
    wait_for_check(&daemon, "dhcp-offer", "ok", "DHCP server 192.0.2.2 on v0 sends phones to this host");

    // The daemon has the right to ask, and is asked to.
    let heard = daemon.json(&["dhcp", "listen", "--for", "1s"]);
    assert_eq!(
        (heard[0]["server"].as_str(), heard[0]["status"].as_str()),
        (Some("192.0.2.2"), Some("ok")),
        "{heard:#}"
    );

    let forge = |server: &str, files: &str| {
        succeed(&mut inside(cable.rival.0.id(), "python3", &["-c", FORGED, server, files]));
    };
    forge("192.0.2.2", "192.0.2.66");
    wait_for_check(&daemon, "dhcp-offer", "failed", "192.0.2.2 on v0: option 150 sends phones to 192.0.2.66");
    wait_for_check(&daemon, "dhcp-offer", "ok", "192.0.2.2 on v0 sends phones");
    forge("192.0.2.77", "192.0.2.1");
    wait_for_check(&daemon, "dhcp-offer", "ok", "192.0.2.77 on v0 was overheard");

    drop(server);
    let server = cable.dnsmasq(folder.path(), "dhcp-option-force=150,1.2.0.192");
    let check = wait_for_check(
        &daemon,
        "dhcp-offer",
        "failed",
        "192.0.2.2 on v0: option 150 has the octets of 192.0.2.1 the wrong",
    );
    assert!(check["remedy"].as_str().unwrap().contains("dhcp snippet --for NAME --server 192.0.2.1"), "{check}");
    // Of a phone that is expected and did not come, that is said as long as the server is there.
    let misled = || text(&daemon.cli(&["explain", EXPECTED]).stdout);
    let wrong = "dhcp-misleads: the phone did not come, and of the DHCP server 192.0.2.2: option 150 has the octets";
    wait_for("the phone to be told misled", || if misled().contains(wrong) { Ok(()) } else { Err(misled()) });
    drop(server);
    wait_for_check(&daemon, "dhcp-offer", "warning", "no DHCP server answered on v0");
    wait_for(
        "the phone to be misled no more",
        || if misled().contains("dhcp-misleads") { Err(misled()) } else { Ok(()) },
    );
    let log = daemon.log();
    for (code, words) in [
        ("dhcp-server", "192.0.2.2 on v0 sends phones to this host"),
        ("dhcp-server-wrong", "192.0.2.2 on v0: option 150 sends phones to 192.0.2.66"),
        ("dhcp-server-wrong", "192.0.2.2 on v0: option 150 has the octets"),
        ("dhcp-server-gone", "192.0.2.2 on v0 has not been heard"),
    ] {
        let said = |line: &str| line.contains(words) && line.contains(code);
        assert!(log.lines().any(said), "{code}: {words}: {log}");
    }
    daemon.stop();
}

/// T12: regular questions are ten minutes apart; one that is heard to answer somebody else is asked at once.
#[test]
fn t12_a_server_that_is_overheard_is_asked() {
    if !ready("dnsmasq") {
        return;
    }
    let (pbx, cable, folder) = (Pbx::tables(), Cable::new(), tempfile::tempdir().unwrap());
    let site = site(&pbx, "\"v0\"");
    let daemon = serve_asking(&site, &cable, "600000:600000:1000:500");
    wait_for_check(&daemon, "dhcp-offer", "warning", "no DHCP server answered on v0");
    let right = "dhcp-option-force=150,192.0.2.1\ndhcp-option-force=66,\"192.0.2.1\"";
    let _server = cable.dnsmasq(folder.path(), right);
    // Somebody else's question, whose answer is broadcast.
    cable.heard(&site, folder.path());
    wait_for_check(&daemon, "dhcp-offer", "ok", "DHCP server 192.0.2.2 on v0 sends phones to this host");
    daemon.stop();
}

/// F17: an interface that is not there yet, and one that goes and comes.
#[test]
fn f17_an_interface_is_waited_for() {
    if !ready("dnsmasq") {
        return;
    }
    let (pbx, cable, folder) = (Pbx::tables(), Cable::new(), tempfile::tempdir().unwrap());
    let host = cable.host.0.id();
    ip(host, &["link delete v0"]);
    let site = site(&pbx, "\"v0\"");
    let daemon = serve(&site, &cable);
    let check = wait_for_check(&daemon, "dhcp-interface", "failed", "dhcp.interfaces names v0: this host has no such");
    assert!(!check["remedy"].as_str().unwrap().is_empty(), "{check}");
    for turn in ["it comes", "it is made anew"] {
        cable.plug();
        let server =
            cable.dnsmasq(folder.path(), "dhcp-option-force=150,192.0.2.1\ndhcp-option-force=66,\"192.0.2.1\"");
        wait_for_check(&daemon, "dhcp-offer", "ok", "192.0.2.2 on v0 sends phones to this host");
        ip(host, &["link set v0 down"]);
        wait_for_check(&daemon, "dhcp-interface", "failed", "it is down");
        ip(host, &["link set v0 up"]);
        wait_for_check(&daemon, "dhcp-offer", "ok", "192.0.2.2 on v0 sends phones to this host");
        drop(server);
        ip(host, &["link delete v0"]);
        wait_for_check(&daemon, "dhcp-interface", "failed", "this host has no such interface");
        assert!(daemon.log().contains("dhcp-watched"), "F17, {turn}: {}", daemon.log());
    }
    daemon.stop();
}

/// What nobody may do, or cannot be done, is one sentence.
#[test]
fn a_listening_that_cannot_be() {
    let tools = ["unshare", "nsenter", "ip", "setpriv"].map(Component::Program);
    if !have(&[&[Component::RawPackets], tools.as_slice()].concat()) {
        return;
    }
    let (pbx, cable) = (Pbx::tables(), Cable::new());
    let site = site(&pbx, "");
    for (arguments, exit, says) in [
        (
            &["--interface", "no-such", "--for", "1s"][..],
            1,
            "no-such could not be asked: this host has no such interface",
        ),
        (&["--interface", "lo", "--for", "1s"], 1, "lo could not be asked: it is no Ethernet"),
        (&["--for", "2m"], 2, "--for is between 1s and 45s"),
        (&["--for", "0s"], 2, "--for is between 1s and 45s"),
    ] {
        let output = run(&mut cable.on_host(&site.command(&[&["dhcp", "listen"], arguments].concat())));
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {output:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    }
    // Root, without the right to ports below 1024.
    let inner = site.command(&["dhcp", "listen", "--for", "1s"]);
    let mut command = cable.on_host(
        Command::new("setpriv")
            .arg("--bounding-set=-net_bind_service")
            .arg("--inh-caps=-net_bind_service")
            .arg(inner.get_program())
            .args(inner.get_args()),
    );
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = text(&output.stderr);
    assert!(
        said.contains("it does not run") && said.contains("this takes root") && said.lines().count() == 1,
        "{said}"
    );
}
