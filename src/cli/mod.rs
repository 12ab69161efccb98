//! The command line: one file per noun. Speaks to the running daemon over its socket, in the shapes of [`crate::api`].

mod admin;
mod args;
mod check;
mod client;
mod convert;
mod dhcp;
mod explain;
mod findings;
mod firmware;
mod generate;
mod models;
mod phones;
mod planned;
mod render;
mod report;
mod serve;
mod settings;
mod setup;
mod simulate;
mod support_bundle;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::config::{Config, ConfigError, Environment};
pub use args::command;
use args::{Cli, Command};
use report::{Failure, Out};

/// Where the configuration is, unless told otherwise.
const CONFIG: &str = "/etc/offhook/offhook.toml";

/// Where the daemon's socket is, when there is no configuration to ask.
const SOCKET: &str = "/run/offhook/api.sock";

/// Runs one command line; the exit codes are the contract's.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(usage) => {
            if usage.use_stderr() {
                return Failure::usage(one_line(&usage)).report();
            }
            // Help was asked for; a closed pipe is the reader's business.
            let _ = usage.print();
            return ExitCode::SUCCESS;
        }
    };
    if let Command::FirmwareUnpack { name } = &cli.command {
        return crate::firmware::import::child(&name.to_string_lossy());
    }
    let out = Out::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            return Failure::failed(format!("offhook could not start its threads: {why}; see ulimit -u")).report();
        }
    };
    let context = Context { file: cli.config, out };
    let outcome = runtime.block_on(dispatch(cli.command, &context));
    // Blocking reads that nobody waits for must not hold the process.
    runtime.shutdown_background();
    match outcome.and_then(|()| report::written()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// What clap says of wrong usage in paragraphs, as the contract's one line, however long the argument that it quotes.
fn one_line(usage: &clap::Error) -> String {
    let text = usage.to_string();
    if usage.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let form = text.lines().find(|line| line.starts_with("Usage: ")).unwrap_or_default();
        return format!("a command is missing; {form}; see --help");
    }
    let words = text.strip_prefix("error: ").unwrap_or(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    let words = words.replace(" For more information, try '--help'.", "; see --help");
    match words.char_indices().nth(USAGE) {
        Some((end, _)) => format!("{} […]; see --help", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

/// Characters of a sentence on wrong usage.
const USAGE: usize = 300;

async fn dispatch(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Serve => serve::serve(context).await,
        Command::Setup(asked) => setup::setup(asked, context).await,
        Command::Check => check::check(context).await,
        Command::Demo { once } => serve::demo(once).await,
        Command::Phones(verb) => phones::run(verb, context).await,
        Command::Explain { what } => explain::explain(&what, context).await,
        Command::Render { mac, file: Some(file), diff: true, .. } => render::diff(mac, &file, context).await,
        Command::Render { mac, file, reveal, .. } => render::render(mac, file.as_deref(), reveal, context).await,
        Command::Simulate(play) => simulate::simulate(play, context.out).await,
        Command::Models(verb) => models::run(verb, context.out),
        Command::Convert(verb) => convert::run(verb, context).await,
        Command::Firmware(verb) => firmware::run(verb, context).await,
        Command::Admin(verb) => admin::run(verb, context).await,
        Command::Dhcp(verb) => dhcp::run(verb, context).await,
        Command::Settings => settings::settings(context).await,
        Command::Watch => watch::watch(context).await,
        Command::SupportBundle(asked) => support_bundle::write(&asked, context).await,
        // Done before any thread was started.
        Command::FirmwareUnpack { .. } => Ok(()),
        Command::Generate { what, folder } => generate::generate(what, &folder),
        Command::Other(words) => Err(planned::refuse(&words)),
    }
}

/// What every command may need.
struct Context {
    file: Option<PathBuf>,
    out: Out,
}

impl Context {
    fn path(&self) -> PathBuf {
        self.file
            .clone()
            .or_else(|| std::env::var_os("OFFHOOK_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from))
            .unwrap_or_else(|| CONFIG.into())
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let environment: Environment = std::env::vars_os()
            // A value that is no text is not left out: it is refused by what it is for.
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .filter(|(name, _)| name.starts_with("OFFHOOK_"))
            .collect();
        crate::config::load(&self.path(), &environment)
    }

    /// The daemon's socket: as configured, or where it is by default when there is no configuration at all.
    fn client(&self) -> Result<client::Client, Failure> {
        let socket = match self.config() {
            Ok(config) => config.server.socket,
            Err(_) if self.file.is_none() && !self.path().exists() => SOCKET.into(),
            Err(why) => return Err(Failure::usage(why.to_string())),
        };
        client::Client::new(socket)
    }
}
