//! The `offhook` program: parses its arguments, runs one command, maps the outcome to an exit code.

fn main() {}
