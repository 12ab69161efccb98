//! `offhook explain MAC` and `offhook explain CODE`: the same texts as everywhere.

use serde::Serialize;

use super::Context;
use super::report::Failure;
use crate::api::Phone;
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
        context.out.show(&Explained { phone, findings }, text);
        return Ok(());
    }
    let Some((title, text)) = explanation(what) else {
        return Err(Failure::failed(format!(
            "{what:?} is neither a MAC nor a code that offhook uses; codes stand in `offhook phones list` and `offhook check`"
        )));
    };
    context
        .out
        .show(&Meaning { code: what, title, text }, |code| format!("{}: {}\n\n{}", code.code, code.title, code.text));
    Ok(())
}

fn text(explained: &Explained) -> String {
    let phone = &explained.phone;
    let mut text = format!("{} is {}, {}: {}\n", phone.mac, phone.stage, phone.health, phone.summary);
    for finding in &explained.findings {
        text += &format!("\n{}: {}\n", finding.code, finding.summary);
        for fact in &finding.evidence {
            text += &format!("  because: {fact}\n");
        }
        text += &format!("  do: {}\n", finding.remedy);
    }
    text
}
