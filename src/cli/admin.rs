//! `offhook admin`: the account of the page, and tokens for programs.

use std::ffi::OsString;
use std::io::{BufRead as _, IsTerminal as _, Read as _, stdin};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::report::{Failure, table};
use super::{Context, planned};
use crate::api::{AddToken, Done, FirstRun, MadeToken, SetPassword, Token};

#[derive(Debug, Subcommand)]
pub(super) enum Admin {
    /// Print the token that the page asks for before there is an account; root alone gets it
    Token,
    /// Set the password of the page's account, which is made if there is none; who is logged in is not any more
    Password(Password),
    /// Tokens, by which programs use the API over the network
    #[command(subcommand)]
    Tokens(Tokens),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

#[derive(Debug, Args)]
pub(super) struct Password {
    /// The account's name [default: the one it has, or admin]
    #[arg(long)]
    name: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// Make one, and print it this once
    Add {
        /// Who it is for
        name: String,
        /// It may look and change nothing
        #[arg(long)]
        read_only: bool,
        /// How long it counts, such as 90d [default: until it is removed]
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
    },
    /// All, and when each was used last
    List,
    /// Take one away
    Remove {
        /// Who it is for
        name: String,
    },
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Octets of a line with a password.
const LINE: u64 = 4_096;

pub(super) async fn run(verb: Admin, context: &Context) -> Result<(), Failure> {
    match verb {
        Admin::Token => {
            let first: FirstRun = context.client()?.get("/api/v1/admin/token").await?;
            context.out.show(&first, |first| first.token.clone());
            Ok(())
        }
        Admin::Password(asked) => password(asked, context).await,
        Admin::Tokens(verb) => tokens(verb, context).await,
        Admin::Other(words) => Err(planned::refuse_verb("admin", &words)),
    }
}

async fn password(asked: Password, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let password = if asked.stdin { line()? } else { typed()? };
    let done: Done = client.post("/api/v1/admin/password", &SetPassword { name: asked.name, password }).await?;
    context.out.show(&done, |done| done.summary.clone());
    Ok(())
}

fn line() -> Result<String, Failure> {
    let mut text = String::new();
    let read = stdin().lock().take(LINE).read_line(&mut text);
    read.map_err(|why| Failure::failed(format!("the password could not be read from standard input: {why}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Twice, unseen.
fn typed() -> Result<String, Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::usage("the password is asked for at a terminal, and this is none; give it by --stdin"));
    }
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map_err(|why| Failure::failed(format!("the password could not be read from the terminal: {why}")))
    };
    let password = ask("Password: ")?;
    if ask("Once more: ")? != password {
        return Err(Failure::usage("the two passwords are not the same; nothing was changed"));
    }
    Ok(password)
}

async fn tokens(verb: Tokens, context: &Context) -> Result<(), Failure> {
    match verb {
        Tokens::Add { name, read_only, expires } => {
            let asked = AddToken { name, read_only, seconds: expires.map(|time| time.as_secs()) };
            let made: MadeToken = context.client()?.post("/api/v1/admin/tokens", &asked).await?;
            context.out.show(&made, |made| made.token.clone());
            Ok(())
        }
        Tokens::List => {
            let all: Vec<Token> = context.client()?.get("/api/v1/admin/tokens").await?;
            context.out.show(&all, |all| list(all));
            Ok(())
        }
        Tokens::Remove { name } => {
            let name = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
            let done: Done = context.client()?.delete(&format!("/api/v1/admin/tokens/{name}")).await?;
            context.out.show(&done, |done| done.summary.clone());
            Ok(())
        }
        Tokens::Other(words) => Err(planned::refuse_verb("admin tokens", &words)),
    }
}

fn list(all: &[Token]) -> String {
    if all.is_empty() {
        return "there are no tokens; offhook admin tokens add NAME makes one".to_owned();
    }
    let or = |at: Option<jiff::Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| at.to_string());
    let row = |token: &Token| {
        let may = if token.read_only { "look" } else { "everything" };
        vec![
            token.name.clone(),
            may.to_owned(),
            token.since.to_string(),
            or(token.expires, "-"),
            or(token.used, "never"),
        ]
    };
    table(&["name", "may", "since", "expires", "used"], &all.iter().map(row).collect::<Vec<_>>())
}
