//! Datagrams of syslog: whatever they are, what is kept is fit to be shown, and short.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use offhook::syslog::gate::Gate;
use offhook::syslog::{self, KEPT};

/// One datagram, and again as what a phone says line by line.
pub fn datagram(data: &[u8]) {
    let line = syslog::parse(data);
    shown(&line.text);
    assert!(!line.severity.is_empty());
    // Behind a priority nothing else is a priority.
    let behind = syslog::parse(&[b"<11>x ", data].concat());
    assert_eq!(behind.severity, "error");
    let phone = Ipv4Addr::new(192, 0, 2, 7);
    let mut gate = Gate::new(vec!["192.0.2.0/24".parse().unwrap()], std::sync::Arc::default(), Timestamp::UNIX_EPOCH);
    let kept = data.split(|octet| *octet == b'\n').filter_map(|line| gate.take(phone, line, |_| true)).count();
    assert!(kept <= 20, "{kept}");
}

fn shown(text: &str) {
    assert!(text.len() <= KEPT, "{text:?}");
    assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{text:?}");
    assert!(!text.starts_with(' '), "{text:?}");
}
