//! `offhook check`

use super::Context;
use super::report::{Failure, table};
use crate::api::{Check, CheckStatus};

pub(super) async fn check(context: &Context) -> Result<(), Failure> {
    let mut checks = vec![match context.config() {
        Ok(_) => one(
            "configuration",
            CheckStatus::Ok,
            format!("{} and what is beside it are sound", context.path().display()),
            "",
        ),
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
    }];
    match context.client()?.get::<Vec<Check>>("/api/v1/check").await {
        Ok(mut more) => {
            checks.push(one("daemon", CheckStatus::Ok, "it runs and answers".to_owned(), ""));
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
