//! One file per rule; one line here.

mod access;
mod banned;
mod config_refused;
mod config_stale;
mod conversion;
mod dhcp_misleads;
mod faulty_load;
mod firmware_missing;
mod image_damaged;
mod line_missing;
mod load_unknown;
mod needs_conversion;
mod no_address;
mod no_application;
mod no_clock;
mod no_first_request;
mod no_lines;
mod not_assigned;
mod not_registering;
mod not_seen;
mod old_boot_loader;
mod register_rejected;
mod tcp_off;
mod tcp_silent;
mod tftp_blocked;
mod trust_list;
mod twin;
mod unreachable;

use super::Rule;

/// The code of what a person ends by approving the phone where it is.
pub const APPROVABLE: &str = access::UNPROVEN.code;

/// Every rule there is.
pub const RULES: &[Rule] = &[
    not_assigned::RULE,
    no_lines::RULE,
    twin::RULE,
    banned::RULE,
    access::UNPROVEN,
    access::FOREIGN,
    trust_list::RULE,
    tftp_blocked::RULE,
    no_address::RULE,
    dhcp_misleads::RULE,
    no_first_request::RULE,
    not_seen::RULE,
    needs_conversion::RULE,
    conversion::MANIFEST_REFUSED,
    conversion::IMAGE_REFUSED,
    conversion::TRANSFER_STALLED,
    conversion::UNHEEDED,
    conversion::SILENT,
    conversion::NOT_BACK,
    firmware_missing::NAME_WITH_BLANK,
    firmware_missing::INCOMPLETE,
    firmware_missing::OTHER_MANAGER,
    image_damaged::RULE,
    firmware_missing::RULE,
    no_application::RULE,
    tcp_off::RULE,
    tcp_silent::RULE,
    config_refused::RULE,
    register_rejected::RULE,
    not_registering::RULE,
    line_missing::RULE,
    unreachable::RULE,
    unreachable::NAT,
    no_clock::RULE,
    faulty_load::RULE,
    load_unknown::RULE,
    config_stale::RULE,
    old_boot_loader::RULE,
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
