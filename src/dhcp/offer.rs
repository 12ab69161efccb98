//! What another DHCP server tells phones, measured by what they need: an address of this host, in option 150 and 66, in the
//! form that they read [UCM-DHCP][SEED1].

use std::fmt;
use std::net::Ipv4Addr;

use super::wire::{Op, Raw};
use crate::api::CheckStatus;
use crate::config::dhcp::SHORTEST_LEASE;
use crate::domain::printable;

/// Most octets of a stranger's text that are shown.
const SHOWN: usize = 80;

/// Most addresses of an option 150 that are shown.
const SHOWN_SERVERS: usize = 8;

/// DHCPOFFER and DHCPACK (RFC 2132 section 9.6).
const OFFER: u8 = 2;
const ACK: u8 = 5;

/// What a server offered or gave, as far as phones go by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who says so: option 54, else the sender of the packet.
    pub server: Ipv4Addr,
    /// The address for the client.
    pub address: Ipv4Addr,
    /// `siaddr`, where it is set.
    pub next_server: Option<Ipv4Addr>,
    /// Option 1.
    pub mask: Option<Ipv4Addr>,
    /// Option 3, its first.
    pub router: Option<Ipv4Addr>,
    /// Option 51, in seconds.
    pub lease: Option<u32>,
    /// Option 150.
    pub tftp_servers: Option<Vec<u8>>,
    /// Option 66, without a NUL at its end.
    pub tftp_name: Option<Vec<u8>>,
}

impl Offer {
    /// Reads a packet that came from there; `None` = it is no DHCPOFFER and no DHCPACK with an address.
    pub fn read(raw: &Raw, from: Ipv4Addr) -> Option<Self> {
        if raw.op != Op::Reply || !matches!(raw.message, OFFER | ACK) || raw.yiaddr.is_unspecified() {
            return None;
        }
        let four = |code| raw.option(code)?.first_chunk::<4>().copied();
        let text = |value: &[u8]| value.split(|octet| *octet == 0).next().unwrap_or_default().to_vec();
        Some(Self {
            server: four(54).map_or(from, Ipv4Addr::from),
            address: raw.yiaddr,
            next_server: Some(raw.siaddr).filter(|ip| !ip.is_unspecified()),
            mask: four(1).map(Ipv4Addr::from),
            router: four(3).map(Ipv4Addr::from),
            lease: four(51).map(u32::from_be_bytes),
            tftp_servers: raw.option(150).map(<[u8]>::to_vec),
            tftp_name: raw.option(66).map(text).filter(|text| !text.is_empty()),
        })
    }

    /// The name in option 66, where it is one and no address: DNS is to say whose it is.
    pub fn name(&self) -> Option<&str> {
        let name = std::str::from_utf8(self.tftp_name.as_ref()?).ok()?.trim();
        (is_name(name) && name.parse::<Ipv4Addr>().is_err()).then_some(name)
    }

    /// Option 150 as people read it.
    pub fn shown_servers(&self) -> Option<String> {
        let value = self.tftp_servers.as_ref()?;
        let (addresses, rest) = value.as_chunks::<4>();
        Some(match typed(value) {
            Some(text) => format!("{:?}", printable(text.as_bytes(), SHOWN)),
            None if rest.is_empty() => {
                let mut shown: Vec<String> =
                    addresses.iter().take(SHOWN_SERVERS).map(|four| Ipv4Addr::from(*four).to_string()).collect();
                let more = addresses.len().saturating_sub(SHOWN_SERVERS);
                shown.extend((more > 0).then(|| format!("{more} more")));
                shown.join(", ")
            }
            None => printable(value, SHOWN),
        })
    }

    /// Option 66 as people read it.
    pub fn shown_name(&self) -> Option<String> {
        self.tftp_name.as_ref().map(|name| printable(name, SHOWN))
    }
}

/// What is wrong with an offer, the worst first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Complaint {
    /// Neither option 150 nor 66 nor `siaddr`: phones find nobody.
    Nobody,
    /// Neither option 150 nor 66, and `siaddr`, which phones take then, is another's.
    OtherNext(Ipv4Addr),
    /// Option 150 as somebody typed it, in place of addresses.
    Text150(String),
    /// Option 150 is no list of addresses: its octets.
    Length150(usize),
    /// One of ours in option 150, its octets the wrong way round [SEED1].
    Reversed150(Ipv4Addr),
    /// Option 150 names others only, this one first.
    Other150(Ipv4Addr),
    /// Option 66 names another address.
    Other66(Ipv4Addr),
    /// Option 66 is a name, and this is its address.
    Elsewhere66(String, Ipv4Addr),
    /// Option 66 is a name that has no address.
    Unknown66(String),
    /// Option 66 is neither a name nor an address.
    Bad66(String),
    /// Option 150 names another before us.
    Later150(Ipv4Addr),
    /// No option 150; some phones go by that only [SEED1].
    Missing150,
    /// No option 66; some phones go by that only [SEED1].
    Missing66,
    /// The router is not in the subnet that the phone gets.
    Router(Ipv4Addr),
    /// Seconds of a lease that phones would renew all the time.
    Lease(u32),
}

/// All that is wrong with the answer to a phone that asked for everything. `ours`: addresses at which phones reach this
/// host. `resolved`: what DNS says of [`Offer::name`], nothing where it has no such name.
pub fn complaints(offer: &Offer, ours: &[Ipv4Addr], resolved: &[Ipv4Addr]) -> Vec<Complaint> {
    let mut all: Vec<Complaint> = match (&offer.tftp_servers, &offer.tftp_name) {
        // Phones of some loads take `siaddr` then; the only thing that may be right.
        (None, None) => match offer.next_server {
            None => vec![Complaint::Nobody],
            Some(next) if ours.contains(&next) => vec![Complaint::Missing150, Complaint::Missing66],
            Some(next) => vec![Complaint::OtherNext(next)],
        },
        (servers, name) => {
            let servers = servers.as_ref().map_or(Some(Complaint::Missing150), |value| tftp_servers(value, ours));
            let name =
                name.as_ref().map_or(Some(Complaint::Missing66), |value| tftp_name(offer, value, ours, resolved));
            servers.into_iter().chain(name).collect()
        }
    };
    all.extend(router(offer));
    let lease = offer.lease.filter(|seconds| u64::from(*seconds) < SHORTEST_LEASE.as_secs());
    all.extend(lease.map(Complaint::Lease));
    all.sort_unstable();
    all
}

/// What is wrong with an answer to somebody else, who may not have asked for more: only what is there, and only where option
/// 150 shows that a phone was meant. A computer that boots by network is told another option 66, and rightly.
pub fn overheard(offer: &Offer, ours: &[Ipv4Addr]) -> Vec<Complaint> {
    offer.tftp_servers.iter().filter_map(|value| tftp_servers(value, ours)).collect()
}

fn tftp_servers(value: &[u8], ours: &[Ipv4Addr]) -> Option<Complaint> {
    let (addresses, rest) = value.as_chunks::<4>();
    let first = addresses.first().filter(|_| rest.is_empty()).copied();
    if first.is_some_and(|first| ours.contains(&Ipv4Addr::from(first))) {
        return None;
    }
    if let Some(text) = typed(value) {
        return Some(Complaint::Text150(printable(text.as_bytes(), SHOWN)));
    }
    let Some(first) = first else { return Some(Complaint::Length150(value.len())) };
    let reversed = Ipv4Addr::from(u32::from_le_bytes(first));
    let first = Ipv4Addr::from(first);
    Some(if ours.contains(&reversed) {
        Complaint::Reversed150(reversed)
    } else if addresses.iter().any(|four| ours.contains(&Ipv4Addr::from(*four))) {
        Complaint::Later150(first)
    } else {
        Complaint::Other150(first)
    })
}

/// A value that somebody typed: addresses, a name, hexadecimal digits. One address of four octets is never taken for text.
fn typed(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?.trim_end_matches('\0').trim();
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"-._:, ".contains(&b);
    (text.len() > 6 && text.bytes().all(letters)).then_some(text)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

fn tftp_name(offer: &Offer, value: &[u8], ours: &[Ipv4Addr], resolved: &[Ipv4Addr]) -> Option<Complaint> {
    if let Some(name) = offer.name() {
        let name = name.to_owned();
        return match resolved.first() {
            _ if resolved.iter().any(|ip| ours.contains(ip)) => None,
            Some(elsewhere) => Some(Complaint::Elsewhere66(name, *elsewhere)),
            None => Some(Complaint::Unknown66(name)),
        };
    }
    match std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<Ipv4Addr>().ok()) {
        Some(ip) if ours.contains(&ip) => None,
        Some(ip) => Some(Complaint::Other66(ip)),
        None => Some(Complaint::Bad66(printable(value, SHOWN))),
    }
}

fn router(offer: &Offer) -> Option<Complaint> {
    let (mask, router) = (offer.mask?.to_bits(), offer.router?);
    (router.to_bits() & mask != offer.address.to_bits() & mask).then_some(Complaint::Router(router))
}

/// How bad that is for phones.
pub fn status(complaints: &[Complaint]) -> CheckStatus {
    if complaints.iter().any(Complaint::misleads) {
        CheckStatus::Failed
    } else if complaints.is_empty() {
        CheckStatus::Ok
    } else {
        CheckStatus::Warning
    }
}

impl Complaint {
    /// Kebab-case, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nobody => "no-tftp-server",
            Self::OtherNext(_) => "next-server-elsewhere",
            Self::Text150(_) => "option-150-text",
            Self::Length150(_) => "option-150-length",
            Self::Reversed150(_) => "option-150-reversed",
            Self::Other150(_) => "option-150-elsewhere",
            Self::Later150(_) => "option-150-later",
            Self::Missing150 => "option-150-missing",
            Self::Other66(_) | Self::Elsewhere66(..) => "option-66-elsewhere",
            Self::Unknown66(_) => "option-66-unknown",
            Self::Bad66(_) => "option-66-unreadable",
            Self::Missing66 => "option-66-missing",
            Self::Router(_) => "router-off-subnet",
            Self::Lease(_) => "lease-short",
        }
    }

    /// Whether phones that go by it do not come here.
    pub fn misleads(&self) -> bool {
        !matches!(self, Self::Later150(_) | Self::Missing150 | Self::Missing66 | Self::Router(_) | Self::Lease(_))
    }

    /// What to do. `here`: the address at which phones on that network reach this host, where it is known.
    pub fn remedy(&self, here: Option<Ipv4Addr>) -> String {
        match self {
            Self::Router(_) => "correct the router (option 3) of that subnet in that server".to_owned(),
            Self::Lease(_) => "set leases of an hour or more in that server".to_owned(),
            _ => {
                let server = here.map(|here| format!(" --server {here}")).unwrap_or_default();
                format!(
                    "write into that server what `offhook dhcp snippet --for NAME{server}` prints, NAME being its product"
                )
            }
        }
    }
}

impl fmt::Display for Complaint {
    /// Without a subject: what the server is called comes before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => write!(f, "there is no option 150, no option 66 and no next-server: phones find no files"),
            Self::OtherNext(ip) => {
                write!(f, "there is no option 150 and no option 66, and next-server sends phones to {ip}")
            }
            Self::Text150(text) => {
                write!(
                    f,
                    "option 150 is the text {text:?} in place of four octets for each address: phones take nothing of it"
                )
            }
            Self::Length150(octets) => write!(f, "option 150 has {octets} octets, which is no list of addresses"),
            Self::Reversed150(ip) => write!(f, "option 150 has the octets of {ip} the wrong way round"),
            Self::Other150(ip) => write!(f, "option 150 sends phones to {ip}"),
            Self::Later150(ip) => write!(f, "option 150 names {ip} before this host: phones go there first"),
            Self::Missing150 => write!(f, "there is no option 150, and some phones go by that only"),
            Self::Other66(ip) => write!(f, "option 66 sends phones to {ip}"),
            Self::Elsewhere66(name, ip) => write!(f, "option 66 is the name {name}, and that is {ip}"),
            Self::Unknown66(name) => write!(f, "option 66 is the name {name}, which this host cannot resolve"),
            Self::Bad66(text) => write!(f, "option 66 is {text:?}, which is no name and no address"),
            Self::Missing66 => write!(f, "there is no option 66, and some phones go by that only"),
            Self::Router(ip) => write!(f, "the router {ip} is not in the subnet that phones get"),
            Self::Lease(seconds) => write!(f, "a lease of {seconds} s is so short that phones ask all the time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 9);

    /// An offer with nothing wrong.
    fn right() -> Offer {
        Offer {
            server: OTHER,
            address: Ipv4Addr::new(192, 168, 1, 100),
            next_server: Some(OTHER),
            mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
            router: Some(Ipv4Addr::new(192, 168, 1, 254)),
            lease: Some(3_600),
            tftp_servers: Some(vec![192, 168, 1, 1]),
            tftp_name: Some(b"192.168.1.1".to_vec()),
        }
    }

    fn codes(offer: &Offer, resolved: &[Ipv4Addr]) -> Vec<&'static str> {
        complaints(offer, &[Ipv4Addr::new(10, 0, 0, 1), OURS], resolved).iter().map(Complaint::code).collect()
    }

    #[test]
    fn option_150() {
        for (value, code) in [
            (Some(&[192, 168, 1, 1][..]), None),
            (Some(&[192, 168, 1, 1, 192, 168, 1, 9]), None),
            (Some(&[10, 0, 0, 1]), None),
            (None, Some("option-150-missing")),
            (Some(b"192.168.1.1"), Some("option-150-text")),
            // Its length is a multiple of four.
            (Some(b"192.168.1.10"), Some("option-150-text")),
            (Some(b"192.168.1.1\0"), Some("option-150-text")),
            (Some(b"pbx.example.com"), Some("option-150-text")),
            (Some(b"C0A80101"), Some("option-150-text")),
            (Some(&[]), Some("option-150-length")),
            (Some(&[192, 168, 1]), Some("option-150-length")),
            (Some(&[192, 168, 1, 1, 0]), Some("option-150-length")),
            (Some(&[1, 1, 168, 192]), Some("option-150-reversed")),
            (Some(&[192, 168, 1, 9]), Some("option-150-elsewhere")),
            // Four octets that happen to be letters are an address.
            (Some(b"abcd"), Some("option-150-elsewhere")),
            (Some(&[192, 168, 1, 9, 192, 168, 1, 1]), Some("option-150-later")),
        ] {
            let offer = Offer { tftp_servers: value.map(<[u8]>::to_vec), ..right() };
            assert_eq!(codes(&offer, &[]), code.into_iter().collect::<Vec<_>>(), "{value:?}");
        }
    }

    #[test]
    fn option_66() {
        for (value, resolved, code) in [
            (Some(&b"192.168.1.1"[..]), &[][..], None),
            (None, &[], Some("option-66-missing")),
            (Some(b"192.168.1.9"), &[], Some("option-66-elsewhere")),
            (Some(b"pbx.example.com"), &[OURS], None),
            (Some(b"pbx.example.com"), &[OTHER, OURS], None),
            (Some(b"pbx.example.com"), &[OTHER], Some("option-66-elsewhere")),
            (Some(b"pbx.example.com"), &[], Some("option-66-unknown")),
            (Some(b"tftp://192.168.1.1"), &[], Some("option-66-unreadable")),
            (Some(&[0xff, 0xfe]), &[], Some("option-66-unreadable")),
        ] {
            let offer = Offer { tftp_name: value.map(<[u8]>::to_vec), ..right() };
            assert_eq!(codes(&offer, resolved), code.into_iter().collect::<Vec<_>>(), "{value:?} {resolved:?}");
        }
    }

    /// `siaddr` counts where nothing else is there: many servers fill in their own.
    #[test]
    fn next_server_router_and_lease() {
        let silent = |next_server| Offer { next_server, tftp_servers: None, tftp_name: None, ..right() };
        assert_eq!(codes(&silent(None), &[]), ["no-tftp-server"]);
        assert_eq!(codes(&silent(Some(OTHER)), &[]), ["next-server-elsewhere"]);
        assert_eq!(codes(&silent(Some(OURS)), &[]), ["option-150-missing", "option-66-missing"]);
        assert_eq!(
            codes(&Offer { router: Some(Ipv4Addr::new(192, 168, 2, 1)), ..right() }, &[]),
            ["router-off-subnet"]
        );
        assert_eq!(codes(&Offer { mask: None, router: Some(Ipv4Addr::new(10, 9, 9, 9)), ..right() }, &[]), [""; 0]);
        assert_eq!(codes(&Offer { lease: Some(299), ..right() }, &[]), ["lease-short"]);
        assert_eq!(codes(&Offer { lease: Some(300), ..right() }, &[]), [""; 0]);
        let worst = Offer { lease: Some(1), tftp_servers: Some(vec![1]), tftp_name: None, ..right() };
        assert_eq!(codes(&worst, &[]), ["option-150-length", "option-66-missing", "lease-short"]);
    }

    /// T13. What is not there was perhaps not asked for; option 66 alone is for network boots.
    #[test]
    fn t13_an_answer_to_somebody_else() {
        let heard = |offer: Offer| overheard(&offer, &[OURS]).iter().map(Complaint::code).collect::<Vec<_>>();
        assert_eq!(heard(right()), [""; 0]);
        assert_eq!(heard(Offer { tftp_servers: None, tftp_name: Some(b"10.9.9.9".to_vec()), ..right() }), [""; 0]);
        assert_eq!(heard(Offer { tftp_servers: Some(vec![10, 9, 9, 9]), ..right() }), ["option-150-elsewhere"]);
    }

    #[test]
    fn the_remedy_is_a_command() {
        assert!(
            Complaint::Missing150.remedy(Some(OURS)).contains("`offhook dhcp snippet --for NAME --server 192.168.1.1`")
        );
        assert!(Complaint::Missing66.remedy(None).contains("`offhook dhcp snippet --for NAME`"));
        assert!(!Complaint::Router(OTHER).remedy(Some(OURS)).contains("snippet"));
        let text = Complaint::Text150("192.168.1.1".to_owned()).to_string();
        assert!(text.starts_with("option 150 is the text \"192.168.1.1\""), "{text}");
    }

    #[test]
    fn what_is_shown() {
        let shown = |value: &[u8]| Offer { tftp_servers: Some(value.to_vec()), ..right() }.shown_servers().unwrap();
        assert_eq!(shown(&[192, 168, 1, 1, 10, 0, 0, 1]), "192.168.1.1, 10.0.0.1");
        assert_eq!(shown(b"192.168.1.1"), "\"192.168.1.1\"");
        let many = shown(&[10; 1_024]);
        assert!(many.starts_with("10.10.10.10, ") && many.ends_with(", 248 more") && many.len() < 120, "{many}");
        assert_eq!(shown(&[0x1b, b'[']), r"\x1b[");
    }

    /// A reply with this message type and these options.
    fn packet(op: u8, message: u8, options: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 240];
        packet[..3].copy_from_slice(&[op, 1, 6]);
        packet[16..20].copy_from_slice(&[192, 168, 1, 100]);
        packet[28..34].copy_from_slice(&[0x02, 0x1b, 0x54, 0xce, 0x00, 0x01]);
        packet[236..240].copy_from_slice(&[99, 130, 83, 99]);
        packet.extend([53, 1, message]);
        packet.extend(options);
        packet.push(255);
        packet
    }

    #[test]
    fn answers_are_read_and_nothing_else() {
        let read = |packet: &[u8]| Offer::read(&Raw::read(packet).unwrap(), OTHER);
        let all =
            [54, 4, 10, 0, 0, 2, 1, 4, 255, 255, 255, 0, 3, 4, 192, 168, 1, 254, 51, 4, 0, 0, 14, 16, 66, 2, b'a', 0];
        let offer = read(&packet(2, 2, &all)).unwrap();
        assert_eq!((offer.server, offer.lease), (Ipv4Addr::new(10, 0, 0, 2), Some(3_600)));
        assert_eq!((offer.next_server, offer.name(), &offer.tftp_servers), (None, Some("a"), &None));
        assert_eq!(
            read(&packet(2, 5, &[])).map(|offer| offer.server),
            Some(OTHER),
            "the sender, where it does not say"
        );
        for (op, message) in [(1, 2), (1, 5), (2, 1), (2, 6)] {
            assert_eq!(read(&packet(op, message, &all)), None, "{op} {message}");
        }
        let mut informed = packet(2, 5, &all);
        informed[16..20].copy_from_slice(&[0; 4]);
        assert_eq!(read(&informed), None, "an answer to DHCPINFORM gives no address");
    }
}
