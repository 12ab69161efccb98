//! `offhook check`

use super::Context;
use super::report::{Failure, table};
use crate::api::{Check, CheckStatus};
use crate::check::{self, Held};
use crate::config::{ConfigProblem, Listen};
use crate::ports;

pub(super) async fn check(context: &Context) -> Result<(), Failure> {
    let (checks, readable) = checks(context).await?;
    context.out.show(&checks, |checks| text(checks));
    if !readable {
        return Err(Failure::usage(""));
    }
    if checks.iter().any(|check| check.status == CheckStatus::Failed) { Err(Failure::silent()) } else { Ok(()) }
}

/// All checks, and whether the configuration can be read at all.
pub(super) async fn checks(context: &Context) -> Result<(Vec<Check>, bool), Failure> {
    let (mut checks, listens) = match context.config() {
        Ok(config) => {
            let sound = format!("{} and what is beside it are sound", context.path().display());
            (vec![one("configuration", CheckStatus::Ok, sound, "")], config.listens())
        }
        Err(why) => {
            let remedy = "correct it, then systemctl restart offhook";
            let problem =
                |problem: &ConfigProblem| one("configuration", CheckStatus::Failed, problem.to_string(), remedy);
            return Ok((why.problems.iter().map(problem).collect(), false));
        }
    };
    match context.client()?.get::<Vec<Check>>("/api/v1/check").await {
        Ok(mut more) => {
            checks.push(one("daemon", CheckStatus::Ok, "it runs and answers".to_owned(), ""));
            name_holders(&mut more, &listens);
            checks.append(&mut more);
        }
        Err(why) => {
            let remedy = "systemctl start offhook, then journalctl -u offhook";
            checks.push(one("daemon", CheckStatus::Failed, why.sentence().to_owned(), remedy));
        }
    }
    Ok((checks, true))
}

/// Root sees whose process it is that holds a port; the daemon sees only the user.
fn name_holders(checks: &mut [Check], listens: &[Listen]) {
    for check in checks.iter_mut().filter(|check| check.name == check::HELD) {
        let Some(listen) = listens.iter().find(|listen| check.summary.starts_with(&check::held_at(listen))) else {
            continue;
        };
        if let Some(holder) = ports::holder(listen).filter(|holder| holder.process.is_some()) {
            *check = check::port_held(&Held { listen: *listen, holder: Some(holder.to_string()) });
        }
    }
}

fn one(name: &str, status: CheckStatus, summary: String, remedy: &str) -> Check {
    Check { name: name.to_owned(), status, summary, remedy: remedy.to_owned() }
}

/// A table.
pub(super) fn text(checks: &[Check]) -> String {
    let row = |check: &Check| {
        let status = match check.status {
            CheckStatus::Ok => "ok",
            CheckStatus::Warning => "warning",
            CheckStatus::Failed => "failed",
        };
        let remedy = if check.remedy.is_empty() { String::new() } else { format!(" -> {}", check.remedy) };
        vec![status.to_owned(), check.name.clone(), format!("{}{remedy}", check.summary)]
    };
    table(&["STATUS", "CHECK", "WHAT, AND WHAT TO DO"], &checks.iter().map(row).collect::<Vec<_>>())
}
