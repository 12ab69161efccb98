//! Answers of the server, read octet by octet.

use std::collections::HashSet;
use std::net::Ipv4Addr;

/// An answer.
pub(super) struct Said {
    pub(super) kind: u8,
    pub(super) xid: u32,
    pub(super) yiaddr: Ipv4Addr,
    pub(super) giaddr: Ipv4Addr,
    pub(super) mac: [u8; 6],
    pub(super) server: Option<Ipv4Addr>,
    pub(super) leased: bool,
    /// Option 82, if it is the last.
    pub(super) last: Option<Vec<u8>>,
}

impl Said {
    /// Reads it, and asserts what holds of all.
    pub(super) fn read(bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 240 && bytes[..3] == [2, 1, 6] && bytes[236..240] == [99, 130, 83, 99]);
        let four = |at: usize| <[u8; 4]>::try_from(&bytes[at..at + 4]).expect("four");
        let (mut options, mut at) = (Vec::new(), 240);
        while bytes[at] != 255 {
            let length = usize::from(bytes[at + 1]);
            options.push((bytes[at], bytes[at + 2..at + 2 + length].to_vec()));
            at += 2 + length;
        }
        assert!(bytes[at + 1..].iter().all(|octet| *octet == 0));
        let codes: HashSet<u8> = options.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), options.len(), "each option once");
        let value = |code: u8| options.iter().find(|(had, _)| *had == code).map(|(_, value)| value.clone());
        assert_eq!(options.first().map(|(code, value)| (*code, value.len())), Some((53, 1)), "the type comes first");
        Self {
            kind: options[0].1[0],
            xid: u32::from_be_bytes(four(4)),
            yiaddr: four(16).into(),
            giaddr: four(24).into(),
            mac: bytes[28..34].try_into().expect("six"),
            server: value(54).map(|ip| Ipv4Addr::from(<[u8; 4]>::try_from(ip).expect("an address"))),
            leased: value(51).is_some(),
            last: options.last().filter(|(code, _)| *code == 82).map(|(_, value)| value.clone()),
        }
    }
}
