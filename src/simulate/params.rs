//! The parameters that SIP 8.12 for 7940/7960 knows, with their limits, as read off the parameter table of the image
//! P0S3-8-12-00 and Cisco's administration guides (SIP 4.0 to 8.0). Names outside this table count as errors.

/// How the phone takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Text of at most so many bytes.
    Text(usize),
    /// Decimal digits; `""` and `UNPROVISIONED` mean 0 whatever the range.
    Number {
        /// Smallest value.
        min: u32,
        /// Largest value.
        max: u32,
    },
    /// One of these words, in any case; `""` and `UNPROVISIONED` bring the default back.
    Keyword(&'static [&'static str]),
    /// A dotted IPv4 address.
    Address,
    /// Exists, and is refused from a file.
    Refused,
    /// Exists, and is passed over in silence in a file.
    Ignored,
}

const FLAG: Meaning = Meaning::Number { min: 0, max: 1 };
const LOCKABLE: Meaning = Meaning::Number { min: 0, max: 3 };
const PORT: Meaning = Meaning::Number { min: 0, max: 65535 };
const SECONDS: Meaning = Meaning::Number { min: 0, max: u32::MAX };
const HOST: Meaning = Meaning::Text(47);

const ZONES: &[&str] = &[
    "IDL", "NT", "AHST", "IMT", "YST", "PST", "MST", "CST", "EST", "AST", "NST", "BST", "AT", "WAT", "GMT", "CET",
    "EET", "BT", "IT", "ZP4", "AFG", "ZP5", "IST", "ZP6", "SUM", "WAST", "HST", "JST", "CAST", "EAST", "EADT", "NZST",
];

const fn number(min: u32, max: u32) -> Meaning {
    Meaning::Number { min, max }
}

/// Every name that stands for itself.
const TABLE: &[(&str, Meaning)] = &[
    ("image_version", Meaning::Text(20)),
    ("proxy_register", FLAG),
    ("timer_register_expires", SECONDS),
    ("timer_register_delta", SECONDS),
    ("proxy_backup", HOST),
    ("proxy_backup_port", PORT),
    ("proxy_emergency", HOST),
    ("proxy_emergency_port", PORT),
    ("outbound_proxy", HOST),
    ("outbound_proxy_port", PORT),
    ("preferred_codec", Meaning::Keyword(&["g711ulaw", "g711alaw", "g729a", "none"])),
    ("dtmf_inband", FLAG),
    ("dtmf_outofband", Meaning::Keyword(&["none", "avt", "avt_always"])),
    ("dtmf_avt_payload", number(96, 127)),
    ("dtmf_db_level", number(1, 5)),
    ("dscpforaudio", number(0, 255)),
    ("enable_vad", FLAG),
    ("timer_t1", SECONDS),
    ("timer_t2", SECONDS),
    ("sip_retx", SECONDS),
    ("sip_invite_retx", SECONDS),
    ("timer_invite_expires", SECONDS),
    ("sip_max_forwards", SECONDS),
    ("rfc_2543_hold", FLAG),
    ("timer_keepalive_expires", SECONDS),
    ("connection_monitor_duration", SECONDS),
    ("voip_control_port", PORT),
    ("start_media_port", PORT),
    ("end_media_port", PORT),
    ("nat_enable", FLAG),
    ("nat_address", HOST),
    ("nat_received_processing", FLAG),
    ("messages_uri", Meaning::Text(127)),
    ("phone_label", Meaning::Text(31)),
    ("phone_prompt", Meaning::Text(15)),
    ("phone_password", Meaning::Text(31)),
    ("telnet_level", number(0, 2)),
    ("user_info", Meaning::Keyword(&["none", "phone", "ip"])),
    ("remote_party_id", FLAG),
    ("call_waiting", LOCKABLE),
    ("dnd_control", LOCKABLE),
    ("callerid_blocking", LOCKABLE),
    ("anonymous_call_block", LOCKABLE),
    ("call_hold_ringback", LOCKABLE),
    ("stutter_msg_waiting", LOCKABLE),
    ("autocomplete", FLAG),
    ("cnf_join_enable", FLAG),
    ("semi_attended_transfer", FLAG),
    ("transfer_onhook_enabled", FLAG),
    ("local_cfwd_enable", FLAG),
    ("call_stats", FLAG),
    ("dial_template", Meaning::Text(63)),
    ("tftp_cfg_dir", Meaning::Text(63)),
    ("sync", Meaning::Text(32)),
    ("services_url", Meaning::Text(127)),
    ("directory_url", Meaning::Text(127)),
    ("logo_url", Meaning::Text(127)),
    ("http_proxy_addr", Meaning::Text(127)),
    ("http_proxy_port", PORT),
    ("dyn_dns_addr_1", Meaning::Address),
    ("dyn_dns_addr_2", Meaning::Address),
    ("dyn_tftp_addr", Meaning::Address),
    ("sntp_server", HOST),
    ("sntp_mode", Meaning::Keyword(&["Unicast", "Multicast", "Anycast", "DirectedBroadcast"])),
    ("time_zone", Meaning::Keyword(ZONES)),
    ("dst_auto_adjust", FLAG),
    ("dst_offset", Meaning::Text(9)),
    ("dst_start_month", Meaning::Text(9)),
    ("dst_stop_month", Meaning::Text(9)),
    ("dst_start_day", number(0, 31)),
    ("dst_stop_day", number(0, 31)),
    ("dst_start_day_of_week", Meaning::Text(9)),
    ("dst_stop_day_of_week", Meaning::Text(9)),
    ("dst_start_week_of_month", number(0, 8)),
    ("dst_stop_week_of_month", number(0, 8)),
    ("dst_start_time", Meaning::Text(9)),
    ("dst_stop_time", Meaning::Text(9)),
    ("time_format_24hr", LOCKABLE),
    ("date_format", Meaning::Keyword(&["M/D/Y", "D/M/Y", "Y/M/D", "Y/D/M", "Y-M-D", "YY-M-D"])),
    ("network_media_type", Meaning::Keyword(&["Auto", "Full100", "Half100", "Full10", "Half10"])),
    ("network_port2_type", Meaning::Keyword(&["PC", "Hub/Switch"])),
    ("language", Meaning::Keyword(&["english"])),
    ("garp_enable", FLAG),
    ("encrypt_key", Meaning::Text(255)),
    ("version_stamp", Meaning::Text(255)),
    ("mwi_status", Meaning::Refused),
    ("cfwd_url", Meaning::Refused),
    ("auto_answer", Meaning::Refused),
];

/// What `name` (lower case) means to the phone; `None` = it knows no such parameter.
pub fn meaning(name: &str) -> Option<Meaning> {
    if let Some((_, meaning)) = TABLE.iter().find(|(known, _)| *known == name) {
        return Some(*meaning);
    }
    if name.starts_with("speed_line") || name.starts_with("speed_label") {
        return Some(Meaning::Ignored);
    }
    if let Some((index, field)) = numbered(name, "line") {
        return (1..=6).contains(&index).then_some(()).and(match field {
            "name" | "password" | "displayname" | "shortname" => Some(Meaning::Text(31)),
            "authname" => Some(Meaning::Text(51)),
            "contact" => Some(Meaning::Text(255)),
            _ => None,
        });
    }
    if let Some((index, field)) = numbered(name, "proxy") {
        return (1..=6).contains(&index).then_some(()).and(match field {
            "address" => Some(HOST),
            "port" => Some(PORT),
            _ => None,
        });
    }
    let (index, field) = numbered(name, "call_manager")?;
    (1..=5).contains(&index).then_some(()).and(match field {
        "addr" => Some(HOST),
        "sip_port" => Some(PORT),
        _ => None,
    })
}

/// `line2_name` with prefix `line` is 2 and `name`.
fn numbered<'a>(name: &'a str, prefix: &str) -> Option<(u32, &'a str)> {
    let (index, field) = name.strip_prefix(prefix)?.split_once('_')?;
    Some((index.parse().ok()?, field))
}
