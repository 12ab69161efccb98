//! The words of a line: parted by blanks, or in quotes; `{MAC}` stands for the phone's.

use std::str::FromStr;
use std::vec::IntoIter;

use crate::domain::MacAddr;

/// Words that are still to be read.
pub(super) struct Words(std::iter::Peekable<IntoIter<String>>);

impl Words {
    pub(super) fn of(line: &str, about: Option<MacAddr>) -> Result<Self, String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
        for c in line.chars() {
            match c {
                '"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                c if c.is_whitespace() && !quoted => words.extend(word.take()),
                c => word.get_or_insert_default().push(c),
            }
        }
        if quoted {
            return Err("a quote is not closed".to_owned());
        }
        words.extend(word);
        for word in words.iter_mut().filter(|word| word.contains("{MAC}")) {
            let mac = about.ok_or("{MAC} stands before `about MAC`")?;
            *word = word.replace("{MAC}", &mac.to_string());
        }
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

    /// Names with commas between.
    pub(super) fn list(&mut self, what: &str) -> Result<Vec<String>, String> {
        Ok(self.next(what)?.split(',').map(str::to_owned).collect())
    }

    pub(super) fn rest(self) -> Vec<String> {
        self.0.collect()
    }

    pub(super) fn end(mut self) -> Result<(), String> {
        self.0.next().map_or(Ok(()), |word| Err(format!("{word:?} is too much")))
    }
}
