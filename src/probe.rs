//! Tries what no table tells: whether anybody takes a TCP connection, whether a server tells the time (SNTP, RFC
//! 4330), what a phone's own web page says. An edge; each try ends within its patience, and none is on the way of a phone's file.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use nix::ifaddrs::getifaddrs;
use tokio::net::{TcpStream, UdpSocket as AsyncUdpSocket, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::convert::web_page;
use crate::diagnose::Unanswered;
use crate::sntp::{self, SINCE_1900};

/// How long a connection or an answer may take: a registrar stands in the same building.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How often the time is asked for within that: one datagram may be lost.
const ASKED: u32 = 2;

/// What a time server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The time; how far it is ahead of this host's.
    Tells(SignedDuration),
    /// That it does not know the time itself.
    Unsynchronised,
    /// Nothing that can be used, and why.
    Silent(String),
}

impl Clock {
    /// Why a phone gets no time of it, as the end of a sentence.
    ///
    /// # Errors
    /// It gets none.
    pub fn usable(&self) -> Result<(), String> {
        match self {
            Self::Tells(_) => Ok(()),
            Self::Unsynchronised => Err("it is not synchronised itself".to_owned()),
            Self::Silent(why) => Err(why.clone()),
        }
    }
}

/// The address of this host that faces these networks: the one it would send to them from, else one that it has there. A
/// host without a default route has no way to the whole of 10.0.0.0/8, and all the same an address in it.
pub fn own_address(networks: &[Ipv4Net]) -> Option<Ipv4Addr> {
    networks.iter().copied().find_map(towards).or_else(|| {
        let addresses: Vec<Ipv4Addr> = own_addresses().collect();
        networks.iter().find_map(|net| addresses.iter().find(|ip| net.contains(*ip)).copied())
    })
}

/// Connecting a datagram socket sends nothing; it asks the kernel for the route.
fn towards(net: Ipv4Net) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((net.hosts().next()?, 9)).ok()?;
    match socket.local_addr().ok()? {
        SocketAddr::V4(address) if net.contains(address.ip()) => Some(*address.ip()),
        _ => None,
    }
}

/// Every IPv4 address that this host has.
pub fn own_addresses() -> impl Iterator<Item = Ipv4Addr> {
    getifaddrs().into_iter().flatten().filter_map(|one| Some(one.address?.as_sockaddr_in()?.ip()))
}

/// Connects, and hangs up at once.
///
/// # Errors
/// Nobody took the connection.
pub async fn tcp(host: &str, port: u16) -> Result<(), Unanswered> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) if why.kind() == std::io::ErrorKind::ConnectionRefused => Err(Unanswered::Refused),
        Ok(Err(why)) => Err(Unanswered::Unreached(format!("the connection failed: {why}"))),
        Err(_) => Err(Unanswered::Unreached(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// Longest wait for a phone's whole page; what is there answers at once.
const PAGE: Duration = Duration::from_secs(2);

/// Fetches a phone's `/DeviceInformationX`: from there and from nowhere else, a little and at once.
///
/// # Errors
/// No page came, or something that is none.
pub async fn device_information(ip: Ipv4Addr, port: u16) -> Result<Vec<u8>, String> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(PAGE);
    let client = client.build().map_err(|why| format!("no request could be made: {why}"))?;
    let unread = |why: reqwest::Error| {
        if why.is_timeout() { format!("no answer within {} s", PAGE.as_secs()) } else { why.without_url().to_string() }
    };
    let mut answer = client.get(format!("http://{ip}:{port}/DeviceInformationX")).send().await.map_err(unread)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("it answered {}", answer.status()));
    }
    let mut page = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(unread)? {
        page.extend_from_slice(&part);
        if page.len() > web_page::MOST {
            return Err(format!("its answer is longer than {} octets", web_page::MOST));
        }
    }
    Ok(page)
}

/// Asks a server for the time.
pub async fn clock(host: &str) -> Clock {
    clock_at(host, sntp::PORT, PATIENCE).await
}

/// Whether something on this host answers time queries: then phones can be told to ask here. A server that is not
/// synchronised yet will be.
pub async fn answers_time() -> bool {
    // Within this host an answer comes at once, and phones wait for the start.
    let patience = Duration::from_millis(300);
    !matches!(clock_at(&Ipv4Addr::LOCALHOST.to_string(), sntp::PORT, patience).await, Clock::Silent(_))
}

async fn clock_at(host: &str, port: u16, patience: Duration) -> Clock {
    let end = Instant::now() + patience;
    let asked = timeout_at(end, ask(host, port, patience / ASKED)).await;
    match asked {
        Ok(Ok(clock)) => clock,
        Ok(Err(why)) if why.kind() == std::io::ErrorKind::ConnectionRefused => {
            Clock::Silent("nobody listens on its UDP port 123".to_owned())
        }
        Ok(Err(why)) => Clock::Silent(format!("it was not reached: {why}")),
        Err(_) => Clock::Silent(format!("it did not answer within {} s", patience.as_secs_f32())),
    }
}

async fn ask(host: &str, port: u16, again: Duration) -> std::io::Result<Clock> {
    let address = lookup_host((host, port)).await?.find(SocketAddr::is_ipv4);
    let address = address.ok_or_else(|| std::io::Error::other("its name has no IPv4 address"))?;
    let socket = AsyncUdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(address).await?;
    // What the server gives back, so that nobody else's word is taken: chance instead of our time (RFC 4330 section 5).
    let mark: [u8; 8] = rand::random();
    // Leap 0, version 4, mode 3 (client); the rest may be zero.
    let mut question = [0_u8; 48];
    question[0] = 0x23;
    question[40..].copy_from_slice(&mark);
    loop {
        let sent = Instant::now();
        socket.send(&question).await?;
        let mut packet = [0_u8; 128];
        while let Ok(octets) = timeout_at(sent + again, socket.recv(&mut packet)).await {
            let way = SignedDuration::try_from(sent.elapsed() / 2).unwrap_or_default();
            match packet.get(..octets?).map_or(Told::NotOurs, |packet| told(packet, mark)) {
                Told::Time(then) => return Ok(Clock::Tells(then.duration_since(Timestamp::now()) + way)),
                Told::Unsynchronised => return Ok(Clock::Unsynchronised),
                Told::NotOurs => {}
            }
        }
    }
}

/// What a packet of RFC 4330 tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Time(Timestamp),
    /// The server does not know it.
    Unsynchronised,
    /// It is no answer to our question.
    NotOurs,
}

fn told(packet: &[u8], mark: [u8; 8]) -> Told {
    let number = |at: usize| Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?));
    let (Some([first, stratum]), Some(seconds)) = (packet.first_chunk::<2>(), number(40)) else { return Told::NotOurs };
    // Mode 4 is a server's answer.
    if packet.len() < 48 || first & 7 != 4 || packet.get(24..32) != Some(&mark) {
        return Told::NotOurs;
    }
    let (leap, unsynchronised) = (first >> 6, 3);
    if leap == unsynchronised || !(1..=15).contains(stratum) || seconds == 0 {
        return Told::Unsynchronised;
    }
    // Seconds since 1900; from 2036 on they begin anew (RFC 4330 section 3).
    let era = if seconds & 0x8000_0000 == 0 { 1_i64 << 32 } else { 0 };
    Timestamp::from_second(i64::from(seconds) + era - SINCE_1900).map_or(Told::NotOurs, Told::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: [u8; 8] = *b"our mark";

    fn packet(first: u8, stratum: u8, mark: [u8; 8], seconds: u32) -> Vec<u8> {
        let mut packet = vec![0; 48];
        (packet[0], packet[1]) = (first, stratum);
        packet[24..32].copy_from_slice(&mark);
        packet[40..44].copy_from_slice(&seconds.to_be_bytes());
        packet
    }

    #[test]
    fn what_a_time_server_tells() {
        let at = |text: &str| Told::Time(text.parse().unwrap());
        for (packet, expected) in [
            (packet(0x24, 2, MARK, 3_976_214_400), at("2026-01-01T00:00:00Z")),
            (packet(0x24, 2, MARK, 0x8000_0000), at("1968-01-20T03:14:08Z")),
            (packet(0x24, 2, MARK, 1), at("2036-02-07T06:28:17Z")),
            // Not synchronised, by leap indicator and by stratum; a kiss of death.
            (packet(0xe4, 2, MARK, 3_976_214_400), Told::Unsynchronised),
            (packet(0x24, 16, MARK, 3_976_214_400), Told::Unsynchronised),
            (packet(0x24, 0, MARK, 3_976_214_400), Told::Unsynchronised),
            (packet(0x24, 2, MARK, 0), Told::Unsynchronised),
            // Not an answer to us: another mark, a client, cut.
            (packet(0x24, 2, *b"his mark", 3_976_214_400), Told::NotOurs),
            (packet(0x23, 2, MARK, 3_976_214_400), Told::NotOurs),
            (packet(0x24, 2, MARK, 3_976_214_400)[..47].to_vec(), Told::NotOurs),
            (Vec::new(), Told::NotOurs),
        ] {
            assert_eq!(told(&packet, MARK), expected, "{packet:?}");
        }
    }

    /// A stand-in of a time server: answers the second question and not the first, with an hour more.
    #[tokio::test]
    async fn one_datagram_may_be_lost() {
        let server = AsyncUdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            let mut question = [0; 48];
            for n in 0..2 {
                let (_, from) = server.recv_from(&mut question).await.unwrap();
                let now = Timestamp::now().as_second() + 3_600 + SINCE_1900;
                let mark = question[40..48].try_into().unwrap();
                if n == 1 {
                    let seconds = u32::try_from(now).unwrap();
                    server.send_to(&packet(0x24, 1, mark, seconds), from).await.unwrap();
                }
            }
        });
        let Clock::Tells(ahead) = clock_at("127.0.0.1", port, PATIENCE).await else { panic!("it was silent") };
        assert!((ahead.as_secs() - 3_600).abs() <= 2, "{ahead}");
        answering.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_is_there() {
        let taken = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(tcp("127.0.0.1", port).await, Ok(()));
        drop(taken);
        assert_eq!(tcp("127.0.0.1", port).await, Err(Unanswered::Refused));
        let gone = AsyncUdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
        let clock = clock_at("127.0.0.1", gone, PATIENCE).await;
        assert_eq!(clock.usable(), Err("nobody listens on its UDP port 123".to_owned()));
    }

    /// A stand-in of a phone's web server: answers each connection once with these octets, or never.
    async fn web_server(answer: Option<Vec<u8>>) -> (u16, tokio::task::JoinHandle<Vec<u8>>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let server = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (mut caller, _) = server.accept().await.unwrap();
            let mut asked = vec![0; 1_024];
            let octets = caller.read(&mut asked).await.unwrap();
            asked.truncate(octets);
            match answer {
                // Who hangs up before the end has heard enough.
                Some(answer) => drop(caller.write_all(&answer).await),
                None => std::future::pending().await,
            }
            asked
        });
        (port, serving)
    }

    async fn page(answer: Option<Vec<u8>>) -> Result<Vec<u8>, String> {
        device_information(Ipv4Addr::LOCALHOST, web_server(answer).await.0).await
    }

    #[tokio::test]
    async fn a_page_is_fetched_as_it_is() {
        let answer = b"HTTP/1.0 200 OK\r\nServer: Allegro-Software-RomPager/4.34\r\n\r\n<a>K\xfcche</a>";
        let (port, serving) = web_server(Some(answer.to_vec())).await;
        assert_eq!(device_information(Ipv4Addr::LOCALHOST, port).await.unwrap(), b"<a>K\xfcche</a>");
        let asked = String::from_utf8(serving.await.unwrap()).unwrap();
        assert!(asked.starts_with("GET /DeviceInformationX HTTP/1.1\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn what_is_no_page_is_refused() {
        let elsewhere = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = format!("HTTP/1.0 302 Found\r\nLocation: http://{}/\r\n\r\n", elsewhere.local_addr().unwrap());
        assert!(page(Some(to.into_bytes())).await.unwrap_err().contains("302"));
        let followed = tokio::time::timeout(Duration::from_millis(200), elsewhere.accept()).await;
        assert!(followed.is_err(), "the redirection was followed");
        let (head, long) = (b"HTTP/1.0 200 OK\r\n\r\n".to_vec(), vec![b'x'; web_page::MOST + 1]);
        assert!(page(Some([head, long].concat())).await.unwrap_err().contains("longer"));
        assert!(page(Some(b"HTTP/1.0 404 Not Found\r\n\r\n".to_vec())).await.unwrap_err().contains("404"));
        assert!(page(Some(b"SSH-2.0-x\r\n".to_vec())).await.is_err());
    }

    #[tokio::test]
    async fn a_silent_phone_is_not_waited_for() {
        let began = Instant::now();
        assert!(page(None).await.unwrap_err().contains("no answer within 2 s"));
        assert!(began.elapsed() < PAGE + Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
