//! `[firmware]`: from as written to as used.

use std::collections::BTreeMap;

use super::validate::{Report, duration};
use super::{Conversion, Firmware, wire};
use crate::domain::{Load, ModelName};

/// Most phones that may be in the middle of a conversion at once: beyond it a switch's uplink is what they wait for.
const MOST_AT_ONCE: u16 = 1_000;

pub(super) fn validate(report: &mut Report, wire: wire::Firmware) -> Firmware {
    let conversion = match wire.conversion.as_str() {
        "manual" => Conversion::Manual,
        "adopted" => Conversion::Adopted,
        other => {
            report.add("firmware.conversion", format!("{other:?} is none of manual, adopted"));
            Conversion::Manual
        }
    };
    if !(1..=MOST_AT_ONCE).contains(&wire.concurrent) {
        report.add("firmware.concurrent", format!("{} is not between 1 and {MOST_AT_ONCE}", wire.concurrent));
    }
    let mut target = BTreeMap::new();
    for (model, load) in wire.target {
        if Load::parse(&load).is_none() {
            let why = format!("{load:?} is no load name; one looks like P0S3-8-12-00 or SIP42.9-4-2SR3-1S");
            report.add(&format!("firmware.target.{model}"), why);
        }
        target.insert(ModelName::new(&model), load);
    }
    let mut erased = BTreeMap::new();
    for (term, load) in wire.erased {
        let key = format!("firmware.erased.{term}");
        let digits = term.strip_prefix("term").unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            report.add(&key, format!("{term:?} is no term file; one looks like term42"));
        } else if Load::parse(&load).is_none() {
            report.add(&key, format!("{load:?} is no load name; one looks like SIP42.9-4-2SR3-1S"));
        }
        erased.insert(term, load);
    }
    let os79xx_window = duration(report, "firmware.os79xx_window", &wire.os79xx_window).unwrap_or_default();
    let window = match wire.window.as_str() {
        "" => None,
        text => report.take("firmware.window", text.parse()),
    };
    Firmware {
        conversion,
        accept_one_way: wire.accept_one_way,
        concurrent: wire.concurrent,
        target,
        erased,
        os79xx_window,
        window,
    }
}
