//! The daemon's log on stderr, which systemd takes to the journal. A reader that is slow or stuck holds nothing up: lines
//! wait in a bounded queue for a thread of their own, and what does not fit is dropped and counted.

use std::sync::OnceLock;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that may wait: some seconds of a boot storm at level debug, a few megabytes.
const QUEUE: usize = 8_192;

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Logs from now on; `OFFHOOK_LOG` sets the filter. What waits is written when the guard is dropped, within a second or
/// never.
pub fn to_stderr() -> WorkerGuard {
    let filter = EnvFilter::try_from_env("OFFHOOK_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUE).finish(std::io::stderr());
    let _ = DROPPED.set(writer.error_counter());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .without_time()
        .with_ansi(false)
        .try_init();
    // The standard hook would wait for the reader of stderr.
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.to_string().replace('\n', " ");
        tracing::error!(code = "panic", "{said}; this is a fault of offhook, please report it");
    }));
    guard
}

/// Lines dropped since the start because nobody took them.
pub fn dropped() -> usize {
    DROPPED.get().map_or(0, ErrorCounter::dropped_lines)
}
