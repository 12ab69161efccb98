//! Sentences: why a step failed, what comes next, which keys to press.

use super::{Conversion, Failure, Lacks, Mode, NotReady, StepState, Turn};
use crate::catalog::Family;
use crate::domain::ModelName;

/// How the settings of a phone are unlocked of which the family is not known, as a part of longer texts.
macro_rules! unlocked {
    () => {
        "unlocked by **#, on a 7940 or 7960 by Unlock Config"
    };
}
pub(crate) use unlocked;

/// Where the trust list of a Java phone is erased, likewise.
macro_rules! trust_list {
    () => {
        "Settings, Security Configuration, Trust List, unlock with **#, Erase"
    };
}
pub(crate) use trust_list;

/// Why a step failed.
pub fn failure(failure: Failure) -> &'static str {
    match failure {
        Failure::ManifestRefused => {
            "it asks for the load's manifest again and again and for nothing that it lists: it does not accept this load"
        }
        Failure::ImageRefused => {
            "it took the images whole more than once and runs its old load: it does not accept this one"
        }
        Failure::TransferStalled => "the transfer of one image failed again and again",
        Failure::Unheeded => "it reads its configuration and does nothing of what it says of the load",
        Failure::Silent => "it began to download and fell silent",
        Failure::NotBack => "it took every image and did not come back",
        Failure::TrustList => "it wants signed configurations: it holds the trust list of its former call manager",
    }
}

/// What to do about it, by hand.
pub fn remedy(failure: Failure, family: Family, model: &ModelName) -> String {
    match failure {
        Failure::ManifestRefused | Failure::ImageRefused => format!(
            "add another release of the load (`offhook firmware add`), then `offhook convert start` the phone again; if it shows no call screen, {}",
            reset(family, model)
        ),
        Failure::TransferStalled => {
            "see the network between phone and server (duplex, firewall on UDP ports above 1023), then power-cycle the phone"
                .to_owned()
        }
        Failure::Unheeded => "power-cycle the phone; if nothing changes, see whether it reads another server's files (Alternate TFTP, `offhook dhcp \
                              listen`); do not reset a phone that works: its application would be gone"
            .to_owned(),
        Failure::Silent | Failure::NotBack => format!(
            "give it ten minutes, then power-cycle it, never while its lamps blink; if it stays dark, {}",
            reset(family, model)
        ),
        Failure::TrustList => concat!("on the phone: ", trust_list!()).to_owned(),
    }
}

/// Where a phone's network settings are and how they are unlocked there; `None` = its family is not known
/// [SEED2][JTECH-PW][AG22].
pub fn network_settings(family: Option<Family>) -> &'static str {
    match family {
        Some(Family::Java) => "Settings, Network Configuration; unlocked by **#",
        Some(Family::Legacy) => {
            "Settings, Network Configuration; unlocked by Settings, Unlock Config with phones.phone_password, before SIP 5 by **#"
        }
        None => concat!("Settings, Network Configuration; ", unlocked!()),
    }
}

/// The keys of a factory reset [15254 via TEO][XTIUM].
pub fn reset(family: Family, model: &ModelName) -> String {
    let lamps = match (family, model.as_str()) {
        (Family::Legacy, _) => "release it when the three lamps flash in turn",
        (Family::Java, "7906" | "7911") => "release it when the lamp of the handset blinks red",
        (Family::Java, _) => "release it when the line keys blink in turn",
    };
    format!("hold # while plugging it in, {lamps}, and dial 123456789*0# within 60 s")
}

/// What a phone waits for that has not begun.
fn waits(turn: &Turn, model: &ModelName) -> String {
    match turn {
        Turn::Begins => "its turn has come: it is armed within a second".to_owned(),
        Turn::Held(Mode::Aborted) => {
            "nothing: conversion was aborted; `offhook convert start` begins it anew".to_owned()
        }
        Turn::Held(Mode::Halted) => {
            "it waits: conversion was halted; see why, then `offhook convert resume`".to_owned()
        }
        Turn::Held(_) => "it waits: conversion is paused, until `offhook convert resume`".to_owned(),
        Turn::NotReady(NotReady::Unheard) => "plug it in: nothing was heard of it in the last 24 hours".to_owned(),
        Turn::NotReady(NotReady::Twin) => {
            "two phones ask with its MAC: take one of them away; see `offhook explain mac-twice`".to_owned()
        }
        Turn::NotReady(NotReady::DidNotBoot) => {
            "power-cycle it: its turn had come, and it did not boot within 30 minutes; others go before it now"
                .to_owned()
        }
        Turn::NotReady(NotReady::Lacks(lacks)) => format!(
            "it waits until it shows what it runs, somebody says what that is (\"It runs now\" on its page, or `--running`), or {} is brought: {}",
            lacks.load, lacks.archive
        ),
        Turn::NotReady(NotReady::InCall) => "it is in a call: nothing is offered to it before that is over".to_owned(),
        Turn::NotReady(NotReady::Window(window)) => format!("it waits for the window {window} (firmware.window)"),
        Turn::NotReady(NotReady::Ending) => "it waits for offhook, which is being stopped".to_owned(),
        Turn::Canary(first) => format!("it waits for {first}, the first {model}, to be through"),
        Turn::Wave => format!("it waits until the {model} phones that began before it are through"),
        Turn::Limit(limit) => {
            format!("the limit of {limit} phones is reached: `offhook convert start` it anew when those are through")
        }
        Turn::Concurrent(most) => {
            format!(
                "it waits until one of {most} phones under way is through: firmware.concurrent allows no more at once"
            )
        }
    }
}

/// What is missing for a phone that nothing is known of.
pub fn warning(lacks: &Lacks) -> String {
    format!(
        "should it run an old load, its way leads through {}, which the store lacks: bring {} with `offhook firmware add`; \
         a phone that shows that it needs no such step begins without",
        lacks.load, lacks.archive
    )
}

/// What comes next for a phone. `turn`: what it waits for, while it has not begun.
pub fn next(conversion: &Conversion, turn: Option<&Turn>) -> String {
    let Some(step) = conversion.step() else { return "nothing: it runs its target".to_owned() };
    if let Some(failure) = conversion.failed() {
        return remedy(failure, conversion.family, &conversion.model);
    }
    if let (false, Some(turn)) = (conversion.begun(), turn) {
        return waits(turn, &conversion.model);
    }
    match (step.state, conversion.armed) {
        (_, None) => "it is begun by `offhook convert start`".to_owned(),
        (StepState::Todo, Some(_)) => format!("power-cycle it: at its next boot it is told to take {}", step.to),
        (StepState::Offered, Some(_)) => format!("it fetches {} by itself", step.to),
        (StepState::Downloading, Some(_)) => "nothing to do but wait; never cut its power now".to_owned(),
        _ => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_is_unlocked_in_its_own_way() {
        let keys = |family| {
            let said = network_settings(family);
            (said.contains("**#"), said.contains("Unlock Config"), said.contains("7940"))
        };
        assert_eq!(keys(Some(Family::Java)), (true, false, false));
        assert_eq!(keys(Some(Family::Legacy)), (true, true, false));
        assert_eq!(keys(None), (true, true, true));
    }

    #[test]
    fn keys_are_those_of_the_model() {
        for (family, model, lamps) in [
            (Family::Legacy, "7960", "three lamps"),
            (Family::Java, "7965", "line keys"),
            (Family::Java, "7911", "handset blinks red"),
        ] {
            let keys = reset(family, &ModelName::new(model));
            assert!(keys.contains(lamps) && keys.contains("123456789*0#"), "{keys}");
        }
    }
}
