//! A1 to A27: requests, their names and their shape.

use super::BYSTANDER;
use super::a::{Expect, Ground, Row, Talk, ask, error, play, rrq_with};
use super::rrq;
use crate::support::text;

fn row(id: &'static str, input: &'static str, datagram: &[u8], expect: Expect) -> Row {
    Row { id, input, datagram: datagram.to_vec(), expect }
}

fn named(id: &'static str, input: &'static str, name: &[u8], expect: Expect) -> Row {
    Row { id, input, datagram: [b"\0\x01", name, b"\0octet\0"].concat(), expect }
}

/// A request that options nobody knows make this long.
fn padded(name: &str, length: usize) -> Vec<u8> {
    let mut request = rrq_with(name, "pad\0");
    request.resize(length - 1, b'x');
    request.push(0);
    request
}

/// `../etc/passwd` with each dot in two octets, where UTF-8 has one.
const OVERLONG: &[u8] = b"\xc0\xae\xc0\xae/etc/passwd";

pub(super) fn rows() -> Vec<Row> {
    use Expect::{Drop, Error, File};
    let long = |length: usize| "n".repeat(length).into_bytes();
    vec![
        row("A1", "0 bytes", b"", Drop),
        row("A2", "00", b"\0", Drop),
        row("A3", "00 01 alone", b"\0\x01", Drop),
        row("A4", "name without NUL", b"\0\x01other.bin", Drop),
        row("A5", "no mode", b"\0\x01fw\0", Drop),
        row("A6", "mode without final NUL", b"\0\x01fw\0octet", Drop),
        row("A7", "empty name", b"\0\x01\0octet\0", Error(4)),
        row("A8", "mode mail", b"\0\x01other.bin\0mail\0", Error(4)),
        row("A8", "mode foo", b"\0\x01other.bin\0foo\0", Error(4)),
        row("A9", "mode OcTeT", b"\0\x01other.bin\0OcTeT\0", File("other.bin")),
        row(
            "A10",
            "netascii, our text",
            format!("\0\x01SIP{BYSTANDER}.cnf\0netascii\0").as_bytes(),
            File("bystander in netascii"),
        ),
        row("A10", "netascii, a binary", b"\0\x01other.bin\0netascii\0", Error(4)),
        row("A11", "opcode 0", b"\0\0x\0octet\0", Drop),
        row("A11", "opcode 9", b"\0\x09x\0octet\0", Drop),
        row("A11", "opcode 0xFFFF", b"\xff\xffx\0octet\0", Drop),
        row("A12", "DATA", b"\0\x03\0\x01data", Drop),
        row("A12", "ACK", b"\0\x04\0\x01", Drop),
        row("A12", "ERROR", b"\0\x05\0\x01x\0", Drop),
        row("A12", "OACK", b"\0\x06blksize\x00512\0", Drop),
        named("A14", "../../../etc/passwd", b"../../../etc/passwd", Error(1)),
        named("A14", "./../../etc/passwd", b"./../../etc/passwd", Error(1)),
        named("A15", "/etc/passwd", b"/etc/passwd", Error(1)),
        named("A16", "..\\..\\etc\\passwd", b"..\\..\\etc\\passwd", Error(1)),
        named("A17", "a link in the folder", b"link.bin", Error(1)),
        named("A18", "a folder", b"folder", Error(1)),
        named("A18", "a folder/", b"folder/", Error(1)),
        named("A18", ".", b".", Error(1)),
        named("A18", "/", b"/", Error(1)),
        named("A19", "one /", format!("/SIP{BYSTANDER}.cnf").as_bytes(), File("bystander")),
        named("A19", "one ./", format!("./SIP{BYSTANDER}.cnf").as_bytes(), File("bystander")),
        named("A19", "two /", format!("//SIP{BYSTANDER}.cnf").as_bytes(), Error(1)),
        named("A19", "two ./", format!("././SIP{BYSTANDER}.cnf").as_bytes(), Error(1)),
        // The table of aliases is: any case. Real manifests and phones disagree about it.
        named("A20", ".CNF", format!("SIP{BYSTANDER}.CNF").as_bytes(), File("bystander")),
        named("A20", "sip", format!("sip{BYSTANDER}.cnf").as_bytes(), File("bystander")),
        named("A20", "lower-case hex", format!("SIP{}.cnf", BYSTANDER.to_lowercase()).as_bytes(), File("bystander")),
        named("A20", "with blanks", format!(" SIP{BYSTANDER}.cnf").as_bytes(), Error(1)),
        named("A20", "with colons", b"SIP00:08:7D:0C:00:99.cnf", Error(1)),
        named("A21", "%2e%2e%2f", b"%2e%2e%2fetc%2fpasswd", Error(1)),
        named("A21", "%s%n", b"%s%n%s%n", Error(1)),
        named("A21", "overlong UTF-8", OVERLONG, Error(1)),
        named("A22", "ESC", b"a\x1b[2Jb", Error(1)),
        named("A22", "LF", b"a\n[alarm] fake", Error(1)),
        named("A22", "0x80 to 0xFF", b"\x80\x90\xfe\xff", Error(1)),
        named("A23", "128 bytes", &long(128), Error(1)),
        named("A23", "129 bytes", &long(129), Drop),
        named("A23", "256 bytes", &long(256), Drop),
        named("A23", "480 bytes", &long(480), Drop),
        named("A23", "2,000 bytes", &long(2_000), Drop),
        named("A24", "11 digits", b"SIP00087D0C009.cnf", Error(1)),
        named("A24", "13 digits", b"SIP00087D0C00990.cnf", Error(1)),
        named("A24", "no digits", b"SIPZZ087D0C0099.cnf", Error(1)),
        named("A25", "all zero", b"SIP000000000000.cnf", Error(1)),
        named("A25", "broadcast", b"SIPFFFFFFFFFFFF.cnf", Error(1)),
        named("A25", "multicast", b"SIP01005E000001.cnf", Error(1)),
        named("A26", "SIPDefault.cnf", b"SIPDefault.cnf", File("SIPDefault.cnf")),
        named("A26", "XMLDefault.cnf.xml", b"XMLDefault.cnf.xml", File("XMLDefault.cnf.xml")),
        named("A26", "dialplan.xml", b"dialplan.xml", File("dialplan.xml")),
        named("A26", "RINGLIST.DAT", b"RINGLIST.DAT", File("RINGLIST.DAT")),
        named("A26", "a CTL", format!("CTLSEP{BYSTANDER}.tlv").as_bytes(), Error(1)),
        named("A26", "an ITL", format!("ITLSEP{BYSTANDER}.tlv").as_bytes(), Error(1)),
        named("A26", "OS79XX.TXT", b"OS79XX.TXT", Error(1)),
        row("A27", "513 bytes", &padded("other.bin", 513), File("other.bin")),
        row("A27", "1,024 bytes", &padded("other.bin", 1_024), File("other.bin")),
        row("A27", "1,025 bytes", &padded("other.bin", 1_025), Drop),
    ]
}

pub(super) const TALKS: &[Talk] = &[
    Talk { id: "A13", input: "a write, again and again", script: a_write_is_refused_once },
    Talk { id: "A17", input: "a link is an alarm", script: a_link_is_named },
    Talk { id: "A21", input: "in the timeline", script: odd_names_are_shown_as_they_are },
    Talk { id: "A22", input: "in the timeline", script: what_steers_a_terminal_is_shown_nowhere },
    Talk { id: "A26", input: "no credential", script: shared_files_hold_no_secret },
];

#[test]
fn a1_to_a27_each_is_one_datagram() {
    ask("A1 to A27", 1, &rows());
}

#[test]
fn a13_to_a26_told_and_not_told() {
    play("A13 to A26", 2, TALKS);
}

fn a_write_is_refused_once(ground: &Ground<'_>) {
    let client = ground.client();
    for _ in 0..20 {
        client.send(b"\0\x02x\0octet\0");
    }
    let (_, answer) = client.receive();
    assert_eq!(text(&answer), text(&error(2)), "A13");
    // What comes after the answers to the others, if there were any.
    client.fetch(&rrq("other.bin")).unwrap_or_else(|answer| panic!("A13: again: {}", text(&answer)));
}

fn a_link_is_named(ground: &Ground<'_>) {
    let checks = ground.daemon.json(&["check"]);
    let told =
        |check: &serde_json::Value| check["status"] == "warning" && check["summary"].to_string().contains("link.bin");
    assert!(checks.as_array().unwrap().iter().any(told), "A17: {checks}");
}

/// Asks for these names as the bystander's phone, which has a timeline.
fn asked_as_the_bystander(ground: &Ground<'_>, names: &[&[u8]]) -> String {
    let client = ground.client();
    client.fetch(&rrq(&format!("SIP{BYSTANDER}.cnf"))).unwrap();
    for name in names {
        client.ask(name);
        let (_, answer) = client.receive();
        assert_eq!(text(&answer), text(&error(1)), "{name:?}");
    }
    ground.timeline()
}

fn odd_names_are_shown_as_they_are(ground: &Ground<'_>) {
    let shown = asked_as_the_bystander(ground, &[b"%2e%2e%2fx", b"%s%n", "r\u{e9}".as_bytes(), OVERLONG]);
    for name in ["%2e%2e%2fx", "%s%n", "r\\xc3\\xa9", r"\xc0\xae\xc0\xae/etc/passwd"] {
        assert!(shown.contains(name), "A21: {name} is not in the timeline:\n{shown}");
    }
}

fn what_steers_a_terminal_is_shown_nowhere(ground: &Ground<'_>) {
    let names: [&[u8]; 4] = [b"esc\x1b[2J", b"lf\n[alarm] fake", b"del\x7f", b"high\x80\xff"];
    let shown = asked_as_the_bystander(ground, &names);
    for said in [&shown, &ground.daemon.log()] {
        assert!(!said.lines().any(|line| line.starts_with("[alarm]")), "A22: {said}");
        assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "A22: {said}");
    }
}

fn shared_files_hold_no_secret(ground: &Ground<'_>) {
    for name in ["SIPDefault.cnf", "XMLDefault.cnf.xml", "dialplan.xml", "RINGLIST.DAT"] {
        assert!(!text(ground.file(name)).contains("CANARY"), "A26: {name}");
    }
}
