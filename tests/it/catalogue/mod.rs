//! The bad-input catalogue: every row of its tables A (TFTP), C (rows of the PBX), D (configuration and command line),
//! N (manager interface) and W (HTTP) as an entry that bears the row's id, played against the daemon as a user would start it.
//!
//! Hold a table here beside the page: an entry says what is sent and what has to come of it. Where the contract says
//! otherwise than the page (exit codes), the contract counts, and the entry says so. In every row the daemon lives on,
//! its log has no line over 512 bytes and no secret, whatever its level, and a bystander's phone gets its file byte by byte.
//!
//! - `a`: A1 to A51, in five files: requests, options, transfers, what only the wire shows, what takes more than one answer
//! - `c`: C1 to C17, in a real MariaDB, or a scripted one where the server itself is the villain
//! - `d`: D1 to D14
//! - `n`: N1 to N11, by a scripted manager: no Asterisk can be installed that misbehaves so
//! - `w`: W1 to W18, octets over TCP

mod a;
mod a_more;
mod a_options;
mod a_requests;
mod a_transfers;
mod a_wire;
mod c;
mod c_database;
mod c_rows;
mod c_server;
mod c_typed;
mod d;
mod d_command_line;
mod d_configuration;
mod n;
mod n_peer;
mod w;
mod w_people;
mod w_sent;

use std::collections::BTreeSet;

use crate::support::clients::RawTftp;
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::text;

/// The phone that nothing is wrong with.
const BYSTANDER: &str = "00087D0C0099";

/// No line of the log is longer.
const LOG_LINE: usize = 512;

/// Every row of the page is here, and nothing that is not a row of it.
#[test]
fn every_row_is_here() {
    for (letter, rows, here) in
        [("A", 51, a::ids()), ("C", 17, c::ids()), ("D", 14, d::ids()), ("N", 11, n::ids()), ("W", 18, w::ids())]
    {
        let page: BTreeSet<String> = (1..=rows).map(|row| format!("{letter}{row}")).collect();
        let here: BTreeSet<String> = here.into_iter().map(str::to_owned).collect();
        let missing: Vec<_> = page.difference(&here).collect();
        let unknown: Vec<_> = here.difference(&page).collect();
        assert!(missing.is_empty() && unknown.is_empty(), "not here: {missing:?}; not on the page: {unknown:?}");
    }
}

/// The bystander's extension and phone.
fn add_bystander(pbx: &Pbx) {
    pbx.add_extension("1099", "Good", "CANARY1099");
    pbx.add_phone(BYSTANDER, "7960", &["1099"]);
}

/// A site that says all there is to say, so that no level hides what must not be said.
fn site(pbx: &Pbx) -> Site {
    Site::new(pbx).logging("trace")
}

/// The bystander's file once it is served with its line.
fn file_of_bystander(daemon: &Daemon<'_>) -> Vec<u8> {
    let name = format!("SIP{BYSTANDER}.cnf");
    daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1099")).into_bytes()
}

/// A read request without options.
fn rrq(name: &str) -> Vec<u8> {
    format!("\0\x01{name}\0octet\0").into_bytes()
}

/// What holds after every row, whatever it was.
fn assert_unharmed(rows: &str, mut daemon: Daemon<'_>, file: &[u8]) {
    assert!(daemon.runs(), "{rows}: the daemon has ended");
    let served = RawTftp::new(daemon.tftp).fetch(&rrq(&format!("SIP{BYSTANDER}.cnf")));
    let served = served.unwrap_or_else(|answer| panic!("{rows}: the bystander got {}", text(&answer))).file;
    assert!(served == file, "{rows}: the bystander got another file:\n{}", text(&served));
    for arguments in [&["check"][..], &["--json", "check"], &["phones", "list"]] {
        let output = daemon.cli(arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("CANARY"), "{rows}: a secret is shown by {arguments:?}");
        let steers = said.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(steers, None, "{rows}: {arguments:?} lets through what steers a terminal");
    }
    assert_log_is_sound(rows, &daemon.log());
    daemon.stop();
}

/// No panic, no line too long, nothing that steers a terminal, no secret.
fn assert_log_is_sound(rows: &str, log: &str) {
    assert!(!log.contains("panicked"), "{rows}: a task panicked:\n{log}");
    for line in log.lines() {
        assert!(line.len() <= LOG_LINE, "{rows}: a log line of {} bytes: {line:.200}", line.len());
        assert!(!line.contains(char::is_control), "{rows}: a log line steers the terminal: {line:?}");
        assert!(!line.contains("CANARY"), "{rows}: a secret is in the log");
    }
}
