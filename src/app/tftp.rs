//! TFTP in the daemon: sockets, names asked of the hub, outcomes told to it.

use std::net::SocketAddrV4;
use std::sync::Arc;

use jiff::Timestamp;

use super::stage::Stage;
use super::{DRAIN, faults};
use crate::config::Config;
use crate::domain::{EventKind, Transport};
use crate::files::Answer;
use crate::files::fall_through::FallThrough;
use crate::hub::Hub;
use crate::tftp;
use crate::tftp::exchange::{Content, Dropped};
use crate::tftp::io::{Asked, Reply};

/// Sockets of TFTP, one listener per address; all count into `dropped` what they do not answer.
pub(super) fn bind(config: &Config, dropped: &Arc<Dropped>) -> Result<Vec<tftp::io::Listener>, String> {
    let limits = tftp::exchange::Config {
        networks: config.server.phone_networks.clone(),
        dropped: Arc::clone(dropped),
        ..tftp::exchange::Config::default()
    };
    let bind = |address: &SocketAddrV4| {
        tftp::io::bind(*address, limits.clone()).map_err(|why| {
            let remedy = if why.kind() == std::io::ErrorKind::AddrInUse {
                "another TFTP server has it (see `ss -lunp`): stop and disable that one, for example `systemctl disable --now tftpd-hpa`"
            } else {
                "see tftp.listen; ports below 1024 need the right that the unit offhook.service gives"
            };
            format!("TFTP could not listen on {address}: {why}; {remedy}")
        })
    };
    config.tftp.listen.iter().map(bind).collect()
}

/// TFTP: names are asked of the hub, files of others read from the folder, outcomes told to the hub.
pub(super) fn spawn(
    stage: &mut Stage,
    listeners: Vec<tftp::io::Listener>,
    hub: &Arc<Hub>,
    fall_through: Option<&FallThrough>,
) {
    for listener in listeners {
        let (asked, told) = (Arc::clone(hub), Arc::clone(hub));
        let (folder, shutdown) = (fall_through.cloned(), stage.ending());
        stage.spawn(async move {
            let answer = move |request: Asked| reply(&asked, folder.as_ref(), &request);
            let report = move |event| outcome(&told, event);
            listener.run(answer, report, shutdown, DRAIN).await.map_err(|why| format!("TFTP ended: {why}"))
        });
    }
}

fn reply(hub: &Arc<Hub>, folder: Option<&FallThrough>, request: &Asked) -> Reply {
    faults::strike("tftp");
    match hub.ask(&request.name, *request.source.ip(), request.destination, Transport::Tftp, Timestamp::now()) {
        Answer::Serve(bytes) => Reply::Serve(Content { bytes, text: true }),
        Answer::Refuse(_) => Reply::Absent,
        Answer::FallThrough(name) => {
            let (hub, folder, ip) = (Arc::clone(hub), folder.cloned(), *request.source.ip());
            Reply::Later(Box::pin(async move {
                let asked = name.clone();
                let read = move || folder.and_then(|folder| folder.read(&name).ok());
                let bytes = tokio::task::spawn_blocking(read).await.ok().flatten();
                if bytes.is_none() {
                    hub.absent(&asked, ip, Transport::Tftp, Timestamp::now());
                }
                bytes.map(|bytes| Content { bytes, text: false })
            }))
        }
    }
}

fn outcome(hub: &Hub, event: tftp::exchange::Event) {
    match event {
        tftp::exchange::Event::Completed { name, source, octets, resent, took } => {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let what = |name| EventKind::FileSent { name, transport: Transport::Tftp, octets, millis, resent };
            hub.delivered(&name, *source.ip(), what, Timestamp::now());
        }
        tftp::exchange::Event::Failed { name, source, reason } => {
            let what = |name| EventKind::FileFailed { name, transport: Transport::Tftp, reason: reason.to_owned() };
            hub.delivered(&name, *source.ip(), what, Timestamp::now());
        }
        tftp::exchange::Event::Requested { .. } => {}
    }
}
