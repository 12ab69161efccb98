//! `offhook-findings(7)`: what phones show and what findings mean, the same texts as everywhere.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use clap_mangen::roff::{Roff, bold, roman};

use crate::diagnose;
use crate::diagnose::screen::{SCREENS, Shown};

/// Writes it into this folder.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join("offhook-findings.7"), page())
}

fn page() -> String {
    let mut page = Roff::default();
    page.control("TH", ["offhook-findings", "7", "", concat!("offhook ", env!("CARGO_PKG_VERSION"))]);
    page.control("SH", ["NAME"]);
    page.text([roman("offhook-findings - what Cisco phones show, what is wrong with them, and what to do")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([
        bold("offhook explain"),
        roman(" with a phone's MAC says what is wrong with it; with a code or with the words on its screen, what that means. All of it is here."),
    ]);
    for (title, all) in [("ON THE SCREEN", &SCREENS.shown), ("LAMPS", &SCREENS.lamp), ("WHAT IT DOES", &SCREENS.does)] {
        page.control("SH", [title]);
        all.iter().for_each(|shown| entry(&mut page, &shown.says, &said(shown)));
    }
    page.control("SH", ["FINDINGS"]);
    let all: BTreeSet<_> = diagnose::found().collect();
    for (code, title, text) in all {
        entry(&mut page, code, &format!("{title}. {text}"));
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("offhook-explain"), roman("(1)")]);
    page.render()
}

fn said(shown: &Shown) -> String {
    format!("({}) {} See {}.", shown.phones.words(), shown.means, shown.codes.join(", "))
}

fn entry(page: &mut Roff, head: &str, text: &str) {
    page.control("TP", []);
    page.text([bold(head)]);
    page.text([roman(text)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_every_finding_and_all_that_phones_show() {
        let page = page().replace("\\-", "-").replace("\\*(Aq", "'").replace("\\(aq", "'").replace("\\'", "'");
        for (code, ..) in diagnose::found() {
            assert!(page.contains(&format!("\\fB{code}\\fR")), "{code}");
        }
        for shown in SCREENS.all() {
            assert!(page.contains(&shown.says), "{}", shown.says);
        }
    }
}
