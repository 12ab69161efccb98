//! Other DHCP servers that a question at the start does not find: behind a port that does not pass anything on yet, and those
//! that come later. Regular questions are ten minutes apart here, as they are in life.

use std::process::Stdio;

use super::server::{Client, PHONE, ready, serve_asking, site};
use crate::support::daemon::Daemon;
use crate::support::net::{Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::wait_for;

const RIVAL: &str = "192.0.2.9";

/// A bridge with the daemon's link in it, in a network of its own; its address is the rival's.
fn bridge(daemon: &Daemon<'_>, options: &str) -> Ends {
    let other = apart();
    let id = other.0.id();
    ip(daemon.process(), &[&format!("link set v1 netns {id}")]);
    ip(
        id,
        &[
            "link set lo up",
            format!("link add br0 type bridge {options}").trim_end(),
            &format!("address add {RIVAL}/24 dev br0"),
            "link set br0 up",
            "link set v1 master br0",
            "link set v1 up",
        ],
    );
    other
}

/// dnsmasq there, with leases in that folder.
fn rival(at: &Ends, folder: &tempfile::TempDir) -> Ends {
    let leases = format!("--dhcp-leasefile={}", folder.path().join("leases").display());
    let options =
        ["--keep-in-foreground", "--user=root", "--port=0", "--interface=br0", "--bind-interfaces", "--no-ping"];
    let mut server = inside(at.0.id(), "dnsmasq", &options);
    server.args(["--conf-file=/dev/null", "--dhcp-range=192.0.2.50,192.0.2.60", &leases]);
    Ends(server.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn said(daemon: &Daemon<'_>, words: &str) {
    wait_for(words, || {
        let log = daemon.log();
        if log.contains(words) { Ok(()) } else { Err(log) }
    });
}

/// T12: the port listens and learns for two forward delays of 4 s, and the question of the start is lost there.
#[test]
fn t12_a_rival_behind_spanning_tree_is_found_by_the_second_question() {
    if !ready(&["dnsmasq"]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve_asking(&site, "600000:10000:60000:3000");
    let other = bridge(&daemon, "stp_state 1 forward_delay 400");
    let folder = tempfile::tempdir().unwrap();
    let _rival = rival(&other, &folder);
    said(&daemon, "dhcp-serves");
    said(&daemon, &format!("the DHCP server {RIVAL} answers there"));
}

/// T12: a client that is not ours chooses a server which came after the question.
#[test]
fn t12_a_rival_that_a_client_chooses_is_asked_for() {
    if !ready(&["dnsmasq"]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve_asking(&site, "600000:600000:1000:500");
    let other = bridge(&daemon, "");
    said(&daemon, "dhcp-serves");
    let folder = tempfile::tempdir().unwrap();
    let _rival = rival(&other, &folder);
    let computer = apart();
    let id = computer.0.id();
    ip(other.0.id(), &["link add c0 type veth peer name c1", "link set c0 master br0", "link set c0 up"]);
    ip(other.0.id(), &[&format!("link set c1 netns {id}")]);
    ip(id, &["link set lo up", "link set c1 name v1", &format!("link set v1 address {PHONE}"), "link set v1 up"]);
    let client = Client::new(id);
    wait_for("an address of the rival", || {
        let asked = client.ask(None, &[]);
        if asked.status.success() { Ok(()) } else { Err(daemon.log()) }
    });
    assert_eq!(client.value("serverid").as_deref(), Some(RIVAL));
    said(&daemon, &format!("the DHCP server {RIVAL} answers there"));
}
