//! The TFTP client of a phone: RFC 1350, `octet`, 512-byte blocks, no options, another source port for every file.
//!
//! Repetitions are those of a public log of nine 7940/7960 (see [`super::Timing`]). It must not know anything of the
//! program's own server.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::Timing;

/// Bytes in a full block (RFC 1350 section 2).
const BLOCK: usize = 512;
/// Nothing that a 79xx asks for is larger; a server that sends more is broken.
const LARGEST: usize = 16 * 1024 * 1024;

const RRQ: u16 = 1;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;

/// Why a file did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Error 1, file not found.
    #[error("not found")]
    NotFound,
    /// Any other error packet.
    #[error("refused, error {code} {message}")]
    Refused {
        /// TFTP error code.
        code: u16,
        /// The server's own text.
        message: String,
    },
    /// Nothing came back on any port.
    #[error("no answer to {tries} requests")]
    Silence {
        /// Requests sent.
        tries: u32,
    },
    /// The transfer began and stopped.
    #[error("the transfer stopped after {bytes} bytes, {tries} times")]
    Stalled {
        /// Bytes of the last try.
        bytes: usize,
        /// Tries made.
        tries: u32,
    },
    /// The phone was switched off ([`Watch::Off`]).
    #[error("switched off after {bytes} bytes")]
    Off {
        /// Bytes received by then.
        bytes: usize,
    },
    /// The server answered what a plain RFC 1350 client did not ask for.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// The socket cannot be used.
    #[error("{0}")]
    Socket(String),
}

impl From<std::io::Error> for FetchError {
    fn from(error: std::io::Error) -> Self {
        Self::Socket(error.to_string())
    }
}

/// What happens to a phone when a block has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Nothing: it acknowledges.
    Go,
    /// It acknowledges, and the acknowledgement of the last block gets lost.
    LastLost,
    /// It does not acknowledge, hears nothing more on this port, and asks again after its wait for a stalled transfer.
    Silent,
    /// Its power fails.
    Off,
}

/// Who is told how many bytes have arrived, and says what then happens.
pub type Watcher<'a> = &'a mut (dyn FnMut(usize) -> Watch + Send);

/// Fetches `name` from `server`, sending from `from` (any free port).
///
/// # Errors
/// As [`FetchError`] says; the waits are in `timing`.
pub async fn fetch(from: IpAddr, server: SocketAddr, name: &str, timing: &Timing) -> Result<Vec<u8>, FetchError> {
    fetch_watched(from, server, name, timing, &mut |_| Watch::Go).await
}

/// As [`fetch`], asking `watch` at each block.
///
/// # Errors
/// As [`FetchError`] says; the waits are in `timing`.
pub async fn fetch_watched(
    from: IpAddr,
    server: SocketAddr,
    name: &str,
    timing: &Timing,
    watch: Watcher<'_>,
) -> Result<Vec<u8>, FetchError> {
    let mut silent = 0;
    let mut stalled = 0;
    loop {
        let socket = UdpSocket::bind((from, 0)).await?;
        match one_port(&socket, server, name, timing, watch).await {
            Err(FetchError::Silence { tries }) => {
                silent += 1;
                if silent >= timing.tftp_ports {
                    return Err(FetchError::Silence { tries: tries * silent });
                }
            }
            Err(FetchError::Stalled { bytes, .. }) => {
                stalled += 1;
                if stalled > timing.tftp_stall_tries {
                    return Err(FetchError::Stalled { bytes, tries: stalled });
                }
            }
            other => return other,
        }
    }
}

/// The transfer from one source port. `Silence` and `Stalled` invite another port.
async fn one_port(
    socket: &UdpSocket,
    server: SocketAddr,
    name: &str,
    timing: &Timing,
    watch: Watcher<'_>,
) -> Result<Vec<u8>, FetchError> {
    let mut request = RRQ.to_be_bytes().to_vec();
    request.extend_from_slice(name.as_bytes());
    request.extend_from_slice(b"\0octet\0");
    let mut file: Vec<u8> = Vec::new();
    let mut peer: Option<SocketAddr> = None;
    let mut expected: u16 = 1;
    let mut tries = 1;
    socket.send_to(&request, server).await?;
    let mut deadline = Instant::now() + timing.tftp_retry;
    loop {
        // One byte more than the largest legal packet, so that an oversized one is seen.
        let mut buffer = [0_u8; 4 + BLOCK + 1];
        let Ok(received) = timeout_at(deadline, socket.recv_from(&mut buffer)).await else {
            if peer.is_some() {
                return Err(FetchError::Stalled { bytes: file.len(), tries: 1 });
            }
            if tries >= timing.tftp_tries {
                return Err(FetchError::Silence { tries });
            }
            tries += 1;
            socket.send_to(&request, server).await?;
            deadline = Instant::now() + timing.tftp_retry;
            continue;
        };
        let Ok((len, source)) = received else {
            // A port that is not open comes back as an error of this call; the phone has no ICMP and waits.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // The first packet fixes the transfer identifiers; a stranger's packet is not ours (RFC 1350 section 4).
        if source.ip() != server.ip() || peer.is_some_and(|p| p != source) {
            continue;
        }
        let packet = buffer.get(..len).unwrap_or_default();
        let Some((opcode, number, rest)) = split(packet) else {
            return Err(FetchError::Protocol("a packet of less than four bytes"));
        };
        match opcode {
            DATA if number == expected => {
                if rest.len() > BLOCK {
                    return Err(FetchError::Protocol("a block of more than 512 bytes"));
                }
                peer = Some(source);
                file.extend_from_slice(rest);
                if file.len() > LARGEST {
                    return Err(FetchError::Protocol("a file of more than 16 MiB"));
                }
                match watch(file.len()) {
                    Watch::LastLost if rest.len() < BLOCK => return Ok(file),
                    Watch::Go | Watch::LastLost => {}
                    Watch::Silent => {
                        tokio::time::sleep(timing.tftp_stall).await;
                        return Err(FetchError::Stalled { bytes: file.len(), tries: 1 });
                    }
                    Watch::Off => return Err(FetchError::Off { bytes: file.len() }),
                }
                acknowledge(socket, source, number).await?;
                if rest.len() < BLOCK {
                    return Ok(file);
                }
                expected = expected.wrapping_add(1);
                deadline = Instant::now() + timing.tftp_stall;
            }
            // The acknowledgement was lost: say it again, or the sender never goes on.
            DATA if peer.is_some() && number == expected.wrapping_sub(1) => {
                acknowledge(socket, source, number).await?;
            }
            DATA => {}
            ERROR => {
                let text: Vec<u8> = rest.iter().copied().take_while(|b| *b != 0).collect();
                let message = String::from_utf8_lossy(&text).into_owned();
                return Err(if number == 1 {
                    FetchError::NotFound
                } else {
                    FetchError::Refused { code: number, message }
                });
            }
            _ => return Err(FetchError::Protocol("an option acknowledgement, although no option was sent")),
        }
    }
}

fn split(packet: &[u8]) -> Option<(u16, u16, &[u8])> {
    let ([a, b, c, d], rest) = packet.split_first_chunk::<4>()?;
    Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]), rest))
}

async fn acknowledge(socket: &UdpSocket, peer: SocketAddr, block: u16) -> std::io::Result<()> {
    let [hi, lo] = block.to_be_bytes();
    let [op_hi, op_lo] = ACK.to_be_bytes();
    socket.send_to(&[op_hi, op_lo, hi, lo], peer).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the scripted server does with each packet that it receives, in order; then it is silent.
    type Script = Vec<Vec<Vec<u8>>>;

    fn data(number: u16, len: usize) -> Vec<u8> {
        [&DATA.to_be_bytes()[..], &number.to_be_bytes(), &vec![b'x'; len]].concat()
    }

    /// Fetches from a server that answers the n-th packet with the n-th entry.
    async fn script(script: Script) -> Result<Vec<u8>, FetchError> {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let timing = Timing {
            tftp_retry: Duration::from_millis(100),
            tftp_stall: Duration::from_millis(100),
            tftp_tries: 2,
            tftp_ports: 2,
            tftp_stall_tries: 1,
            ..Timing::default()
        };
        let serving = async {
            let mut buffer = [0_u8; 600];
            for packets in script.into_iter().chain(std::iter::repeat_with(Vec::new)) {
                let (len, peer) = server.recv_from(&mut buffer).await.unwrap();
                if buffer[1] == 1 {
                    assert_eq!(&buffer[..len], b"\0\x01a.cnf\0octet\0");
                }
                for packet in packets {
                    server.send_to(&packet, peer).await.unwrap();
                }
            }
        };
        tokio::select! {
            result = fetch(address.ip(), address, "a.cnf", &timing) => result,
            () = serving => unreachable!("the script never ends"),
        }
    }

    /// The file is there, and the server never hears that it is.
    #[tokio::test]
    async fn the_last_acknowledgement_is_lost() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let mut lost = |_: usize| Watch::LastLost;
        let timing = Timing::default();
        let file = fetch_watched(address.ip(), address, "a.cnf", &timing, &mut lost);
        let serving = async {
            let mut buffer = [0_u8; 600];
            for block in [data(1, 512), data(2, 3)] {
                let (_, peer) = server.recv_from(&mut buffer).await.unwrap();
                server.send_to(&block, peer).await.unwrap();
            }
        };
        let (file, ()) = tokio::join!(file, serving);
        assert_eq!(file.map(|file| file.len()), Ok(515));
        assert!(server.try_recv_from(&mut [0; 600]).is_err(), "nothing more is said");
    }

    #[tokio::test]
    async fn files_and_errors() {
        let error = |code: u8, text: &str| [&[0, 5, 0, code][..], text.as_bytes(), &[0]].concat();
        let cases: Vec<(Script, Result<usize, FetchError>)> = vec![
            (vec![vec![data(1, 0)]], Ok(0)),
            (vec![vec![data(1, 511)]], Ok(511)),
            (vec![vec![data(1, 512)], vec![data(2, 0)]], Ok(512)),
            // A block that comes twice, and one that comes too early, are not taken twice.
            (vec![vec![data(1, 512), data(1, 512)], vec![data(3, 9)], vec![data(2, 5)]], Ok(517)),
            // The first request is lost.
            (vec![vec![], vec![data(1, 3)]], Ok(3)),
            // The transfer stalls; asked again from another port it works.
            (vec![vec![data(1, 512)], vec![], vec![data(1, 512)], vec![data(2, 1)]], Ok(513)),
            (vec![vec![error(1, "File not found")]], Err(FetchError::NotFound)),
            (
                vec![vec![error(2, "Access violation")]],
                Err(FetchError::Refused { code: 2, message: "Access violation".to_owned() }),
            ),
            (vec![], Err(FetchError::Silence { tries: 4 })),
            (vec![vec![data(1, 512)], vec![], vec![data(1, 512)]], Err(FetchError::Stalled { bytes: 512, tries: 2 })),
            (
                vec![vec![b"\0\x06blksize\x001428\0".to_vec()]],
                Err(FetchError::Protocol("an option acknowledgement, although no option was sent")),
            ),
            (vec![vec![vec![0, 3]]], Err(FetchError::Protocol("a packet of less than four bytes"))),
            (vec![vec![data(1, 513)]], Err(FetchError::Protocol("a block of more than 512 bytes"))),
        ];
        for (index, (packets, expected)) in cases.into_iter().enumerate() {
            let result = script(packets).await;
            assert_eq!(result.map(|file| file.len()), expected, "case {index}");
        }
    }
}
