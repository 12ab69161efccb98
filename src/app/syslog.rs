//! The syslog receiver in the daemon: its sockets, and whose lines reach a timeline.

use std::sync::Arc;

use ipnet::Ipv4Net;
use jiff::Timestamp;

use super::place::Place;
use super::stage::Stage;
use crate::hub::Hub;
use crate::syslog::gate::{Fates, Gate};
use crate::syslog::io::{Listener, bind};

/// What phones of these networks say, one listener per address that nobody else holds.
pub(super) fn spawn(
    stage: &mut Stage,
    places: Vec<(Place, Option<Listener>)>,
    networks: &[Ipv4Net],
    fates: &Arc<Fates>,
    hub: &Arc<Hub>,
) {
    for (place, mut bound) in places {
        let (networks, fates, hub, ending) = (networks.to_vec(), Arc::clone(fates), Arc::clone(hub), stage.ending());
        stage.keep("the syslog receiver", move || {
            let (bound, place, ending) = (bound.take(), place.clone(), ending.clone());
            let gate = Gate::new(networks.clone(), Arc::clone(&fates), Timestamp::now());
            let (asked, told) = (Arc::clone(&hub), Arc::clone(&hub));
            async move {
                let Some(listener) = place.take(bound, bind, &ending).await? else { return Ok(()) };
                let is_phone = move |ip| asked.speaker(ip).is_some();
                let keep = move |ip, line| told.said(ip, line, Timestamp::now());
                let run = listener.run(gate, is_phone, keep, ending);
                run.await.map_err(|why| format!("the syslog receiver ended: {why}"))
            }
        });
    }
}
