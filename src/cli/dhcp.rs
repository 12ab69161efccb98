//! `offhook dhcp …`

use std::ffi::OsString;
use std::net::Ipv4Addr;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use super::report::{Failure, table};
use super::{Context, planned};
use crate::api::Lease;
use crate::dhcp::snippet::{Snippet, products, snippet};
use crate::probe;

#[derive(Debug, Subcommand)]
pub(super) enum Dhcp {
    /// The lines that make another DHCP server tell phones where this host is; needs no daemon
    Snippet {
        /// The product
        #[arg(long = "for", value_name = "NAME", value_parser = PossibleValuesParser::new(products()))]
        product: String,
        /// Address at which phones reach this host, or several in the order in which phones try them [default: server.address,
        /// else this host's address towards server.phone_networks]
        #[arg(long, value_name = "IP")]
        server: Vec<Ipv4Addr>,
    },
    /// The addresses that offhook's own server has given out
    Leases,
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

pub(super) async fn run(verb: Dhcp, context: &Context) -> Result<(), Failure> {
    match verb {
        Dhcp::Snippet { product, server } => {
            let servers = if server.is_empty() { vec![own_address(context)?] } else { server };
            if let Some(ip) = servers.iter().find(|ip| ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()) {
                return Err(Failure::usage(format!("{ip} is no address that a phone can send to")));
            }
            let made = snippet(&product, &servers)
                .ok_or_else(|| Failure::usage(format!("there are no lines for {product:?}")))?;
            context.out.show(&made, text);
            Ok(())
        }
        Dhcp::Leases => {
            let leases: Vec<Lease> = context.client()?.get("/api/v1/leases").await?;
            context.out.show(&leases, |leases| list(leases));
            Ok(())
        }
        Dhcp::Other(words) => Err(planned::refuse_verb("dhcp", &words)),
    }
}

fn list(leases: &[Lease]) -> String {
    if leases.is_empty() {
        return "no leases: nobody has asked yet, or dhcp.mode is off (docs/dhcp.md)".to_owned();
    }
    let row = |lease: &Lease| {
        let model = lease.model.clone().unwrap_or_default();
        let hostname = lease.hostname.clone().unwrap_or_default();
        vec![lease.ip.to_string(), lease.mac.to_string(), lease.expires.to_string(), model, hostname]
    };
    table(&["ADDRESS", "MAC", "EXPIRES", "MODEL", "HOSTNAME"], &leases.iter().map(row).collect::<Vec<_>>())
}

fn own_address(context: &Context) -> Result<Ipv4Addr, Failure> {
    let config = context.config().map_err(|why| {
        Failure::failed(format!(
            "which address phones are told stands in the configuration: {why}; or state it: --server IP"
        ))
    })?;
    let own = config.server.address.or_else(|| probe::own_address(&config.server.phone_networks));
    own.ok_or_else(|| {
        Failure::failed(
            "this host has no address in server.phone_networks; state the one at which phones reach it: --server IP"
                .to_owned(),
        )
    })
}

fn text(snippet: &Snippet) -> String {
    let tried = if snippet.verified { "tried on the real server" } else { "by its manual; not tried here" };
    // What is to be copied stands alone on its lines.
    format!("{} ({tried}), {}:\n\n{}", snippet.title, snippet.place, snippet.text)
}
