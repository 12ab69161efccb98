//! `offhook serve` and `offhook demo`: the daemon in the foreground.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use super::report::{Failure, line, warn};
use crate::app::{self, Addresses, Running, start};
use crate::domain::MacAddr;
use crate::{demo, log};

/// How long phones in the middle of images are waited for (I16).
const PATIENCE: Duration = Duration::from_mins(15);

/// How often it is looked whether they are through, and systemd hears of it.
const LOOK: Duration = Duration::from_secs(1);

/// What systemd grants from each such word on, microseconds: longer than the end itself may take.
const GRANTED: u32 = 60_000_000;

/// Phones that are named; of more there is the number.
const NAMED: usize = 10;

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

/// Signals until one ends it: SIGHUP reads the configuration again; SIGTERM and SIGINT end, the first of them once no phone
/// is in the middle of images.
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
    let mut look = tokio::time::interval(LOOK);
    let mut stopping = None;
    loop {
        tokio::select! {
            Ok(()) = held.changed() => {
                let status = app::status(&held.borrow_and_update());
                notify(&[NotifyState::Status(&status)]);
            }
            _ = hangup.recv() => reload(running, context).await,
            () = either(&mut terminate, &mut interrupt) => {
                if stopping.is_some() || !begins_to_wait(running) {
                    return Ok(());
                }
                stopping = Some(Instant::now());
            }
            _ = look.tick() => if stopping.is_some_and(|since| !goes_on_waiting(running, since)) {
                return Ok(());
            },
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

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Told to end: no step begins any more. Returns whether phones in the middle of images keep it from ending.
fn begins_to_wait(running: &Running) -> bool {
    let phones = running.last_images();
    if phones.is_empty() {
        return false;
    }
    tracing::warn!(
        code = "stop-waits",
        "told to stop, and {} in the middle of images: served on until they are through, at most {} minutes; to stop now, cut them short by a second SIGTERM: systemctl kill offhook",
        named(&phones),
        PATIENCE.as_secs() / 60
    );
    tell_of_wait(&phones);
    true
}

fn goes_on_waiting(running: &Running, since: Instant) -> bool {
    let phones = running.last_images();
    if phones.is_empty() {
        return false;
    }
    if since.elapsed() >= PATIENCE {
        tracing::warn!(
            code = "stop-cut",
            "{} still in the middle of images: waited for long enough, it ends",
            named(&phones)
        );
        return false;
    }
    tell_of_wait(&phones);
    true
}

/// systemd would end what takes longer than TimeoutStopSec (sd_notify(3)).
fn tell_of_wait(phones: &[MacAddr]) {
    let status = format!("told to stop; waits, as {} in the middle of images", named(phones));
    notify(&[NotifyState::ExtendTimeoutUsec(GRANTED), NotifyState::Status(&status)]);
}

/// `phone 00087D0A0001 is`, `phones A, B and 7 more are`.
fn named(phones: &[MacAddr]) -> String {
    let names = phones.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match phones.len() {
        1 => format!("phone {names} is"),
        n if n <= NAMED => format!("phones {names} are"),
        n => format!("phones {names} and {} more are", n - NAMED),
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
