//! The time server in the daemon: its sockets, and whom it answers.

use ipnet::Ipv4Net;

use super::place::Place;
use super::stage::Stage;
use crate::sntp::io::{Listener, bind};

/// The time for these networks, one listener per address that nobody else holds.
pub(super) fn spawn(stage: &mut Stage, places: Vec<(Place, Option<Listener>)>, networks: &[Ipv4Net]) {
    for (place, mut bound) in places {
        let (networks, ending) = (networks.to_vec(), stage.ending());
        stage.keep("the time server", move || {
            let (bound, place, networks, ending) = (bound.take(), place.clone(), networks.clone(), ending.clone());
            async move {
                let Some(listener) = place.take(bound, bind, &ending).await? else { return Ok(()) };
                listener.run(networks, ending).await.map_err(|why| format!("the time server ended: {why}"))
            }
        });
    }
}
