//! The daemon's log on stderr, which systemd takes to the journal. A reader that is slow or stuck holds nothing up: lines
//! wait in a bounded queue for a thread of their own, and what does not fit is dropped and counted.
//!
//! Whatever module or library speaks, at whatever level: a line has a bounded length, and nothing in it steers a terminal
//! or pretends to be another line.

use std::io::{self, Write};
use std::sync::OnceLock;

use tracing::Level;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// The variable that sets the filter; not a key of the configuration.
pub const VARIABLE: &str = "OFFHOOK_LOG";

/// Octets of a line at most, its end included.
const LINE: usize = 512;

/// Stands at the end of a line that was cut.
const CUT: &str = " [cut]";

/// Lines that may wait: some seconds at level debug, half a megabyte.
const QUEUE: usize = 1_024;

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Logs from now on; [`VARIABLE`] sets the filter, and one that cannot be used is said. What waits is written when the
/// guard is dropped, within a second or never.
pub fn to_stderr() -> WorkerGuard {
    let wanted = std::env::var_os(VARIABLE).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let (filter, doubt) = match filter(&wanted) {
        Ok(filter) => (filter, None),
        Err(why) => (EnvFilter::new(DEFAULT), Some(why)),
    };
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUE).finish(Lines(io::stderr()));
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
    if let Some(why) = doubt {
        tracing::warn!(code = "log-filter", "{VARIABLE} is {wanted:?}: {why}; {DEFAULT} is used");
    }
    guard
}

/// Lines dropped since the start because nobody took them.
pub fn dropped() -> usize {
    DROPPED.get().map_or(0, ErrorCounter::dropped_lines)
}

/// The level without the variable.
const DEFAULT: &str = "info";

/// The filter that a text means: levels, and levels of modules (`info,offhook::pbx=debug`).
fn filter(text: &str) -> Result<EnvFilter, String> {
    if text.trim().is_empty() {
        return Ok(EnvFilter::new(DEFAULT));
    }
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        // A word that is no level would be taken for the name of a module, and all others be silent.
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if !level.eq_ignore_ascii_case("off") && level.parse::<Level>().is_err() {
            return Err(format!("{level:?} is none of off, error, warn, info, debug, trace"));
        }
    }
    EnvFilter::try_new(text).map_err(|why| why.to_string())
}

/// Writes each event as one clean line.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    /// An event comes in one piece.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(line(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The event as one line: what steers a terminal as `\xNN`, what is too long cut between two characters.
fn line(event: &str) -> String {
    let mut line = String::new();
    for c in event.trim_end_matches('\n').chars() {
        if c.is_control() {
            let mut octets = [0; 4];
            c.encode_utf8(&mut octets).bytes().for_each(|octet| line += &format!("\\x{octet:02x}"));
        } else {
            line.push(c);
        }
        if line.len() > LINE - 1 {
            let mut end = LINE - 1 - CUT.len();
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            line.truncate(end);
            line += CUT;
            break;
        }
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for good in ["", " ", "debug", "WARN", "off", "info,offhook::pbx=debug", "offhook=trace,", "hyper=off"] {
            assert!(filter(good).is_ok(), "{good:?}");
        }
        for bad in ["zzz", "info,zzz", "offhook=loud", "offhook::pbx", "=", "a=b=c"] {
            assert!(filter(bad).is_err(), "{bad:?}");
        }
    }

    /// T25: one event is one line, whatever is in it.
    #[test]
    fn t25_lines_are_bounded_and_clean() {
        for (event, expected) in [
            ("plain\n", "plain\n"),
            ("a\n[alarm] fake\x1b[2J\n", "a\\x0a[alarm] fake\\x1b[2J\n"),
            ("\u{9b}\u{7f}\u{e9}\n", "\\xc2\\x9b\\x7f\u{e9}\n"),
        ] {
            assert_eq!(line(event), expected);
        }
        for letter in ["x", "\u{e9}", "\u{1f600}", "\x1b"] {
            let long = line(&letter.repeat(1_000));
            assert!((LINE - 16..=LINE).contains(&long.len()) && long.ends_with(" [cut]\n"), "{}", long.len());
        }
    }
}
