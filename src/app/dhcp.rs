//! The DHCP server, where `dhcp.mode` wants one.

use std::io::Read as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::Mutex;

use super::{Stage, faults};
use crate::config::Config;
use crate::dhcp::io::{Edge, Handle, Place};
use crate::dhcp::reply::Zone;
use crate::dhcp::server::Settings;
use crate::dhcp::watch::Watch;
use crate::hub::Hub;
use crate::store::Store;

/// Starts it. Returns the way to its leases; `None` = it is off.
pub(super) async fn spawn(
    stage: &mut Stage,
    config: &Config,
    ntp_here: bool,
    rivals: &Arc<Watch>,
    hub: &Arc<Hub>,
    store: &Arc<Store>,
) -> Option<Handle> {
    let settings = Settings {
        clients: config.dhcp.mode?,
        subnets: config.dhcp.subnets.clone(),
        reservations: config.dhcp.reservations.clone(),
        tftp: config.server.address,
        ntp: config.phones.ntp.as_ref().and_then(|ntp| ntp.parse::<Ipv4Addr>().ok()),
        ntp_here: ntp_here && config.phones.ntp.is_none(),
        trusted_circuit: config.dhcp.trusted_circuit,
        zone: zone(config.phones.time_zone.as_deref()),
    };
    let place = Place {
        interfaces: config.dhcp.interfaces.clone(),
        rivals: Arc::clone(rivals),
        beside: config.dhcp.beside_other_server,
        probe: config.dhcp.probe,
    };
    let edge = Edge::new(settings, place, hub, store).await;
    let handle = edge.handle();
    let (edge, ending) = (Arc::new(Mutex::new(edge)), stage.ending());
    stage.keep("the DHCP server", move || {
        let (edge, ending) = (Arc::clone(&edge), ending.clone());
        async move {
            faults::strike("dhcp");
            edge.lock().await.serve(&ending).await;
            Ok(())
        }
    });
    Some(handle)
}

/// Where the system keeps its time zones (tzfile(5)).
const ZONES: &str = "/usr/share/zoneinfo";

fn zone(name: Option<&str>) -> Option<Zone> {
    let zone = match name {
        Some(name) => TimeZone::get(name).ok()?,
        None => TimeZone::system(),
    };
    let name = zone.iana_name()?.to_owned();
    Some(Zone { posix: posix(&name).unwrap_or_default(), name, zone })
}

/// The last line of a zone's file is the rule that holds now, as POSIX writes it (RFC 8536 section 3.3).
fn posix(name: &str) -> Option<String> {
    let mut file = Vec::new();
    let path = std::path::Path::new(ZONES).join(name);
    std::fs::File::open(path).ok()?.take(64 * 1024).read_to_end(&mut file).ok()?;
    let line = file.strip_suffix(b"\n")?.rsplit(|octet| *octet == b'\n').next()?;
    let text = String::from_utf8(line.to_vec()).ok()?;
    (text.len() <= 100 && text.bytes().all(|octet| octet.is_ascii_graphic())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_in_three_ways() {
        let zone = zone(Some("Europe/Berlin")).unwrap();
        assert_eq!((zone.name.as_str(), zone.posix.as_str()), ("Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"));
        assert_eq!(super::zone(Some("Nowhere/At all")), None);
    }
}
