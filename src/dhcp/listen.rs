//! A question on a link, and its answers: a DHCPDISCOVER as a phone sends it, from which no lease comes, and every OFFER and
//! ACK that is broadcast. An edge.
//!
//! It takes a port below 1024 and no raw socket. An answer that is sent to one address alone is not heard; servers heed the
//! flag that asks for broadcast (RFC 2131 section 4.1).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, OptionCode};
use dhcproto::{Encodable, Encoder};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{UdpSocket, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::link::{self, Link};
use super::offer::{Complaint, Offer, complaints, status};
use super::reply::{CLIENT, SERVER};
use super::rivals::Heard;
use super::wire::{LONGEST, Raw};
use crate::api::{DhcpHeard, DhcpListen, DhcpProblem, DhcpServer, DhcpSilent};
use crate::config;
use crate::probe;

/// As a phone that runs its application says [WAZO]: servers that tell only phones where their files are answer it.
const CLASS: &[u8] = b"Cisco Systems, Inc. IP Phone CP-7942G\0";

/// What phones ask for, the time servers beside it (options 1, 3, 6, 15, 42, 66, 150).
const ASKED: [OptionCode; 7] = [
    OptionCode::SubnetMask,
    OptionCode::Router,
    OptionCode::DomainNameServer,
    OptionCode::DomainName,
    OptionCode::NtpServers,
    OptionCode::TFTPServerName,
    OptionCode::TFTPServerAddress,
];

/// A hardware address that is nobody's: locally administered.
const LOCAL: u8 = 0x02;

/// Between two questions of one transaction: datagrams are lost, and a server may ask around before it offers.
pub const AGAIN: Duration = Duration::from_secs(2);

/// Longest time in seconds that people listen: whoever asked waits for it.
pub const LONGEST_LISTEN: u8 = 45;

/// How long DNS may take to say whose a name is.
const DNS: Duration = Duration::from_secs(2);

/// A socket on one link.
#[derive(Debug)]
pub struct Ear {
    socket: UdpSocket,
    mac: [u8; 6],
    /// Of the present question; answers to it come also after its time.
    transaction: u32,
}

impl Ear {
    /// Listens on a link.
    ///
    /// # Errors
    /// The port or the link cannot be had.
    pub fn open(link: &Link) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // A DHCP client of this host has the port as well.
        socket.set_reuse_address(true)?;
        socket.set_broadcast(true)?;
        socket.set_nonblocking(true)?;
        socket.bind_device(Some(link.name.as_bytes()))?;
        // What is sent to this host's own address is its own client's.
        socket.bind(&SocketAddr::from((Ipv4Addr::BROADCAST, CLIENT)).into())?;
        let mut mac = link.mac.unwrap_or(*b"\x02offhk");
        mac.first_mut().into_iter().for_each(|first| *first |= LOCAL);
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, mac, transaction: rand::random() })
    }

    /// Another question begins.
    pub fn begin(&mut self) {
        self.transaction = rand::random();
    }

    /// Asks, or asks once more.
    ///
    /// # Errors
    /// The link took nothing.
    pub async fn ask(&self) -> io::Result<()> {
        let packet = discover(self.transaction, self.mac).map_err(io::Error::other)?;
        self.socket.send_to(&packet, (Ipv4Addr::BROADCAST, SERVER)).await.map(|_| ())
    }

    /// The next OFFER or ACK. What is none is not told of.
    ///
    /// # Errors
    /// The link is gone.
    pub async fn next(&self) -> io::Result<(Offer, Heard)> {
        loop {
            let mut packet = [0; LONGEST + 1];
            let (octets, from) = self.socket.recv_from(&mut packet).await?;
            let SocketAddr::V4(from) = from else { continue };
            let Ok(raw) = Raw::read(packet.get(..octets).unwrap_or_default()) else { continue };
            let ours = raw.xid == self.transaction && raw.mac == self.mac;
            if let Some(offer) = Offer::read(&raw, *from.ip()) {
                return Ok((offer, if ours { Heard::Answered } else { Heard::Overheard }));
            }
        }
    }
}

fn discover(transaction: u32, mac: [u8; 6]) -> Result<Vec<u8>, dhcproto::error::EncodeError> {
    let nobody = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(transaction, nobody, nobody, nobody, nobody, &mac);
    message.set_flags(Flags::default().set_broadcast());
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(MessageType::Discover));
    options.insert(DhcpOption::MaxMessageSize(LONGEST.try_into().unwrap_or(u16::MAX)));
    options.insert(DhcpOption::ClassIdentifier(CLASS.to_vec()));
    options.insert(DhcpOption::ParameterRequestList(ASKED.to_vec()));
    let mut packet = Vec::new();
    message.encode(&mut Encoder::new(&mut packet))?;
    Ok(packet)
}

/// The answers on one link, one of each server, as long as this.
///
/// # Errors
/// Nobody can listen or ask there.
async fn answers(link: &Link, patience: Duration) -> io::Result<Vec<Offer>> {
    let ear = Ear::open(link)?;
    let mut all: Vec<Offer> = Vec::new();
    let end = Instant::now() + patience;
    let mut again = tokio::time::interval(AGAIN);
    loop {
        tokio::select! {
            heard = ear.next() => if let (offer, Heard::Answered) = heard? {
                all.retain(|other| other.server != offer.server);
                all.push(offer);
            },
            _ = again.tick() => ear.ask().await?,
            () = tokio::time::sleep_until(end) => {
                all.sort_by_key(|offer| offer.server);
                return Ok(all);
            }
        }
    }
}

/// The answers on the links that are asked for, else on those of the configuration, else on those of the phones' networks.
///
/// # Errors
/// One sentence: there is nothing to listen on, or the time is none.
pub async fn asked(asked: DhcpListen, dhcp: &config::Dhcp, server: &config::Server) -> Result<DhcpHeard, String> {
    if !(1..=LONGEST_LISTEN).contains(&asked.seconds) {
        return Err(format!("DHCP servers are listened to for 1 to {LONGEST_LISTEN} s, not {} s", asked.seconds));
    }
    let named = [asked.interfaces, dhcp.interfaces.clone()].into_iter().find(|named| !named.is_empty());
    let mut interfaces = named.unwrap_or_else(|| link::towards(&server.phone_networks));
    interfaces.sort();
    interfaces.dedup();
    if interfaces.is_empty() {
        return Err(
            "DHCP servers could not be listened to: this host has no address in server.phone_networks; name a link: \
             --interface IF"
                .to_owned(),
        );
    }
    Ok(on(interfaces, server.address, Duration::from_secs(asked.seconds.into())).await)
}

/// The answers on these links, as people see them. `told`: the address that phones are told, where one is set.
async fn on(interfaces: Vec<String>, told: Option<Ipv4Addr>, patience: Duration) -> DhcpHeard {
    let mut asking = JoinSet::new();
    for interface in interfaces {
        asking.spawn(async move { on_one(&interface, told, patience).await });
    }
    let mut heard = DhcpHeard::default();
    for one in asking.join_all().await {
        match one {
            Ok(servers) => heard.servers.extend(servers),
            Err(silent) => heard.silent.push(silent),
        }
    }
    heard.servers.sort_by(|a, b| (&a.interface, a.server).cmp(&(&b.interface, b.server)));
    heard.silent.sort();
    heard
}

async fn on_one(interface: &str, told: Option<Ipv4Addr>, patience: Duration) -> Result<Vec<DhcpServer>, DhcpSilent> {
    let silent = |summary: String, denied| DhcpSilent { interface: interface.to_owned(), summary, denied };
    let unasked = |why: &str, denied| silent(format!("{interface} could not be asked: {why}"), denied);
    let link = Link::ready(interface).map_err(|why| unasked(&why, false))?;
    let answers = answers(&link, patience).await.map_err(|why| {
        unasked(
            &format!("UDP port {CLIENT} of it could not be used: {why}"),
            why.kind() == io::ErrorKind::PermissionDenied,
        )
    })?;
    if answers.is_empty() {
        let seconds = patience.as_secs();
        return Err(silent(
            format!(
                "nobody answered on {interface} within {seconds} s: phones there get no address, unless a server answers only \
                 those that it knows; see that one serves this network"
            ),
            false,
        ));
    }
    let (ours, here) = (ours(told), told.or(link.addresses.first().map(ipnet::Ipv4Net::addr)));
    let mut servers = Vec::new();
    for offer in answers {
        let wrong = judge(&offer, &ours).await;
        servers.push(shown(interface, &offer, &wrong, here));
    }
    Ok(servers)
}

/// A server as people see it. `here`: the address at which phones on that link reach this host.
fn shown(interface: &str, offer: &Offer, wrong: &[Complaint], here: Option<Ipv4Addr>) -> DhcpServer {
    let problem = |complaint: &Complaint| DhcpProblem {
        code: complaint.code().to_owned(),
        summary: complaint.to_string(),
        remedy: complaint.remedy(here),
    };
    DhcpServer {
        interface: interface.to_owned(),
        server: offer.server,
        address: offer.address,
        tftp_servers: offer.shown_servers(),
        tftp_name: offer.shown_name(),
        next_server: offer.next_server,
        router: offer.router,
        lease: offer.lease,
        status: status(wrong),
        problems: wrong.iter().map(problem).collect(),
    }
}

/// Addresses at which phones reach this host: the one that they are told, where one is set, and its own.
pub fn ours(told: Option<Ipv4Addr>) -> Vec<Ipv4Addr> {
    told.into_iter().chain(probe::own_addresses().filter(|ip| !ip.is_loopback())).collect()
}

/// What is wrong with an answer to us; DNS is asked for the name in it.
pub async fn judge(offer: &Offer, ours: &[Ipv4Addr]) -> Vec<Complaint> {
    let resolved = match offer.name() {
        Some(name) => addresses(name).await,
        None => Vec::new(),
    };
    complaints(offer, ours, &resolved)
}

async fn addresses(name: &str) -> Vec<Ipv4Addr> {
    let found = timeout(DNS, lookup_host((name, SERVER))).await;
    let v4 = |address: SocketAddr| match address {
        SocketAddr::V4(address) => Some(*address.ip()),
        SocketAddr::V6(_) => None,
    };
    found.ok().and_then(Result::ok).into_iter().flatten().filter_map(v4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::vendor::{Vendor, vendor};
    use crate::dhcp::wire::Op;

    #[test]
    fn the_question_is_a_phone_s() {
        let mac = [0x02, 0x1b, 0x54, 0xce, 0x00, 0x01];
        let raw = Raw::read(&discover(0xdead_beef, mac).unwrap()).unwrap();
        assert_eq!((raw.op, raw.message, raw.xid, raw.mac, raw.broadcast), (Op::Request, 1, 0xdead_beef, mac, true));
        let asked = raw.option(55).unwrap();
        assert!([1, 3, 6, 15, 42, 66, 150].iter().all(|code| asked.contains(code)), "{asked:?}");
        assert!(matches!(vendor(raw.option(60)), Vendor::Phone(Some(_))));
        assert_eq!((raw.option(50), raw.option(61)), (None, None), "it takes no lease");
    }

    #[tokio::test]
    async fn a_name_is_resolved() {
        assert!(addresses("localhost").await.contains(&Ipv4Addr::LOCALHOST));
        assert_eq!(addresses("no.such.name.invalid").await, [Ipv4Addr::UNSPECIFIED; 0]);
        assert_eq!(addresses("a..b").await, [Ipv4Addr::UNSPECIFIED; 0]);
    }
}
