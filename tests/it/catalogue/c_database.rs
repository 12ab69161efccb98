//! C11 and C13: a database that is large, or not as it was.

use super::c::{Scene, pbx, play, wait_for_check, wait_for_finding};
use super::{BYSTANDER, assert_unharmed, file_of_bystander, site};
use crate::support::wait_for;

pub(super) const SCENES: &[Scene] = &[
    Scene { id: "C11", input: "50,000 rows", script: fifty_thousand_rows },
    Scene { id: "C11", input: "cells of 16 MiB", script: cells_of_16_mib },
    Scene { id: "C13", input: "tables that change", script: tables_that_change },
];

#[test]
fn c11_c13_large_and_changing() {
    play(SCENES);
}

/// What the kernel says the daemon holds in memory at most so far, in octets.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

fn fifty_thousand_rows(what: &str) {
    let pbx = pbx();
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    let before = peak(daemon.process());
    // Ten rows of an extension: user, device, eight settings.
    pbx.database.execute(
        "INSERT INTO users (extension, name, voicemail) SELECT 20000 + seq, 'Ada', 'novm' FROM seq_1_to_5000;
         INSERT INTO devices (id, tech, dial, devicetype, user, description)
             SELECT 20000 + seq, 'pjsip', '', 'fixed', 20000 + seq, 'Ada' FROM seq_1_to_5000;
         INSERT INTO sip (id, keyword, data) SELECT 20000 + seq, keyword, IF(keyword = 'account', 20000 + seq, data)
             FROM seq_1_to_5000, (SELECT keyword, data FROM sip WHERE id = '1099' AND keyword IN
             ('secret', 'sipdriver', 'account', 'force_rport', 'rewrite_contact', 'max_contacts', 'context', 'dtmfmode')) AS one",
    );
    let rows = pbx.database.rows(&["count(*)"], "FROM sip");
    assert!(rows[0][0].parse::<u32>().unwrap() >= 40_000, "{rows:?}");
    pbx.add_phone("00087D0C1101", "7960", &["25000"]);
    pbx.apply();
    daemon.wait_for_file("SIP00087D0C1101.cnf", "given its line", |file| file.contains("\"25000\""));
    let grown = peak(daemon.process()).saturating_sub(before);
    println!("{what}: memory grew by {} MiB", grown >> 20);
    // Measured: 28 MiB, of which the rows themselves are some.
    assert!(grown < 64 << 20, "{what}: memory grew by {grown} octets");
    assert_unharmed(what, daemon, &bystander);
}

/// No cell of a size that nobody chose comes over the wire, and the row is told.
fn cells_of_16_mib(what: &str) {
    let pbx = pbx();
    pbx.database.execute(
        "SET GLOBAL max_allowed_packet = 67108864; ALTER TABLE users MODIFY name longtext;
         ALTER TABLE sip MODIFY data longtext; ALTER TABLE offhook_phones MODIFY description longtext, MODIFY options longtext",
    );
    for extension in ["1001", "1002"] {
        pbx.add_extension(extension, "Ada", &format!("CANARY{extension}"));
    }
    pbx.add_phone("00087D0C1102", "7960", &["1001"]);
    pbx.add_phone("00087D0C1103", "7960", &["1002"]);
    pbx.add_phone("00087D0C1104", "7960", &["1099"]);
    pbx.apply();
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    let before = peak(daemon.process());
    let large = "REPEAT('x', 16777216)";
    pbx.database.execute(&format!(
        "UPDATE sip SET data = {large} WHERE id = '1001' AND keyword = 'secret';
         UPDATE users SET name = {large} WHERE extension = '1002';
         UPDATE offhook_phones SET description = {large}, options = {large} WHERE mac = '00087D0C1104'"
    ));
    wait_for_finding(what, &daemon, "00087D0C1102", "value-too-large", &["1001", "4 KiB"]);
    wait_for_finding(what, &daemon, "00087D0C1104", "bad-options", &["00087D0C1104"]);
    daemon.wait_for_file("SIP00087D0C1103.cnf", "given a name that fits", |file| {
        file.contains(&format!("\"{}\"", "x".repeat(31)))
    });
    daemon.wait_for_file("SIP00087D0C1104.cnf", "served without its options", |file| file.contains("CANARY1099"));
    let grown = peak(daemon.process()).saturating_sub(before);
    assert!(grown < 16 << 20, "{what}: memory grew by {grown} octets");
    assert_unharmed(what, daemon, &bystander);
}

/// F9 and F10: what is gone or unreadable is named, and nobody loses a file.
fn tables_that_change(what: &str) {
    let pbx = pbx();
    pbx.database.execute(
        "INSERT INTO offhook_phones (mac, model) SELECT CONCAT('00087D0D', LPAD(seq, 4, '0')), '7960' FROM seq_1_to_400;
         INSERT INTO offhook_lines (mac, button, extension)
             SELECT mac, 1, '1099' FROM offhook_phones WHERE mac LIKE '00087D0D%'",
    );
    pbx.apply();
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    let name = "SIP00087D0D0400.cnf";
    let last = daemon.wait_for_file(name, "given its line", |file| file.contains("CANARY1099"));
    for (change, words, back) in [
        ("RENAME TABLE sip TO kept", &["pbx-database", "sip"][..], "RENAME TABLE kept TO sip"),
        (
            "ALTER TABLE sip CHANGE data content mediumtext",
            &["pbx-database", "sip"],
            "ALTER TABLE sip CHANGE content data mediumtext",
        ),
        ("RENAME TABLE offhook_phones TO kept", &["table-missing"], "RENAME TABLE kept TO offhook_phones"),
        (
            "CREATE TABLE kept SELECT * FROM offhook_phones; DELETE FROM offhook_phones",
            &["roster-shrunk", "phones"],
            "INSERT INTO offhook_phones SELECT * FROM kept; DROP TABLE kept",
        ),
    ] {
        pbx.database.execute(change);
        wait_for_check(&format!("{what}: {change}"), &daemon, words);
        assert_eq!(daemon.file(name).as_ref(), Some(&last), "{what}: {change}");
        pbx.database.execute(back);
        wait_for(&format!("{what}: all well after {back}"), || {
            let said = daemon.json(&["check"]).to_string();
            if words.iter().all(|word| said.contains(word)) && !said.contains("phones read") {
                Err(said)
            } else {
                Ok(())
            }
        });
    }
    // A view where a table was is as good as one.
    pbx.database.execute("RENAME TABLE devices TO base; CREATE VIEW devices AS SELECT * FROM base");
    pbx.add_phone("00087D0D0999", "7960", &["1099"]);
    daemon.wait_for_file("SIP00087D0D0999.cnf", "served", |file| file.contains("CANARY1099"));
    assert!(daemon.file(&format!("SIP{BYSTANDER}.cnf")).is_some());
    assert_unharmed(what, daemon, &bystander);
}
