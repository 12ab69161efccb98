//! offhook's DHCP server on links that are not as plain as they should be: two networks on one, somebody who answers for
//! everybody, somebody whom the host knows already, addresses of this host that come and go.

use super::server::{CISCO, Client, PHONE, beside, phone, plug, ready, serve, signal, site};
use crate::support::daemon::Daemon;
use crate::support::net::{Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::{succeed, text, wait_for};

/// Changes the addresses of the daemon's link, and waits until it serves it so.
fn change(daemon: &Daemon<'_>, line: &str) {
    let served = |log: &str| log.matches("dhcp-serves").count();
    let before = served(&daemon.log());
    ip(daemon.process(), &[line]);
    wait_for(line, || {
        let log = daemon.log();
        if served(&log) > before { Ok(()) } else { Err(log) }
    });
}

/// An address for a phone, at the first word.
fn address(client: &Client, daemon: &Daemon<'_>) -> String {
    let asked = client.ask(Some(CISCO), &[]);
    assert!(asked.status.success(), "{}{}", text(&asked.stderr), daemon.log());
    client.value("ip").unwrap()
}

/// A reservation in the second network, and a renewal there.
#[test]
fn a_phone_in_the_second_network_of_a_link() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let second = "[[dhcp.subnet]]\nnetwork = \"198.51.100.0/24\"\npool = \"198.51.100.100-198.51.100.109\"\n\
        [[dhcp.reservation]]\nmac = \"001B54CE0009\"\naddress = \"198.51.100.50\"\n";
    let (site, _) = site(&pbx, "phones", second);
    let daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    change(&daemon, "address add 198.51.100.1/24 dev v0");
    let client = Client::new(at_phone.0.id());
    let held = Ends(client.command(Some(CISCO), &["-R"]).spawn().unwrap());
    wait_for("an address", || client.value("ip").map(|_| ()).ok_or_else(|| daemon.log()));
    let value = |name: &str| client.value(name).unwrap_or_default();
    let there = "198.51.100.1";
    assert_eq!(
        [value("ip"), value("serverid"), value("siaddr"), value("tftp"), value("opt150")],
        ["198.51.100.50", there, there, there, "c6336401"]
    );
    // SIGUSR1: renew now.
    signal(&held, "USR1");
    wait_for("a renewal", || if value("kind") == "renew" { Ok(()) } else { Err(daemon.log()) });
    assert_eq!([value("ip"), value("serverid"), value("siaddr")], ["198.51.100.50", there, there]);
    drop(held);
    // Another phone gets one of the first network, and hears of our address there.
    ip(at_phone.0.id(), &["address flush dev v1", "link set v1 address 00:1b:54:ce:00:0a"]);
    assert_eq!(address(&client, &daemon), "192.0.2.100");
    assert_eq!([value("serverid"), value("siaddr")], ["192.0.2.1", "192.0.2.1"]);
}

/// F31: a router with proxy ARP answers for every address of the pool, and phones get one all the same.
#[test]
fn f31_somebody_who_answers_for_all_is_no_squatter() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    let id = at_phone.0.id();
    let router = beside(id);
    let other = router.0.id();
    // It answers for what it would send on elsewhere.
    ip(
        other,
        &[
            "link set lo up",
            "link set m1 up",
            "link add behind type bridge",
            "link set behind up",
            "address add 10.0.0.1/24 dev behind",
            "route add 192.0.2.0/24 dev behind",
        ],
    );
    let settings = "echo 1 >net/ipv4/ip_forward; echo 0 >net/ipv4/conf/all/rp_filter; echo 0 >net/ipv4/conf/m1/rp_filter; \
        echo 1 >net/ipv4/conf/m1/proxy_arp; echo 0 >net/ipv4/neigh/m1/proxy_delay";
    succeed(&mut inside(other, "sh", &["-ec", &format!("cd /proc/sys; {settings}")]));

    let client = Client::new(id);
    assert_eq!(address(&client, &daemon), "192.0.2.102", "{}", daemon.log());
    wait_for("people to be told", || {
        let log = daemon.log();
        if log.contains("answers-for-all") { Ok(()) } else { Err(log) }
    });
    // The next phones get at once what was kept back for it.
    for (mac, expected) in [("00:1b:54:ce:00:0a", "192.0.2.103"), ("00:1b:54:ce:00:0b", "192.0.2.104")] {
        ip(id, &["address flush dev v1", &format!("link set v1 address {mac}")]);
        assert_eq!(address(&client, &daemon), expected);
    }
    let log = daemon.log();
    assert_eq!((log.matches("answers-for-all").count(), log.matches("address-taken").count()), (1, 2), "{log}");
}

/// F31: who sits there answers nothing, and this host's table has him.
#[test]
fn f31_a_squatter_whom_the_host_knows_is_found() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve(&site);
    let at_phone = phone(&daemon, PHONE);
    ip(daemon.process(), &["neighbour replace 192.0.2.100 lladdr 02:00:00:00:00:64 dev v0 nud reachable"]);
    let client = Client::new(at_phone.0.id());
    assert_eq!(address(&client, &daemon), "192.0.2.101", "{}", daemon.log());
    assert!(daemon.log().contains("found with 020000000064"), "{}", daemon.log());
}

/// An address that this host had is the pool's again when it has gone.
#[test]
fn an_address_of_this_host_comes_and_goes() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = site(&pbx, "phones", "");
    let daemon = serve(&site);
    let at_phone = apart();
    plug(&daemon, at_phone.0.id(), PHONE);
    change(&daemon, "address add 192.0.2.100/24 dev v0");
    let client = Client::new(at_phone.0.id());
    assert_eq!(address(&client, &daemon), "192.0.2.101");
    change(&daemon, "address delete 192.0.2.100/24 dev v0");
    ip(at_phone.0.id(), &["address flush dev v1", "link set v1 address 00:1b:54:ce:00:0a"]);
    assert_eq!(address(&client, &daemon), "192.0.2.100");
}
