//! The `offhook` program: parses its arguments, runs one command, maps the outcome to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    offhook::cli::run(std::env::args_os())
}
