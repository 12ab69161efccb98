//! Watches the DHCP servers on each of `dhcp.interfaces`, whatever `dhcp.mode` says.

use std::sync::Arc;

use super::faults;
use super::stage::Stage;
use crate::config::Config;
use crate::dhcp::watch::Watch;

/// A task for each link.
pub(super) fn spawn(stage: &mut Stage, config: &Config) -> Arc<Watch> {
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
    watch
}
