//! `offhook simulate`: plays one phone's boot, one line per step; with `--interface` from its DHCP request on.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use tokio::net::lookup_host;

use super::args::Simulate;
use super::report::{Failure, Out, line};
use crate::simulate::dhcp::client::Timing;
use crate::simulate::dhcp::lease::{Lease, Server};
use crate::simulate::dhcp::link::{self, Configured};
use crate::simulate::dhcp::{Newcomer, obtain};
use crate::simulate::{Flash, LineOutcome, Setup, Step, boot};

/// The TFTP port of a server that is named without one, and the only one that DHCP can name.
const TFTP: u16 = 69;

#[derive(Serialize)]
struct Played<'a> {
    ok: bool,
    summary: String,
    steps: &'a [Step],
    lines: &'a [LineOutcome],
    complaints: &'a [String],
    load: &'a Option<String>,
    flash: String,
}

/// Where a phone is, and where its files are.
struct Place {
    server: SocketAddr,
    from: Option<IpAddr>,
    /// What is taken away at the end.
    _configured: Option<Configured>,
}

pub(super) async fn simulate(play: Simulate, out: Out) -> Result<(), Failure> {
    let model = play.model.parse().map_err(|why| Failure::usage(format!("{why}")))?;
    let state = play.state.parse().map_err(|why| Failure::usage(format!("{why}")))?;
    let flash = Flash::of(&model, &state);
    let mut steps: Vec<Step> = Vec::new();
    let mut told = |step: Step| {
        if !out.json() {
            line(&text(&step));
        }
        steps.push(step);
    };
    let place = match (&play.server, &play.interface) {
        (Some(server), _) => Ok(stated(server, play.from_address)?),
        (None, Some(device)) => {
            let phone = Newcomer {
                model,
                mac: play.mac,
                flash: flash.clone(),
                last_address: play.last_address,
                timing: Timing::default(),
            };
            leased(&phone, device, play.configure, &mut told).await
        }
        (None, None) => return Err(Failure::usage("say --server IP or --interface DEVICE")),
    };
    let place = match place {
        Ok(place) => place,
        Err(why) => {
            if out.json() {
                let (steps, flash) = (steps.as_slice(), flash.to_string());
                let summary = why.clone();
                let played = Played { ok: false, summary, steps, lines: &[], complaints: &[], load: &None, flash };
                out.show(&played, |_| String::new());
            }
            return Err(Failure::failed(format!("the {} did not come up: {why}", play.model)));
        }
    };
    let mut setup = Setup::new(model, play.mac, state, place.server.ip());
    setup.tftp_port = place.server.port();
    setup.from_address = place.from;
    let outcome = boot(&setup, &mut told).await;
    if out.json() {
        let played = Played {
            ok: outcome.is_ok(),
            summary: outcome.sentence(),
            steps: &steps,
            lines: &outcome.lines,
            complaints: &outcome.complaints,
            load: &outcome.load,
            flash: outcome.flash.to_string(),
        };
        out.show(&played, |_| String::new());
    }
    if outcome.is_ok() {
        Ok(())
    } else {
        Err(Failure::failed(format!("the {} did not come up: {}", play.model, outcome.sentence())))
    }
}

fn stated(server: &str, from: Option<IpAddr>) -> Result<Place, Failure> {
    let server = match (server.parse::<SocketAddr>(), server.parse::<IpAddr>()) {
        (Ok(server), _) => server,
        (_, Ok(ip)) => SocketAddr::new(ip, TFTP),
        _ => return Err(Failure::usage(format!("{server:?} is no IP or IP:TFTP-PORT"))),
    };
    Ok(Place { server, from, _configured: None })
}

/// Asks for an address, and sees that the device has it.
async fn leased(phone: &Newcomer, device: &str, configure: bool, mut told: impl FnMut(Step)) -> Result<Place, String> {
    let lease = obtain(phone, device, &mut told).await?;
    let configured = match (link::has(device, lease.address), configure) {
        (true, _) => None,
        (false, true) => Some(Configured::put(device, &lease)?),
        (false, false) => {
            return Err(format!(
                "{device} does not have the address {} that it was given; say --configure to have it put there, in a network \
                 namespace, or put it there",
                lease.address
            ));
        }
    };
    let server = SocketAddr::new(server(&lease, &mut told).await?, TFTP);
    Ok(Place { server, from: Some(lease.address.into()), _configured: configured })
}

async fn server(lease: &Lease, mut told: impl FnMut(Step)) -> Result<IpAddr, String> {
    let name = match &lease.tftp {
        None => return Err(format!("{} gave an address, and nobody said where the files are", lease.server)),
        Some((Server::Address(ip), _)) => return Ok((*ip).into()),
        Some((Server::Name(name), _)) => name,
    };
    let found = lookup_host((name.as_str(), TFTP)).await.map_err(|why| why.to_string());
    let found = found.map(|mut all| all.find(SocketAddr::is_ipv4));
    match found {
        Ok(Some(address)) => {
            let ip = address.ip();
            told(Step::new(true, format!("{name} is {ip} to this host; a phone asks the DNS server of option 6")));
            Ok(ip)
        }
        Ok(None) => Err(format!("the TFTP server {name} has no IPv4 address")),
        Err(why) => Err(format!("the TFTP server {name} has no address: {why}")),
    }
}

/// One line per step.
pub(super) fn text(step: &Step) -> String {
    format!("{}  {} {}", step.at, if step.ok { " " } else { "!" }, step.what)
}
