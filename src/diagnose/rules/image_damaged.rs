//! The phone asks for a load that is called like its own serial number: what its flash says of its image is damaged.

use super::firmware_missing::missing;
use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "image-damaged",
    title: "The phone asks for its own serial number as if it were a load",
    text: "What its flash says of its image is damaged, mostly because its power was cut while it wrote: it shows \"Upgrading\" for \
           ever. It is reported of two sites, of 7941 and 7961. No server has a load of that name, and none is to be made. Reset the phone \
           (hold # while it gets power, then 3491672850*# while the line keys blink), on its power supply and not on power over the \
           cable, and leave it alone for ten minutes. It then asks for termNN.default.loads: firmware.erased says which set it gets. \
           A phone that asks for nothing then has lost its boot loader as well.",
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &["C7941FAIL", "CTS"],
};

/// Cisco's serial numbers: three letters of the plant, year and week as four digits, four letters or digits.
pub(super) fn serial(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let sort = |at: usize, octet: u8| match at {
        0..3 => octet.is_ascii_uppercase(),
        3..7 => octet.is_ascii_digit(),
        _ => octet.is_ascii_uppercase() || octet.is_ascii_digit(),
    };
    stem.len() == 11 && stem.bytes().enumerate().all(|(at, octet)| sort(at, octet))
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let (at, name) = missing(evidence).filter(|(_, name)| serial(name))?;
    let summary =
        format!("the phone asks for {name}, which looks like its own serial number: its image information is damaged");
    let remedy = "reset it on its power supply (# while it gets power, then 3491672850*#) and leave it alone for ten minutes; a set for \
                  its termNN.default.loads has to be here (firmware.erased)";
    Some(Finding::new(&RULE, Severity::Error, summary, remedy).because([format!("asked for it at {at}")]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_told_from_a_load() {
        for (name, is) in [
            ("FCH1045A0XY.loads", true),
            ("INM08461ABC", true),
            ("P0S3-8-12-00.loads", false),
            ("term41.default.loads", false),
            ("SIP41.8-3-3S.loads", false),
            ("FCH1045A0X.loads", false),
            ("", false),
        ] {
            assert_eq!(serial(name), is, "{name}");
        }
    }
}
