//! Rows as FreePBX writes them, and as nobody should.

use super::*;
use crate::pbx::roster::Listeners;

#[expect(clippy::unnecessary_wraps, reason = "a cell of a row, which may be NULL")]
fn text(value: &str) -> Cell {
    Some(value.as_bytes().to_vec())
}

/// A PBX with one chan_pjsip extension.
fn rows() -> Rows {
    let mut rows = Rows {
        phones: PhoneRows { phones: Some(Vec::new()), lines: Some(Vec::new()) },
        sip_settings: vec![
            [text("binds"), text(r#"{"udp":{"0.0.0.0":"on"}}"#)],
            [text("udpport-0.0.0.0"), text("5060")],
            [text("tcpport-0.0.0.0"), text("5060")],
        ],
        chan_sip: Some(vec![[text("bindport"), text("5160")]]),
        voicemail_code: Some([text(""), text("*97")]),
        ..Rows::default()
    };
    extension(&mut rows, "1001", "Alice Example", "alice-secret-1001");
    rows
}

fn extension(rows: &mut Rows, id: &str, name: &str, secret: &str) {
    rows.users.push([text(id), text(name), text("default")]);
    rows.devices.push([text(id), text("pjsip"), text("fixed"), text(id), text("other")]);
    for (keyword, data) in [("secret", secret), ("sipdriver", "chan_pjsip"), ("account", id)] {
        rows.sip.push([text(id), text(keyword), text(data)]);
    }
}

fn set(rows: &mut Rows, id: &str, keyword: &str, data: Cell) {
    rows.sip.retain(|[row, key, _]| *row != text(id) || *key != text(keyword));
    rows.sip.push([text(id), text(keyword), data]);
}

fn account_of(rows: &Rows, id: &str) -> Account {
    roster(rows).accounts.remove(&id.parse().unwrap()).unwrap_or_else(|| panic!("{id}: {:?}", roster(rows).problems))
}

#[test]
fn an_extension_as_it_is() {
    let roster = roster(&rows());
    assert_eq!(roster.problems, []);
    assert_eq!(roster.registrar.pjsip, Listeners { udp: Some(5060), tcp: None }, "TCP has a port and is off");
    assert_eq!(roster.registrar.chan_sip.udp, Some(5160));
    assert_eq!(roster.voicemail_code.as_deref(), Some("*97"));
    let account = &roster.accounts[&"1001".parse().unwrap()];
    assert_eq!(
        (account.sip_user.as_str(), account.auth_user.as_str(), account.name.as_str()),
        ("1001", "1001", "Alice Example")
    );
    assert_eq!(account.mailbox.as_deref(), Some("default"));
    assert_eq!(account.nat, NatFlags { force_rport: true, rewrite_contact: true }, "FreePBX's defaults");
    assert_eq!(account.secret.as_ref().unwrap().expose(), "alice-secret-1001");
}

#[test]
fn listeners() {
    for (binds, udp, tcp) in [
        (r#"{"udp":{"0.0.0.0":"on"},"tcp":{"0.0.0.0":"on"}}"#, Some(5060), Some(5060)),
        (r#"{"udp":{"0.0.0.0":"on"},"tcp":[]}"#, Some(5060), None),
        (r#"{"udp":{"0.0.0.0":"off"}}"#, None, None),
        ("[]", None, None),
    ] {
        let mut rows = rows();
        rows.sip_settings[0][1] = text(binds);
        assert_eq!(roster(&rows).registrar.pjsip, Listeners { udp, tcp }, "{binds}");
    }
}

/// Measured on FreePBX 16 with Asterisk 16: what is left, trimmed, of the text before the first `;`.
#[test]
fn the_secret_that_asterisk_has() {
    for (stored, effective, odd) in [
        ("plain", "plain", false),
        ("p;w#\"x'y\\z&<>%=: ,@/?![]{}$é", "p", true),
        ("w#\"x'y\\z&<>%=: ,@/?![]{}$é", "w#\"x'y\\z&<>%=: ,@/?![]{}$é", false),
        (" lead-and-trail ", "lead-and-trail", true),
        ("a\\;b", "a;b", true),
        (">a>b", "a>b", true),
        (">>ab", ">ab", true),
        (" >ab", ">ab", true),
    ] {
        let mut rows = rows();
        set(&mut rows, "1001", "secret", text(stored));
        let account = account_of(&rows, "1001");
        assert_eq!(account.secret.as_ref().unwrap().expose(), effective, "{stored}");
        assert_eq!(account.problems.iter().any(|p| p.code == "secret-not-as-typed"), odd, "{stored}");
        assert!(!format!("{:?}", account.problems).contains("lead-and"), "a secret is not shown");
    }
}

/// FreePBX writes `\;` for `;` into the file of chan_sip; what is left of it was measured on Asterisk 16.
#[test]
fn the_secret_that_chan_sip_has() {
    for (stored, effective, odd) in [
        ("plain", "plain", false),
        ("visible;hidden", "visible;hidden", false),
        ("a\\;b\"c", "a\\;b\"c", false),
        (" lead-and-trail ", "lead-and-trail", true),
        (">a>b", "a>b", true),
    ] {
        let mut rows = rows();
        extension(&mut rows, "2001", "Frank Chansip", stored);
        set(&mut rows, "2001", "sipdriver", text("chan_sip"));
        let account = account_of(&rows, "2001");
        assert_eq!(account.secret.as_ref().unwrap().expose(), effective, "{stored}");
        assert_eq!(account.problems.iter().any(|p| p.code == "secret-not-as-typed"), odd, "{stored}");
        assert!(!format!("{:?}", account.problems).contains(';'), "{stored}: nothing is said of a ;");
    }
}

#[test]
fn extensions_without_a_usable_secret() {
    for (secret, md5, code) in [
        (text(""), None, "no-secret"),
        (None, None, "no-secret"),
        (text(";all"), None, "secret-not-as-typed"),
        (text("  "), None, "secret-not-as-typed"),
        (text(">"), None, "secret-not-as-typed"),
        (Some(vec![0xff, b'a']), None, "secret-characters"),
        (text(""), text("0123456789abcdef0123456789abcdef"), "secret-md5-only"),
    ] {
        let mut rows = rows();
        set(&mut rows, "1001", "secret", secret.clone());
        set(&mut rows, "1001", "md5_cred", md5);
        let account = account_of(&rows, "1001");
        assert_eq!((account.secret, account.problems[0].code.as_str()), (None, code), "{secret:?}");
    }
}

/// FreePBX writes `auth_type=md5` as soon as there is a hash, into chan_pjsip's file only.
#[test]
fn a_hash_beside_the_secret() {
    for (driver, told) in [("chan_pjsip", true), ("chan_sip", false)] {
        let mut rows = rows();
        set(&mut rows, "1001", "sipdriver", text(driver));
        set(&mut rows, "1001", "md5_cred", text("0123456789abcdef0123456789abcdef"));
        let account = account_of(&rows, "1001");
        assert!(account.secret.is_some(), "{driver}");
        assert_eq!(account.problems.iter().any(|p| p.code == "secret-md5"), told, "{driver}");
        set(&mut rows, "1001", "secret", text(""));
        let code = if told { "secret-md5-only" } else { "no-secret" };
        assert_eq!(account_of(&rows, "1001").problems[0].code, code, "{driver}");
    }
}

#[test]
fn drivers_users_and_names() {
    let mut rows = rows();
    extension(&mut rows, "2001", "Frank Chansip", "franksecret2001");
    rows.devices[1][1] = text("sip");
    set(&mut rows, "2001", "sipdriver", text("chan_sip"));
    set(&mut rows, "2001", "nat", text("no"));
    set(&mut rows, "2001", "username", text("alias"));
    set(&mut rows, "2001", "max_contacts", text("3"));
    set(&mut rows, "1001", "username", text("alice"));
    set(&mut rows, "1001", "max_contacts", text("3"));
    // A virtual extension has a user and no device; a trunk has settings and no device.
    rows.users.push([text("3001"), text("Virtual Room"), text("novm")]);
    rows.sip.push([text("tr-peer-1"), text("secret"), text("trunk")]);
    let roster = roster(&rows);
    assert_eq!(roster.accounts.len(), 2);
    let frank = &roster.accounts[&"2001".parse().unwrap()];
    assert_eq!((frank.driver, frank.nat), (Driver::ChanSip, NatFlags::default()));
    assert_eq!((frank.auth_user.as_str(), frank.max_contacts), ("2001", 1), "a peer is its own digest user, once");
    let alice = &roster.accounts[&"1001".parse().unwrap()];
    assert_eq!((alice.auth_user.as_str(), alice.sip_user.as_str(), alice.max_contacts), ("alice", "1001", 3));
    rows.devices[0][2] = text("adhoc");
    assert_eq!(account_of(&rows, "1001").name, "other", "a device of no fixed user has its description");
}

/// During a save: rows come back one by one, `sipdriver` and `account` last.
#[test]
fn a_half_written_extension_is_no_account() {
    for keyword in ["sipdriver", "account"] {
        let mut rows = rows();
        rows.sip.retain(|[_, key, _]| *key != text(keyword));
        let roster = roster(&rows);
        assert!(roster.accounts.is_empty());
        assert_eq!(roster.problems[0].problem.code, "half-written");
    }
}

/// C7 and C11: one bad row costs that extension alone.
#[test]
fn c7_c11_bad_extensions() {
    let long = "x".repeat(5_000);
    for (id, keyword, data) in [
        ("../../x", "dial", ""),
        ("1' OR '1'='1", "dial", ""),
        ("1\n2", "dial", ""),
        ("1009", "account", long.as_str()),
    ] {
        let mut rows = rows();
        extension(&mut rows, id, "Mallory", "s");
        set(&mut rows, id, keyword, text(data));
        let roster = roster(&rows);
        assert_eq!(roster.accounts.len(), 1, "{id}");
        assert_eq!(roster.problems.len(), 1, "{id}: {:?}", roster.problems);
    }
}

#[test]
fn phones_and_lines() {
    let mut rows = rows();
    rows.phones.phones = Some(vec![
        [
            text("00:1b:54:aa:bb:01"),
            text("7960"),
            text("desk"),
            text(""),
            text(r#"{"time_zone":"Europe/Berlin"}"#),
            text("1"),
        ],
        [text("001B54AABB02"), text("auto"), None, text("SIP42.9-4-2SR3-1S"), None, text("0")],
        [text("001B54AABB03"), text("7942"), None, None, text(r#"{"timezone":"x"}"#), text("1")],
        [text("GG1B54AABB03"), text("7942"), None, None, None, text("1")],
    ]);
    rows.phones.lines = Some(vec![
        [text("001B54AABB01"), text("2"), text("line"), text("1002"), text("two")],
        [text("001B54AABB01"), text("1"), text("line"), text("1001"), None],
        [text("001B54AABB01"), text("0"), text("line"), text("1003"), None],
        [text("001B54AABB01"), text("3"), text("lines"), text("1003"), None],
        [text("001B54AABBFF"), text("1"), text("line"), text("1001"), None],
    ]);
    let roster = roster(&rows);
    assert_eq!(roster.assignments.len(), 3);
    let desk = &roster.assignments[&"001B54AABB01".parse().unwrap()];
    let buttons: Vec<_> = desk.buttons.iter().map(|b| (b.button, b.extension.as_str())).collect();
    assert_eq!(buttons, [(1, "1001"), (2, "1002")]);
    assert_eq!(desk.options.time_zone.as_deref(), Some("Europe/Berlin"));
    let other = &roster.assignments[&"001B54AABB02".parse().unwrap()];
    assert_eq!(
        (other.model.clone(), other.enabled, other.target_load.as_deref()),
        (None, false, Some("SIP42.9-4-2SR3-1S"))
    );
    let mut codes: Vec<_> = roster.assignment_problems.iter().map(|row| row.problem.code.as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["bad-line", "bad-line", "bad-line", "bad-mac", "bad-options"]);
}

/// F13: the order of rows decides nothing.
#[test]
fn f13_one_mac_in_two_spellings() {
    let row = |mac: &str, model: &str| [text(mac), text(model), None, None, None, text("1")];
    let line = |mac: &str, extension: &str| [text(mac), text("1"), text("line"), text(extension), None];
    let mut outcomes = Vec::new();
    for reversed in [false, true] {
        let mut rows = rows();
        let mut phones = vec![row("001B54AABB01", "7960"), row("001b54aabb01", "7942")];
        let mut lines = vec![line("001B54AABB01", "1001"), line("001b54aabb01", "1002")];
        if reversed {
            phones.reverse();
            lines.reverse();
        }
        rows.phones.phones = Some(phones);
        rows.phones.lines = Some(lines);
        let roster = roster(&rows);
        assert!(roster.assignment_problems.iter().all(|row| row.problem.code == "assigned-twice" && row.mac.is_some()));
        outcomes.push(roster);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0].assignments.len(), 1);
}

#[test]
fn missing_tables_of_ours_are_one_problem() {
    let roster = roster(&Rows { phones: PhoneRows::default(), ..rows() });
    assert_eq!((roster.accounts.len(), roster.assignments.len()), (1, 0));
    assert_eq!(roster.assignment_problems[0].problem.code, "table-missing");
}

/// A MAC row alone is read without the accounts, and makes the same roster.
#[test]
fn phones_read_alone_make_the_same_roster() {
    let mut all = rows();
    let before = roster(&all);
    all.phones.phones = Some(vec![[text("001B54AABB01"), text("7960"), None, None, None, text("1")]]);
    all.phones.lines = Some(vec![[text("001B54AABB01"), text("1"), text("line"), text("1001"), None]]);
    let after = roster(&all);
    assert_ne!(before, after);
    assert_eq!(with_phones(before, &all.phones), after);
}
