//! A phone whose address is blocked by a real fail2ban: what people see, while that lasts, across its restarts and ours.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use offhook::simulate::Timing;
use tempfile::TempDir;

use crate::support::clients::scripted;
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, text, wait_for};

const MAC: &str = "001B54CE00F2";
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 62);

/// fail2ban with one jail that blocks nothing in truth, and a log of its own.
struct Fail2ban {
    folder: TempDir,
    server: Option<Child>,
}

impl Fail2ban {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ohf").tempdir_in("/tmp").unwrap();
        let at = folder.path().display();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let local = format!(
            "[Definition]\nloglevel = INFO\nlogtarget = {at}/fail2ban.log\nsyslogsocket = auto\nsocket = {at}/sock\npidfile = {at}/pid\n\
             dbfile = {at}/db\ndbpurgeage = 1d\nallowipv6 = auto\n"
        );
        write("conf/fail2ban.conf", &local);
        let jail = format!(
            "[asterisk-iptables]\nenabled = true\nbackend = polling\nfilter = refused\nlogpath = {at}/watched\n\
             action = nothing\nbantime = 600\nignoreself = false\n"
        );
        write("conf/jail.conf", &jail);
        write("conf/filter.d/refused.conf", "[Definition]\nfailregex = ^refused <HOST>$\ndatepattern = {^LN-BEG}\n");
        write("conf/action.d/nothing.conf", "[Definition]\nactionban = true\nactionunban = true\n");
        write("watched", "");
        Self { folder, server: None }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("fail2ban.log")
    }

    fn by(&self, program: &str) -> Command {
        let (conf, sock) = (self.folder.path().join("conf"), self.folder.path().join("sock"));
        let mut command = Command::new(program);
        command.arg("-c").arg(conf).arg("-s").arg(sock).arg("-p").arg(self.folder.path().join("pid"));
        command
    }

    fn start(&mut self) {
        let mut command = self.by("fail2ban-server");
        let server = command.arg("-f").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(server.spawn().unwrap());
        wait_for("fail2ban", || {
            let said = run(self.by("fail2ban-client").args(["status", "asterisk-iptables"]));
            if said.status.success() { Ok(()) } else { Err(text(&said.stdout) + &text(&said.stderr)) }
        });
    }

    fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let _ = run(self.by("fail2ban-client").arg("stop"));
        let _ = server.wait();
    }

    /// As a power cut does, with what it kept.
    fn kill(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        server.kill().unwrap();
        server.wait().unwrap();
        for name in ["db", "sock", "pid"] {
            let _ = fs::remove_file(self.folder.path().join(name));
        }
    }

    fn tell(&self, verb: &str, ip: Ipv4Addr) {
        succeed(self.by("fail2ban-client").args(["set", "asterisk-iptables", verb, &ip.to_string()]));
    }
}

impl Drop for Fail2ban {
    fn drop(&mut self) {
        self.stop();
    }
}

fn site(pbx: &Pbx, fail2ban: &Fail2ban) -> Site {
    let site = Site::new(pbx);
    let named = format!("sip_host = \"127.0.0.1\"\nfail2ban_log = \"{}\"\n", fail2ban.log().display());
    site.configure(&site.configuration().replace("sip_host = \"127.0.0.1\"\n", &named));
    site
}

fn banned(daemon: &Daemon, banned: bool) {
    let is = |phone: &serde_json::Value| (phone["health"] == "banned", phone["reason"] == "banned") == (banned, banned);
    daemon.wait_for_phone(MAC, "whether it is blocked", is);
}

#[test]
fn a_phone_that_fail2ban_blocks() {
    if !have(&[Component::Program("fail2ban-server"), Component::MariaDb]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC, "7942", &["1001"]);
    let mut fail2ban = Fail2ban::new();
    let site = site(&pbx, &fail2ban);
    let daemon = site.serve();
    daemon.wait_for_phone(MAC, "it is assigned", |phone| phone["ownership"] == "adopted");
    assert!(scripted(FROM, daemon.tftp, &format!("SEP{MAC}.cnf.xml"), &Timing::default()).is_ok());
    fail2ban.start();
    fail2ban.tell("banip", FROM);
    fail2ban.tell("banip", Ipv4Addr::new(192, 0, 2, 9));
    banned(&daemon, true);
    let explained = text(&daemon.cli(&["explain", MAC]).stdout);
    let remedy = format!("fail2ban-client set asterisk-iptables unbanip {FROM}");
    assert!(explained.contains("jail asterisk-iptables") && explained.contains(&remedy), "{explained}");
    let check = daemon.json(&["check"]);
    let line = check.as_array().unwrap().iter().find(|line| line["name"] == "fail2ban").cloned().unwrap_or_default();
    assert_eq!(line["summary"], "1 address of phones' networks is blocked by fail2ban", "{check}");
    let kinds = |daemon: &Daemon| {
        let events = daemon.json(&["phones", "timeline", MAC]);
        let words = events.as_array().unwrap().iter().filter(|event| event["kind"] == "banned");
        words.map(|event| event["data"]["banned"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&daemon), [true]);
    // What was said before a start is known after it, and does not happen again.
    fs::rename(fail2ban.log(), fail2ban.log().with_extension("log.1")).unwrap();
    succeed(fail2ban.by("fail2ban-client").arg("flushlogs"));
    daemon.stop();
    let daemon = site.serve();
    banned(&daemon, true);
    assert_eq!(kinds(&daemon), [true]);
    // Its own end and start: it says that it restores.
    fail2ban.stop();
    banned(&daemon, false);
    fail2ban.start();
    banned(&daemon, true);
    fail2ban.tell("unbanip", FROM);
    banned(&daemon, false);
    assert_eq!(kinds(&daemon), [true, false, true, false]);
    // It ends without a word, and has forgotten all when it starts.
    fail2ban.tell("banip", FROM);
    banned(&daemon, true);
    fail2ban.kill();
    fail2ban.start();
    banned(&daemon, false);
    assert_eq!(kinds(&daemon), [true, false, true, false, true, false]);
    daemon.stop();
}

#[test]
fn a_log_that_cannot_be_read_is_said() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = Pbx::tables();
    let fail2ban = Fail2ban::new();
    fs::create_dir(fail2ban.log()).unwrap();
    let site = site(&pbx, &fail2ban);
    let daemon = site.serve();
    wait_for("the check", || {
        let check = daemon.json(&["check"]);
        let line = check.as_array().unwrap().iter().find(|line| line["name"] == "fail2ban");
        match line {
            Some(line) if line["summary"].as_str().unwrap().contains("it is no file") => Ok(()),
            _ => Err(check.to_string()),
        }
    });
    daemon.stop();
}
