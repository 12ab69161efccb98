//! `offhook firmware …`: one file per verb.

mod path;

use std::ffi::OsString;

use clap::Subcommand;

use super::report::Failure;
use super::{Context, planned};

#[derive(Debug, Subcommand)]
pub(super) enum Firmware {
    /// The legal steps from one load to another, each with its rule and source, or why there are none; needs no daemon
    Path(path::Path),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

pub(super) async fn run(verb: Firmware, context: &Context) -> Result<(), Failure> {
    match verb {
        Firmware::Path(asked) => path::path(&asked, context).await,
        Firmware::Other(words) => Err(planned::refuse_verb("firmware", &words)),
    }
}
