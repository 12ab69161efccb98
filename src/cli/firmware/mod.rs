//! `offhook firmware …`: one file per verb.

mod add;
mod path;
mod store;

use std::ffi::OsString;

use clap::Subcommand;

use super::report::Failure;
use super::{Context, planned};

#[derive(Debug, Subcommand)]
pub(super) enum Firmware {
    /// The legal steps from one load to another, each with its rule and source, or why there are none; needs no daemon
    Path(path::Path),
    /// Take the vendor's archives, folders or single files into the store
    Add(add::Add),
    /// The loads of the store, complete or what they lack
    List,
    /// Read stored files again and compare them with what they were; exit 1 if a load is not sound
    Check(store::Check),
    /// Remove a load, and what no other load is made of
    Remove(store::Remove),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

pub(super) async fn run(verb: Firmware, context: &Context) -> Result<(), Failure> {
    match verb {
        Firmware::Path(asked) => path::path(&asked, context).await,
        Firmware::Add(asked) => add::add(&asked, context).await,
        Firmware::List => store::list(context).await,
        Firmware::Check(asked) => store::check(&asked, context).await,
        Firmware::Remove(asked) => store::remove(&asked, context).await,
        Firmware::Other(words) => Err(planned::refuse_verb("firmware", &words)),
    }
}
