use super::*;
use crate::convert::Trace;
use crate::files::name::FileRequest;

const MAC: &str = "001B54AABB01";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000 + second).unwrap()
}

fn step(from: &str, to: &str, via: &[(&str, &str)], files: &[&str]) -> Step {
    let file = |name: &&str| SetFile { name: (*name).to_owned(), size: 100, sha256: String::new() };
    Step {
        from: from.to_owned(),
        to: to.to_owned(),
        via: via.iter().map(|(file, name)| ((*file).to_owned(), (*name).to_owned())).collect(),
        rule: "test".to_owned(),
        source: "test".to_owned(),
        one_way: false,
        files: files.iter().map(file).collect(),
        state: StepState::Todo,
        since: at(0),
        because: String::new(),
        failure: None,
        trace: Trace::default(),
    }
}

fn conversion(family: Family, steps: Vec<Step>) -> Conversion {
    Conversion {
        mac: MAC.parse().unwrap(),
        model: ModelName::new(if family == Family::Legacy { "7960" } else { "7942" }),
        family,
        from: steps.first().map(|step| step.from.clone()).unwrap_or_default(),
        running: None,
        target: steps.last().map(|step| step.to.clone()).unwrap_or_default(),
        steps,
        armed: Some(at(0)),
        started: at(0),
        accept_one_way: false,
        refused: Vec::new(),
        lacks: None,
        let_go: None,
        given_up: false,
    }
}

const UAL: &[&str] = &["P0S3-8-12-00.loads", "P003-8-12-00.bin", "P003-8-12-00.sbn", "P0S3-8-12-00.sb2"];
const SEP: (&str, &str) = ("SEP<MAC>.cnf.xml", "P0S3-8-12-00");

fn legacy() -> Conversion {
    conversion(Family::Legacy, vec![step("P00308000900", "P0S3-8-12-00", &[SEP], UAL)])
}

const JAVA: &[&str] = &["SIP42.9-4-2SR3-1S.loads", "term42.default.loads", "jar42sip.sbn", "cnu42.sbn"];

fn java(from: &str) -> Conversion {
    let via = ("SEP<MAC>.cnf.xml", "SIP42.9-4-2SR3-1S");
    conversion(Family::Java, vec![step(from, "SIP42.9-4-2SR3-1S", &[via], JAVA)])
}

/// What a phone does, as words: `told`, a file name that it asks for and takes, `?name` that it only asks for, `!name`
/// whose transfer fails, `~name` whose last word is lost, `+n` seconds that pass, `reg:VERSION`.
fn play(conversion: &mut Conversion, now: &mut i64, script: &str) {
    for word in script.split_whitespace() {
        let name = word.trim_start_matches(['?', '!', '~']);
        if let Some(seconds) = word.strip_prefix('+') {
            *now += seconds.parse::<i64>().unwrap();
            conversion.tick(at(*now));
            continue;
        }
        *now += 1;
        if word == "told" {
            conversion.told(at(*now));
        } else if let Some(load) = word.strip_prefix("reg:") {
            conversion.registered(Load::parse(load).as_ref(), at(*now));
        } else {
            let request = FileRequest::parse(name);
            if let Some(sign) = Sign::of(&request).filter(|_| !word.starts_with('~')) {
                conversion.asked(&sign, at(*now));
            }
            match word.chars().next() {
                Some('?') => {}
                Some('!') => drop(conversion.not_sent(name, at(*now))),
                Some('~') => drop(conversion.sent(name, false, at(*now))),
                _ => drop(conversion.sent(name, true, at(*now))),
            }
        }
    }
}

fn state_after(mut conversion: Conversion, script: &str) -> (StepState, Option<Failure>) {
    play(&mut conversion, &mut 0, script);
    let step = conversion.steps.first().unwrap();
    (step.state, step.failure)
}

#[test]
fn a_7960_from_sccp_to_sip() {
    let mut phone = legacy();
    let now = &mut 0;
    let states = |phone: &Conversion| (phone.steps.first().unwrap().state, phone.percent());
    assert_eq!(states(&phone), (StepState::Todo, None));
    play(&mut phone, now, "?CTLSEP001B54AABB01.tlv told");
    assert_eq!(states(&phone), (StepState::Offered, None));
    play(&mut phone, now, "P0S3-8-12-00.loads ?P003-8-12-00.sbn");
    assert_eq!(states(&phone), (StepState::Downloading, Some(25)));
    play(&mut phone, now, "P003-8-12-00.sbn +30 told P0S3-8-12-00.loads P0S3-8-12-00.sb2 +50");
    assert_eq!(states(&phone), (StepState::Downloading, Some(100)));
    assert!(phone.in_flash());
    // The loader hunts once more, compares, and the application asks for its own files.
    play(&mut phone, now, "told P0S3-8-12-00.loads told RINGLIST.DAT");
    assert!(phone.done(), "{phone:?}");
}

/// A step that does not change the protocol is not believed for files that the old application asks for as well.
#[test]
fn the_old_application_is_not_taken_for_the_new_one() {
    let upgrade = || {
        let sd = ("SIPDefault.cnf", "P0S3-8-12-00");
        conversion(Family::Legacy, vec![step("P0S3-08-11-00", "P0S3-8-12-00", &[sd], UAL)])
    };
    assert_eq!(state_after(upgrade(), "told ?RINGLIST.DAT told +5").0, StepState::Offered);
    assert_eq!(state_after(upgrade(), "told ?RINGLIST.DAT P0S3-8-12-00.loads +5 ?RINGLIST.DAT").0, StepState::Verified);
    assert_eq!(state_after(java("SIP42.8-5-2S"), "told ?dialplan.xml +5").0, StepState::Offered);
    assert_eq!(
        state_after(java("SIP42.8-5-2S"), "told ?dialplan.xml ?SIP42.9-4-2SR3-1S.loads +40").0,
        StepState::Downloading
    );
    assert_eq!(state_after(java("SCCP42.8-5-2S"), "told ?dialplan.xml +5").0, StepState::Verified);
}

#[test]
fn a_phone_that_runs_the_load_already() {
    assert_eq!(state_after(legacy(), "told P0S3-8-12-00.loads +95").0, StepState::Verified);
    assert_eq!(state_after(legacy(), "told P0S3-8-12-00.loads +80").0, StepState::Downloading);
    // A Java phone asks for the manifest before anything else, if at all.
    assert_eq!(state_after(java("SIP42.9-4-2S"), "told ?dialplan.xml told").0, StepState::Verified);
    assert_eq!(state_after(java("SIP42.9-4-2S"), "told ?dialplan.xml +31").0, StepState::Verified);
    assert_eq!(
        state_after(java("SIP42.9-4-2S"), "told told told").0,
        StepState::Offered,
        "it has not taken its configuration"
    );
}

#[test]
fn an_sccp_target_is_verified_by_silence_about_images() {
    let back = || {
        let files = &["P00308000900.loads", "P00308000900.sbn", "P00308000900.sb2"];
        let via = ("SEP<MAC>.cnf.xml", "P00308000900");
        conversion(Family::Legacy, vec![step("P0S3-8-12-00", "P00308000900", &[via], files)])
    };
    let taken = "told P00308000900.loads P00308000900.sbn told P00308000900.loads P00308000900.sb2";
    assert_eq!(state_after(back(), taken).0, StepState::Downloading);
    assert_eq!(state_after(back(), &format!("{taken} +40")).0, StepState::Downloading, "it has not come back yet");
    assert_eq!(state_after(back(), &format!("{taken} told P00308000900.loads +20")).0, StepState::Downloading);
    assert_eq!(state_after(back(), &format!("{taken} told P00308000900.loads +40")).0, StepState::Verified);
    // Its application, or its next boot, shows the same sooner.
    assert_eq!(state_after(back(), &format!("{taken} told P00308000900.loads told")).0, StepState::Verified);
    // [STRANGE]: taken twice, and then the old application again, which shows at once or reads its configuration.
    for shows in ["?RINGLIST.DAT", "told +40", "told told"] {
        let twice = format!("{taken} P00308000900.sb2 {shows}");
        assert_eq!(state_after(back(), &twice), (StepState::Failed, Some(Failure::ImageRefused)), "{shows}");
    }
    // The power failed while it was written: taken twice too, and then compared.
    let cut = format!("{taken} told P00308000900.loads P00308000900.sb2");
    for shows in ["told P00308000900.loads +40", "told P00308000900.loads told"] {
        assert_eq!(state_after(back(), &format!("{cut} {shows}")).0, StepState::Verified, "{shows}");
    }
}

/// A unit that refuses a later release of what it runs starts the old one, which asks for and registers the same.
#[test]
fn the_old_release_is_not_taken_for_the_new_one() {
    let upgrade = || {
        let sd = ("SIPDefault.cnf", "P0S3-8-12-00");
        conversion(Family::Legacy, vec![step("P0S3-08-11-00", "P0S3-8-12-00", &[sd], UAL)])
    };
    let refused =
        "told P0S3-8-12-00.loads P003-8-12-00.sbn told P0S3-8-12-00.loads P0S3-8-12-00.sb2 P0S3-8-12-00.sb2 told";
    for shows in ["?RINGLIST.DAT", "reg:P0S3-08-0-00"] {
        let script = format!("{refused} {shows}");
        assert_eq!(state_after(upgrade(), &script), (StepState::Failed, Some(Failure::ImageRefused)), "{shows}");
    }
    let cut = "told P0S3-8-12-00.loads P0S3-8-12-00.sb2 told P0S3-8-12-00.loads P0S3-8-12-00.sb2";
    for shows in ["?RINGLIST.DAT", "reg:P0S3-08-0-00"] {
        let script = format!("{cut} told P0S3-8-12-00.loads told {shows}");
        assert_eq!(state_after(upgrade(), &script).0, StepState::Verified, "{shows}");
    }
}

/// A Java phone begins with the first image wherever it was interrupted: what is taken again is no refusal.
#[test]
fn interrupted_again_and_again() {
    let begins = "told SIP42.9-4-2SR3-1S.loads jar42sip.sbn !cnu42.sbn +60";
    assert_eq!(state_after(java("SIP42.8-5-2S"), &format!("{begins} {begins}")).0, StepState::Downloading);
    let thrice = format!("{begins} {begins} {begins}");
    assert_eq!(state_after(java("SIP42.8-5-2S"), &thrice), (StepState::Failed, Some(Failure::TransferStalled)));
    // The power failed while it was written: by the term file, then by its name.
    let named = "told SIP42.9-4-2SR3-1S.loads jar42sip.sbn cnu42.sbn +90";
    let term = "term42.default.loads jar42sip.sbn cnu42.sbn +90";
    let script = format!("{named} {term} {named} told +31");
    assert_eq!(state_after(java("SIP42.8-5-2S"), &script).0, StepState::Verified);
    let lost = format!("{term} ").repeat(4);
    assert_eq!(state_after(java("factory"), &lost), (StepState::Failed, Some(Failure::ImageRefused)));
}

/// The last word of a transfer is lost: that the image is there shows a minute later, when the phone is back for long.
#[test]
fn a_last_word_that_is_lost() {
    let script = "told SIP42.9-4-2SR3-1S.loads jar42sip.sbn ?cnu42.sbn +40 told +40 ~cnu42.sbn";
    assert_eq!(state_after(java("SIP42.8-5-2S"), script).0, StepState::Downloading);
    assert_eq!(state_after(java("SIP42.8-5-2S"), &format!("{script} +1")).0, StepState::Verified);
}

/// Before its turn nothing that a phone asks for is an answer.
#[test]
fn a_phone_that_was_reset_before_its_turn() {
    let mut phone = java("factory");
    phone.armed = None;
    play(&mut phone, &mut 0, &"term42.default.loads jar42sip.sbn +60 ".repeat(5));
    assert_eq!((phone.step().unwrap().state, phone.failed()), (StepState::Todo, None));
}

#[test]
fn a_manifest_without_members_is_a_refusal() {
    let script = "?term42.default.loads term42.default.loads +60 term42.default.loads +60";
    assert_eq!(state_after(java("factory"), script).0, StepState::Downloading);
    let script = format!("{script} term42.default.loads");
    assert_eq!(state_after(java("factory"), &script), (StepState::Failed, Some(Failure::ManifestRefused)));
}

/// [HIP]: after a reset the same release comes twice, under two names.
#[test]
fn the_second_download_after_a_reset_is_no_fault() {
    let script = "term42.default.loads jar42sip.sbn cnu42.sbn +90 told SIP42.9-4-2SR3-1S.loads jar42sip.sbn cnu42.sbn";
    assert_eq!(state_after(java("factory"), script).0, StepState::Downloading);
    let back = format!("{script} +90 told +31");
    assert_eq!(state_after(java("factory"), &back).0, StepState::Verified);
    let third = format!("{script} +90 told SIP42.9-4-2SR3-1S.loads jar42sip.sbn");
    assert_eq!(state_after(java("factory"), &third), (StepState::Failed, Some(Failure::ImageRefused)));
}

#[test]
fn what_a_registration_proves() {
    let whole = "told SIP42.9-4-2SR3-1S.loads jar42sip.sbn cnu42.sbn told";
    for (from, script, state) in [
        ("SCCP42.8-5-2S", "told reg:SIP42.9-4-2S".to_owned(), StepState::Verified),
        ("SIP42.8-5-2S", "told reg:SIP42.8-5-2S".to_owned(), StepState::Offered),
        ("SIP42.8-5-2S", "told reg:SIP42.9-4-2S".to_owned(), StepState::Verified),
        // One service release to another looks alike: only the images tell.
        ("SIP42.9-4-2SR1-1S", "told reg:SIP42.9-4-2S".to_owned(), StepState::Offered),
        ("SIP42.9-4-2SR1-1S", format!("{whole} reg:SIP42.9-4-2S"), StepState::Verified),
        ("SIP42.8-5-2S", format!("{whole} reg:SIP42.8-5-2S"), StepState::Downloading),
        ("SIP42.8-5-2S", "reg:SIP42.9-4-2S".to_owned(), StepState::Todo),
    ] {
        assert_eq!(state_after(java(from), &script).0, state, "{from} {script}");
    }
}

/// Section 1.6 of the notes on Java phones and the log of nine 7940/60, as failures.
#[test]
fn loops_and_stalls() {
    let many = "told ".repeat(6);
    for (phone, script, failure) in [
        (java("SIP42.8-5-2S"), format!("{many} +700"), Failure::Unheeded),
        (java("SIP42.8-5-2S"), "told ?SEP001B54AABB01.cnf.xml.sgn".to_owned(), Failure::TrustList),
        (
            java("SIP42.8-5-2S"),
            "told SIP42.9-4-2SR3-1S.loads !jar42sip.sbn !jar42sip.sbn !jar42sip.sbn".to_owned(),
            Failure::TransferStalled,
        ),
        (java("SIP42.8-5-2S"), "told SIP42.9-4-2SR3-1S.loads jar42sip.sbn +1900".to_owned(), Failure::Silent),
        (
            java("SIP42.8-5-2S"),
            "told SIP42.9-4-2SR3-1S.loads jar42sip.sbn cnu42.sbn +1000".to_owned(),
            Failure::NotBack,
        ),
    ] {
        assert_eq!(state_after(phone, &script), (StepState::Failed, Some(failure)), "{script}");
    }
    // One that comes back late is not given up for a transfer that failed once.
    let script = "told SIP42.9-4-2SR3-1S.loads !jar42sip.sbn jar42sip.sbn !cnu42.sbn !cnu42.sbn cnu42.sbn";
    assert_eq!(state_after(java("SIP42.8-5-2S"), script).0, StepState::Downloading);
}

/// I13: what a phone may need to come back stays served.
#[test]
fn i13_a_phone_that_failed_is_served_on() {
    let mut phone = java("SIP42.8-5-2S");
    play(&mut phone, &mut 0, "told SIP42.9-4-2SR3-1S.loads jar42sip.sbn +1900");
    assert!(phone.failed().is_some() && phone.offer().is_some());
    let mut phone = java("SIP42.8-5-2S");
    play(&mut phone, &mut 0, &format!("{} +700", "told ".repeat(6)));
    assert!(phone.failed().is_some() && phone.offer().is_none(), "nothing of it was written");
}

#[test]
fn nothing_is_offered_before_its_turn() {
    let mut phone = java("SIP42.8-5-2S");
    assert!(phone.offer().is_some());
    phone.armed = None;
    assert_eq!(phone.offer(), None);
}

#[test]
fn the_next_step_comes_after_the_present_one() {
    let first = ["P00305000500.bin", "P00305000500.sbn"];
    let one = step("P00303010102", "P00305000500", &[("XMLDefault.cnf.xml", "P00305000500")], &first);
    let two = step("P00305000500", "P0S3-8-12-00", &[SEP], UAL);
    let mut phone = conversion(Family::Legacy, vec![one, two]);
    let now = &mut 0;
    play(&mut phone, now, "told ?P00305000500.bin");
    assert_eq!(phone.offer().unwrap().set, "P00305000500");
    play(&mut phone, now, "P00305000500.bin +60 told +40");
    assert_eq!(phone.offer().unwrap().set, "P0S3-8-12-00");
    assert_eq!(phone.step().unwrap().state, StepState::Todo);
}

#[test]
fn another_way_takes_the_place_of_a_failed_step() {
    let mut phone = java("SIP42.8-2-1S");
    play(
        &mut phone,
        &mut 0,
        "told ?SIP42.9-4-2SR3-1S.loads ?SIP42.9-4-2SR3-1S.loads ?SIP42.9-4-2SR3-1S.loads ?SIP42.9-4-2SR3-1S.loads",
    );
    assert_eq!(phone.failed(), Some(Failure::ManifestRefused));
    let via = ("SEP<MAC>.cnf.xml", "SIP42.8-5-2S");
    phone.replan(vec![step("SIP42.8-2-1S", "SIP42.8-5-2S", &[via], &["SIP42.8-5-2S.loads"])], at(500));
    assert_eq!((phone.offer().unwrap().set.as_str(), phone.failed()), ("SIP42.8-5-2S", None));
    assert_eq!(phone.refused, ["SIP42.9-4-2SR3-1S"]);
}

#[test]
fn it_survives_being_kept() {
    let mut phone = legacy();
    play(&mut phone, &mut 0, "told P0S3-8-12-00.loads P003-8-12-00.sbn !P0S3-8-12-00.sb2");
    let kept = serde_json::to_string(&phone).unwrap();
    assert_eq!(serde_json::from_str::<Conversion>(&kept).unwrap(), phone);
}
