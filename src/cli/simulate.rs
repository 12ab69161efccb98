//! `offhook simulate`: plays one phone's boot, one line per step.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::args::Simulate;
use super::report::{Failure, Out, line};
use crate::simulate::{LineOutcome, Setup, Step, boot};

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

pub(super) async fn simulate(play: Simulate, out: Out) -> Result<(), Failure> {
    let server = match (play.server.parse::<SocketAddr>(), play.server.parse::<IpAddr>()) {
        (Ok(server), _) => server,
        (_, Ok(ip)) => SocketAddr::new(ip, 69),
        _ => return Err(Failure::usage(format!("{:?} is no IP or IP:TFTP-PORT", play.server))),
    };
    let model = play.model.parse().map_err(|why| Failure::usage(format!("{why}")))?;
    let state = play.state.parse().map_err(|why| Failure::usage(format!("{why}")))?;
    let mut setup = Setup::new(model, play.mac, state, server.ip());
    setup.tftp_port = server.port();
    setup.from_address = play.from_address;
    let mut steps: Vec<Step> = Vec::new();
    let outcome = boot(&setup, |step| {
        if !out.json() {
            line(&text(&step));
        }
        steps.push(step);
    })
    .await;
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

/// One line per step.
pub(super) fn text(step: &Step) -> String {
    format!("{}  {} {}", step.at, if step.ok { " " } else { "!" }, step.what)
}
