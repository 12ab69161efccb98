//! `offhook serve` and `offhook demo`: the daemon in the foreground.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use super::report::{Failure, line, warn};
use crate::app::{self, Addresses, Running, start};
use crate::{demo, log};

pub(super) async fn serve(context: &Context) -> Result<(), Failure> {
    let _written_at_the_end = log::to_stderr();
    let config = context.config().map_err(|why| Failure::usage(why.to_string()))?;
    let mut running = start(config).await.map_err(Failure::failed)?;
    line(&ready(&running.addresses));
    let status = app::status(&running.held().borrow_and_update());
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    let ended = watch(&mut running, context).await;
    notify(&[NotifyState::Stopping]);
    running.stop().await;
    ended
}

/// The line of the contract; `-` = nobody is served there, or not yet.
fn ready(at: &Addresses) -> String {
    let shown = |address: Option<std::net::SocketAddr>| address.map_or_else(|| "-".to_owned(), |a| a.to_string());
    let tftp = shown(at.tftp.map(Into::into));
    format!("ready tftp={tftp} http={} admin={} socket={}", shown(at.http), shown(at.admin), at.socket.display())
}

/// Signals until one ends it: SIGHUP reads the configuration again, SIGTERM and SIGINT end.
async fn watch(running: &mut Running, context: &Context) -> Result<(), Failure> {
    let no_signals = |why: std::io::Error| Failure::failed(format!("signals could not be received: {why}"));
    let mut hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    // Half the watchdog's time, as sd_watchdog_enabled(3) advises.
    let mut watchdog = sd_notify::watchdog_enabled().map(|limit| {
        let mut every = tokio::time::interval(limit / 2);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        every
    });
    let mut held = running.held();
    loop {
        tokio::select! {
            Ok(()) = held.changed() => {
                let status = app::status(&held.borrow_and_update());
                notify(&[NotifyState::Status(&status)]);
            }
            _ = hangup.recv() => reload(running, context).await,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            why = running.broken() => return Err(Failure::failed(format!("{why}; the daemon ends, and systemd starts it again"))),
            () = async { match &mut watchdog { Some(every) => { every.tick().await; } None => std::future::pending().await } } => {
                // systemd ends and starts what says nothing.
                if running.progresses() {
                    notify(&[NotifyState::Watchdog]);
                }
            }
        }
    }
}

/// A configuration that is not sound leaves the old one running.
async fn reload(running: &Running, context: &Context) {
    notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Reloading)]);
    match context.config() {
        Ok(config) => {
            let restart = running.reload(config).await;
            if restart.is_empty() {
                tracing::info!(code = "reloaded", "the configuration was read again and is in use");
            } else {
                tracing::warn!(
                    code = "restart-needed",
                    sections = restart.join(", "),
                    "the configuration was read again; these sections take a restart"
                );
            }
        }
        Err(why) => {
            for problem in &why.problems {
                tracing::error!(code = "reload-refused", "{problem}; the old configuration goes on");
            }
        }
    }
    notify(&[NotifyState::Ready]);
}

/// systemd may not be there; then nobody is told.
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

pub(super) async fn demo(once: bool) -> Result<(), Failure> {
    let demo = demo::play(&mut line).await.map_err(Failure::failed)?;
    if !once {
        line("the demo goes on until Ctrl-C");
        if let Err(why) = tokio::signal::ctrl_c().await {
            warn(&format!("Ctrl-C cannot be waited for: {why}"));
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(10), demo.stop()).await;
    Ok(())
}
