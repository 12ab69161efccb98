use super::*;
use crate::catalog::Family;
use crate::convert::{Failure, Sign, Step, Trace, text};
use crate::diagnose::Probed;
use crate::domain::{BootEvent, EventKind, LineKind, Load, ModelName, Transport};
use crate::files::name::FileRequest;
use crate::firmware::set::SetFile;
use crate::pbx::roster::{Assignment, Button};
use crate::timeline::{Boot, Timeline};

const MAC: &str = "001B54AABB01";
const LOAD: &str = "SIP42.9-4-2SR3-1S";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn conversion() -> Conversion {
    let file = |(name, size): (&str, u64)| SetFile { name: name.to_owned(), size, sha256: String::new() };
    let files = [(format!("{LOAD}.loads"), 100), ("jar42sip.sbn".to_owned(), 300), ("cnu42.sbn".to_owned(), 600)];
    let step = Step {
        from: "SCCP42.9-3-1SR4-1S".to_owned(),
        to: LOAD.to_owned(),
        via: vec![("SEP<MAC>.cnf.xml".to_owned(), LOAD.to_owned())],
        rule: "test".to_owned(),
        source: "test".to_owned(),
        one_way: false,
        files: files.iter().map(|(name, size)| file((name, *size))).collect(),
        state: StepState::Todo,
        since: at(0),
        because: String::new(),
        failure: None,
        trace: Trace::default(),
    };
    Conversion {
        mac: MAC.parse().unwrap(),
        model: ModelName::new("7942"),
        family: Family::Java,
        from: step.from.clone(),
        target: LOAD.to_owned(),
        steps: vec![step],
        armed: Some(at(0)),
        started: at(0),
        accept_one_way: false,
        running: None,
        refused: Vec::new(),
        lacks: None,
        let_go: None,
        given_up: false,
    }
}

/// It asks for a file; `taken`: and takes it whole.
fn asks(conversion: &mut Conversion, name: &str, taken: bool) {
    if let Some(sign) = Sign::of(&FileRequest::parse(name)) {
        conversion.asked(&sign, at(2));
    }
    if taken {
        conversion.sent(name, true, at(3));
    }
}

fn judge(conversion: &Conversion, boot: &Boot, runs: Option<&Load>) -> Judged {
    let mut assignment = Assignment::sample(MAC);
    assignment.buttons =
        vec![Button { button: 1, kind: LineKind::Line, extension: "1001".into(), label: String::new() }];
    let evidence = Evidence {
        now: at(10),
        assignment: Some(&assignment),
        desired: None,
        boot,
        contacts: &[],
        roster: None,
        registrations_known: true,
        probed: &Probed::default(),
        ntp_here: true,
        conversion: Some(conversion),
        turn: None,
        runs,
        twin: None,
        denied: None,
        banned: None,
        rejected: None,
        seen: &Seen::default(),
        firmware: &crate::diagnose::Lookup::default(),
        told: crate::diagnose::Facts::default(),
    };
    derive(assignment.mac, &evidence, &Seen::default(), None)
}

#[test]
fn a_phone_on_its_way_says_where_it_is() {
    let mut conversion = conversion();
    let boot = Boot { last: Some(at(1)), ..Boot::default() };
    let status = judge(&conversion, &boot, None).status;
    assert_eq!((status.health, status.reason.as_str()), (Health::Waiting, "converting"));
    assert!(status.summary.starts_with("step 1 of 1: power-cycle it"), "{}", status.summary);

    conversion.told(at(1));
    asks(&mut conversion, &format!("{LOAD}.loads"), true);
    asks(&mut conversion, "jar42sip.sbn", true);
    let status = judge(&conversion, &boot, Load::parse("SCCP42.9-3-1SR4-1S").as_ref()).status;
    assert_eq!((status.stage, status.health, status.reason.as_str()), (Stage::Loading, Health::Waiting, "loading"));
    assert_eq!(status.summary, format!("downloads {LOAD}: 40 %, never cut its power now"));
    assert_eq!(status.load.as_deref(), Some("SCCP42.9-3-1SR4-1S"));
    let registered = Boot { registered: Some(at(5)), ..boot };
    assert_ne!(judge(&conversion, &registered, None).status.stage, Stage::Loading, "it came back with its old load");
}

#[test]
fn each_way_to_fail_has_its_health_code_and_keys() {
    for (failure, health) in [
        (Failure::ManifestRefused, Health::NeedsHands),
        (Failure::ImageRefused, Health::NeedsHands),
        (Failure::TransferStalled, Health::Stalled),
        (Failure::Unheeded, Health::NeedsHands),
        (Failure::Silent, Health::Stalled),
        (Failure::NotBack, Health::NeedsHands),
        (Failure::TrustList, Health::NeedsHands),
    ] {
        let mut conversion = conversion();
        for step in &mut conversion.steps {
            (step.state, step.failure) = (StepState::Failed, Some(failure));
        }
        let judged = judge(&conversion, &Boot::default(), None);
        let status = &judged.status;
        assert_eq!((status.health, status.reason.as_str()), (health, failure.code()));
        assert!(crate::diagnose::explanation(failure.code()).is_some(), "{failure:?}");
        let finding = judged.findings.first().unwrap();
        if failure == Failure::TrustList {
            assert!(finding.remedy.contains("**#"), "{finding:?}");
        } else {
            assert_eq!(finding.remedy, text::remedy(failure, Family::Java, &conversion.model));
            assert!(status.summary.contains(LOAD), "{}", status.summary);
        }
    }
}

/// What a phone showed of its boot, by the names that it did not find and those that it took.
fn boot(events: &[(&str, bool)]) -> Boot {
    let mut timeline = Timeline::default();
    let mac: MacAddr = MAC.parse().unwrap();
    for (second, (name, found)) in (0..).zip(events) {
        let (name, transport) = ((*name).to_owned(), Transport::Tftp);
        let what = if *found {
            EventKind::FileSent { name, transport, octets: 1, millis: 1, resent: 0 }
        } else {
            EventKind::FileFailed { name, transport, reason: "not-found".into(), said: None, got: None }
        };
        timeline.push(BootEvent { at: at(second), mac, ip: None, what }, true);
    }
    timeline.boot(mac).cloned().unwrap_or_default()
}

#[test]
fn a_part_that_no_set_holds_and_a_name_with_a_blank() {
    let mut through = conversion();
    through.steps.clear();
    for (events, reason) in [
        (&[("cnu42.9-4-2.sbn", false)][..], "firmware-missing"),
        (&[("term42.default.loads", false)], "firmware-missing"),
        (&[("P0S3-8-12-00 .bin", false)], "name-with-blank"),
        (&[("P0S3-8-12-00.bin ", false)], "name-with-blank"),
        (&[("cnu42.9-4-2.sbn", false), ("cnu42.9-4-2.sbn", true)], "booting"),
        (&[("mk-sip.jar", false)], "booting"),
    ] {
        let status = judge(&through, &boot(events), None).status;
        assert_eq!(status.reason, reason, "{events:?}: {}", status.summary);
    }
    let asked = boot(&[("term42.default.loads", false)]);
    let mut waiting = conversion();
    for (armed, reason) in [(None, "converting"), (Some(at(1)), "converting"), (Some(at(-1)), "firmware-missing")] {
        waiting.armed = armed;
        assert_eq!(judge(&waiting, &asked, None).status.reason, reason, "{armed:?}");
    }
}
