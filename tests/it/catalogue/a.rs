//! Catalogue A, TFTP: how its rows are played. A datagram goes to the well-known port from an address of its own, so that
//! no row uses up another's share, and what comes back is the expectation; a dropped one gets nothing until the daemon
//! has ended.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::process::Command;

use super::{BYSTANDER, add_bystander, assert_unharmed, file_of_bystander, rrq, site};
use super::{a_options, a_requests, a_transfers, a_wire};
use crate::support::clients::{Fetched, RawTftp};
use crate::support::daemon::{Daemon, make_file};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, succeed, text, wait_for};

/// A row that is one datagram and its answer.
pub(super) struct Row {
    pub(super) id: &'static str,
    /// The input in words, for the report.
    pub(super) input: &'static str,
    pub(super) datagram: Vec<u8>,
    pub(super) expect: Expect,
}

/// What has to come back.
pub(super) enum Expect {
    /// Nothing, ever; it is counted.
    Drop,
    /// The ERROR packet with this code and its constant text.
    Error(u8),
    /// This file to its last byte, without an OACK.
    File(&'static str),
    /// An OACK that says this, and then the file.
    Oack(&'static [u8], &'static str),
}

/// A row that is a conversation.
pub(super) struct Talk {
    pub(super) id: &'static str,
    pub(super) input: &'static str,
    pub(super) script: fn(&Ground<'_>),
}

/// Texts of the server's errors: they never echo what was asked.
pub(super) fn error(code: u8) -> Vec<u8> {
    let words = match code {
        1 => "File not found",
        2 => "Access violation",
        4 => "Illegal operation",
        5 => "Unknown transfer",
        8 => "Option refused",
        _ => panic!("no error of ours: {code}"),
    };
    [&[0, 5, 0, code], words.as_bytes(), &[0]].concat()
}

/// A running daemon, the files it has, and addresses to ask from.
pub(super) struct Ground<'a> {
    pub(super) daemon: Daemon<'a>,
    pub(super) files: HashMap<&'static str, Vec<u8>>,
    group: u8,
    next: std::cell::Cell<u8>,
}

impl Ground<'_> {
    /// A client at an address that no other row uses.
    pub(super) fn client(&self) -> RawTftp {
        RawTftp::at(self.address(), self.daemon.tftp)
    }

    /// An address that no other row uses.
    pub(super) fn address(&self) -> Ipv4Addr {
        self.next.set(self.next.get() + 1);
        Ipv4Addr::new(127, 77, self.group, self.next.get())
    }

    /// The contents of a file by the name in the tables.
    pub(super) fn file(&self, name: &str) -> &[u8] {
        self.files.get(name).unwrap_or_else(|| panic!("the ground has no {name}"))
    }

    /// How many datagrams the daemon has dropped for this reason, as its metrics say.
    pub(super) fn dropped(&self, reason: &str) -> u64 {
        let metrics = succeed(Command::new("curl").args(["-sS", &format!("http://{}/metrics", self.daemon.admin)]));
        let name = format!("offhook_tftp_dropped_total{{reason=\"{reason}\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}in {metrics}"))
    }

    /// Sends something, and waits until it is counted as one datagram that was dropped for this reason. Once it is, it has
    /// been looked at: whatever would come of it is on its way.
    pub(super) fn is_dropped(&self, what: &str, reason: &str, send: impl FnOnce()) {
        let expected = self.dropped(reason) + 1;
        send();
        wait_for(&format!("{what}: it is counted"), || {
            let dropped = self.dropped(reason);
            if dropped == expected { Ok(()) } else { Err(format!("{dropped} for {reason:?}, not {expected}")) }
        });
    }

    /// What the timeline tells of the bystander.
    pub(super) fn timeline(&self) -> String {
        text(&self.daemon.cli(&["phones", "timeline", BYSTANDER]).stdout)
    }
}

/// Plays what `rows` does on a fresh daemon, and sees that nothing is broken afterwards.
pub(super) fn on_ground(rows: &str, group: u8, more: &str, play: impl FnOnce(&Ground<'_>)) {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let listen = "[tftp]\nlisten = [\"127.0.0.1:0\"";
    site.configure(&site.configuration().replace(listen, &format!("{listen}{more}")));
    let folder = site.fall_through();
    std::fs::create_dir(folder.join("folder")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link.bin")).unwrap();
    let mut files: HashMap<&'static str, Vec<u8>> =
        [("other.bin", 700), ("empty.bin", 0), ("even.bin", 1_024), ("big.bin", 40 * 512 + 7)]
            .into_iter()
            .map(|(name, size)| (name, make_file(&folder.join(name), size)))
            .collect();
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    files.insert("bystander", bystander.clone());
    files.insert("bystander in netascii", text(&bystander).replace('\n', "\r\n").into_bytes());
    for name in ["SIPDefault.cnf", "XMLDefault.cnf.xml", "dialplan.xml", "RINGLIST.DAT"] {
        files.insert(name, daemon.file(name).unwrap_or_else(|| panic!("{name} is not served")).into_bytes());
    }
    let ground = Ground { daemon, files, group, next: std::cell::Cell::new(0) };
    play(&ground);
    assert_unharmed(rows, ground.daemon, &bystander);
}

/// Plays rows that are one datagram each.
pub(super) fn ask(name: &str, group: u8, rows: &[Row]) {
    let mut asked = Vec::new();
    on_ground(name, group, "", |ground| {
        for row in rows {
            let client = ground.client();
            judge(ground, &client, row);
            asked.push((row, client));
        }
        let silent = rows.iter().filter(|row| matches!(row.expect, Expect::Drop)).count();
        let dropped = ["packet", "source", "pace", "full"].map(|reason| ground.dropped(reason));
        assert_eq!(dropped, [u64::try_from(silent).unwrap(), 0, 0, 0], "{name}: what is dropped is counted once");
    });
    for (row, client) in asked {
        let late = client.glance();
        assert_eq!(late, None, "{} ({}): this came, too", row.id, row.input);
    }
}

fn judge(ground: &Ground<'_>, client: &RawTftp, row: &Row) {
    let what = format!("{} ({})", row.id, row.input);
    match &row.expect {
        // What is not answered is known once the daemon has ended.
        Expect::Drop => ground.is_dropped(&what, "packet", || client.send(&row.datagram)),
        Expect::Error(code) => {
            client.send(&row.datagram);
            let (_, answer) = client.receive();
            assert_eq!(text(&answer), text(&error(*code)), "{what}");
        }
        Expect::File(name) => assert_file(ground, client, row, None, name, &what),
        Expect::Oack(oack, name) => assert_file(ground, client, row, Some(oack), name, &what),
    }
}

fn assert_file(ground: &Ground<'_>, client: &RawTftp, row: &Row, expected: Option<&[u8]>, name: &str, what: &str) {
    let Fetched { oack, file } =
        client.fetch(&row.datagram).unwrap_or_else(|answer| panic!("{what}: {}", text(&answer)));
    let oack = oack.as_deref().map(|packet| text(&packet[2..]));
    assert_eq!(oack, expected.map(text), "{what}");
    assert!(file == ground.file(name), "{what}: another file came: {}", text(&file));
}

/// Plays rows that are conversations.
pub(super) fn play(name: &str, group: u8, rows: &[Talk]) {
    on_ground(name, group, "", |ground| {
        for row in rows {
            println!("{} ({})", row.id, row.input);
            (row.script)(ground);
        }
    });
}

/// A request with options: names and values in turn.
pub(super) fn rrq_with(name: &str, options: &str) -> Vec<u8> {
    [rrq(name), options.as_bytes().to_vec()].concat()
}

/// The rows that are here.
pub(super) fn ids() -> Vec<&'static str> {
    let asked = a_requests::rows().into_iter().chain(a_options::rows()).map(|row| row.id);
    let played = a_requests::TALKS.iter().chain(a_options::TALKS).chain(a_transfers::TALKS).map(|row| row.id);
    asked.chain(played).chain(a_wire::ROWS.iter().map(|row| row.id)).collect()
}
