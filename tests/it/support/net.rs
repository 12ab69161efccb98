//! Networks of their own for a test: a process holds each, programs are started inside.

use std::fs::{File, read_link};
use std::os::fd::AsFd as _;
use std::panic::resume_unwind;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

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

/// Does this in the network of a process, on a thread of its own, which alone goes over.
pub(crate) fn within<T: Send>(process: u32, work: impl FnOnce() -> T + Send) -> T {
    let there = File::open(format!("/proc/{process}/ns/net")).unwrap();
    let over = move || {
        move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        work()
    };
    thread::scope(|scope| scope.spawn(over).join().unwrap_or_else(|panic| resume_unwind(panic)))
}

/// ip(8) in the network of a process, line by line.
pub(crate) fn ip(process: u32, lines: &[&str]) {
    for line in lines {
        succeed(&mut inside(process, "ip", &line.split(' ').collect::<Vec<_>>()));
    }
}

/// A link from the host's network to the phone's: there v0, 192.0.2.1/24; here v1 with this MAC, up and without an address.
pub(crate) fn link(host: u32, phone: u32, mac: &str) {
    ip(
        host,
        &[
            "link set lo up",
            "link add v0 type veth peer name v1",
            "address add 192.0.2.1/24 dev v0",
            &format!("link set v1 netns {phone}"),
            "link set v0 up",
        ],
    );
    ip(phone, &["link set lo up", &format!("link set v1 address {mac}"), "link set v1 up"]);
}
