//! The stored shape of a roster. The only place where a secret is written, and it is written to a private file.

use serde::{Deserialize, Serialize};

use crate::domain::{Extension, Problem, Secret};
use crate::pbx::roster::{
    Account, Assignment, Driver, EndpointSettings, NatFlags, Registrar, Roster, RowProblem, Transports,
};

#[derive(Serialize, Deserialize)]
struct Stored {
    registrar: Registrar,
    accounts: Vec<StoredAccount>,
    assignments: Vec<Assignment>,
    problems: Vec<RowProblem>,
    assignment_problems: Vec<RowProblem>,
    voicemail_code: Option<String>,
    time_zone: Option<String>,
    assignments_known: bool,
    apply_pending: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredAccount {
    extension: Extension,
    driver: Driver,
    sip_user: String,
    auth_user: String,
    secret: Option<String>,
    name: String,
    mailbox: Option<String>,
    max_contacts: u16,
    nat: NatFlags,
    #[serde(default)]
    transports: Transports,
    #[serde(default)]
    settings: EndpointSettings,
    problems: Vec<Problem>,
}

pub(super) fn write(roster: &Roster) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Stored {
        registrar: roster.registrar,
        accounts: roster.accounts.values().map(stored).collect(),
        assignments: roster.assignments.values().cloned().collect(),
        problems: roster.problems.clone(),
        assignment_problems: roster.assignment_problems.clone(),
        voicemail_code: roster.voicemail_code.clone(),
        time_zone: roster.time_zone.clone(),
        assignments_known: roster.assignments_known,
        apply_pending: roster.apply_pending,
    })
}

pub(super) fn read(body: &str) -> Result<Roster, serde_json::Error> {
    let stored: Stored = serde_json::from_str(body)?;
    Ok(Roster {
        registrar: stored.registrar,
        accounts: stored.accounts.into_iter().map(|a| (a.extension.clone(), account(a))).collect(),
        assignments: stored.assignments.into_iter().map(|a| (a.mac, a)).collect(),
        problems: stored.problems,
        assignment_problems: stored.assignment_problems,
        voicemail_code: stored.voicemail_code,
        time_zone: stored.time_zone,
        assignments_known: stored.assignments_known,
        apply_pending: stored.apply_pending,
    })
}

fn stored(account: &Account) -> StoredAccount {
    StoredAccount {
        extension: account.extension.clone(),
        driver: account.driver,
        sip_user: account.sip_user.clone(),
        auth_user: account.auth_user.clone(),
        secret: account.secret.as_ref().map(|secret| secret.expose().to_owned()),
        name: account.name.clone(),
        mailbox: account.mailbox.clone(),
        max_contacts: account.max_contacts,
        nat: account.nat,
        transports: account.transports,
        settings: account.settings.clone(),
        problems: account.problems.clone(),
    }
}

fn account(stored: StoredAccount) -> Account {
    Account {
        extension: stored.extension,
        driver: stored.driver,
        sip_user: stored.sip_user,
        auth_user: stored.auth_user,
        secret: stored.secret.map(Secret::new),
        name: stored.name,
        mailbox: stored.mailbox,
        max_contacts: stored.max_contacts,
        nat: stored.nat,
        transports: stored.transports,
        settings: stored.settings,
        problems: stored.problems,
    }
}
