//! `offhook check`

use super::Context;
use super::report::{Failure, table};
use crate::api::{Check, CheckStatus};
use crate::check::{self, Held};
use crate::config::Listen;
use crate::ports;

pub(super) async fn check(context: &Context) -> Result<(), Failure> {
    let (mut checks, listens) = match context.config() {
        Ok(config) => {
            let sound = format!("{} and what is beside it are sound", context.path().display());
            (vec![one("configuration", CheckStatus::Ok, sound, "")], config.listens())
        }
        Err(why) => {
            let checks: Vec<Check> = why
                .problems
                .iter()
                .map(|problem| {
                    one(
                        "configuration",
                        CheckStatus::Failed,
                        problem.to_string(),
                        "correct it, then systemctl restart offhook",
                    )
                })
                .collect();
            show(&checks, context);
            return Err(Failure::usage(""));
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
    show(&checks, context);
    if checks.iter().any(|check| check.status == CheckStatus::Failed) { Err(Failure::silent()) } else { Ok(()) }
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

fn show(checks: &Vec<Check>, context: &Context) {
    context.out.show(checks, |checks| {
        let rows: Vec<Vec<String>> = checks
            .iter()
            .map(|check| {
                let status = match check.status {
                    CheckStatus::Ok => "ok",
                    CheckStatus::Warning => "warning",
                    CheckStatus::Failed => "failed",
                };
                let remedy = if check.remedy.is_empty() { String::new() } else { format!(" -> {}", check.remedy) };
                vec![status.to_owned(), check.name.clone(), format!("{}{remedy}", check.summary)]
            })
            .collect();
        table(&["STATUS", "CHECK", "WHAT, AND WHAT TO DO"], &rows)
    });
}
