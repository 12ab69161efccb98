//! Catalogue N, the manager interface: what it may say, and what the daemon makes of it. What was known stays known until
//! something whole says otherwise.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Duration;

use super::c::{wait_for_check, wait_for_finding};
use super::n_peer::{LIST, Peer, SECRET, changed, registered};
use super::{BYSTANDER, assert_unharmed, file_of_bystander};
use crate::support::daemon::Daemon;
use crate::support::{Component, have, text};

/// A row of this file.
struct Row {
    id: &'static str,
    input: &'static str,
    play: fn(&str),
}

const ROWS: &[Row] = &[
    Row { id: "N1", input: "HTTP", play: |what| something_else(what, b"HTTP/1.1 400 Bad Request\r\n\r\n") },
    Row { id: "N1", input: "TLS", play: |what| something_else(what, b"\x16\x03\x03\x00\x02\x02\x28\n") },
    Row { id: "N1", input: "no banner", play: |what| something_else(what, b"") },
    Row { id: "N2", input: "a line of 1 MB", play: a_line_of_a_megabyte },
    Row { id: "N2", input: "a line of 8,192 octets, and of one more", play: a_line_of_8192_octets },
    Row { id: "N2", input: "odd lines", play: odd_lines },
    Row { id: "N3", input: "256 headers, 257, 10,000", play: many_headers },
    Row { id: "N4", input: "byte by byte", play: byte_by_byte },
    Row { id: "N5", input: "answers twice, to nobody, without a number", play: stray_answers },
    Row { id: "N6", input: "names of no endpoint", play: names_of_no_endpoint },
    Row { id: "N7", input: "URIs", play: odd_uris },
    Row { id: "N8", input: "contacts of others, and ten of one", play: contacts_of_others_and_too_many },
    Row { id: "N9", input: "Error, Goodbye, FullyBooted", play: words_out_of_turn },
    Row { id: "N9", input: "booted late", play: booted_late },
    Row { id: "N10", input: "one item short", play: a_list_that_is_one_short },
    Row { id: "N10", input: "no end within 10 s", play: a_list_without_end },
    Row { id: "N11", input: "permission denied", play: permission_denied },
];

/// The rows that are here.
pub(super) fn ids() -> Vec<&'static str> {
    ROWS.iter().map(|row| row.id).collect()
}

#[test]
fn n1_to_n11_a_manager_that_misbehaves() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    // Most of each is waiting: all at once.
    let failed: Vec<String> = thread::scope(|scope| {
        let rows: Vec<_> = ROWS
            .iter()
            .map(|row| {
                let what = format!("{} ({})", row.id, row.input);
                (what.clone(), scope.spawn(move || (row.play)(&what)))
            })
            .collect();
        rows.into_iter().filter_map(|(what, row)| row.join().is_err().then_some(what)).collect()
    });
    assert!(failed.is_empty(), "{failed:?}");
}

/// D9: one line end behind the secret is dropped, and one only.
#[test]
fn d9_the_line_end_of_a_secret() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    for (end, accepted) in [("", true), ("\n", true), ("\r\n", true), ("\n\n", false)] {
        let peer = Peer::start();
        let (_pbx, site) = peer.site();
        let file = site.file().with_file_name("ami.secret");
        fs::write(&file, format!("{SECRET}{end}")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let inline = format!("secret = \"{SECRET}\"");
        site.configure(&site.configuration().replace(&inline, &format!("secret_file = \"{}\"", file.display())));
        let daemon = site.serve();
        let what = format!("D9 (a secret that ends in {end:?})");
        if accepted {
            daemon.wait_for_phone(BYSTANDER, &what, registered);
        } else {
            wait_for_check(&what, &daemon, &["manager", "Authentication failed"]);
        }
        let bystander = file_of_bystander(&daemon);
        assert_unharmed(&what, daemon, &bystander);
    }
}

/// Plays a row on a daemon that is logged in and knows the bystander to be registered.
fn logged_in(what: &str, play: impl FnOnce(&Peer, &Daemon<'_>)) {
    let peer = Peer::start();
    let (_pbx, site) = peer.site();
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    daemon.wait_for_phone(BYSTANDER, &format!("{what}: registered"), registered);
    play(&peer, &daemon);
    assert_unharmed(what, daemon, &bystander);
}

/// The session is the first still, and an event is followed by its question and the answer by its effect.
fn goes_on(what: &str, peer: &Peer, daemon: &Daemon<'_>) {
    peer.world().contacts.insert("1099".to_owned(), Vec::new());
    peer.say(changed("1099"));
    daemon.wait_for_phone(BYSTANDER, &format!("{what}: unregistered"), |phone| !registered(phone));
    assert_eq!(peer.world().connections, 1, "{what}: it connected anew");
}

/// Whoever else listens there gets nothing, least of all the secret.
fn something_else(what: &str, banner: &[u8]) {
    let peer = Peer::start();
    peer.world().banner = banner.to_vec();
    let (_pbx, site) = peer.site();
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    wait_for_check(what, &daemon, &["manager", "no Asterisk manager interface", "ami.address"]);
    peer.wait(&format!("{what}: another try"), |world| world.connections > 1);
    // The first pause is 1 s at least; it began when the first connection had been heard, so later than this stamp.
    let came = peer.world().came.clone();
    let pause = came[1] - came[0];
    assert!(pause >= Duration::from_secs(1), "{what}: it came again after {pause:?}");
    assert_eq!(text(&peer.world().heard), "", "{what}");
    assert_unharmed(what, daemon, &bystander);
}

/// The line costs the connection; what is known afterwards is what the new list says.
fn a_line_of_a_megabyte(what: &str) {
    logged_in(what, |peer, daemon| {
        peer.world().contacts.insert("1099".to_owned(), Vec::new());
        peer.say(vec![b'x'; 1_000_000]);
        peer.wait(&format!("{what}: a new session and its list"), |world| {
            world.connections == 2 && world.count(LIST) == 2
        });
        daemon.wait_for_phone(BYSTANDER, &format!("{what}: as the list says"), |phone| !registered(phone));
    });
}

/// The longest line that is taken is part of its message; one octet more is the end of the session.
fn a_line_of_8192_octets(what: &str) {
    let event = |octets: usize, endpoint: &str| {
        let line = format!("Padding: {}", "x".repeat(octets - "Padding: ".len()));
        format!("Event: ContactStatus\n{line}\nEndpointName: {endpoint}\n\n")
    };
    logged_in(what, |peer, daemon| {
        peer.say(event(8_192, "7192"));
        peer.wait(&format!("{what}: the event counts"), |world| world.count("7192") == 1);
        assert_eq!(peer.world().connections, 1, "{what}: it connected anew");
        peer.world().contacts.insert("1099".to_owned(), Vec::new());
        peer.say(event(8_193, "7193"));
        peer.wait(&format!("{what}: a new session and its list"), |world| {
            world.connections == 2 && world.count(LIST) == 2
        });
        daemon.wait_for_phone(BYSTANDER, &format!("{what}: as the list says"), |phone| !registered(phone));
        assert_eq!(peer.world().count("7193"), 0, "{what}");
    });
}

fn odd_lines(what: &str) {
    logged_in(what, |peer, daemon| {
        for odd in [
            &b"no colon here\r\n\r\n"[..],
            b"Event: X\n\n",
            b"Event: CR only\r\r\n\n",
            b"\0\0\0: y\r\n\r\n",
            b"Event: \xff\xfe\r\n\r\n",
            b": no name\r\n\r\n",
            b"\r\n\r\n\n\n",
            b"Event: ContactStatus\r\n\r\n",
        ] {
            peer.say(odd);
        }
        goes_on(what, peer, daemon);
    });
}

/// An event of 256 headers counts, one of more does not, though what it is about stands at its beginning.
fn many_headers(what: &str) {
    logged_in(what, |peer, daemon| {
        for (headers, endpoint) in [(256, "7256"), (257, "7257"), (10_000, "7777")] {
            let more = "Header: x\r\n".repeat(headers - 2);
            peer.say(format!("Event: ContactStatus\r\nEndpointName: {endpoint}\r\n{more}\r\n"));
        }
        goes_on(what, peer, daemon);
        let asked = ["7256", "7257", "7777"].map(|endpoint| peer.world().count(endpoint));
        assert_eq!(asked, [1, 0, 0], "{what}");
    });
}

fn byte_by_byte(what: &str) {
    let peer = Peer::start();
    peer.world().bytewise = true;
    let (_pbx, site) = peer.site();
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    daemon.wait_for_phone(BYSTANDER, &format!("{what}: registered"), registered);
    peer.world().contacts.insert("1099".to_owned(), Vec::new());
    for byte in changed("1099").as_bytes() {
        peer.say([*byte]);
    }
    daemon.wait_for_phone(BYSTANDER, &format!("{what}: unregistered"), |phone| !registered(phone));
    assert_eq!(peer.world().connections, 1, "{what}: it connected anew");
    assert_unharmed(what, daemon, &bystander);
}

fn stray_answers(what: &str) {
    logged_in(what, |peer, daemon| {
        peer.world().twice = true;
        peer.say(
            "Response: Error\r\nActionID: 999999\r\nMessage: no\r\n\r\nResponse: Success\r\nMessage: to nobody\r\n\r\n\
             Event: ContactStatusDetail\r\nActionID: 999998\r\nEndpointName: 1099\r\nURI: sip:1099@10.6.6.6\r\n\r\n\
             Response: Success\r\nActionID: x\r\n\r\n",
        );
        peer.say("Event: Reload\r\nModule: All\r\nStatus: 0\r\n\r\n");
        peer.wait(&format!("{what}: the list after a reload"), |world| world.count(LIST) > 1);
        let phone = daemon.phone(BYSTANDER);
        assert!(registered(&phone) && phone["ip"] != "10.6.6.6", "{what}: {phone}");
        goes_on(what, peer, daemon);
    });
}

fn names_of_no_endpoint(what: &str) {
    logged_in(what, |peer, daemon| {
        for name in ["100\x1b[2J", "../x", "", "a b", "100\u{9b}", "x".repeat(4_000).as_str()] {
            peer.say(format!(
                "Event: PeerStatus\r\nChannelType: PJSIP\r\nPeer: PJSIP/{name}\r\nPeerStatus: Registered\r\n\r\n"
            ));
        }
        goes_on(what, peer, daemon);
        let asked: Vec<String> = peer.world().asked.clone();
        assert!(
            !asked.iter().any(|name| name.contains(['\x1b', '/', ' ', '\u{9b}']) || name.len() > 100),
            "{what}: {asked:?}"
        );
    });
}

/// A URI that is none still is a registration; of where the phone is it says nothing.
fn odd_uris(what: &str) {
    logged_in(what, |peer, daemon| {
        daemon.wait_for_phone(BYSTANDER, &format!("{what}: where its URI says"), |phone| phone["ip"] == "10.0.0.99");
        // What the phone says it runs changes with each URI, so that the one is seen when the other has been read.
        let says = |uri: &str, load: String, ip: &str| {
            {
                let mut world = peer.world();
                world.contacts.insert("1099".to_owned(), vec![uri.to_owned()]);
                world.load.clone_from(&load);
            }
            peer.say(changed("1099"));
            let phone = daemon.wait_for_phone(BYSTANDER, &format!("{what}: running {load}"), |p| p["load"] == load);
            assert!(registered(&phone) && phone["ip"] == ip, "{what}: {uri:.60}: {phone}");
        };
        let uris = [
            "sip:1099@[::1]:99999".to_owned(),
            "sip:1099@10.6.6.6:99999".to_owned(),
            "sip:a@b@10.6.6.6".to_owned(),
            "sip:1099@evil.example#10.6.6.6".to_owned(),
            "sip:1099@10.6.6.6\x1b[2J".to_owned(),
            format!("sip:1099@10.6.6.6;x={}", "y".repeat(4_096)),
            "tel:10.6.6.6".to_owned(),
        ];
        for (n, uri) in uris.into_iter().enumerate() {
            let good = format!("10.0.1.{n}");
            says(&format!("sip:1099@{good}:5060"), format!("8.{}", 2 * n + 1), &good);
            // It is where it was last seen.
            says(&uri, format!("8.{}", 2 * n + 2), &good);
            let shown = text(&daemon.cli(&["phones", "timeline", BYSTANDER]).stdout);
            assert!(shown.lines().all(|line| line.len() <= 512) && !shown.contains('\x1b'), "{what}: {shown}");
        }
        goes_on(what, peer, daemon);
    });
}

fn contacts_of_others_and_too_many(what: &str) {
    logged_in(what, |peer, daemon| {
        let many = (1..=12).map(|n| format!("sip:1099@10.0.1.{n}:5060")).collect();
        peer.world().contacts.insert("1099".to_owned(), many);
        peer.world().contacts.insert("6666".to_owned(), vec!["sip:6666@10.6.6.6".to_owned()]);
        for endpoint in ["6666", "7777", "1099"] {
            peer.say(changed(endpoint));
            peer.wait(&format!("{what}: {endpoint} is asked about"), |world| world.count(endpoint) > 0);
        }
        let phone = daemon.wait_for_phone(BYSTANDER, &format!("{what}: at one of the ten"), |phone| {
            registered(phone) && phone["ip"].as_str().is_some_and(|ip| ip.starts_with("10.0.1."))
        });
        let last = phone["ip"].as_str().and_then(|ip| ip.rsplit('.').next()).and_then(|n| n.parse::<u8>().ok());
        assert!(last.is_some_and(|n| n <= 10), "{what}: {phone}");
        assert_eq!(
            daemon.json(&["phones", "list"]).as_array().map(Vec::len),
            Some(1),
            "{what}: a phone came of nothing"
        );
        goes_on(what, peer, daemon);
    });
}

fn words_out_of_turn(what: &str) {
    logged_in(what, |peer, daemon| {
        peer.say("Response: Error\r\nMessage: Missing action in request\r\n\r\n");
        peer.say("Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n");
        peer.say("Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n");
        goes_on(what, peer, daemon);
        // And a connection that is cut is made anew, with a list.
        peer.world().contacts.insert("1099".to_owned(), vec!["sip:1099@10.0.0.98".to_owned()]);
        peer.cut();
        daemon.wait_for_phone(BYSTANDER, &format!("{what}: registered again"), registered);
    });
}

fn booted_late(what: &str) {
    let peer = Peer::start();
    peer.world().booted = false;
    let (_pbx, site) = peer.site();
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    peer.wait(&format!("{what}: it asks whether Asterisk still starts"), |world| world.count("CoreStatus") > 0);
    assert_eq!(peer.world().count(LIST), 0, "{what}: a list of an Asterisk that starts says nothing");
    peer.say("Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n");
    daemon.wait_for_phone(BYSTANDER, &format!("{what}: registered"), registered);
    assert_unharmed(what, daemon, &bystander);
}

/// A list that does not hold what it says changes nothing and is asked for again, until one does.
fn a_list_that_is_one_short(what: &str) {
    logged_in(what, |peer, daemon| {
        {
            let mut world = peer.world();
            world.contacts = (1..400).map(|n| (format!("2{n:03}"), vec![format!("sip:2{n:03}@10.0.0.1")])).collect();
            world.overstated = u32::MAX;
        }
        peer.say("Event: Reload\r\nModule: All\r\nStatus: 0\r\n\r\n");
        // The next is asked for once the one before was read and found to be short.
        for lists in [3, 4] {
            peer.wait(&format!("{what}: another list"), |world| world.count(LIST) >= lists);
            assert!(registered(&daemon.phone(BYSTANDER)), "{what}: {lists}");
        }
        peer.world().overstated = 0;
        daemon.wait_for_phone(BYSTANDER, &format!("{what}: as the whole one says"), |phone| !registered(phone));
    });
}

fn a_list_without_end(what: &str) {
    logged_in(what, |peer, daemon| {
        {
            let mut world = peer.world();
            world.contacts.clear();
            world.endless = 2;
        }
        peer.say("Event: Reload\r\nModule: All\r\nStatus: 0\r\n\r\n");
        peer.wait(&format!("{what}: a list without end"), |world| world.count(LIST) == 2);
        assert!(registered(&daemon.phone(BYSTANDER)), "{what}");
        // Asked for once the first was given up; it has no end either.
        peer.wait(&format!("{what}: another"), |world| world.count(LIST) == 3);
        assert!(registered(&daemon.phone(BYSTANDER)), "{what}: after a list without end");
        daemon.wait_for_phone(BYSTANDER, &format!("{what}: as a whole one says"), |phone| !registered(phone));
    });
}

/// Named with the remedy; phones are served, and what our user may do goes on.
fn permission_denied(what: &str) {
    let peer = Peer::start();
    peer.world().denied.insert(LIST);
    let (pbx, site) = peer.site();
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    wait_for_check(what, &daemon, &["manager", "may not list registrations", "write = system"]);
    pbx.add_phone("00087D0C1101", "7960", &["9999"]);
    wait_for_finding(what, &daemon, "00087D0C1101", "extension-missing", &["9999"]);
    peer.wait(&format!("{what}: the status in AstDB"), |world| world.count("DBPut") > 0);
    assert_eq!(peer.world().connections, 1, "{what}: it connected anew");
    peer.world().denied.remove(LIST);
    assert_unharmed(what, daemon, &bystander);
}
