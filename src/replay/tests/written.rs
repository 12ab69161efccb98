//! What is written: every word, odd text, and what is known of a phone.

use proptest::prelude::*;

use super::play;
use crate::replay::{Mask, Script};

/// Every word there is, as it is written.
const EVERY: &str = r#"title A phone
answers A1 B2
about 001B54AABB01 at 192.0.2.60
# for who reads it
no-manager
no-pbx
no-tcp
tcp-silent
no-clock
clock-silent 192.0.2.1
transport udp
option time_zone Europe/Berlin
runs SIP42.9-4-2SR3-1S
phone 001B54AABB01 model 7942 lines 1001,,1003 keys 2 target SIP42.9-4-2SR3-1S problem bad-line disabled later
extension 1001 user ann auth ann2 secret 32 contacts 3 only tcp problem secret-not-live codecs g729,g722 over 0.0.0.0-tls encryption sdes dtmf info digest SHA-256 no-context keeps-contacts nat chan-sip absent no-secret odd-secret
firmware L a,b lacks c
erased term42 L
0:00 asks CTLSEP001B54AABB01.tlv -> not-found
0:00.250 asks x -> sent from 192.0.2.61
fault: 0:01 gets a
sound: 0:01 gets b from 192.0.2.61
0:02 loses a no-answer
0:02 has a
0:02 drops a peer-error saying "disk full" from 192.0.2.61
0:03 denied a unproven from 192.0.2.61
0:04 leases 192.0.2.60
0:04 discovers
0:04 takes 192.0.2.60
0:04 takes 192.0.2.60 of 192.0.2.2
0:05 offered 192.0.2.60
0:05 refused 192.0.2.60
0:05 declines 192.0.2.60
0:05 releases
0:06 announces model 7942 load L vlan 7
0:06 page L boot B
0:06 speaks error
0:07 registers 1001
0:07 registers 1001 at 192.0.2.61 agent "Cisco x"
0:08 rejects 1001 wrong-secret at 192.0.2.61
0:08 unreachable 1001
0:08 gone 1001
0:09 misled 192.0.2.2 "it says \"nothing\""
0:09 banned asterisk
0:09 unbanned
0:10 assigned
0:10 changes
0:10 brings L a,b
0:11 converts L from M held
0:11 begins
0:11 told "to restart"
0:12 does "asked it to restart"
71582788:15 waits
finds x y
"#;

#[test]
fn every_word_is_written_as_it_is_read() {
    assert_eq!(Script::parse(EVERY).unwrap().to_string(), EVERY);
}

proptest! {
    /// Whatever a phone may be called, ask for or say.
    #[test]
    fn odd_text_is_read_as_it_was_written(text in "[ -~\\{\\}\"]{0,40}") {
        let mut script = Script::parse(EVERY).unwrap();
        script.lines.retain(|line| line.number > 45);
        for line in &mut script.lines {
            line.number = 0;
            if let crate::replay::Says::Happens(_, crate::replay::Happens::Does(what)) = &mut line.says {
                what.clone_from(&text);
            }
        }
        let mut read = Script::parse(&script.to_string()).unwrap();
        read.lines.iter_mut().for_each(|line| line.number = 0);
        prop_assert_eq!(read, script);
    }
}

#[test]
fn what_would_end_a_line_does_not() {
    let text =
        EVERY.replace("title A phone", "title A\u{1b}[2J phone").replace("\"disk full\"", "\"disk\tfull {MAC}\"");
    let mut script = Script::parse(&text).unwrap();
    script.title += "\nfinds nothing";
    let text = script.to_string();
    assert!(!text.contains(['\u{1b}', '\t']) && text.lines().count() == EVERY.lines().count(), "{text}");
    assert_eq!(Script::parse(&text).unwrap().finds, ["x", "y"]);
    let braces = Script::parse(&EVERY.replace("asks x", r#"asks "\{MAC}""#)).unwrap().to_string();
    assert!(braces.contains(r#"asks "\{MAC}" -> sent"#), "{braces}");
}

#[test]
fn secrets_are_dots_and_what_only_looks_like_one_is_not() {
    let mut script = Script::parse(&EVERY.replace("disk full", "secret hunter22 1001 full")).unwrap();
    script.mask(&Mask::of(["hunter22", "unter2", "1001", "disk"].into_iter()));
    let text = script.to_string();
    assert!(text.contains("saying \"secret ...... 1001 full\"") && text.contains("registers 1001"), "{text}");
    let mut value = serde_json::json!({"hunter22": [{"a": "xhunter22"}, 1, null, "hunter2"]});
    Mask::of(["hunter22"].into_iter()).json(&mut value);
    assert_eq!(value, serde_json::json!({"hunter22": [{"a": "x......"}, 1, null, "hunter2"]}));
}

/// A phone that was a stranger, was assigned, and of which much was told.
const MUCH: &str = r#"title A 7942 that much happens to
about 001B54AABB01 at 192.0.2.60
option time_zone Europe/Berlin
phone {MAC} model 7942 lines 1001 later
extension 1001 contacts 2
0:00 asks SEP{MAC}.cnf.xml -> not-assigned
0:10.500 assigned
0:20 gets SEP{MAC}.cnf.xml
0:21 asks folder.txt -> sent
0:24 has folder.txt
0:25 asks "a \"b\"" -> not-found
0:26 registers 1001 agent "Cisco-CP7942G/9.4.2 x"
1:00 told "to restart"
1:01 denied SEP{MAC}.cnf.xml unproven from 192.0.2.77
1:02 speaks error
2:00 asks dialplan.xml -> sent
2:20 drops dialplan.xml peer-error saying "disk full"
3:00 waits
finds unproven
"#;

/// The same, as it is told.
const TOLD: &str = r#"title registered, 1 of 1 lines
about 001B54AABB01 at 192.0.2.60
option time_zone Europe/Berlin
option voicemail *97
phone 001B54AABB01 model 7942 lines 1001 later
extension 1001 contacts 2
0:00 asks SEP001B54AABB01.cnf.xml -> not-assigned
0:10.500 assigned
0:20 gets SEP001B54AABB01.cnf.xml
0:21 asks folder.txt -> sent
0:24 has folder.txt
0:25 asks "a \"b\"" -> not-found
0:26 registers 1001 agent "Cisco-CP7942G/9.4.2 x"
1:00 told "to restart"
1:01 denied SEP001B54AABB01.cnf.xml unproven from 192.0.2.77
1:02 speaks error
2:00 asks dialplan.xml -> sent
2:20 drops dialplan.xml peer-error saying "disk full"
3:00 waits
finds unproven
"#;

#[test]
fn what_happened_is_told_as_it_was() {
    let told = play::told(&Script::parse(MUCH).unwrap(), true).unwrap().to_string();
    assert_eq!(told, TOLD);
}

/// What is found of facts that are no events, by statements that only timelines have.
#[test]
fn facts_are_told_as_well() {
    const ABOUT: &str = "title T\nabout 001B54AABB01\n";
    let boots = "0:00 gets SEP{MAC}.cnf.xml\n0:01 gets dialplan.xml\n0:02 registers 1001 agent Cisco-CP7942G/9.4.2\n";
    let silent = "0:00 gets SEP{MAC}.cnf.xml\n0:01 gets dialplan.xml\n0:03 waits\n";
    let phone = "phone {MAC} model 7942 lines 1001\n";
    let nothing = "0:00 gets SEP{MAC}.cnf.xml\n";
    let mut wrong = Vec::new();
    for (given, happens, finds) in [
        ("phone {MAC} model 7942 lines 1001 keys 2\n", boots, "button-not-built"),
        ("phone {MAC} model 7942 lines 1001,,,1002\n", boots, "no-such-button"),
        ("phone {MAC} model 7942 lines 1001\nphone 001B54AABB02 model 7942 lines 1001\n", boots, "assigned-twice"),
        ("phone {MAC} model 7942 lines 1001 problem bad-line\n", boots, "bad-line"),
        ("phone {MAC} model 7942 lines 1001 disabled\n", "0:00 asks SEP{MAC}.cnf.xml -> disabled\n", ""),
        ("phone {MAC} model 7942 lines 1001,1002\nextension 1002 absent\n", boots, "extension-missing"),
        ("phone {MAC} model 7942 lines 1001,1002\nextension 1002 absent problem half-written\n", boots, "half-written"),
        ("phone {MAC} model 7942 lines 1001,1002\nextension 1002 no-secret\n", boots, "no-secret"),
        ("phone {MAC} model 7942 lines 1001,1002\nextension 1002 odd-secret\n", boots, "secret-characters"),
        ("extension 1001 problem secret-not-live\nphone {MAC} model 7942 lines 1001\n", boots, "secret-not-live"),
        (
            "extension 1001 codecs g729,gsm no-context dtmf info\nphone {MAC} model 7942 lines 1001\n",
            boots,
            "context-empty dtmf-info",
        ),
        (
            "extension 1001 digest SHA-256 keeps-contacts encryption sdes over 0.0.0.0-tls contacts 2\nphone {MAC} model 7942 lines 1001\n",
            boots,
            "contacts-kept digest-algorithm media-encrypted transport-other",
        ),
        ("extension 1001 chan-sip only udp\nphone {MAC} model 7942 lines 1001\n", boots, "transport-refused"),
        ("transport udp\nextension 1001 nat\nphone {MAC} model 7942 lines 1001\n", boots, "endpoint-nat"),
        ("tcp-silent\nphone {MAC} model 7942 lines 1001\n", silent, "tcp-silent"),
        ("option ntp 192.0.2.9\nclock-silent 192.0.2.9\nphone {MAC} model 7942 lines 1001\n", boots, "no-clock"),
        (
            "runs P0S3-07-5-00\nphone {MAC} model 7940 lines 1001\n",
            "0:00 gets SIP{MAC}.cnf\n0:00 registers 1001\n",
            "faulty-load",
        ),
        (
            "phone {MAC} model 7945 lines 1001 later\n",
            "0:00 announces model 7945 load SIP45.8-5-2S\n1:00 assigned\n1:30 waits\n",
            "",
        ),
        (phone, "0:00 asks term42.default.loads -> not-found\n", "firmware-missing"),
        ("no-manager\nphone {MAC} model 7942 lines 1001\n", "0:00 gets SEP{MAC}.cnf.xml\n9:00 waits\n", ""),
        (phone, &format!("{boots}1:00 denied SEP{{MAC}}.cnf.xml foreign from 192.0.2.77\n"), "foreign-request"),
        (phone, &format!("{nothing}1:00 denied SEP{{MAC}}.cnf.xml late from 192.0.2.77\n"), "not-registering unproven"),
    ] {
        let script = format!("{ABOUT}{given}{happens}finds {finds}\n");
        let script = Script::parse(&script).unwrap_or_else(|why| panic!("{why}: {script}"));
        let codes = |script: &Script| {
            let found = play::play(script, true)?;
            Ok::<_, String>(found.into_iter().map(|finding| finding.code).collect::<Vec<_>>().join(" "))
        };
        let again = || {
            let told = play::told(&script, true)?;
            let found = codes(&Script::parse(&told.to_string()).map_err(|why| why.to_string())?);
            Ok::<_, String>((told.finds.join(" "), found.map_err(|why| format!("{why}: {told}"))?))
        };
        let all = (codes(&script), again());
        if all != (Ok(finds.to_owned()), Ok((finds.to_owned(), finds.to_owned()))) {
            wrong.push(format!("{given}{happens}{finds}: {all:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What a phone does for hours is some lines, and finds the same.
#[test]
fn what_repeats_is_told_in_part() {
    use std::fmt::Write as _;
    let mut script = "title T\nabout 001B54AABB01\nphone {MAC} model 7960 lines 1001\n".to_owned();
    for second in (0..2_400).step_by(4) {
        writeln!(script, "{}:{:02} asks CTLSEP{{MAC}}.tlv -> not-found", second / 60, second % 60).unwrap();
    }
    let told = play::told(&Script::parse(&(script + "finds tftp-blocked\n")).unwrap(), true).unwrap();
    assert_eq!(told.finds, ["tftp-blocked"]);
    let text = told.to_string();
    assert!(text.contains("# 560 times since 0:00; 8 of them follow") && text.lines().count() < 60, "{text}");
    let found = play::play(&Script::parse(&text).unwrap(), true).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].code, "tftp-blocked");
}
