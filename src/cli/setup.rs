//! `offhook setup`: asks, shows, and says what is left to do.

use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};

use clap::{Args as _, Command, FromArgMatches as _};
use ipnet::Ipv4Net;
use serde::Serialize;

use super::Context;
use super::args::Setup;
use super::report::{Failure, line};
use crate::setup::apply::Run;
use crate::setup::undo::{self, Outcome, Undo};
use crate::setup::{Facts, Paths, Plan, Status, Step, Wishes, gather, plan};

pub(super) async fn setup(asked: Setup, context: &Context) -> Result<(), Failure> {
    let root = asked.root.clone().unwrap_or_else(|| "/".into());
    let config = match (&context.file, &asked.root) {
        (None, Some(root)) => root.join("etc/offhook/offhook.toml"),
        _ => context.path(),
    };
    let paths = Paths { root, config };
    // Until the end of the run: of two, the later one would write the journal without what the other changed.
    let _lock = if asked.dry_run { None } else { gather::lock(&paths).map_err(Failure::failed)? };
    let facts = gather::gather(&paths).await.map_err(Failure::failed)?;
    if asked.undo { take_back(asked, facts, context).await } else { prepare(asked, facts, context).await }
}

async fn prepare(asked: Setup, facts: Facts, context: &Context) -> Result<(), Failure> {
    let quiet = context.out.json();
    let mut wishes = Wishes {
        take_tftp: asked.take_tftp,
        firewall: asked.firewall,
        networks: (!asked.phone_network.is_empty()).then(|| asked.phone_network.clone()),
        asks: !asked.yes,
    };
    let mut plan = plan::plan(&facts, &wishes).map_err(Failure::failed)?;
    if asked.dry_run || !facts.privileged {
        context.out.show(&plan, shown);
        return if asked.dry_run {
            Ok(())
        } else {
            Err(Failure::failed("nothing was changed: setup takes root; run sudo offhook setup"))
        };
    }
    let open = plan.steps.iter().any(|step| step.status == Status::Todo);
    asks_somebody(&asked, open)?;
    if open && !asked.yes && wishes.networks.is_none() && facts.config.conf.is_none() {
        wishes.networks = Some(networks(&facts)?);
        plan = plan::plan(&facts, &wishes).map_err(Failure::failed)?;
    }
    if !quiet {
        plan.found.iter().for_each(|found| line(&format!("found: {found}")));
    }
    let mut run = Run::new(facts, wishes);
    let mut ask = Ask { all: asked.yes, none: false };
    for step in &mut plan.steps {
        attend(step, &mut run, &mut ask, quiet).await;
    }
    let next = next(&run.facts, &plan.steps);
    context.out.show(&Ended { found: &plan.found, steps: &plan.steps, next: &next }, |ended| {
        let changed = ended.steps.iter().any(|step| step.status == Status::Changed);
        let head = if changed || open { "" } else { "nothing was changed: what setup can do is done\n" };
        format!("{head}\nnext:\n  {}", ended.next.join("\n  "))
    });
    let left = plan.steps.iter().filter(|step| matches!(step.status, Status::ByHand | Status::Failed)).count();
    if left == 0 {
        Ok(())
    } else {
        Err(Failure::partly(format!("{left} of {} steps are left to do, as said above", plan.steps.len())))
    }
}

/// The outcome as one value.
#[derive(Serialize)]
struct Ended<'a> {
    found: &'a [String],
    steps: &'a [Step],
    next: &'a [String],
}

/// One step: shown, asked for, done.
async fn attend(step: &mut Step, run: &mut Run, ask: &mut Ask, quiet: bool) {
    let tell = |text: &str| {
        if !quiet {
            line(text);
        }
    };
    if step.status != Status::Todo {
        tell(&described(step));
        return;
    }
    *step = run.fresh(step);
    tell(&described(step));
    if !ask.agrees(&format!("{}?", step.what)) {
        step.status = Status::Declined;
        tell("  not done");
        return;
    }
    match run.step(step).await {
        Ok(()) => {
            step.status = Status::Changed;
            tell("  changed");
        }
        Err(why) => {
            step.status = Status::Failed;
            tell(&format!("  failed: {why}"));
            step.note = why;
        }
    }
}

/// A plan as text.
fn shown(plan: &Plan) -> String {
    let found = plan.found.iter().map(|found| format!("found: {found}\n"));
    found.chain(plan.steps.iter().map(|step| described(step) + "\n")).collect()
}

/// A step as text: what is shown before it is asked for.
fn described(step: &Step) -> String {
    let mut text = format!("{}: {}: {}", step.status.word(), step.id, step.what);
    let mut add = |head: &str, body: &str| {
        if !body.is_empty() {
            text += &format!("\n  {head}{body}");
        }
    };
    if step.status != Status::Done {
        add("why: ", &step.why);
    }
    add("note: ", &step.note);
    for command in &step.commands {
        add("", &command.replace('\n', "\n    "));
    }
    add("undone by: ", &step.undo);
    text
}

/// Refuses to go on where each change is to be asked for and nobody can answer.
fn asks_somebody(asked: &Setup, open: bool) -> Result<(), Failure> {
    if asked.yes || !open || stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(
        "nothing was changed: setup asks before each change, and standard input is no terminal; see the plan with --dry-run, then run it with --yes",
    ))
}

/// Asks once per change.
struct Ask {
    all: bool,
    none: bool,
}

impl Ask {
    fn agrees(&mut self, question: &str) -> bool {
        if self.all || self.none {
            return self.all;
        }
        match answer(&format!("{question} [y]es, [n]o, [a]ll, [q]uit: ")).as_deref() {
            Some("y" | "yes") => true,
            Some("a" | "all") => {
                self.all = true;
                true
            }
            // The end of the input is no consent.
            Some("q" | "quit") | None => {
                self.none = true;
                false
            }
            _ => false,
        }
    }
}

/// A line from the terminal; `None` = its end.
fn answer(question: &str) -> Option<String> {
    let mut to = stderr().lock();
    let _ = write!(to, "{question}").and_then(|()| to.flush());
    let mut text = String::new();
    match stdin().lock().read_line(&mut text) {
        Ok(read) if read > 0 => Some(text.trim().to_ascii_lowercase()),
        _ => None,
    }
}

/// The phones' networks, as the admin says.
fn networks(facts: &Facts) -> Result<Vec<Ipv4Net>, Failure> {
    let ours: Vec<String> = facts.networks.iter().map(ToString::to_string).collect();
    let said = answer(&format!("Networks that the phones are in, with commas between [{}]: ", ours.join(",")))
        .unwrap_or_default();
    if said.is_empty() {
        return Ok(facts.networks.clone());
    }
    typed(&said).map_err(|why| Failure::usage(format!("nothing was changed: {said:?} is of no use: {why}")))
}

/// What was typed, as `--phone-network` takes it.
fn typed(said: &str) -> Result<Vec<Ipv4Net>, String> {
    let words = ["setup".to_owned(), format!("--phone-network={}", said.replace(char::is_whitespace, ""))];
    let parsed = Setup::augment_args(Command::new("setup"))
        .try_get_matches_from(words)
        .and_then(|matches| Setup::from_arg_matches(&matches));
    parsed.map(|setup| setup.phone_network).map_err(|why| {
        let why = why.to_string();
        why.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

/// What to do next, in five lines.
fn next(facts: &Facts, steps: &[Step]) -> Vec<String> {
    let address = facts.addresses.first().map_or_else(|| "this host's address".to_owned(), ToString::to_string);
    let there = |step: &Step| step.id == "module" && matches!(step.status, Status::Done | Status::Changed);
    let phone = match facts.pbx {
        crate::setup::facts::Pbx::FreePbx { .. } if steps.iter().any(there) => {
            "in FreePBX, open an extension, fill in the section \"Cisco phone\", submit, Apply Config"
        }
        crate::setup::facts::Pbx::FreePbx { .. } => {
            "without the FreePBX module, give each phone its lines: offhook phones add MAC --model MODEL --line EXTENSION"
        }
        _ => "give each phone its lines: offhook phones add MAC --model MODEL --line EXTENSION (docs/asterisk.md)",
    };
    vec![
        phone.to_owned(),
        format!("on your DHCP server, set options 150 and 66 to {address}; its lines: offhook dhcp snippet --for NAME"),
        "offhook check".to_owned(),
        format!(
            "the page: ssh -L 8150:127.0.0.1:8150 root@{address}, then open http://127.0.0.1:8150/; offhook admin token prints what it asks for first"
        ),
        "offhook setup --undo takes everything back".to_owned(),
    ]
}

async fn take_back(asked: Setup, mut facts: Facts, context: &Context) -> Result<(), Failure> {
    let quiet = context.out.json();
    if facts.journal_hidden {
        return Err(Failure::failed(format!(
            "what there is to undo is in {}, which only root may read; run sudo offhook setup --undo",
            facts.paths.journal().display()
        )));
    }
    let mut undos = undo::plan(&facts);
    let text = |undos: &Vec<Undo>| match undos.as_slice() {
        [] => "nothing to undo: setup changed nothing on this host\n".to_owned(),
        undos => {
            let lines: Vec<String> =
                undos.iter().map(|undo| format!("{}: {}", undo.what, word(&undo.outcome))).collect();
            lines.join("\n")
        }
    };
    if undos.is_empty() || asked.dry_run {
        context.out.show(&undos, text);
        return Ok(());
    }
    if !facts.privileged {
        return Err(Failure::failed("nothing was undone: it takes root; run sudo offhook setup --undo"));
    }
    asks_somebody(&asked, true)?;
    let mut ask = Ask { all: asked.yes, none: false };
    let stops = undo::stops_daemon(&facts);
    let mut stopped = false;
    for entry in &mut undos {
        entry.outcome = if ask.agrees(&format!("{}?", entry.what)) {
            if stops && !stopped {
                stopped = undo::daemon("stop").await.is_ok();
            }
            undo::undo(&mut facts, &entry.change).await
        } else {
            Outcome::Declined
        };
        if !quiet {
            line(&format!("{}: {}", entry.what, word(&entry.outcome)));
        }
    }
    if quiet {
        context.out.show(&undos, text);
    }
    if undos.iter().all(|entry| entry.outcome == Outcome::Declined) {
        return Ok(());
    }
    // It goes on with what is left of its configuration.
    let restarted = undo::daemon("restart").await;
    let failed = undos.iter().filter(|entry| matches!(entry.outcome, Outcome::Failed(_))).count();
    let kept = undos.iter().filter(|entry| matches!(entry.outcome, Outcome::Kept(_))).count();
    match (failed, restarted) {
        (0, Ok(())) if kept > 0 => Err(Failure::partly(format!("{kept} changes are left, as said above"))),
        (0, Ok(())) => Ok(()),
        (0, Err(why)) => {
            Err(Failure::partly(format!("what is said above is undone, and the daemon was not restarted: {why}")))
        }
        (failed, _) => Err(Failure::partly(format!(
            "{failed} changes could not be undone, as said above; put right what is in the way and run offhook setup --undo again"
        ))),
    }
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Todo => "to undo".to_owned(),
        Outcome::Undone => "undone".to_owned(),
        Outcome::Left(why) | Outcome::Kept(why) => format!("left: {why}"),
        Outcome::Declined => "left as it is".to_owned(),
        Outcome::Failed(why) => format!("failed: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_judged_as_the_option_is() {
        let nets: Vec<Ipv4Net> = ["10.0.0.0/8", "192.168.50.0/24"].map(|net| net.parse().unwrap()).into();
        assert_eq!(typed("10.0.0.0/8, 192.168.50.0/24"), Ok(nets));
        for (said, word) in [
            ("0.0.0.0/0", "whole Internet"),
            ("192.168.50.7/24", "192.168.50.0/24"),
            ("phones", "no IPv4 network"),
            ("10.0.0.0/8,,", "no IPv4 network"),
        ] {
            let why = typed(said).unwrap_err();
            assert!(why.contains(word) && !why.contains('\n'), "{said}: {why}");
        }
    }
}
