//! F18: ports that another program holds. The holder is a socket of this test's own process, on real ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::{MAC, one_phone, wait_for_complaint};
use crate::support::clients::{Client, scripted};
use crate::support::daemon::Site;
use crate::support::{Component, free_port, have, phone_address, wait_for, wait_within};

/// The port of a key of the site's, which is 0 otherwise.
fn listen(site: &Site, section: &str, port: u16) -> SocketAddr {
    let any = format!("[{section}]\nlisten = [\"127.0.0.1:0\"]");
    assert!(site.configuration().contains(&any));
    site.configure(&site.configuration().replace(&any, &any.replace(":0", &format!(":{port}"))));
    (Ipv4Addr::LOCALHOST, port).into()
}

/// F18: with every port taken the daemon is ready and says who has them; each is served as soon as it is free and the
/// daemon is told to look.
#[test]
fn f18_ports_that_are_taken_are_named_and_served_once_they_are_free() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let (pbx, name) = (one_phone(), format!("SIP{MAC}.cnf"));
    let site = Site::new(&pbx);
    let tftp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let http = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |at: std::io::Result<SocketAddr>| at.unwrap().port();
    let tftp_at = listen(&site, "tftp", port(tftp.local_addr()));
    let http_at = listen(&site, "http", port(http.local_addr()));
    let admin_at = listen(&site, "admin", port(admin.local_addr()));
    let place = site.fall_through().join("notify");
    let systemd = UnixDatagram::bind(&place).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let says = |what: &str| {
        let mut word = [0; 2_048];
        loop {
            let size = systemd.recv(&mut word).unwrap_or_else(|why| panic!("F18: systemd is not told {what:?}: {why}"));
            let word = String::from_utf8_lossy(&word[..size]).into_owned();
            if word.contains(what) {
                return word;
            }
        }
    };
    let mut daemon = site.serve_with(|command| {
        command.env("NOTIFY_SOCKET", &place);
    });
    let us = format!("(pid {})", std::process::id());
    let status = says("STATUS=waiting");
    assert!(status.contains("READY=1") && status.contains(&us), "F18: {status}");
    for at in [tftp_at, http_at, admin_at] {
        wait_for_complaint(&daemon, &["port-held", &at.to_string(), &us]);
    }
    let checks = daemon.json(&["check"]);
    let own = |check: &serde_json::Value| check["name"].as_str().is_some_and(|name| name.starts_with("own-"));
    assert!(!checks.as_array().unwrap().iter().any(own), "F18: nobody asks another program's server: {checks}");
    daemon.wait_for_phone(MAC, "known", serde_json::Value::is_object);

    drop((tftp, http, admin));
    daemon.signal("HUP");
    says("STATUS=serving");
    (daemon.tftp, daemon.http, daemon.admin) = (tftp_at, http_at, admin_at);
    daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    let file = Client::Curl.fetch(tftp_at, &name);
    assert_eq!(file.map(|file| String::from_utf8_lossy(&file).into_owned()), daemon.file(&name), "F18");
    let alive = Client::Http.fetch(admin_at, "healthz");
    assert!(alive.is_some(), "F18: people are served");
    wait_for("check to have no complaint of ports", || {
        let checks = daemon.json(&["check"]).to_string();
        if checks.contains("port-held") { Err(checks) } else { Ok(()) }
    });
    let log = daemon.log();
    assert!(log.contains("address-held") && log.contains("address-free"), "F18: {log}");
    daemon.stop();
}

/// F18: nobody has to tell the daemon; it looks again every 30 s.
#[test]
fn f18_a_port_that_became_free_is_found_without_a_word() {
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let at = listen(&site, "tftp", free_port());
    let holder = UdpSocket::bind(at).unwrap();
    let mut daemon = site.serve();
    daemon.wait_for_phone(MAC, "known", serde_json::Value::is_object);
    drop(holder);
    wait_within(Duration::from_secs(45), "the port to be looked at again", || {
        if daemon.log().contains("address-free") { Ok(()) } else { Err(daemon.log()) }
    });
    daemon.tftp = at;
    let phone = phone_address();
    assert!(scripted(phone, at, &format!("SIP{MAC}.cnf"), &offhook::simulate::Timing::default()).is_ok());
    daemon.stop();
}
