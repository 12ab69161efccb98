//! Owns stdout, stderr and the exit code.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use serde::Serialize;

/// Text for people, or one JSON value for programs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out {
    json: bool,
}

impl Out {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) fn json(self) -> bool {
        self.json
    }

    /// Prints a value as JSON, or the text made of it.
    pub(super) fn show<T: Serialize + ?Sized>(self, value: &T, text: impl FnOnce(&T) -> String) {
        if self.json {
            match serde_json::to_string_pretty(value) {
                Ok(json) => line(&json),
                Err(why) => warn(&format!("the answer could not be printed as JSON: {why}")),
            }
        } else {
            let text = text(value);
            line(text.trim_end_matches('\n'));
        }
    }
}

/// Why standard output could not be written, if it could not.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Text and a line end on stdout. What would steer a terminal is written as escapes.
pub(super) fn line(text: &str) {
    bytes((clean(text) + "\n").as_bytes());
}

/// The text with what would steer a terminal as escapes.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c.is_control() && c != '\n' { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

/// Bytes on stdout as they are. A reader that left (`| head`) is no failure; a disk that is full is.
pub(super) fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(why) = out.write_all(bytes).and_then(|()| out.flush()) {
        let _ = UNWRITTEN.set(why);
    }
}

/// Whether there is still somebody, and room, to write for: who shows more and more asks.
pub(super) fn is_read() -> bool {
    UNWRITTEN.get().is_none()
}

/// Whether all output was written.
///
/// # Errors
/// It was not, and why.
pub(super) fn written() -> Result<(), Failure> {
    let failed = UNWRITTEN.get().filter(|why| why.kind() != io::ErrorKind::BrokenPipe);
    failed.map_or(Ok(()), |why| Err(Failure::failed(format!("the output could not be written: {why}"))))
}

/// One line on stderr.
pub(super) fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "offhook: {}", clean(text));
}

/// Why a command did not do what it was asked, and the exit code that says so.
#[derive(Debug)]
pub(super) struct Failure {
    exit: u8,
    sentence: String,
}

impl Failure {
    /// Exit 1.
    pub(super) fn failed(sentence: impl Into<String>) -> Self {
        Self { exit: 1, sentence: sentence.into() }
    }

    /// What it says.
    pub(super) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Exit 1, everything has been said.
    pub(super) fn silent() -> Self {
        Self::failed("")
    }

    /// Exit 2: usage, or a configuration that cannot be loaded.
    pub(super) fn usage(sentence: impl Into<String>) -> Self {
        Self { exit: 2, sentence: sentence.into() }
    }

    /// Exit 3: partly done.
    pub(super) fn partly(sentence: impl Into<String>) -> Self {
        Self { exit: 3, sentence: sentence.into() }
    }

    /// Exit 4: the daemon is not reachable.
    pub(super) fn unreachable(sentence: impl Into<String>) -> Self {
        Self { exit: 4, sentence: sentence.into() }
    }

    /// So many of many failed, and each was said: nothing, exit 3 (partly done), or exit 1.
    pub(super) fn of_many(failed: usize, all: usize) -> Result<(), Self> {
        match failed {
            0 => Ok(()),
            n if n < all => Err(Self { exit: 3, sentence: String::new() }),
            _ => Err(Self::silent()),
        }
    }

    /// Whether the daemon was not reached.
    pub(super) fn is_unreachable(&self) -> bool {
        self.exit == 4
    }

    /// Prints the sentence, each line of it, and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        self.sentence.lines().for_each(warn);
        ExitCode::from(self.exit)
    }
}

/// A table with columns as wide as they need to be.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut out = print(&mut head.iter().copied());
    for row in rows {
        out += &print(&mut row.iter().map(String::as_str));
    }
    out
}
