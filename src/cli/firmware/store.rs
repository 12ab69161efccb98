//! `offhook firmware list`, `check`, `remove`

use clap::Args;

use crate::api::Done;
use crate::cli::Context;
use crate::cli::report::{Failure, table};
use crate::domain::Signalling;
use crate::firmware::set::FirmwareSet;

#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// One load; all without it
    load: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// The load, as the list names it
    load: String,
}

pub(super) async fn list(context: &Context) -> Result<(), Failure> {
    let sets: Vec<FirmwareSet> = context.client()?.get("/api/v1/firmware").await?;
    context.out.show(&sets, |sets| {
        if sets.is_empty() {
            "no firmware: bring the vendor's archives with `offhook firmware add FILE...`".to_owned()
        } else {
            text(sets)
        }
    });
    Ok(())
}

pub(super) async fn check(asked: &Check, context: &Context) -> Result<(), Failure> {
    let path = asked.load.as_ref().map_or_else(|| "/api/v1/firmware/check".to_owned(), |load| path(load) + "/check");
    let sets: Vec<FirmwareSet> = context.client()?.post(&path, &()).await?;
    context.out.show(&sets, |sets| if sets.is_empty() { "no firmware to check".to_owned() } else { text(sets) });
    if sets.iter().all(|set| set.complete) { Ok(()) } else { Err(Failure::silent()) }
}

pub(super) async fn remove(asked: &Remove, context: &Context) -> Result<(), Failure> {
    let done: Done = context.client()?.delete(&path(&asked.load)).await?;
    context.out.show(&done, |done| done.summary.clone());
    Ok(())
}

fn path(load: &str) -> String {
    let load = percent_encoding::utf8_percent_encode(load, percent_encoding::NON_ALPHANUMERIC);
    format!("/api/v1/firmware/{load}")
}

/// A line for each set, and below the table what is missing and where it is.
pub(super) fn text(sets: &[FirmwareSet]) -> String {
    let rows: Vec<Vec<String>> = sets
        .iter()
        .map(|set| {
            let protocol = match set.protocol {
                Some(Signalling::Sip) => "sip",
                Some(Signalling::Sccp) => "sccp",
                None => "-",
            };
            let state = if set.complete { "complete" } else { "incomplete" };
            let size: u64 = set.files.iter().map(|file| file.size).sum();
            let build = set.build.clone().unwrap_or_default();
            let cells = [
                &set.load,
                &set.family,
                protocol,
                state,
                &set.files.len().to_string(),
                &format!("{} KiB", size.div_ceil(1024)),
                &build,
            ];
            cells.iter().map(ToString::to_string).collect()
        })
        .collect();
    let mut text = table(&["LOAD", "FAMILY", "PROTOCOL", "STATE", "FILES", "SIZE", "BUILD"], &rows);
    for set in sets.iter().filter(|set| !set.complete) {
        text += &lacks(set);
    }
    text
}

fn lacks(set: &FirmwareSet) -> String {
    let mut text = String::new();
    if !set.missing.is_empty() {
        text += &format!("{} lacks {}\n", set.load, set.missing.join(", "));
    }
    for problem in &set.problems {
        text += &format!("{}: {problem}\n", set.load);
    }
    if !set.archives.is_empty() {
        text += &format!("  it comes in {}\n", set.archives.join(", or "));
    }
    text
}
