//! Watches the DHCP servers on each of `dhcp.interfaces`, whatever `dhcp.mode` says.

use std::sync::Arc;

use jiff::Timestamp;

use super::faults;
use super::stage::Stage;
use crate::config::Config;
use crate::dhcp::offer::Complaint;
use crate::dhcp::rivals::Rivals;
use crate::dhcp::watch::Watch;
use crate::diagnose::Misleading;
use crate::hub::Hub;

/// A task for each link, and one that tells the hub which servers mislead phones.
pub(super) fn spawn(stage: &mut Stage, config: &Config, hub: &Arc<Hub>) -> Arc<Watch> {
    let watch = Arc::new(Watch::new(config.server.address, config.dhcp.mode.is_some()));
    for interface in &config.dhcp.interfaces {
        let (watch, interface, ending) = (Arc::clone(&watch), interface.clone(), stage.ending());
        stage.keep("the watching of DHCP servers", move || {
            let (watch, interface, ending) = (Arc::clone(&watch), interface.clone(), ending.clone());
            async move {
                faults::strike("watching");
                watch.keep(&interface, faults::rounds(), &ending).await;
                Ok(())
            }
        });
    }
    let (known, hub, interfaces) = (Arc::clone(&watch), Arc::clone(hub), config.dhcp.interfaces.clone());
    let ending = stage.ending();
    stage.keep("what is known of DHCP servers", move || {
        let (watch, hub, interfaces) = (Arc::clone(&known), Arc::clone(&hub), interfaces.clone());
        let ending = ending.clone();
        async move {
            let mut changes = watch.changes();
            loop {
                hub.misleading(misleading(&watch.rivals(), &interfaces), Timestamp::now());
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return Ok(()) },
                    () = ending.cancelled() => return Ok(()),
                }
            }
        }
    });
    watch
}

/// Servers that send phones elsewhere, or elsewhere first.
fn misleading(rivals: &Rivals, interfaces: &[String]) -> Vec<Misleading> {
    let elsewhere = |complaint: &Complaint| complaint.misleads() || matches!(complaint, Complaint::Later150(_));
    let all = interfaces.iter().flat_map(|interface| rivals.on(interface));
    all.filter_map(|rival| {
        let wrong: Vec<Complaint> = rival.complaints().into_iter().filter(elsewhere).collect();
        let remedy = wrong.first()?.remedy(None);
        let wrong = wrong.iter().map(ToString::to_string).collect();
        Some(Misleading { server: rival.offer.server, wrong, remedy })
    })
    .collect()
}
