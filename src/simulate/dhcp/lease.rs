//! What a phone was told with its address, and what it makes of it.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::message::Answer;

/// Longest name of a TFTP server that a 7940 or 7960 keeps [FW812].
const NAME: usize = 63;

/// What told a phone its TFTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Addresses; the preferred way [SEED1][COMM-DHCP].
    Option150,
    /// One address as text, or a name.
    Option66,
    /// The server of the next step, where neither option is there [COMM-DHCP][CHAS].
    Siaddr,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Option150 => "option 150",
            Self::Option66 => "option 66",
            Self::Siaddr => "siaddr",
        })
    }
}

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// There.
    Address(Ipv4Addr),
    /// A phone asks the DNS server that it was told for this name.
    Name(String),
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// An address for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The phone's.
    pub address: Ipv4Addr,
    /// Bits of the network.
    pub prefix: u8,
    /// The first router, where it can be used.
    pub router: Option<Ipv4Addr>,
    /// Who gave it.
    pub server: Ipv4Addr,
    /// How long; `None` = for ever.
    pub time: Option<Duration>,
    /// When it is to be renewed (T1), and when anybody may do so (T2).
    pub renew_after: Option<(Duration, Duration)>,
    /// Where the files are, and who said so.
    pub tftp: Option<(Server, Source)>,
    /// What is wrong with it, in the phone's eyes.
    pub complaints: Vec<String>,
}

impl Lease {
    /// What an acknowledgement gives; `None` without an address or the name of its server, which no phone can use.
    pub fn of(answer: &Answer) -> Option<Self> {
        let server = answer.address(54)?;
        let address = Some(answer.yiaddr).filter(|ip| !ip.is_unspecified() && !ip.is_broadcast())?;
        let mut complaints = Vec::new();
        let prefix = prefix(answer, address, &mut complaints);
        let router = router(answer, address, prefix, &mut complaints);
        let tftp = tftp(answer, &mut complaints);
        let seconds = answer.number(51).filter(|seconds| *seconds != u32::MAX);
        let time = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        // RFC 2131 section 4.4.5.
        let part = |code, of: u32| {
            let told = answer.number(code).map(|seconds| Duration::from_secs(seconds.into()));
            time.map(|time| told.filter(|told| *told < time).unwrap_or(time * of / 8))
        };
        let renew_after = part(58, 4).zip(part(59, 7)).map(|(t1, t2)| (t1.min(t2), t2));
        Some(Self { address, prefix, router, server, time, renew_after, tftp, complaints })
    }
}

fn prefix(answer: &Answer, address: Ipv4Addr, complaints: &mut Vec<String>) -> u8 {
    let mask = answer.address(1).map(u32::from);
    match mask {
        Some(mask) if mask.leading_ones() + mask.trailing_zeros() == 32 && mask != 0 => {
            u8::try_from(mask.leading_ones()).unwrap_or(32)
        }
        wrong => {
            let classful = match address.octets() {
                [0..128, ..] => 8,
                [128..192, ..] => 16,
                _ => 24,
            };
            let what = wrong.map_or("there is no network mask (option 1)".to_owned(), |mask| {
                format!("{} is no network mask (option 1)", Ipv4Addr::from(mask))
            });
            complaints.push(format!("{what}: /{classful} is taken"));
            classful
        }
    }
}

fn router(answer: &Answer, address: Ipv4Addr, prefix: u8, complaints: &mut Vec<String>) -> Option<Ipv4Addr> {
    let octets = answer.options.get(&3)?;
    let router = octets.first_chunk::<4>().copied().map(Ipv4Addr::from);
    let Some(router) = router.filter(|_| octets.len() % 4 == 0) else {
        complaints.push(format!("the router (option 3) has {} octets, which are no addresses", octets.len()));
        return None;
    };
    let network = |ip: Ipv4Addr| u32::from(ip).checked_shr(32 - u32::from(prefix)).unwrap_or(0);
    if network(router) == network(address) {
        return Some(router);
    }
    complaints.push(format!("the router {router} is not in the network of {address}/{prefix}"));
    None
}

fn tftp(answer: &Answer, complaints: &mut Vec<String>) -> Option<(Server, Source)> {
    let usable = |ip: &Ipv4Addr| !ip.is_unspecified() && !ip.is_broadcast() && !ip.is_multicast();
    if let Some(octets) = answer.options.get(&150) {
        let first = octets.first_chunk::<4>().copied().map(Ipv4Addr::from);
        match first.filter(|_| octets.len() % 4 == 0) {
            Some(ip) if usable(&ip) => return Some((Server::Address(ip), Source::Option150)),
            Some(ip) => complaints.push(format!("option 150 names {ip}, where no server can be")),
            None => complaints.push(format!(
                "option 150 has {} octets, which are no addresses ({})",
                octets.len(),
                if octets.iter().all(u8::is_ascii_graphic) {
                    "it was written as text"
                } else {
                    "it was written wrongly"
                }
            )),
        }
    }
    if let Some(octets) = answer.options.get(&66) {
        let text = octets.split(|octet| *octet == 0).next().unwrap_or_default();
        match std::str::from_utf8(text).ok().map(|text| (text, text.parse::<Ipv4Addr>())) {
            Some((_, Ok(ip))) if usable(&ip) => return Some((Server::Address(ip), Source::Option66)),
            Some((name, Err(_))) if (1..=NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) => {
                if answer.address(6).is_none() && !answer.options.contains_key(&6) {
                    complaints
                        .push(format!("option 66 is the name {name}, and there is no DNS server (option 6) to ask"));
                }
                return Some((Server::Name(name.to_owned()), Source::Option66));
            }
            _ => complaints.push(format!("option 66 is neither an address nor a name of at most {NAME} characters")),
        }
    }
    Some(answer.siaddr).filter(usable).map(|ip| (Server::Address(ip), Source::Siaddr))
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "has {}/{} of {}", self.address, self.prefix, self.server)?;
        match self.time {
            Some(time) => write!(f, " for {} s", time.as_secs())?,
            None => f.write_str(" for ever")?,
        }
        match &self.tftp {
            Some((server, source)) => write!(f, ", files at {server} ({source})"),
            None => f.write_str(", and nobody said where the files are"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Kind;
    use super::super::message::tests::{MAC, said};
    use super::*;

    fn leased(siaddr: [u8; 4], options: &[(u8, &[u8])]) -> Lease {
        let all: Vec<(u8, &[u8])> = [(54, &[192, 0, 2, 1][..]), (51, &[0, 0, 0x0e, 0x10]), (1, &[255, 255, 255, 0])]
            .into_iter()
            .chain(options.iter().copied())
            .collect();
        let packet = said(Kind::Ack, [192, 0, 2, 100], siaddr, &all);
        Lease::of(&Answer::parse(&packet, MAC.parse().unwrap()).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn where_the_files_are_and_who_said_so() {
        let (a, b) = (&[10, 0, 0, 1][..], &[10, 0, 0, 1, 10, 0, 0, 2][..]);
        for (siaddr, options, expected, complaint) in [
            ([10, 0, 0, 9], vec![(150, b), (66, &b"10.0.0.7"[..])], "10.0.0.1 (option 150)", ""),
            ([10, 0, 0, 9], vec![(66, &b"10.0.0.7\0"[..])], "10.0.0.7 (option 66)", ""),
            ([10, 0, 0, 9], vec![(6, a), (66, &b"tftp.example"[..])], "tftp.example (option 66)", ""),
            ([10, 0, 0, 9], vec![(66, &b"tftp.example"[..])], "tftp.example (option 66)", "no DNS server"),
            ([10, 0, 0, 9], vec![], "10.0.0.9 (siaddr)", ""),
            ([0; 4], vec![], "nobody", ""),
            // Typed as text, as a list that is none, an address that is none.
            (
                [0; 4],
                vec![(150, &b"10.0.0.111"[..]), (66, &b"10.0.0.7"[..])],
                "10.0.0.7 (option 66)",
                "written as text",
            ),
            ([10, 0, 0, 9], vec![(150, &a[..3])], "10.0.0.9 (siaddr)", "3 octets"),
            ([0; 4], vec![(150, &[][..])], "nobody", "0 octets"),
            ([0; 4], vec![(150, &[0, 0, 0, 0][..])], "nobody", "0.0.0.0"),
            ([0; 4], vec![(66, &[b'x'; 64][..])], "nobody", "63 characters"),
            ([0; 4], vec![(66, &b"\xff\xfe"[..])], "nobody", "neither"),
            ([0; 4], vec![(66, &b""[..])], "nobody", "neither"),
        ] {
            let lease = leased(siaddr, &options);
            assert!(lease.to_string().contains(expected), "{options:?}: {lease}");
            assert_eq!(
                lease.complaints.len(),
                usize::from(!complaint.is_empty()),
                "{options:?}: {:?}",
                lease.complaints
            );
            assert!(lease.complaints.join("").contains(complaint), "{options:?}: {:?}", lease.complaints);
        }
    }

    #[test]
    fn networks_and_routers() {
        let router = |octets: &[u8]| leased([0; 4], &[(3, octets)]);
        assert_eq!(router(&[192, 0, 2, 254]).router, Some([192, 0, 2, 254].into()));
        for wrong in [&[192, 0, 3, 254][..], &[192, 0, 2], &[]] {
            let lease = router(wrong);
            assert_eq!((lease.router, lease.complaints.len()), (None, 1), "{wrong:?}");
        }
        for (mask, prefix, complaints) in
            [(&[255, 255, 0, 0][..], 16, 0), (&[255, 0, 255, 0], 24, 1), (&[0; 4], 24, 1), (&[255; 4], 32, 0)]
        {
            let packet = said(Kind::Ack, [192, 0, 2, 100], [0; 4], &[(54, &[192, 0, 2, 1]), (1, mask)]);
            let lease = Lease::of(&Answer::parse(&packet, MAC.parse().unwrap()).unwrap().unwrap()).unwrap();
            assert_eq!((lease.prefix, lease.complaints.len()), (prefix, complaints), "{mask:?}");
        }
    }

    #[test]
    fn times() {
        let seconds = |lease: &Lease| lease.renew_after.map(|(t1, t2)| (t1.as_secs(), t2.as_secs()));
        assert_eq!(seconds(&leased([0; 4], &[])), Some((1_800, 3_150)));
        assert_eq!(seconds(&leased([0; 4], &[(58, &[0, 0, 0, 9]), (59, &[0, 0, 0, 12])])), Some((9, 12)));
        // Beyond the lease they mean nothing.
        assert_eq!(seconds(&leased([0; 4], &[(58, &[0, 0, 0, 9]), (59, &[1, 0, 0, 0])])), Some((9, 3_150)));
        assert_eq!(seconds(&leased([0; 4], &[(58, &[1, 0, 0, 0]), (59, &[1, 0, 0, 0])])), Some((1_800, 3_150)));
        let packet = said(Kind::Ack, [192, 0, 2, 100], [0; 4], &[(54, &[192, 0, 2, 1]), (51, &[255; 4])]);
        let lease = Lease::of(&Answer::parse(&packet, MAC.parse().unwrap()).unwrap().unwrap()).unwrap();
        assert_eq!((lease.time, lease.renew_after), (None, None));
    }
}
