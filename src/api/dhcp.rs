//! Shapes of `offhook dhcp listen`.

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CheckStatus;

/// What is to be listened to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DhcpListen {
    /// Links; none = those that the configuration names, else those with an address in `server.phone_networks`.
    pub interfaces: Vec<String>,
    /// How long.
    pub seconds: u8,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DhcpHeard {
    /// Servers, by link and address.
    pub servers: Vec<DhcpServer>,
    /// Links on which nobody answered, or could be asked.
    pub silent: Vec<DhcpSilent>,
}

/// A link without an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct DhcpSilent {
    /// Its name.
    pub interface: String,
    /// One sentence.
    pub summary: String,
    /// The right to ask is absent.
    pub denied: bool,
}

/// What a DHCP server tells phones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DhcpServer {
    /// The link that it was heard on.
    pub interface: String,
    /// Its address.
    pub server: Ipv4Addr,
    /// The address that it offers.
    pub address: Ipv4Addr,
    /// Option 150, as people read it.
    pub tftp_servers: Option<String>,
    /// Option 66.
    pub tftp_name: Option<String>,
    /// `siaddr`.
    pub next_server: Option<Ipv4Addr>,
    /// Option 3.
    pub router: Option<Ipv4Addr>,
    /// Seconds.
    pub lease: Option<u32>,
    /// The worst of the problems.
    pub status: CheckStatus,
    /// What is wrong, the worst first.
    pub problems: Vec<DhcpProblem>,
}

/// One thing that is wrong with what a server tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DhcpProblem {
    /// Kebab-case.
    pub code: String,
    /// One sentence.
    pub summary: String,
    /// What to do.
    pub remedy: String,
}
