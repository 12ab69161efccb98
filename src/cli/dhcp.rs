//! `offhook dhcp …`

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::time::Duration;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use super::report::{Failure, table, warn};
use super::{Context, planned};
use crate::api::{CheckStatus, DhcpHeard, DhcpListen, DhcpServer, Lease};
use crate::dhcp::listen::{self, LONGEST_LISTEN};
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
    /// Ask as a phone asks, and say what each DHCP server tells phones; exit 0 when all of it is right. Takes no lease
    Listen {
        /// The link to ask on, or several [default: dhcp.interfaces, else those with an address in server.phone_networks]
        #[arg(long, value_name = "IF")]
        interface: Vec<String>,
        /// How long answers are waited for, at most 45s
        #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
        patience: Duration,
    },
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
        Dhcp::Listen { interface, patience } => listen(interface, patience, context).await,
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

async fn listen(interfaces: Vec<String>, patience: Duration, context: &Context) -> Result<(), Failure> {
    let seconds = u8::try_from(patience.as_secs()).ok().filter(|seconds| (1..=LONGEST_LISTEN).contains(seconds));
    let seconds = seconds.ok_or_else(|| Failure::usage(format!("--for is between 1s and {LONGEST_LISTEN}s")))?;
    let asked = DhcpListen { interfaces, seconds };
    let heard = match context.client()?.post_and_wait("/api/v1/dhcp/listen", &asked, patience).await {
        Err(why) if why.is_unreachable() => by_itself(asked, &why, context).await?,
        answer => answer?,
    };
    context.out.show(&heard.servers, |servers| servers.iter().map(server).collect::<String>());
    heard.silent.iter().for_each(|silent| warn(&silent.summary));
    let right = heard.silent.is_empty() && heard.servers.iter().all(|server| server.status == CheckStatus::Ok);
    if right { Ok(()) } else { Err(Failure::silent()) }
}

/// Without a daemon, by who has the right to.
async fn by_itself(asked: DhcpListen, unreachable: &Failure, context: &Context) -> Result<DhcpHeard, Failure> {
    let heard = match context.config() {
        Ok(config) => listen::asked(asked, &config.dhcp, &config.server).await.map_err(Failure::usage)?,
        Err(why) => return Err(Failure::usage(why.to_string())),
    };
    if heard.silent.iter().any(|silent| silent.denied) {
        return Err(Failure::unreachable(format!("{}; without it this takes root", unreachable.sentence())));
    }
    Ok(heard)
}

/// One server: a line of what it tells, and a line for each thing that is wrong.
fn server(said: &DhcpServer) -> String {
    let DhcpServer { interface, server, .. } = said;
    let or = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let ip = |value: Option<Ipv4Addr>| or(value.map(|ip| ip.to_string()));
    let mut text = format!(
        "{server} on {interface}: option 150 {}, option 66 {}, next-server {}, router {}, lease {}\n",
        or(said.tftp_servers.clone()),
        or(said.tftp_name.clone()),
        ip(said.next_server),
        ip(said.router),
        or(said.lease.map(|seconds| format!("{seconds} s"))),
    );
    let remedies: BTreeSet<&str> = said.problems.iter().map(|problem| problem.remedy.as_str()).collect();
    match said.problems.as_slice() {
        [] => text += "  ok: phones come to this host\n",
        problems => problems.iter().for_each(|problem| text += &format!("  wrong: {}\n", problem.summary)),
    }
    remedies.iter().for_each(|remedy| text += &format!("  -> {remedy}\n"));
    text
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
