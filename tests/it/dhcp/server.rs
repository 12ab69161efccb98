//! offhook's own DHCP server, asked by the DHCP clients that there are: each in a network of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::daemon::{Daemon, Site};
use crate::support::net::{Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, text, wait_for};

pub(super) const CISCO: &str = "Cisco Systems, Inc. IP Phone CP-7942G";
pub(super) const PHONE: &str = "00:1b:54:ce:00:09";
const OWN: &str = "192.0.2.1";

/// A daemon behind one end of a link, with these lines in its `[dhcp]`.
pub(super) fn site<'a>(pbx: &'a Pbx, mode: &str, more: &str) -> (Site, &'a Pbx) {
    let site = Site::new(pbx);
    let configuration = site.configuration().replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"192.0.2.0/24\"]");
    let listen = "[tftp]\nlisten = [\"127.0.0.1:0\"";
    assert!(configuration.contains(listen), "{configuration}");
    let configuration = configuration.replace(listen, &format!("{listen}, \"192.0.2.1:69\""));
    site.configure(&format!(
        "{configuration}\n[dhcp]\nmode = \"{mode}\"\ninterfaces = [\"v0\"]\n[[dhcp.subnet]]\nnetwork = \"192.0.2.0/24\"\n\
         pool = \"192.0.2.100-192.0.2.109\"\nrouter = \"192.0.2.254\"\nlease = \"10m\"\n{more}"
    ));
    (site, pbx)
}

/// The daemon, in a network of its own with `v0`; `v1` is the phones' end. Another server is asked for each second, not every
/// ten minutes.
pub(super) fn serve(site: &Site) -> Daemon<'_> {
    serve_asking(site, "1000")
}

/// The same, where other servers are asked for at these times.
pub(super) fn serve_asking<'a>(site: &'a Site, times: &str) -> Daemon<'a> {
    let apart = "exec unshare --net sh -c 'ip link set lo up && ip link add v0 type veth peer name v1 && \
        ip address add 192.0.2.1/24 dev v0 && ip link set v0 up && exec \"$@\"' sh \"$@\"";
    site.serve_with(|command| {
        *command = site.by_shell(apart);
        command.env("OFFHOOK_FAULT", format!("round:watching:{times}"));
    })
}

/// The phones' end of the link, with that MAC; once it is plugged in, and no other server was found there, it is served.
pub(super) fn phone(daemon: &Daemon<'_>, mac: &str) -> Ends {
    let served = |log: &str| log.matches("dhcp-serves").count();
    let before = served(&daemon.log());
    let phone = apart();
    plug(daemon, phone.0.id(), mac);
    wait_for("a DHCP server", || {
        let log = daemon.log();
        if served(&log) > before { Ok(()) } else { Err(log) }
    });
    phone
}

/// Lays the phones' end of the link into the network of a process.
pub(super) fn plug(daemon: &Daemon<'_>, process: u32, mac: &str) {
    ip(daemon.process(), &[&format!("link set v1 netns {process}")]);
    ip(process, &["link set lo up", &format!("link set v1 address {mac}"), "link set v1 up"]);
}

/// What a client of busybox was told, and the address that it then puts on its link.
pub(super) struct Client {
    folder: tempfile::TempDir,
    process: u32,
}

impl Client {
    pub(super) fn new(process: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hook = folder.path().join("hook");
        let said = folder.path().join("said");
        let script = format!(
            "#!/bin/sh\ncase $1 in\ndeconfig) ip address flush dev $interface;;\nbound|renew) env >{0}.new; echo kind=$1 >>{0}.new; \
             mv {0}.new {0}; ip address replace $ip/$mask dev $interface;;\nesac\nexit 0\n",
            said.display()
        );
        fs::write(&hook, script).unwrap();
        assert!(Command::new("chmod").arg("755").arg(&hook).status().unwrap().success());
        Self { folder, process }
    }

    fn said(&self) -> PathBuf {
        self.folder.path().join("said")
    }

    pub(super) fn command(&self, class: Option<&str>, more: &[&str]) -> Command {
        let hook = self.folder.path().join("hook");
        let mut command = inside(
            self.process,
            "busybox",
            &["udhcpc", "-i", "v1", "-f", "-s", hook.to_str().unwrap(), "-t", "4", "-T", "1"],
        );
        if let Some(class) = class {
            command.args(["-V", class]);
        }
        command.args(["-O", "66", "-O", "150", "-O", "serverid", "-O", "lease"]).args(more);
        command
    }

    /// Asks once.
    pub(super) fn ask(&self, class: Option<&str>, more: &[&str]) -> Output {
        let _ = fs::remove_file(self.said());
        run(self.command(class, more).args(["-n", "-q"]))
    }

    pub(super) fn value(&self, name: &str) -> Option<String> {
        let said = fs::read_to_string(self.said()).ok()?;
        said.lines().filter_map(|line| line.split_once('=')).find(|(had, _)| *had == name).map(|(_, v)| v.to_owned())
    }
}

pub(super) fn ready(more: &[&'static str]) -> bool {
    let tools = ["unshare", "nsenter", "ip", "busybox"].iter().chain(more).map(|name| Component::Program(name));
    have(&[Component::RawPackets].into_iter().chain(tools).collect::<Vec<_>>())
}

fn leases(daemon: &Daemon<'_>) -> Vec<Value> {
    daemon.json(&["dhcp", "leases"]).as_array().unwrap().clone()
}

/// Whose which address is.
fn bindings(daemon: &Daemon<'_>) -> Vec<(Value, Value)> {
    leases(daemon).iter().map(|lease| (lease["ip"].clone(), lease["mac"].clone())).collect()
}

/// A mode, an interface and a subnet: the phone gets an address, and where its files are; and gets its file.
#[test]
fn a_phone_on_a_bare_switch() {
    if !ready(&["curl"]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1009", "Ada", "CANARY1009");
    pbx.add_phone("001B54CE0009", "7942", &["1009"]);
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    let client = Client::new(at_phone.0.id());
    let asked = client.ask(Some(CISCO), &[]);
    assert!(asked.status.success(), "{}{}", text(&asked.stderr), daemon.log());
    let value = |name: &str| client.value(name).unwrap_or_default();
    assert_eq!([value("opt150"), value("tftp"), value("siaddr")], ["c0000201", OWN, OWN]);
    assert_eq!([value("router"), value("mask"), value("serverid"), value("lease")], ["192.0.2.254", "24", OWN, "600"]);
    let address = value("ip");
    assert!(address.starts_with("192.0.2.10"), "{address}");

    let [lease] = leases(&daemon).try_into().unwrap();
    assert_eq!(
        (&lease["ip"], &lease["mac"], &lease["model"]),
        (&address.into(), &"001B54CE0009".into(), &"7942".into())
    );
    let phone = daemon.wait_for_phone("001B54CE0009", "its lease", |phone| phone["stage"] == "leased");
    assert_eq!(phone["ip"], lease["ip"]);
    let url = format!("tftp://{OWN}/SEP001B54CE0009.cnf.xml");
    let fetched = run(&mut inside(at_phone.0.id(), "curl", &["-sS", "--max-time", "20", &url]));
    assert!(text(&fetched.stdout).contains("CANARY1009"), "{}", text(&fetched.stderr));
    let timeline = text(&daemon.cli(&["phones", "timeline", "001B54CE0009"]).stdout);
    assert!(timeline.contains("is offered the address 192.0.2.10"), "{timeline}");
    assert!(timeline.contains("has the address 192.0.2.10"), "{timeline}");
    let boots = daemon.json(&["phones", "timeline", "001B54CE0009", "--boots"]);
    let boot = boots.as_array().and_then(|boots| boots.last()).cloned().unwrap_or_default();
    assert_eq!(
        (&boot["because"], &boot["entries"][0]["events"][0]["kind"]),
        (&"address".into(), &"dhcp".into()),
        "{boots}"
    );
    let table = text(&daemon.cli(&["dhcp", "leases"]).stdout);
    assert!(table.contains("001B54CE0009"), "{table}");
}

/// It renews, gives back, and gets the same again, after a restart too; a computer beside it gets nothing.
#[test]
fn a_lease_lives_on() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let mut daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    let id = at_phone.0.id();
    let client = Client::new(id);
    let computer = client.ask(None, &[]);
    assert!(!computer.status.success() && client.value("ip").is_none(), "{}", text(&computer.stderr));
    let microsoft = client.ask(Some("MSFT 5.0"), &[]);
    assert!(!microsoft.status.success(), "{}", text(&microsoft.stderr));
    assert_eq!(leases(&daemon), Vec::<Value>::new());

    let held = Ends(client.command(Some(CISCO), &["-R"]).spawn().unwrap());
    wait_for("an address", || client.value("ip").map(|_| ()).ok_or_else(|| daemon.log()));
    let address = client.value("ip").unwrap();
    // SIGUSR1: renew now.
    signal(&held, "USR1");
    wait_for("a renewal", || if client.value("kind").as_deref() == Some("renew") { Ok(()) } else { Err(daemon.log()) });
    assert_eq!(client.value("ip").as_ref(), Some(&address));
    // SIGUSR2: give it back.
    signal(&held, "USR2");
    wait_for("no lease", || if leases(&daemon).is_empty() { Ok(()) } else { Err(format!("{:?}", leases(&daemon))) });
    drop(held);
    assert!(client.ask(Some(CISCO), &[]).status.success(), "{}", daemon.log());
    assert_eq!(client.value("ip").as_ref(), Some(&address), "the same again");
    let before = bindings(&daemon);
    daemon.signal("KILL");
    let _ = daemon.ended();
    drop(daemon);
    // Its network went with it; the next one is like it.
    let daemon = serve(&site);
    assert_eq!(bindings(&daemon), before, "acknowledged is on the disk (F1)");
    drop(at_phone);
    let at_phone = phone(&daemon, PHONE);
    let client = Client::new(at_phone.0.id());
    assert!(client.ask(Some(CISCO), &[]).status.success(), "{}", daemon.log());
    assert_eq!(client.value("ip"), Some(address));
}

/// A second host on the link of a phone's network; its device there is `m1`.
pub(super) fn beside(phone: u32) -> Ends {
    let host = apart();
    let moved = format!("link set m1 netns {}", host.0.id());
    ip(phone, &["link add link v1 name m1 type macvlan mode bridge", &moved]);
    host
}

/// Tells a client of udhcpc: USR1 to renew now, USR2 to give its address back.
pub(super) fn signal(client: &Ends, name: &str) {
    succeed(Command::new("kill").args([format!("-{name}"), client.0.id().to_string()]));
}

/// F31: somebody who never asked sits at the address that comes next.
#[test]
fn f31_a_squatter_is_found() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    let id = at_phone.0.id();
    // With the first address of the pool.
    let squatter = beside(id);
    ip(squatter.0.id(), &["link set lo up", "address add 192.0.2.100/24 dev m1", "link set m1 up"]);
    let client = Client::new(id);
    let asked = client.ask(Some(CISCO), &[]);
    assert!(asked.status.success(), "{}{}", text(&asked.stderr), daemon.log());
    assert_eq!(client.value("ip").as_deref(), Some("192.0.2.101"));
    assert!(daemon.log().contains("address-taken"), "{}", daemon.log());
}
