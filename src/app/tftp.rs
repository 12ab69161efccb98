//! TFTP in the daemon: sockets, names asked of the hub, outcomes told to it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::place::{Place, Waiting};
use super::stage::Stage;
use super::{DRAIN, faults};
use crate::config::{Config, Listen};
use crate::domain::{EventKind, Got, Transport};
use crate::files::{Answer, Refusal, Rendering, Shelves};
use crate::hub::Hub;
use crate::tftp::exchange::{Content, Dropped, Receipt};
use crate::tftp::io::{Asked, Reply};
use crate::{neighbour, tftp};

/// Addresses of which the link is asked at once who is there.
const RESOLVING: usize = 32;

/// What TFTP allows; all listeners count into `dropped` what they do not answer.
pub(super) fn limits(config: &Config, dropped: &Arc<Dropped>) -> tftp::exchange::Config {
    tftp::exchange::Config {
        networks: config.server.phone_networks.clone(),
        dropped: Arc::clone(dropped),
        ..tftp::exchange::Config::default()
    }
}

/// Sockets of TFTP, one listener per address that nobody else holds.
pub(super) fn bind_all(
    listens: &[Listen],
    waiting: &Waiting,
    limits: &tftp::exchange::Config,
) -> Result<Vec<(Place, Option<tftp::io::Listener>)>, String> {
    let mut places = waiting.bind_all(listens, "tftp.listen", |address| tftp::io::bind(address, limits.clone()))?;
    for (place, bound) in &mut places {
        if let Some(listener) = bound {
            // The port that the kernel chose for port 0 is the one to come back to after a fault.
            place.listen.address = listener.local_addr();
        }
    }
    Ok(places)
}

/// TFTP: names are asked of the hub, files of others read from the folder, outcomes told to the hub.
pub(super) fn spawn(
    stage: &mut Stage,
    places: Vec<(Place, Option<tftp::io::Listener>)>,
    limits: &tftp::exchange::Config,
    hub: &Arc<Hub>,
    shelves: &Shelves,
) {
    for (place, mut bound) in places {
        let limits = limits.clone();
        let (hub, shelves, ending) = (Arc::clone(hub), shelves.clone(), stage.ending());
        stage.keep("TFTP", move || {
            // Anew after a fault: its sockets went with it.
            let (bound, place, limits) = (bound.take(), place.clone(), limits.clone());
            let (asked, told, shelves, ending) = (Arc::clone(&hub), Arc::clone(&hub), shelves.clone(), ending.clone());
            async move {
                let bind = |address| tftp::io::bind(address, limits.clone());
                let Some(listener) = place.take(bound, bind, &ending).await? else { return Ok(()) };
                let resolving = Arc::new(Semaphore::new(RESOLVING));
                let answer = move |request: Asked| reply(&asked, &shelves, &resolving, &request);
                let report = move |event| outcome(&told, event);
                listener.run(answer, report, ending, DRAIN).await.map_err(|why| format!("TFTP ended: {why}"))
            }
        });
    }
}

fn reply(hub: &Arc<Hub>, shelves: &Shelves, resolving: &Arc<Semaphore>, request: &Asked) -> Reply {
    faults::strike("tftp");
    let ip = *request.source.ip();
    if !hub.is_to_be_resolved(&request.name, ip, Timestamp::now()) {
        return decide(hub, shelves, &request.name, ip, request.destination);
    }
    // Whoever makes up sources leaves room for files that are read from the disk; a phone asks again.
    let Ok(place) = Arc::clone(resolving).try_acquire_owned() else { return Reply::Silence };
    let (hub, shelves, name, server) = (Arc::clone(hub), shelves.clone(), request.name.clone(), request.destination);
    Reply::Later(Box::pin(async move {
        neighbour::resolve(ip).await;
        drop(place);
        match decide(&hub, &shelves, &name, ip, server) {
            Reply::Serve(content) => Some(content),
            Reply::Later(content) => content.await,
            Reply::Absent | Reply::Silence => None,
        }
    }))
}

fn decide(hub: &Arc<Hub>, shelves: &Shelves, name: &str, ip: Ipv4Addr, server: Ipv4Addr) -> Reply {
    match hub.ask(name, ip, server, Transport::Tftp, Timestamp::now()) {
        Answer::Serve(rendering) => {
            let bytes = rendering.bytes().clone();
            Reply::Serve(Content { bytes, text: true, receipt: Some(Receipt::of(rendering)) })
        }
        Answer::Refuse(Refusal::Muted) => Reply::Silence,
        Answer::Refuse(_) => Reply::Absent,
        answer @ (Answer::Image(_) | Answer::FallThrough(_)) => {
            let (hub, shelves, asked) = (Arc::clone(hub), shelves.clone(), name.to_owned());
            Reply::Later(Box::pin(async move {
                let bytes = shelves.read(answer).await;
                if bytes.is_none() {
                    hub.absent(&asked, ip, Transport::Tftp, Timestamp::now());
                }
                bytes.map(|bytes| Content { bytes, text: false, receipt: None })
            }))
        }
    }
}

fn outcome(hub: &Hub, event: tftp::exchange::Event) {
    match event {
        tftp::exchange::Event::Completed { name, source, octets, resent, took, receipt } => {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let what = |name| EventKind::FileSent { name, transport: Transport::Tftp, octets, millis, resent };
            hub.delivered(&name, *source.ip(), what, Timestamp::now());
            if let Some(rendering) = receipt.and_then(Receipt::take::<Rendering>) {
                hub.has_taken(rendering, Timestamp::now());
            }
        }
        tftp::exchange::Event::Failed { name, source, reason, said, got } => {
            let reason = reason.to_owned();
            let got = got.map(|(octets, of)| Got { octets, of });
            let what = |name| EventKind::FileFailed { name, transport: Transport::Tftp, reason, said, got };
            hub.delivered(&name, *source.ip(), what, Timestamp::now());
        }
        tftp::exchange::Event::Requested { .. } => {}
    }
}
