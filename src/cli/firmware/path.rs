//! `offhook firmware path`: the steps between two loads, for somebody who has to understand them at night.
//!
//! The catalogue is compiled in. Where the daemon answers, its store says what is missing; where it does not, nothing is
//! said of that.

use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Model};
use crate::cli::Context;
use crate::cli::report::Failure;
use crate::domain::Load;
use crate::firmware::plan::{
    ControlFile, Facts, From, PathStep, Paths, Refused, Stock, UpgradePath, Via, nearest, plan,
};

/// How long the daemon may take to say what it holds.
const STORE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(in crate::cli) struct Path {
    /// Catalogue name, in any spelling
    #[arg(long)]
    pub model: String,
    /// The load that the phone runs, or loader, factory, unknown
    #[arg(long, value_name = "LOAD")]
    pub from: String,
    /// The load that it should run
    #[arg(long, value_name = "LOAD")]
    pub to: String,
}

/// What is printed as JSON; the contract's names, and ours.
#[derive(Serialize)]
struct Answer<'a> {
    model: &'a str,
    from: &'a str,
    to: &'a str,
    #[serde(flatten)]
    path: UpgradePath,
    risk: u32,
    one_way: bool,
    /// Whether the daemon said what its store holds; without it nothing is called missing.
    store_asked: bool,
    refused: Option<Refused>,
}

/// What is needed here of a set in the daemon's store.
#[derive(Deserialize)]
struct Set {
    load: String,
    complete: bool,
    #[serde(default)]
    missing: Vec<String>,
    #[serde(default)]
    hardware: Option<u32>,
}

pub(in crate::cli) async fn path(asked: &Path, context: &Context) -> Result<(), Failure> {
    let catalog = Catalog::builtin();
    let model = catalog.find(&asked.model).map_err(|why| Failure::failed(why.to_string()))?;
    let stock = stock(context).await;
    let facts = Facts { stock: stock.as_deref(), ..Facts::default() };
    let planned = planned(model, asked, &facts);
    let (path, refused) = match planned {
        Ok(path) => (path, None),
        Err(refused) => (UpgradePath::default(), Some(refused)),
    };
    let answer = Answer {
        model: model.name.as_str(),
        from: &asked.from,
        to: &asked.to,
        risk: path.risk(),
        one_way: path.one_way(),
        path,
        store_asked: stock.is_some(),
        refused,
    };
    if let Some(refused) = &answer.refused {
        if context.out.json() {
            context.out.show(&answer, |_| String::new());
            return Err(Failure::silent());
        }
        let meant = refused.nearest.as_ref().map(|name| format!(" Did you mean {name}?")).unwrap_or_default();
        return Err(Failure::failed(format!("{}{meant} {}", refused.summary, refused.remedy)));
    }
    context.out.show(&answer, text);
    Ok(())
}

fn planned(model: &Model, asked: &Path, facts: &Facts<'_>) -> Result<UpgradePath, Refused> {
    let paths = Paths::builtin();
    let unread = |name: &str, also: &str| Refused {
        summary: format!("{:?} is no load name.", name.chars().take(64).collect::<String>()),
        remedy: format!(
            "Loads are called like P0S3-8-12-00, P00308000900 or SIP42.9-4-2SR3-1S, without extension{also}."
        ),
        nearest: nearest(paths, model, name, facts),
    };
    let from = asked.from.parse::<From>().map_err(|()| unread(&asked.from, "; or say loader, factory or unknown"))?;
    let to = Load::parse(&asked.to).ok_or_else(|| unread(&asked.to, ""))?;
    plan(paths, model, &from, &to, facts)
}

/// What the daemon's store holds, if there is a daemon and it says so.
async fn stock(context: &Context) -> Option<Vec<Stock>> {
    let client = context.client().ok()?;
    let sets: Vec<Set> = tokio::time::timeout(STORE, client.get("/api/v1/firmware")).await.ok()?.ok()?;
    let stock = sets.into_iter().filter_map(|set| {
        let unnamed =
            (!set.complete && set.missing.is_empty()).then(|| "files that the store does not name".to_owned());
        Some(Stock {
            load: Load::parse(&set.load)?,
            missing: set.missing.into_iter().chain(unnamed).collect(),
            hardware: set.hardware,
        })
    });
    Some(stock.collect())
}

fn text(answer: &Answer<'_>) -> String {
    let steps = &answer.path.steps;
    let mut text = match steps.len() {
        0 => return format!("A {} that runs {} is there already: nothing to do.", answer.model, answer.to),
        1 => format!("{} from {} to {}: one step.\n", answer.model, answer.from, answer.to),
        n => format!("{} from {} to {}: {n} steps, one after the other.\n", answer.model, answer.from, answer.to),
    };
    if let Some(name) = &answer.path.nearest {
        let who = if answer.store_asked { "Neither catalogue nor store knows" } else { "The catalogue does not know" };
        text += &format!("{who} {}. Did you mean {name}?\n", answer.to);
    }
    for (number, step) in (1..).zip(steps) {
        text += &format!("\n{number}. {} -> {}\n", step.from, step.to);
        text += &told(step);
    }
    text +=
        "\nLet each step finish: the phone has to be seen running its new load before the next. Never cut its power.\n";
    let missing: Vec<&str> = steps.iter().filter(|step| step.missing).map(|step| step.to.as_str()).collect();
    text += &match (answer.store_asked, missing.as_slice()) {
        (false, _) => {
            "The daemon was not asked, or said nothing: whether the store has these loads is not known.\n".to_owned()
        }
        (true, []) => "The store has all of it.\n".to_owned(),
        (true, missing) => {
            format!("The store lacks: {}. `offhook firmware add FILE` imports it.\n", missing.join(", "))
        }
    };
    text
}

/// One step, a fact a line.
fn told(step: &PathStep) -> String {
    let mut lines = Vec::new();
    let files = |loader: bool| -> Vec<&str> {
        let term = |via: &&Via| via.control != ControlFile::Term && (via.name != step.name) == loader;
        step.via.iter().filter(term).map(|via| via.file.as_str()).collect()
    };
    if let Some(via) = step.via.iter().find(|via| via.name != step.name) {
        let files = files(true).join(" or ");
        lines.push(format!("serve    first {} in {files}, until the phone has its universal loader", via.name));
    }
    if let Some(term) = step.via.iter().find(|via| via.control == ControlFile::Term) {
        lines.push(format!("serve    {} as it comes with {}", term.file, step.name));
    }
    lines.push(format!("serve    {} in {}", step.name, files(false).join(" or ")));
    lines.push(format!("asks     {}", step.asks.join(", then ")));
    lines.push(format!("because  {} ({}, risk {} of 8; {})", step.rule, step.certainty, step.risk, step.source));
    if let Some(note) = &step.note {
        lines.push(format!("note     {note}"));
    }
    if let Some(door) = &step.door {
        lines.push(format!("ONE WAY  {door}"));
    }
    if step.missing {
        let what =
            if step.lacks.is_empty() { step.to.clone() } else { format!("of {}: {}", step.to, step.lacks.join(", ")) };
        lines.push(format!("MISSING  {what}"));
    }
    format!("   {}\n", lines.join("\n   "))
}
