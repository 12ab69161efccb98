//! Phones that are converted by themselves.

use super::looking::page;
use super::*;
use crate::config;
use crate::convert::{Mode, StepState};
use crate::firmware::set::FirmwareSet;
use crate::firmware::store::Index;

/// A set of the store as the planner sees it; its files are nobody's concern here.
fn held(load: &str) -> (String, FirmwareSet) {
    (load.to_owned(), FirmwareSet::sample(load, Vec::new()))
}

const NEWEST: &str = "SIP45.9-4-2SR3-1S";
const STONE: &str = "SIP45.8-5-2S";

/// A hub that converts by itself, with these sets in its store; the phone was heard in second 1.
fn adopting(model: &str, loads: &[&str], change: impl FnOnce(&mut config::Firmware)) -> Hub {
    let hub = hub(roster(&["1001"], assignment(Some(model), &["1001"])));
    let sets = loads.iter().map(|load| held(load)).collect();
    hub.firmware_index(Arc::new(Index { sets, ..Index::default() }));
    let mut settings = config::Firmware {
        conversion: config::Conversion::Adopted,
        accept_one_way: false,
        concurrent: 10,
        target: BTreeMap::new(),
        erased: BTreeMap::new(),
        os79xx_window: std::time::Duration::ZERO,
        window: None,
    };
    change(&mut settings);
    hub.firmware_settings(settings);
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 1);
    hub
}

/// What its page says goes in; then the targets of the conversions there are.
fn adopted(hub: &Hub, runs: &str, second: i64) -> Vec<String> {
    assert!(hub.page(MAC.parse().unwrap(), IP, page(MAC, runs).as_bytes(), at(second)));
    hub.adopt_conversions(at(second));
    targets(hub)
}

fn targets(hub: &Hub) -> Vec<String> {
    hub.conversions().into_iter().map(|conversion| conversion.target).collect()
}

#[test]
fn a_phone_with_an_extension_is_converted_by_itself() {
    let manual = adopting("7965", &[STONE, NEWEST], |s| s.conversion = config::Conversion::Manual);
    assert!(adopted(&manual, STONE, 2).is_empty() && manual.campaign().is_none());

    let hub = adopting("7965", &[STONE, NEWEST], |_| {});
    assert!(adopted(&hub, NEWEST, 2).is_empty() && hub.campaign().is_none(), "it runs its target");
    assert_eq!(adopted(&hub, STONE, 3), [NEWEST]);
    assert_eq!(hub.campaign().map(|campaign| campaign.mode), Some(Mode::Running));
    assert!(!hub.may_begin(at(4)).is_empty(), "its turn comes");
    let kept = hub.to_keep().unwrap();
    assert!(
        kept.audit.iter().any(|(_, who, what)| who == "firmware.conversion" && what.contains(MAC)),
        "{:?}",
        kept.audit
    );
    let started = hub.lock().converting.conversions.values().next().unwrap().started;
    hub.adopt_conversions(at(5));
    assert_eq!(hub.lock().converting.conversions.values().next().unwrap().started, started, "once");
}

#[test]
fn what_is_not_known_gets_its_time_to_show() {
    let hub = adopting("7965", &[STONE], |_| {});
    hub.adopt_conversions(at(30));
    assert!(targets(&hub).is_empty());
    // However often it boots.
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 100);
    hub.adopt_conversions(at(1 + 120));
    assert_eq!(targets(&hub), [STONE]);
    let silent = adopting("7965", &[STONE], |_| {});
    silent.adopt_conversions(at(1 + 25 * 3_600));
    assert!(targets(&silent).is_empty(), "it is in a box");
}

#[test]
fn nobody_is_taken_where_he_was_not_sent() {
    // Back to what the store has.
    let hub = adopting("7965", &[STONE], |_| {});
    assert!(adopted(&hub, NEWEST, 2).is_empty(), "older than what runs");
    let stated = adopting("7965", &[STONE], |s| drop(s.target.insert(ModelName::new("7965"), STONE.to_owned())));
    assert_eq!(adopted(&stated, NEWEST, 2), [STONE]);
    // A way that is not complete.
    let incomplete = adopting("7965", &[], |s| drop(s.target.insert(ModelName::new("7965"), NEWEST.to_owned())));
    assert!(adopted(&incomplete, STONE, 2).is_empty());
    // No return.
    let loads = ["P00305000500", "P00308000400", "P00308000900", "P0S3-8-12-00"];
    let one_way = adopting("7960", &loads, |_| {});
    assert!(adopted(&one_way, "P00303010102", 2).is_empty());
    let accepted = adopting("7960", &loads, |s| s.accept_one_way = true);
    assert_eq!(adopted(&accepted, "P00303010102", 2), ["P0S3-8-12-00"]);
    assert!(accepted.lock().converting.conversions.values().all(|conversion| conversion.accept_one_way));
}

#[test]
fn one_that_failed_is_a_persons_to_start_again() {
    let hub = adopting("7965", &[STONE, NEWEST], |_| {});
    assert_eq!(adopted(&hub, STONE, 2), [NEWEST]);
    let become_ = |state: StepState| {
        let mut inner = hub.lock();
        let steps = &mut inner.converting.conversions.get_mut(&MAC.parse().unwrap()).unwrap().steps;
        steps.iter_mut().for_each(|step| step.state = state);
    };
    become_(StepState::Failed);
    hub.adopt_conversions(at(300));
    assert_eq!(hub.conversions()[0].state, StepState::Failed);
    // One that is through is not begun again by what somebody says, only by a reset.
    become_(StepState::Verified);
    hub.adopt_conversions(at(301));
    assert_eq!(hub.conversions()[0].state, StepState::Verified);
    let _ = ask(&hub, "term65.default.loads", 302);
    hub.adopt_conversions(at(303));
    assert_eq!((hub.conversions()[0].state, hub.conversions()[0].from.as_str()), (StepState::Todo, "factory"));
}

/// Who went back to SCCP at somebody's word stays there, and is well.
#[test]
fn one_that_was_sent_back_stays() {
    let hub = adopting("7965", &[STONE, NEWEST], |_| {});
    assert_eq!(adopted(&hub, STONE, 2), [NEWEST]);
    let sccp = "SCCP45.9-4-2SR3-1S";
    {
        let mut inner = hub.lock();
        let conversion = inner.converting.conversions.get_mut(&MAC.parse().unwrap()).unwrap();
        conversion.steps.iter_mut().for_each(|step| step.state = StepState::Verified);
        sccp.clone_into(&mut conversion.target);
    }
    assert_eq!(adopted(&hub, sccp, 200), [sccp]);
    assert_eq!(ask(&hub, "SEP001B54AABB01.cnf.xml", 201), Ok(()));
    hub.tick(at(300));
    assert_eq!(state(&hub), ("configured".to_owned(), "ok".to_owned(), "runs-sccp".to_owned()));
    let _ = ask(&hub, "term65.default.loads", 302);
    hub.adopt_conversions(at(303));
    assert_eq!(targets(&hub), [NEWEST], "it was reset");
}

#[test]
fn whoever_aborts_has_the_last_word() {
    let hub = adopting("7965", &[STONE, NEWEST], |_| {});
    assert_eq!(adopted(&hub, STONE, 2), [NEWEST]);
    hub.steer_conversions(Mode::Aborted, "an administrator said so", at(3)).unwrap();
    hub.adopt_conversions(at(4));
    assert!(targets(&hub).is_empty());
    hub.start_conversions(Vec::new(), None, at(5));
    hub.adopt_conversions(at(6));
    assert_eq!(targets(&hub), [NEWEST]);
}
