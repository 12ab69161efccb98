//! The words of a line: parted by blanks, or in quotes, where `\` makes the next character an ordinary one; `{MAC}` stands for
//! the phone's.

use std::str::FromStr;
use std::vec::IntoIter;

use crate::domain::MacAddr;

/// What stands for the phone's own address.
const OWN: &str = "{MAC}";

/// Words that are still to be read.
pub(super) struct Words(std::iter::Peekable<IntoIter<String>>);

impl Words {
    pub(super) fn of(line: &str, about: Option<MacAddr>) -> Result<Self, String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
        let mut rest = line.chars();
        loop {
            if let Some(behind) = rest.as_str().strip_prefix(OWN) {
                let mac = about.ok_or("{MAC} stands before `about MAC`")?;
                word.get_or_insert_default().push_str(&mac.to_string());
                rest = behind.chars();
                continue;
            }
            match rest.next() {
                None => break,
                Some('"') => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                Some('\\') if quoted => {
                    word.get_or_insert_default().push(rest.next().ok_or("a quote is not closed")?);
                }
                Some(c) if c.is_whitespace() && !quoted => words.extend(word.take()),
                Some(c) => word.get_or_insert_default().push(c),
            }
        }
        if quoted {
            return Err("a quote is not closed".to_owned());
        }
        words.extend(word);
        Ok(Self(words.into_iter().peekable()))
    }

    pub(super) fn more(&mut self) -> Option<String> {
        self.0.next()
    }

    pub(super) fn more_if(&mut self, word: &str) -> bool {
        self.0.next_if(|next| next == word).is_some()
    }

    pub(super) fn next(&mut self, what: &str) -> Result<String, String> {
        self.0.next().ok_or_else(|| format!("{what} is missing"))
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), String> {
        let next = self.next(word)?;
        if next == word { Ok(()) } else { Err(format!("{word} is expected, not {next:?}")) }
    }

    pub(super) fn parsed<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.next(what)?;
        word.parse().map_err(|_| format!("{word:?} is not {what}"))
    }

    /// What follows that word, where it is there.
    pub(super) fn behind<T: FromStr>(&mut self, word: &str, what: &str) -> Result<Option<T>, String> {
        if self.more_if(word) { self.parsed(what).map(Some) } else { Ok(None) }
    }

    /// What is there still, if anything is.
    pub(super) fn maybe<T: FromStr>(&mut self, what: &str) -> Result<Option<T>, String> {
        if self.0.peek().is_some() { self.parsed(what).map(Some) } else { Ok(None) }
    }

    /// Names with commas between; nothing where the word is empty.
    pub(super) fn list(&mut self, what: &str) -> Result<Vec<String>, String> {
        let word = self.next(what)?;
        Ok(if word.is_empty() { Vec::new() } else { word.split(',').map(str::to_owned).collect() })
    }

    pub(super) fn rest(self) -> Vec<String> {
        self.0.collect()
    }

    pub(super) fn end(mut self) -> Result<(), String> {
        self.0.next().map_or(Ok(()), |word| Err(format!("{word:?} is too much")))
    }
}

/// A word as it is written. A line is a line: what would end it is a blank.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '{');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '{') {
            quoted.push('\\');
        }
        quoted.push(if c.is_control() { ' ' } else { c });
    }
    quoted + "\""
}

/// Names with commas between.
pub(super) fn list(names: &[String]) -> String {
    word(&names.join(","))
}
