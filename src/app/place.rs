//! Where the daemon listens. An address that another program holds is waited for, and everything else runs: whoever
//! holds it is named, never stopped.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::config::{Listen, Protocol};
use crate::ports;

/// Between two tries. Long: a program that is only being restarted has to find its port again.
const RETRY: Duration = Duration::from_secs(30);

/// Addresses that another program holds.
pub type Held = BTreeSet<Listen>;

/// Who waits for an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    held: watch::Sender<Held>,
    again: Arc<Notify>,
}

impl Waiting {
    /// What is waited for, as it changes.
    pub(super) fn held(&self) -> watch::Receiver<Held> {
        self.held.subscribe()
    }

    /// All who wait try at once.
    pub(super) fn try_again(&self) {
        self.again.notify_waiters();
    }

    /// The places of one key, each with what was bound there, or nothing where another program holds the address.
    ///
    /// # Errors
    /// One sentence: an address that cannot be had, whoever else gives way.
    pub(super) fn bind_all<T>(
        &self,
        listens: &[Listen],
        key: &str,
        bind: impl Fn(SocketAddrV4) -> io::Result<T>,
    ) -> Result<Vec<(Place, Option<T>)>, String> {
        let ours = listens.iter().filter(|listen| listen.key == key);
        let place = |listen: &Listen| Place { listen: *listen, waiting: self.clone() };
        ours.map(|listen| place(listen).attempt(&bind).map(|bound| (place(listen), bound))).collect()
    }
}

/// One address that the daemon listens on, or would.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) listen: Listen,
    waiting: Waiting,
}

impl Place {
    /// What was bound before, or what can be once whoever holds the address has let go of it; `None` at the end.
    ///
    /// # Errors
    /// As [`Waiting::bind_all`].
    pub(super) async fn take<T>(
        &self,
        bound: Option<T>,
        bind: impl Fn(SocketAddrV4) -> io::Result<T>,
        ending: &CancellationToken,
    ) -> Result<Option<T>, String> {
        if bound.is_some() {
            return Ok(bound);
        }
        loop {
            // Made before the try: a word that comes meanwhile is not lost.
            let again = self.waiting.again.notified();
            if let Some(bound) = self.attempt(&bind)? {
                return Ok(Some(bound));
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = again => {}
                () = ending.cancelled() => return Ok(None),
            }
        }
    }

    fn attempt<T>(&self, bind: &impl Fn(SocketAddrV4) -> io::Result<T>) -> Result<Option<T>, String> {
        let Listen { key, address, protocol } = self.listen;
        match bind(address) {
            Ok(bound) => {
                if self.waiting.held.send_if_modified(|held| held.remove(&self.listen)) {
                    tracing::info!(code = "address-free", key, %address, "{key}: {address} is free and served now");
                }
                Ok(Some(bound))
            }
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => {
                if self.waiting.held.send_if_modified(|held| held.insert(self.listen)) {
                    tracing::warn!(
                        code = "address-held",
                        key,
                        %address,
                        "{}: nobody is served there until it is free; it is tried every {} s",
                        sentence(&self.listen),
                        RETRY.as_secs()
                    );
                }
                Ok(None)
            }
            Err(why) => {
                let remedy = match protocol {
                    Protocol::Udp => "ports below 1024 need the right that the unit offhook.service gives",
                    Protocol::Tcp => "see `ss -ltnp` for what the host listens on",
                };
                Err(format!("{key}: {address} could not be listened on: {why}; correct the key; {remedy}"))
            }
        }
    }
}

/// Who holds an address, as far as it is known.
fn sentence(listen: &Listen) -> String {
    let Listen { key, address, .. } = listen;
    match ports::holder(listen) {
        Some(holder) => format!("{key}: {address} is held by {holder}"),
        None => format!("{key}: {address} is held by another program"),
    }
}

/// What the service's state is in a sentence, for sd_notify(3).
pub fn status(held: &Held) -> String {
    if held.is_empty() {
        return "serving".to_owned();
    }
    let waits: Vec<String> = held.iter().map(sentence).collect();
    format!("waiting for a port, the rest is served: {}", waits.join("; "))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    fn listen(key: &'static str, address: &str) -> Listen {
        Listen { key, protocol: Protocol::Udp, address: address.parse().unwrap() }
    }

    /// F18: what is held is waited for and named, and taken when a word comes that it may be free.
    #[tokio::test]
    async fn f18_an_address_that_is_held_is_waited_for() {
        let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
        let held = listen("tftp.listen", &holder.local_addr().unwrap().to_string());
        let waiting = Waiting::default();
        let mut places =
            waiting.bind_all(&[held, listen("http.listen", "127.0.0.1:1")], "tftp.listen", UdpSocket::bind).unwrap();
        let (place, bound) = places.pop().unwrap();
        assert!(places.is_empty() && bound.is_none());
        assert!(status(&waiting.held().borrow()).contains(&format!("(pid {})", std::process::id())));
        let ending = CancellationToken::new();
        let taken = place.take(bound, UdpSocket::bind, &ending);
        tokio::pin!(taken);
        // The first try is made, in vain.
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut taken).await.is_err());
        drop(holder);
        waiting.try_again();
        assert!(taken.await.unwrap().is_some());
        assert_eq!(status(&waiting.held().borrow()), "serving");
    }

    #[tokio::test]
    async fn who_waits_ends_when_told() {
        let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
        let waiting = Waiting::default();
        let listens = [listen("tftp.listen", &holder.local_addr().unwrap().to_string())];
        let (place, bound) = waiting.bind_all(&listens, "tftp.listen", UdpSocket::bind).unwrap().pop().unwrap();
        let ending = CancellationToken::new();
        ending.cancel();
        assert!(place.take(bound, UdpSocket::bind, &ending).await.unwrap().is_none());
    }

    #[test]
    fn what_no_waiting_mends_is_said_at_once() {
        let listens = [listen("admin.listen", "192.0.2.1:9")];
        let refused = Waiting::default().bind_all(&listens, "admin.listen", TcpListener::bind);
        assert!(refused.unwrap_err().starts_with("admin.listen: 192.0.2.1:9 could not be listened on: "));
    }
}
