//! Text that somebody else wrote, without what is secret: a file may be asked for by any name.

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use super::{Ended, Given, Happens, Says, Script};

/// What stands for a secret.
const DOTS: &str = "......";

/// A shorter one is found everywhere by chance, and tells nobody anything.
const LEAST: usize = 6;

/// Finds secrets, all at once.
#[derive(Debug)]
pub struct Mask(Option<AhoCorasick>);

impl Mask {
    /// Of these.
    pub fn of<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let secrets = secrets.filter(|secret| secret.len() >= LEAST);
        Self(AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(secrets).ok())
    }

    /// Takes them out of a text. Where they cannot be looked for, nothing is left of it.
    pub fn text(&self, text: &mut String) {
        match &self.0 {
            None => DOTS.clone_into(text),
            Some(secrets) => {
                let mut rest = 0;
                let mut clean = String::new();
                for found in secrets.find_iter(text.as_str()) {
                    clean.push_str(text.get(rest..found.start()).unwrap_or_default());
                    clean.push_str(DOTS);
                    rest = found.end();
                }
                if rest > 0 {
                    clean.push_str(text.get(rest..).unwrap_or_default());
                    *text = clean;
                }
            }
        }
    }

    /// Takes them out of every text in it.
    pub fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(all) => all.iter_mut().for_each(|one| self.json(one)),
            Value::Object(all) => all.values_mut().for_each(|one| self.json(one)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Script {
    /// Takes secrets out of every text that somebody else wrote.
    pub fn mask(&mut self, mask: &Mask) {
        self.texts(&mut |text| mask.text(text));
    }

    fn texts(&mut self, each: &mut dyn FnMut(&mut String)) {
        each(&mut self.title);
        for line in &mut self.lines {
            match &mut line.says {
                Says::Given(given) => is(given, each),
                Says::Happens(_, happens) => said(happens, each),
                Says::Remark(text) => each(text),
            }
        }
    }
}

fn is(given: &mut Given, each: &mut dyn FnMut(&mut String)) {
    match given {
        Given::Runs(text) | Given::Option(_, text) | Given::ClockSilent(text) => each(text),
        Given::Phone(_)
        | Given::Extension(_)
        | Given::Firmware(_)
        | Given::Erased(..)
        | Given::Transport(_)
        | Given::NoTcp
        | Given::TcpSilent
        | Given::NoClock
        | Given::NoManager
        | Given::NoPbx => {}
    }
}

fn said(happens: &mut Happens, each: &mut dyn FnMut(&mut String)) {
    match happens {
        Happens::Asks { name, .. } | Happens::Denied { name, .. } => each(name),
        Happens::Gets(what) | Happens::Has(what) => each(&mut what.name),
        Happens::Loses(what, Ended { said, .. }) | Happens::Drops(what, Ended { said, .. }) => {
            each(&mut what.name);
            said.iter_mut().for_each(each);
        }
        Happens::Announces { model, load, .. } => model.iter_mut().chain(load).for_each(each),
        Happens::Page { load, boot } => std::iter::once(load).chain(boot).for_each(each),
        Happens::Registers { agent, .. } => each(agent),
        Happens::Misled(_, text) | Happens::Told(text) | Happens::Does(text) | Happens::Speaks(text) => each(text),
        Happens::Banned(jail) | Happens::Unbanned(jail) => jail.iter_mut().for_each(each),
        Happens::Leases(_)
        | Happens::Renews(_)
        | Happens::Settings
        | Happens::Discovers
        | Happens::Takes(..)
        | Happens::Dhcp(..)
        | Happens::Rejects { .. }
        | Happens::Unreachable(_)
        | Happens::Gone(_)
        | Happens::Assigned
        | Happens::Changes
        | Happens::Brings(_)
        | Happens::Converts { .. }
        | Happens::Begins
        | Happens::Waits => {}
    }
}
