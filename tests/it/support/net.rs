//! Networks of their own for a test: a process holds each, programs are started inside.

use std::fs::read_link;
use std::process::{Child, Command, Stdio};

use super::{succeed, wait_for};

/// A process that ends with the test.
pub(crate) struct Ends(pub Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A network with nothing in it, as long as this lives.
pub(crate) fn apart() -> Ends {
    let held = Ends(Command::new("unshare").args(["--net", "sleep", "600"]).stdin(Stdio::null()).spawn().unwrap());
    let ours = read_link("/proc/self/ns/net").unwrap();
    wait_for("a network of its own", || {
        let theirs = read_link(format!("/proc/{}/ns/net", held.0.id())).map_err(|why| why.to_string())?;
        if theirs == ours { Err("it is ours".to_owned()) } else { Ok(()) }
    });
    held
}

/// A program in the network of a process.
pub(crate) fn inside(process: u32, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{process}/ns/net")).arg(program).args(arguments);
    command
}

/// ip(8) in the network of a process, line by line.
pub(crate) fn ip(process: u32, lines: &[&str]) {
    for line in lines {
        succeed(&mut inside(process, "ip", &line.split(' ').collect::<Vec<_>>()));
    }
}
