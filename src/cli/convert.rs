//! `offhook convert …`: plans, starts, steers and shows the conversion of phones.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::report::{Failure, table};
use super::{Context, planned};
use crate::api::{self, Done, Outcome};
use crate::convert::{Campaign, StepState, Tally};
use crate::domain::MacAddr;
use crate::status::word;

#[derive(Debug, Subcommand)]
pub(super) enum Convert {
    /// The steps of each phone, and what is missing for them; nothing is begun
    Plan(Which),
    /// Begin: one phone of each model first, then ten, then as many at once as firmware.concurrent says
    Start(Which),
    /// Where every phone is on its way, and what comes next
    Status,
    /// Let no further phone begin; those under way finish their step
    Pause,
    /// Let phones begin again
    Resume,
    /// Pause, and let go of phones that have not begun
    Abort,
    /// Who did what, and when
    Log,
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// The phones, in any spelling
    #[arg(value_name = "MAC", required_unless_present = "all", conflicts_with = "all")]
    macs: Vec<MacAddr>,
    /// All phones that have an extension
    #[arg(long)]
    all: bool,
    /// Of them those of this model
    #[arg(long, requires = "all")]
    model: Option<String>,
    /// The load to end on [default: the phone's own target, firmware.target, or the newest complete SIP set]
    #[arg(long, value_name = "LOAD")]
    to: Option<String>,
    /// What they run now, where you know better: a load, loader, factory or unknown
    #[arg(long, value_name = "LOAD")]
    running: Option<String>,
    /// Most phones that begin
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Steps that cannot be undone are meant, too
    #[arg(long)]
    accept_one_way: bool,
}

impl Which {
    fn asked(self) -> api::Convert {
        api::Convert {
            macs: self.macs,
            all: self.all,
            model: self.model,
            to: self.to,
            running: self.running,
            limit: self.limit.and_then(|limit| limit.try_into().ok()),
            accept_one_way: self.accept_one_way,
        }
    }
}

pub(super) async fn run(verb: Convert, context: &Context) -> Result<(), Failure> {
    match verb {
        Convert::Plan(which) => plan(which, context).await,
        Convert::Start(which) => start(which, context).await,
        Convert::Status => status(context).await,
        Convert::Pause => steer("pause", context).await,
        Convert::Resume => steer("resume", context).await,
        Convert::Abort => steer("abort", context).await,
        Convert::Log => log(context).await,
        Convert::Other(words) => Err(planned::refuse_verb("convert", &words)),
    }
}

async fn plan(which: Which, context: &Context) -> Result<(), Failure> {
    let plans: Vec<api::Conversion> = context.client()?.post("/api/v1/conversions/plan", &which.asked()).await?;
    context.out.show(&plans, |plans| plans_text(plans));
    Failure::of_many(plans.iter().filter(|plan| plan.refused.is_some()).count(), plans.len())
}

/// Ways, each with the phones that have it: forty phones have three, and nobody reads one of them twenty times.
fn plans_text(plans: &[api::Conversion]) -> String {
    let mut ways: Vec<(String, Vec<MacAddr>)> = Vec::new();
    for plan in plans {
        let way = planned_text(plan);
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, macs)) => macs.push(plan.mac),
            None => ways.push((way, vec![plan.mac])),
        }
    }
    let text = ways.into_iter().map(|(way, macs)| {
        let macs: Vec<String> = macs.iter().map(ToString::to_string).collect();
        format!("{} {way}", macs.join(" "))
    });
    text.collect::<Vec<_>>().join("\n")
}

/// A phone's way, a step a line, without the phone's name.
fn planned_text(plan: &api::Conversion) -> String {
    if let Some(why) = &plan.refused {
        return format!("no way: {why}\n");
    }
    if plan.steps.is_empty() {
        return format!("({}) runs {} already\n", plan.model, plan.target);
    }
    let warning = plan.warning.as_ref().map(|what| format!("  warning: {what}\n"));
    let mut text = format!("({}), from {} to {}:\n", plan.model, plan.from, plan.target);
    for (number, step) in (1..).zip(&plan.steps) {
        let door = if step.one_way { "; cannot be undone" } else { "" };
        text +=
            &format!("  {number}. {} by {} [{}, {}]{door}\n", step.to, step.via.join(" and "), step.rule, step.source);
    }
    text + &warning.unwrap_or_default()
}

async fn start(which: Which, context: &Context) -> Result<(), Failure> {
    let outcomes: Vec<Outcome> = context.client()?.post("/api/v1/conversions", &which.asked()).await?;
    context.out.show(&outcomes, |outcomes| {
        let mut text = outcomes.iter().map(|outcome| outcome.summary.clone()).collect::<Vec<_>>().join("\n");
        if outcomes.iter().any(|outcome| outcome.done) {
            text += "\nphones that are registered are told to boot as their turn comes; power-cycle the others. See `offhook convert status`";
        }
        text
    });
    Failure::of_many(outcomes.iter().filter(|outcome| !outcome.done).count(), outcomes.len())
}

async fn status(context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let phones: Vec<api::Conversion> = client.get("/api/v1/conversions").await?;
    let campaign: Option<Campaign> = client.get("/api/v1/conversions/campaign").await?;
    context.out.show(&phones, |phones| status_text(phones, campaign.as_ref()));
    Ok(())
}

fn status_text(phones: &[api::Conversion], campaign: Option<&Campaign>) -> String {
    let Some(campaign) = campaign else {
        return "no conversion was started yet; see `offhook convert plan`".to_owned();
    };
    let tally = Tally::of(phones.iter().map(|phone| phone.state));
    let limit = campaign.limit.map_or_else(String::new, |limit| format!("; at most {limit} begin"));
    let head = format!(
        "conversion is {} ({}): {} of {} phones are through, {} failed{limit}\n",
        campaign.word(&tally),
        campaign.because,
        tally.through,
        phones.len(),
        tally.failed
    );
    if phones.is_empty() {
        return head;
    }
    let rows: Vec<Vec<String>> = phones
        .iter()
        .map(|phone| {
            let step = phone.steps.iter().filter(|step| step.state == StepState::Verified).count();
            let share = phone.percent.map_or_else(String::new, |percent| format!(" {percent} %"));
            let state =
                if phone.armed || phone.state != StepState::Todo { word(phone.state) } else { "waits".to_owned() };
            vec![
                phone.mac.to_string(),
                phone.model.clone(),
                phone.target.clone(),
                format!("{step}/{}", phone.steps.len()),
                format!("{state}{share}"),
                phone.next.clone(),
            ]
        })
        .collect();
    head + &table(&["mac", "model", "target", "steps", "state", "next"], &rows)
}

async fn steer(verb: &str, context: &Context) -> Result<(), Failure> {
    let done: Done = context.client()?.post(&format!("/api/v1/conversions/campaign/{verb}"), &()).await?;
    context.out.show(&done, |done| done.summary.clone());
    Ok(())
}

async fn log(context: &Context) -> Result<(), Failure> {
    let lines: Vec<api::Audited> = context.client()?.get("/api/v1/conversions/log").await?;
    context.out.show(&lines, |lines| {
        if lines.is_empty() {
            return "nothing was done yet".to_owned();
        }
        // Many phones are in one row: a line each.
        let text = |line: &api::Audited| format!("{}  {} {}", line.at, line.who, line.what.replace("; ", ";\n    "));
        lines.iter().map(text).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_the_status_says_the_limit() {
        let campaign = Campaign::new(Some(3), "2026-01-01T00:00:00Z".parse().unwrap());
        let said = status_text(&[], Some(&campaign));
        assert_eq!(
            said,
            "conversion is running (it was started): 0 of 0 phones are through, 0 failed; at most 3 begin\n"
        );
    }

    #[test]
    fn phones_with_one_way_stand_before_it_together() {
        let plan = |mac: &str, refused: Option<&str>| {
            let plan = serde_json::json!({
                "mac": mac, "model": "7960", "from": "unknown", "target": "P0S3-8-12-00", "state": "todo", "one_way": false,
                "armed": false, "because": "", "next": "", "since": "2026-01-01T00:00:00Z", "runs": "", "confidence": "none",
                "steps": [{ "from": "unknown", "to": "P0S3-8-12-00", "via": ["SIPDefault.cnf"], "rule": "a", "source": "B",
                    "one_way": true, "state": "todo", "since": "2026-01-01T00:00:00Z", "because": "" }],
                "warning": "the store lacks it", "refused": refused,
            });
            serde_json::from_value::<api::Conversion>(plan).unwrap()
        };
        let plans =
            [plan("001B54AABB01", None), plan("001B54AABB02", Some("it has no extension")), plan("001B54AABB03", None)];
        assert_eq!(
            plans_text(&plans),
            "001B54AABB01 001B54AABB03 (7960), from unknown to P0S3-8-12-00:\n  \
             1. P0S3-8-12-00 by SIPDefault.cnf [a, B]; cannot be undone\n  warning: the store lacks it\n\n\
             001B54AABB02 no way: it has no extension\n"
        );
    }
}
