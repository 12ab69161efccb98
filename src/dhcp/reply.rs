//! Answers as they go onto the wire.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use dhcproto::v4::{
    DhcpOption, DhcpOptions, Encodable, Encoder, Flags, Message, MessageType, Opcode, OptionCode, UnknownOption,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::wire::{END, RELAY, Raw};

/// The port of servers and relays (RFC 2131 section 4.1).
pub const SERVER: u16 = 67;

/// The port of clients.
pub const CLIENT: u16 = 68;

/// What every client reads, in octets of the datagram (RFC 2132 section 9.10); and the headers of IP and UDP in it.
const LEAST: u16 = 576;
const HEADERS: usize = 28;

/// Ethernet.
const MOST: u16 = 1_500;

/// Relays that hold to BOOTP drop what is shorter (RFC 951, RFC 1542 section 2.1).
const SHORTEST: usize = 300;

/// What a client is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// Option 51, and of it 58 and 59.
    pub lease: Option<Duration>,
    /// Option 1 and 28.
    pub network: Option<ipnet::Ipv4Net>,
    /// Option 150, 66 and `siaddr`: where files are.
    pub tftp: Option<Ipv4Addr>,
    /// Option 3.
    pub router: Option<Ipv4Addr>,
    /// Option 6.
    pub dns: Vec<Ipv4Addr>,
    /// Option 15.
    pub domain: Option<String>,
    /// Option 42.
    pub ntp: Option<Ipv4Addr>,
    /// Option 2 (seconds east of UTC at that time), 100 and 101 (RFC 4833).
    pub zone: Option<(Zone, Timestamp)>,
}

/// A time zone in the three ways that DHCP has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its rules.
    pub zone: TimeZone,
    /// As POSIX writes it, such as `CET-1CEST,M3.5.0,M10.5.0/3`; empty = not known.
    pub posix: String,
    /// IANA's name.
    pub name: String,
}

/// An answer, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// To whom.
    pub to: SocketAddrV4,
    /// The packet.
    pub bytes: Vec<u8>,
}

/// Octets before the options (RFC 2131 section 2, and the cookie of RFC 2132).
const FIXED: usize = 240;

impl Reply {
    /// The type of the message, for metrics.
    pub fn word(&self) -> &'static str {
        let mut options = self.bytes.get(FIXED..).unwrap_or_default();
        while let [code, length, rest @ ..] = options {
            match (code, rest) {
                (53, [2, ..]) => return "offer",
                (53, [5, ..]) => return "ack",
                (53, [6, ..]) => return "nak",
                (53, _) => return "other",
                // Padding has no length.
                (0, _) => options = options.get(1..).unwrap_or_default(),
                _ => options = rest.get(usize::from(*length)..).unwrap_or_default(),
            }
        }
        "other"
    }
}

/// Options that a client gets whether it asks for them or not; of the others, each is asked for.
const ALWAYS: &[u8] = &[1, 28, 51, 54, 58, 59, 150, 66];

/// Makes an answer of that type. `asked` = option 55; a client that sends none gets all there is.
pub fn reply(to: &Raw, message: MessageType, yiaddr: Ipv4Addr, told: &Told) -> Reply {
    let refuses = message == MessageType::Nak;
    let mut packet = Message::new_with_id(
        to.xid,
        if message == MessageType::Ack { to.ciaddr } else { Ipv4Addr::UNSPECIFIED },
        yiaddr,
        told.tftp.unwrap_or(Ipv4Addr::UNSPECIFIED),
        to.giaddr,
        &to.mac,
    );
    // The relay is to broadcast a refusal: the client has no address that it could be sent to (RFC 2131 section 4.3.2).
    let broadcast = to.broadcast || (refuses && !to.giaddr.is_unspecified());
    let flags = if broadcast { Flags::default().set_broadcast() } else { Flags::default() };
    packet.set_opcode(Opcode::BootReply).set_flags(flags);
    // First, as all servers have it: there are boot loaders that look there.
    packet.opts_mut().insert(DhcpOption::MessageType(message));
    let mut bytes = encoded(&packet);
    bytes.truncate(bytes.len().saturating_sub(1));

    // One of no octets has nothing that a relay could want back.
    let relay = to
        .option(RELAY)
        .filter(|value| !value.is_empty())
        .map(|value| DhcpOption::Unknown(UnknownOption::new(RELAY.into(), value.to_vec())));
    let limit = to.option(57).and_then(|value| value.try_into().ok()).map_or(LEAST, u16::from_be_bytes);
    let limit = usize::from(limit.clamp(LEAST, MOST)).saturating_sub(HEADERS);
    let room = limit.saturating_sub(bytes.len() + 1);
    let asked = to.option(55);
    let wanted = |code: u8| ALWAYS.contains(&code) || asked.is_none_or(|asked| asked.contains(&code));
    let mut options = DhcpOptions::new();
    let mut used = relay.as_ref().map_or(0, length);
    for option in told.options() {
        let fits = used + length(&option);
        if wanted(OptionCode::from(&option).into()) && fits <= room {
            used = fits;
            options.insert(option);
        }
    }
    // Last, and as it came (RFC 3046 section 2.2).
    let relay = relay.map(|option| (OptionCode::RelayAgentInformation, option));
    let options: DhcpOptions = options.iter().map(|(code, option)| (*code, option.clone())).chain(relay).collect();
    let mut rest = encoded(&options);
    if rest.is_empty() {
        rest.push(END);
    }
    bytes.append(&mut rest);
    bytes.resize(bytes.len().max(SHORTEST), 0);
    Reply { to: destination(to, refuses), bytes }
}

/// Where an answer goes (RFC 2131 section 4.1). A client without an address is answered by broadcast, as those ask who
/// cannot hear anything else; the others hear it as well.
fn destination(to: &Raw, refuses: bool) -> SocketAddrV4 {
    if !to.giaddr.is_unspecified() {
        SocketAddrV4::new(to.giaddr, SERVER)
    } else if to.ciaddr.is_unspecified() || refuses {
        SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT)
    } else {
        SocketAddrV4::new(to.ciaddr, CLIENT)
    }
}

/// Nothing here can fail to be written: no text is longer than the configuration allows.
fn encoded(what: &impl Encodable) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(600);
    let _ = what.encode(&mut Encoder::new(&mut bytes));
    bytes
}

fn length(option: &DhcpOption) -> usize {
    encoded(option).len()
}

impl Told {
    /// In the order in which there is to be room for them.
    fn options(&self) -> impl Iterator<Item = DhcpOption> {
        let seconds = |lease: Duration| u32::try_from(lease.as_secs()).unwrap_or(u32::MAX);
        let (first, last) = (|s: u32| s / 2, |s: u32| s - s / 8);
        let bytes = |code: u8, value: Vec<u8>| DhcpOption::Unknown(UnknownOption::new(code.into(), value));
        let offset = self.zone.as_ref().map(|(zone, now)| zone.zone.to_offset(*now).seconds());
        let zone = self.zone.as_ref().map(|(zone, _)| zone);
        [
            self.server.map(DhcpOption::ServerIdentifier),
            self.lease.map(|lease| DhcpOption::AddressLeaseTime(seconds(lease))),
            self.network.map(|network| DhcpOption::SubnetMask(network.netmask())),
            self.tftp.map(|tftp| bytes(150, tftp.octets().to_vec())),
            self.tftp.map(|tftp| bytes(66, tftp.to_string().into_bytes())),
            self.router.map(|router| DhcpOption::Router(vec![router])),
            Some(self.dns.clone()).filter(|dns| !dns.is_empty()).map(DhcpOption::DomainNameServer),
            self.lease.map(|lease| DhcpOption::Renewal(first(seconds(lease)))),
            self.lease.map(|lease| DhcpOption::Rebinding(last(seconds(lease)))),
            self.ntp.map(|ntp| DhcpOption::NtpServers(vec![ntp])),
            self.network.map(|network| DhcpOption::BroadcastAddr(network.broadcast())),
            self.domain.clone().map(DhcpOption::DomainName),
            offset.map(|offset| bytes(2, offset.to_be_bytes().to_vec())),
            zone.filter(|zone| !zone.posix.is_empty()).map(|zone| bytes(100, zone.posix.clone().into_bytes())),
            zone.map(|zone| bytes(101, zone.name.clone().into_bytes())),
        ]
        .into_iter()
        .flatten()
    }
}
