//! A SIP user agent that is not ours (sipp): registers, stays, answers, and says what it got.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{in_repository, phone_address, text, wait_for};

/// A registered user agent; ended with the value.
pub(crate) struct Agent {
    child: Child,
    folder: TempDir,
    /// Its address; it listens on 5060 there.
    pub(crate) address: Ipv4Addr,
}

impl Agent {
    /// Registers as this user with the registrar on that port of 127.0.0.1, and answers every NOTIFY with that status.
    pub(crate) fn register(port: u16, user: &str, secret: &str, notify: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let incoming = fs::read_to_string(in_repository("tests/data/incoming.xml")).unwrap();
        fs::write(folder.path().join("incoming.xml"), incoming.replace("@NOTIFY@", notify)).unwrap();
        let address = phone_address();
        let mut command = Command::new("sipp");
        command.current_dir(folder.path()).arg("-sf").arg(in_repository("tests/data/stay.xml"));
        command.args(["-oocsf", "incoming.xml", "-m", "1", "-nostdin", "-i", &address.to_string(), "-p", "5060"]);
        command.args(["-timeout", "90s", "-default_behaviors", "all,-bye", "-trace_msg", "-message_file", "messages"]);
        command.args(["-s", user, "-au", user, "-ap", secret, &format!("127.0.0.1:{port}")]);
        let quiet = || Stdio::from(fs::File::create(folder.path().join("out")).unwrap());
        let child = command.stdin(Stdio::null()).stdout(quiet()).stderr(quiet()).spawn().unwrap();
        let agent = Self { child, folder, address };
        wait_for(&format!("{user} to be registered"), || {
            let accepted = |message: &String| message.starts_with("SIP/2.0 200") && message.contains("REGISTER");
            agent.messages("received").iter().any(accepted).then_some(()).ok_or_else(|| agent.trace())
        });
        agent
    }

    fn trace(&self) -> String {
        text(&fs::read(self.folder.path().join("messages")).unwrap_or_default())
    }

    /// All whole messages of one direction (`received`, `sent`) so far.
    fn messages(&self, direction: &str) -> Vec<String> {
        let trace = self.trace();
        let rule = "-".repeat(20);
        let blocks = trace.split(&rule).filter(|block| block.contains(&format!("message {direction} ")));
        blocks
            .filter_map(|block| Some(block.split_once("\n\n")?.1.to_owned()))
            .filter(|message| whole(message))
            .collect()
    }

    /// The Call-ID of its own REGISTER.
    pub(crate) fn call_id(&self) -> String {
        let sent = self.messages("sent");
        let register = sent.iter().find(|message| message.starts_with("REGISTER")).expect("it registered");
        header(register, "Call-ID").to_owned()
    }

    /// The NOTIFYs that came so far, each once.
    pub(crate) fn notifies(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for message in self.messages("received").into_iter().filter(|message| message.starts_with("NOTIFY")) {
            if all.iter().all(|other| header(other, "Call-ID") != header(&message, "Call-ID")) {
                all.push(message);
            }
        }
        all
    }

    /// The n-th of them, counted from 0, once it is there.
    pub(crate) fn notify(&self, n: usize) -> String {
        wait_for(&format!("NOTIFY {n}"), || self.notifies().get(n).cloned().ok_or_else(|| self.trace()))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A header's value.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in\n{message}")).trim()
}

/// The body.
pub(crate) fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn whole(message: &str) -> bool {
    let length = message.lines().find_map(|line| line.strip_prefix("Content-Length:"));
    let length = length.and_then(|length| length.trim().parse::<usize>().ok());
    message.contains("\r\n\r\n") && length.is_some_and(|length| body(message).len() >= length)
}
