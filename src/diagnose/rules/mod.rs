//! One file per rule; one line here.

mod access;
mod banned;
mod config_refused;
mod conversion;
mod firmware_missing;
mod no_clock;
mod not_registering;
mod register_rejected;
mod tcp_off;
mod tcp_silent;
mod trust_list;
mod twin;

use super::Rule;

/// Every rule there is.
pub const RULES: &[Rule] = &[
    twin::RULE,
    banned::RULE,
    access::UNPROVEN,
    access::FOREIGN,
    trust_list::RULE,
    conversion::MANIFEST_REFUSED,
    conversion::IMAGE_REFUSED,
    conversion::TRANSFER_STALLED,
    conversion::UNHEEDED,
    conversion::SILENT,
    conversion::NOT_BACK,
    firmware_missing::NAME_WITH_BLANK,
    firmware_missing::RULE,
    tcp_off::RULE,
    tcp_silent::RULE,
    config_refused::RULE,
    register_rejected::RULE,
    not_registering::RULE,
    no_clock::RULE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_explains_itself() {
        let mut codes: Vec<_> = RULES.iter().map(|rule| rule.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), RULES.len());
        for rule in RULES {
            assert!(rule.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.code);
            assert!(!rule.title.is_empty() && rule.text.len() > rule.title.len(), "{}", rule.code);
        }
    }
}
