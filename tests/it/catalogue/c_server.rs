//! C15 and C16: a server that is no PBX's. It cannot be installed, so it is scripted: MySQL's packets by hand
//! (client/server protocol: initial handshake, OK, 0xFB "local infile request", 0xFE "auth switch request").

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::c::{Scene, wait_for_check};
use super::{BYSTANDER, add_bystander, assert_unharmed, file_of_bystander, site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, text, wait_for};

pub(super) const SCENES: &[Scene] = &[
    Scene { id: "C15", input: "LOAD DATA LOCAL INFILE", script: |what| rogue(what, Manner::AsksForAFile) },
    Scene { id: "C16", input: "closed within a row", script: |what| rogue(what, Manner::ClosesWithinARow) },
    Scene { id: "C16", input: "a packet out of sequence", script: |what| rogue(what, Manner::LosesCount) },
    Scene { id: "C16", input: "a switch to clear text", script: |what| rogue(what, Manner::WantsThePassword) },
];

#[test]
fn c15_c16_a_rogue_server() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    // Most of each is waiting: all at once.
    thread::scope(|scope| {
        for row in SCENES {
            scope.spawn(|| (row.script)(&format!("{} ({})", row.id, row.input)));
        }
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Each query is answered with the wish for a file of the client's.
    AsksForAFile,
    /// Each query is answered with the beginning of a row.
    ClosesWithinARow,
    /// Each query is answered with a packet of a number that is not its turn.
    LosesCount,
    /// The login is answered with the wish for the password in clear.
    WantsThePassword,
}

/// What came from the client.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    connections: Vec<Instant>,
    /// Times that the manner was shown.
    shown: u32,
}

fn rogue(what: &str, manner: Manner) {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    daemon.stop();

    let wanted = site.file().with_file_name("wanted");
    std::fs::write(&wanted, "CANARY-of-a-file").unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("mysql://offhook:CANARY-c16@{}/asterisk", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Heard::default()));
    let (ear, file) = (Arc::clone(&heard), wanted.to_str().unwrap().to_owned());
    // Ends with the process of the test.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            ear.lock().unwrap().connections.push(Instant::now());
            let (ear, file) = (Arc::clone(&ear), file.clone());
            thread::spawn(move || serve(stream, manner, &file, &ear));
        }
    });
    let lines = site.configuration().replace("source = \"sqlite\"", "source = \"freepbx\"");
    site.configure(&lines.replace(&pbx.database.url(), &url));
    let daemon = site.serve();
    wait_for_check(what, &daemon, &["pbx-database", "failed"]);
    wait_for(&format!("{what}: the daemon to come again"), || {
        let heard = heard.lock().unwrap();
        if heard.connections.len() >= 3 && heard.shown > 0 { Ok(()) } else { Err(heard.connections.len().to_string()) }
    });
    {
        let heard = heard.lock().unwrap();
        let pause = heard.connections[2] - heard.connections[0];
        assert!(pause >= Duration::from_millis(900), "{what}: three connections within {pause:?}");
        assert!(!text(&heard.bytes).contains("CANARY"), "{what}: it got what is secret: {}", text(&heard.bytes));
    }
    let file = daemon.file(&format!("SIP{BYSTANDER}.cnf"));
    assert_eq!(file.map(String::into_bytes).as_ref(), Some(&bystander), "{what}: the last good roster serves on");
    assert_unharmed(what, daemon, &bystander);
}

/// One packet: its length, its number, what is in it.
fn packet(stream: &mut TcpStream, number: u8, payload: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    stream.write_all(&[&length[..3], &[number], payload].concat())
}

/// The next packet of the client, noted.
fn heard(stream: &mut TcpStream, ear: &Mutex<Heard>) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut payload = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16];
    stream.read_exact(&mut payload)?;
    ear.lock().unwrap().bytes.extend_from_slice(&payload);
    Ok(payload)
}

fn serve(mut stream: TcpStream, manner: Manner, file: &str, ear: &Mutex<Heard>) {
    // The client goes when it has had enough; that is no fault of the test.
    let _ = talk(&mut stream, manner, file, ear);
}

fn talk(stream: &mut TcpStream, manner: Manner, file: &str, ear: &Mutex<Heard>) -> std::io::Result<()> {
    const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
    let greeting = [
        &b"\x0a5.5.5-10.11.6-MariaDB\0\x01\0\0\0AAAAAAAA\0"[..],
        // Capabilities: protocol 4.1, secure connection, local files, plugins; utf8mb4; autocommit.
        &[0x80 | 0x01, 0xa2, 0x2d, 2, 0, 0x08, 0, 21],
        &[0; 10],
        b"BBBBBBBBBBBB\0mysql_native_password\0",
    ];
    packet(stream, 0, &greeting.concat())?;
    heard(stream, ear)?;
    if manner == Manner::WantsThePassword {
        ear.lock().unwrap().shown += 1;
        packet(stream, 2, b"\xfemysql_clear_password\0")?;
        loop {
            heard(stream, ear)?;
        }
    }
    packet(stream, 2, OK)?;
    loop {
        let command = heard(stream, ear)?;
        // COM_QUERY and COM_STMT_PREPARE; the rest is a courtesy.
        if !matches!(command.first(), Some(3 | 22)) {
            packet(stream, 1, OK)?;
            continue;
        }
        ear.lock().unwrap().shown += 1;
        match manner {
            Manner::AsksForAFile => packet(stream, 1, &[b"\xfb", file.as_bytes()].concat())?,
            Manner::LosesCount => packet(stream, 77, OK)?,
            Manner::ClosesWithinARow | Manner::WantsThePassword => {
                let column = b"\x03def\0\0\0\x01a\0\x0c\x2d\0\0\x01\0\0\xfd\0\0\0\0\0";
                packet(stream, 1, &[1])?;
                packet(stream, 2, column)?;
                packet(stream, 3, &[0xfe, 0, 0, 2, 0])?;
                // A row of 200 octets, of which five come.
                return stream.write_all(&[200, 0, 0, 4, 199, b'r', b'o', b'w', b's']);
            }
        }
    }
}
