//! The API against its own description: routes, errors, and requests that Schemathesis makes out of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, in_repository, run, text};

const DOCUMENT: &str = "/api/v1/openapi.json";

/// An answer: status, head, body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn ask(socket: &Path, method: &str, path: &str) -> Answer {
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: offhook\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "{method} {path}: {head}");
    }
    let mut body = Vec::new();
    // Events have no end.
    if !head.contains("text/event-stream") {
        stream.read_to_end(&mut body).unwrap();
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: text(&body) }
}

fn document(socket: &Path) -> Value {
    serde_json::from_str(&ask(socket, "GET", DOCUMENT).body).unwrap()
}

fn assert_problem(answer: &Answer, what: &str) {
    assert!(answer.head.contains("content-type: application/problem+json"), "{what}: {}", answer.head);
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["status"], answer.status, "{what}");
    assert_eq!(problem["type"], "about:blank", "{what}");
    let (detail, title) = (problem["detail"].as_str().unwrap(), problem["title"].as_str().unwrap());
    assert!(!detail.trim().is_empty() && !title.is_empty() && problem["error"] == detail, "{what}: {problem}");
}

#[test]
fn what_is_described_is_served_and_nothing_else_and_errors_are_problems() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let socket = site.folder().join("api.sock");
    let document = document(&socket);
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 15, "{paths:?}");
    let mut problems = 0;
    for (path, operations) in paths {
        let real =
            path.replace("{mac}", "00087D0A0001").replace("{verb}", "x").replace("{load}", "x").replace("{name}", "x");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let what = format!("{method} {real}");
            let answer = ask(&socket, method, &real);
            let described = operations.get(method.to_ascii_lowercase()).is_some();
            assert_eq!(answer.status != 405, described, "{what}: {} {}", answer.status, answer.body);
            assert!(!answer.body.contains("is not served by this version"), "{what}: {}", answer.body);
            if answer.status >= 400 {
                assert_problem(&answer, &what);
                assert_eq!(answer.status == 405, answer.head.contains("\nallow: "), "{what}: {}", answer.head);
                problems += 1;
            }
        }
    }
    assert!(problems > 50, "{problems}");
    for (method, path, status) in [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v2/phones", 404),
        ("GET", "/api/v1/phones/x", 400),
        ("GET", "/api/v1/phones/00087D0A0001/files/x?reveal=perhaps", 400),
        ("POST", "/api/v1/firmware", 400),
        ("POST", "/api/v1/phones", 400),
    ] {
        let answer = ask(&socket, method, path);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_problem(&answer, path);
    }
    // Who asks by the command line reads the sentence, and nothing of the rest.
    let refused = daemon.cli(&["phones", "show", "00087D0A00FE"]);
    let said = text(&refused.stderr);
    assert!(said.contains("phone 00087D0A00FE is not assigned") && !said.contains("about:blank"), "{said}");
    daemon.stop();
}

/// A port of loopback that leads to a unix socket, for clients that know no such thing.
fn bridge(socket: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for caller in listener.incoming() {
            let (Ok(caller), Ok(server)) = (caller, UnixStream::connect(&socket)) else { return };
            thread::spawn(move || join(&caller, &server));
        }
    });
    address
}

/// Octets to and fro until both ends have said all.
fn join(caller: &TcpStream, server: &UnixStream) {
    thread::scope(|scope| {
        scope.spawn(|| {
            // An end that goes is the end of what it says.
            let _ = copy(&mut &*caller, &mut &*server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let _ = copy(&mut &*server, &mut &*caller);
        let _ = caller.shutdown(Shutdown::Both);
    });
}

#[test]
fn schemathesis_finds_nothing() {
    if !have(&[Component::Schemathesis]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada Lovelace", "CANARY1001");
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_file("SIP00087D0A0001.cnf", "served", |_| true);
    let socket = site.folder().join("api.sock");
    let file = site.folder().join("openapi.json");
    std::fs::write(&file, document(&socket).to_string()).unwrap();
    let script = in_repository("tests/env/schemathesis");
    let validated = run(Command::new(&script).arg("validate").arg(&file));
    assert!(validated.status.success(), "{}{}", text(&validated.stdout), text(&validated.stderr));

    let url = format!("http://{}{DOCUMENT}", bridge(socket));
    let mut command = Command::new(&script);
    // Asking DHCP servers takes as many seconds as are asked for, and events have no end.
    command.args(["run", &url, "--checks", "all", "--max-examples", "20", "--seed", "1", "--no-color"]);
    command.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--exclude-path",
        "/api/v1/dhcp/listen",
        "--exclude-path",
        "/api/v1/events",
        "--request-timeout",
        "20",
    ]);
    let output = run(command.current_dir(site.folder()));
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.contains("Tested: "), "{said}");
    // And the daemon is as it was.
    assert_eq!(daemon.phone("00087D0A0001")["ownership"], "adopted");
    daemon.stop();
}
