//! What metrics ask of the daemon beyond the hub.

use super::Operations;
use crate::dhcp::io::Tallies;
use crate::dhcp::lease::Usage;
use crate::syslog::gate::Fates;
use crate::tftp::exchange::Dropped;
use crate::web::Answers;

impl Operations {
    /// What TFTP got and did not answer.
    pub fn dropped(&self) -> &Dropped {
        &self.around.dropped
    }

    /// What came of HTTP requests.
    pub fn answers(&self) -> &Answers {
        &self.around.answers
    }

    /// What came of lines that phones said.
    pub fn said(&self) -> &Fates {
        &self.around.said
    }

    /// How full the pools of our DHCP server are, by network, and what it did.
    pub fn dhcp_counts(&self) -> (Vec<(String, Usage)>, Tallies) {
        self.around.leases.as_ref().map(|handle| (handle.pools(), handle.tallies())).unwrap_or_default()
    }

    /// Destinations of the status, and why each is not written.
    pub fn sinks(&self) -> Vec<(String, Option<String>)> {
        self.around.sinks.iter().map(|(name, why)| (name.clone(), why.borrow().clone())).collect()
    }

    /// Whether our own database does not take what is written.
    pub fn store_fails(&self) -> bool {
        self.store.trouble().is_some()
    }

    /// How many addresses of ours another program holds.
    pub fn held(&self) -> usize {
        self.around.held.borrow().len()
    }
}
