//! `offhook explain MAC`, `offhook explain CODE` and `offhook explain WORDS` that a phone shows: the same texts as everywhere.

use serde::Serialize;

use super::Context;
use super::report::Failure;
use crate::api::Phone;
use crate::diagnose::screen::{self, Shown};
use crate::diagnose::{Finding, explanation};
use crate::domain::MacAddr;

#[derive(Serialize)]
struct Explained {
    phone: Phone,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Meaning<'a> {
    code: &'a str,
    title: &'a str,
    text: &'a str,
}

pub(super) async fn explain(what: &str, context: &Context) -> Result<(), Failure> {
    if let Ok(mac) = what.parse::<MacAddr>() {
        let client = context.client()?;
        let phone: Phone = client.get(&format!("/api/v1/phones/{mac}")).await?;
        let findings: Vec<Finding> = client.get(&format!("/api/v1/phones/{mac}/findings")).await?;
        context.out.show(&Explained { phone, findings }, |all| text(&all.phone, &all.findings));
        return Ok(());
    }
    let Some((title, text)) = explanation(what) else {
        let found = screen::search(what);
        if !found.is_empty() {
            context
                .out
                .show(&found, |found| found.iter().map(|shown| on_the_phone(shown)).collect::<Vec<_>>().join("\n\n"));
            return Ok(());
        }
        return Err(Failure::failed(format!(
            "{what:?} is neither a MAC, nor a code that offhook uses, nor what a phone shows (docs/screen.md); codes stand in `offhook phones list` and `offhook check`"
        )));
    };
    context
        .out
        .show(&Meaning { code: what, title, text }, |code| format!("{}: {}\n\n{}", code.code, code.title, code.text));
    Ok(())
}

fn on_the_phone(shown: &Shown) -> String {
    let codes = shown.codes.iter().filter_map(|code| Some(format!("  {code}: {}", explanation(code)?.0)));
    let codes = codes.collect::<Vec<_>>().join("\n");
    format!(
        "{} ({})\n\n{}\n\nFindings that go with it (`offhook explain CODE`):\n{codes}",
        shown.says,
        shown.phones.words(),
        shown.means
    )
}

/// What is wrong with a phone, and what to do.
pub(super) fn text(phone: &Phone, findings: &[Finding]) -> String {
    let mut text = format!("{} is {}, {}: {}\n", phone.mac, phone.stage, phone.health, phone.summary);
    for finding in findings {
        text += &format!("\n{}: {}\n", finding.code, finding.summary);
        for fact in &finding.evidence {
            text += &format!("  because: {fact}\n");
        }
        text += &format!("  do: {}\n", finding.remedy);
    }
    text
}
