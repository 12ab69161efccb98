//! W2, W3, W9 to W12, W15 and W16: who may come in, and what each may do.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use offhook::simulate::firmware::archive::{Form, pack};
use offhook::simulate::firmware::set;
use serde_json::{Value, json};

use super::w::{
    NAME, PASSWORD, assert_says_how_little_is_allowed, audited, form, log_in, logged, make_account, said_by_forms,
    token, typed, wait_for_lines,
};
use super::{BYSTANDER, add_bystander, assert_unharmed, file_of_bystander, site};
use crate::support::http::{Answer, ask, connect_from, read, request};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, in_repository, run, text, wait_for};

pub(super) const IDS: &[&str] = &["W2", "W3", "W9", "W10", "W11", "W12", "W15", "W16"];

const JSON: (&str, &str) = ("Content-Type", "application/json");

const PHONES: &str = "/api/v1/phones";

/// Before there is an account only the token of the first run opens anything, and root alone is shown it.
#[test]
fn w2_the_first_account() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    let kept = site.state().join("first-run-token");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read_to_string(&kept).unwrap().trim().to_owned();
    assert!(first.len() == 64 && first.bytes().all(|b| b.is_ascii_hexdigit()), "{first}");
    if text(&run(std::process::Command::new("id").arg("-u")).stdout).trim() == "0" {
        assert_eq!(text(&daemon.cli(&["admin", "token"]).stdout).trim(), first);
        // Another user with the socket's rights is no root.
        for path in [site.folder().to_owned(), site.file()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(site.folder().join("api.sock"), fs::Permissions::from_mode(0o666)).unwrap();
        let output = run(site.command(&["admin", "token"]).uid(65_534).gid(65_534));
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("root alone") && !said.contains(&first), "{said}");
    }
    for (path, status, location) in [
        ("/", 303, Some("/setup")),
        ("/login", 303, Some("/setup")),
        ("/phones", 303, Some("/setup")),
        ("/setup", 200, None),
        (PHONES, 401, None),
        ("/healthz", 200, None),
    ] {
        let answer = ask(to, &format!("GET {path}"), &[], "");
        assert_eq!((answer.status, answer.header("location")), (status, location), "{path}: {answer:?}");
        assert_says_how_little_is_allowed(path, &answer);
        assert!(!(answer.head + &answer.body).contains(&first), "{path}");
    }
    let set_up = |token: &str, name: &str, password: &str, again: &str| {
        let fields = [("token", token), ("name", name), ("password", password), ("again", again)];
        form(to, "/setup", None, &fields)
    };
    let wrong = "0".repeat(64);
    for (what, answer, status) in [
        ("no token", set_up("", NAME, PASSWORD, PASSWORD), 401),
        ("another token", set_up(&wrong, NAME, PASSWORD, PASSWORD), 401),
        ("a short password", set_up(&first, NAME, "elevenchars", "elevenchars"), 422),
        ("two passwords", set_up(&first, NAME, PASSWORD, "CANARY another one"), 422),
        ("no name", set_up(&first, "", PASSWORD, PASSWORD), 422),
        ("markup", set_up(&first, "<script>alert(1)</script>", PASSWORD, PASSWORD), 422),
    ] {
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert!(answer.body.contains("role=\"alert\"") && !answer.body.contains("CANARY"), "{what}: {answer:?}");
        assert!(!answer.body.contains("<script"), "{what}: {answer:?}");
    }
    // Two at once: one makes it.
    let made: Vec<Answer> = thread::scope(|scope| {
        let set_up = &set_up;
        let first = first.as_str();
        let both = [NAME, "eve"].map(|name| scope.spawn(move || set_up(first, name, PASSWORD, PASSWORD)));
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let cookies: Vec<String> = made.iter().filter_map(Answer::cookie).collect();
    assert_eq!(cookies.len(), 1, "{made:?}");
    assert_eq!(ask(to, &format!("GET {PHONES}"), &[("Cookie", &cookies[0])], "").status, 200);
    assert!(!kept.exists(), "the token is there still");
    let again = set_up(&first, "eve", PASSWORD, PASSWORD);
    assert_eq!((again.status, again.header("location")), (303, Some("/login")), "{again:?}");
    let none = daemon.cli(&["admin", "token"]);
    assert!(!none.status.success(), "{}", text(&none.stdout));
    assert!(!daemon.log().contains(&first), "the token is in the log");
    audited(&daemon, "set the password of account");
    assert_unharmed("W2", daemon, &file);
    // It is kept, and no token is made at the next start.
    let daemon = site.serve();
    assert_eq!(ask(daemon.admin, "GET /", &[], "").header("location"), Some("/login"));
    assert!(!kept.exists());
    daemon.stop();
}

/// The account is there, and somebody is logged in.
struct Scene<'a> {
    to: SocketAddr,
    cookie: &'a str,
}

impl Scene<'_> {
    /// Asks with the session.
    fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        ask(self.to, line, &[&[("Cookie", self.cookie), JSON], headers].concat(), body)
    }

    fn is_in(&self) -> bool {
        match self.ask(&format!("GET {PHONES}"), &[], "").status {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }
}

#[test]
fn w2_w3_w10_sessions() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    make_account(&site);
    let cookie = log_in(to);
    let scene = Scene { to, cookie: &cookie };
    let own = format!("http://{to}");
    let phone = json!({ "mac": "00087D0C0001", "model": "7960", "lines": ["1099"] }).to_string();
    let add = format!("POST {PHONES}");

    let other_port = format!("http://{}:{}", to.ip(), to.port() - 1);
    let refused: [&[(&str, &str)]; 11] = [
        &[],
        &[("Origin", "null")],
        &[("Origin", &other_port)],
        &[("Origin", "http://evil.example")],
        &[("Origin", "http://localhost")],
        &[("Origin", &own), ("Origin", &own)],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "none")],
        &[("Origin", &own), ("Sec-Fetch-Site", "cross-site")],
        &[("Referer", &own)],
    ];
    for headers in refused {
        for line in
            [add.as_str(), "POST /logout", "DELETE /api/v1/phones/00087D0C0099", "PUT /", "POST /login", "POST /setup"]
        {
            let answer = scene.ask(line, headers, &phone);
            assert_eq!(answer.status, 403, "W2: {line} {headers:?}: {answer:?}");
            assert_says_how_little_is_allowed("W2", &answer);
        }
    }
    assert_eq!(daemon.phone("00087D0C0001"), Value::Null, "W2");
    assert!(scene.is_in(), "W2");
    wait_for_lines(&daemon, "admin-refused", 66);
    // A page of this host that has not read one of this session's.
    let (said, headers) = (said_by_forms(to, &cookie), [("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin")]);
    assert!(said.len() > 30, "W2: {said}");
    let other = log_in(to);
    for wrong in ["", "?form=", &said[..said.len() - 1], &said_by_forms(to, &other)] {
        let answer = scene.ask(&format!("{add}{wrong}"), &headers, &phone);
        assert_eq!(answer.status, 403, "W2: {wrong}: {answer:?}");
        // People are led back to their page, which says so.
        for line in ["POST /logout", "POST /phones/add"] {
            let answer = scene.ask(&format!("{line}{wrong}"), &headers, &phone);
            let to = answer.header("location").unwrap_or_default();
            assert!(answer.status == 303 && to.starts_with("/?said="), "W2: {line}{wrong}: {answer:?}");
            assert!(scene.ask(&format!("GET {to}"), &[], "").body.contains("was of a login that ended"), "W2: {to}");
        }
    }
    // Back to a page of ours and nowhere else; no link has it say so.
    let evil = "http://evil.example/";
    let double = format!("{own}//evil.example/");
    let searched = format!("{own}/?said=1&q=a&state=b");
    for (referer, to) in [(evil, "/?said="), (&double, "/?said="), (&searched, "/?q=a&state=b&said=")] {
        let answer = scene.ask("POST /phones/add", &[headers[0], ("Referer", referer)], &phone);
        assert!(answer.header("location").is_some_and(|at| at.starts_with(to)), "W2: {referer}: {answer:?}");
    }
    for guess in ["former", &said[1..], &said[6..]] {
        assert!(!scene.ask(&format!("GET /?said={guess}"), &[], "").body.contains("login that ended"), "W2: {guess}");
    }
    assert_eq!(daemon.phone("00087D0C0001"), Value::Null, "W2");
    for headers in [&[("Origin", own.as_str())][..], &[("Sec-Fetch-Site", "same-origin")]] {
        assert_eq!(scene.ask(&format!("{add}{said}"), headers, &phone).status, 200, "W2: {headers:?}");
    }
    let said = audited(&daemon, "phone 00087D0C0001");
    assert_eq!(said["who"], format!("{NAME} (127.0.0.1)"), "{said}");

    for headers in [
        [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-User", NAME)],
        [("Forwarded", "for=127.0.0.1"), ("Remote-User", NAME)],
        [("X-Real-IP", "127.0.0.1"), ("X-Remote-User", "root")],
        [("Authorization", "Basic YWRhOng="), ("X-Original-URL", "/healthz")],
        [("Authorization", "Negotiate abc"), ("X-Rewrite-URL", "/healthz")],
        [("Authorization", "Bearer "), ("X-HTTP-Method-Override", "GET")],
        [("Authorization", "Bearer offhook_0"), ("Cookie", "offhook=; __Host-offhook=")],
    ] {
        let answer = ask(to, &format!("GET {PHONES}"), &headers, "");
        assert_eq!(answer.status, 401, "W3: {headers:?}: {answer:?}");
        assert!(answer.header("www-authenticate").is_some_and(|says| says.starts_with("Bearer")), "W3: {answer:?}");
    }
    // Garbage beside a session is garbage.
    assert_eq!(scene.ask(&format!("GET {PHONES}"), &[("Authorization", "Basic YWRhOng=")], "").status, 200, "W3");
    let fields = [("name", NAME), ("password", "CANARY not the one")];
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    let headers = [
        ("Origin", own.as_str()),
        ("X-Forwarded-For", "203.0.113.9"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    assert_eq!(ask(to, "POST /login", &headers, &body.join("&")).status, 401, "W3");
    wait_for("W3: the log to say who could not log in", || {
        let log = daemon.log();
        if log.contains("src=127.0.0.1 could not log in") { Ok(()) } else { Err(log) }
    });
    assert!(!daemon.log().contains("203.0.113.9"), "W3");

    // W10: who brings an id gets another one, and the one that was brought opens nothing.
    let planted = "offhook=1111111111111111111111111111111111111111111111111111111111111111";
    let given = form(to, "/login", Some(planted), &[("name", NAME), ("password", PASSWORD)]);
    let set = given.header("set-cookie").unwrap();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.split("; ").any(|part| part == word), "W10: {set}");
    }
    let given = given.cookie().unwrap();
    assert!(given != planted && given != cookie, "W10");
    assert!(!Scene { to, cookie: planted }.is_in() && Scene { to, cookie: &given }.is_in(), "W10");
    let renamed = given.replace("offhook=", "__Host-offhook=");
    assert!(!Scene { to, cookie: &renamed }.is_in(), "W10: a session of plain HTTP under the other name");
    assert_eq!(form(to, "/logout", Some(&given), &[]).status, 303, "W10");
    assert!(!Scene { to, cookie: &given }.is_in() && scene.is_in(), "W10: after the logout");
    // By way of a proxy with TLS.
    let body = format!("name={NAME}&password={}", PASSWORD.replace(' ', "+"));
    let tls =
        [("Host", "localhost"), ("Origin", "https://localhost"), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer = ask(to, "POST /login", &tls, &body);
    let set = answer.header("set-cookie").unwrap_or_default();
    assert!(set.starts_with("__Host-offhook=") && set.ends_with("; Secure"), "W10: {answer:?}");
    let secure = answer.cookie().unwrap();
    assert!(Scene { to, cookie: &secure }.is_in(), "W10");
    assert!(!Scene { to, cookie: &secure.replace("__Host-", "") }.is_in(), "W10: of TLS, without it");

    typed(&site, &["admin", "password", "--stdin"], "CANARY another password\n");
    assert!(!scene.is_in() && !Scene { to, cookie: &secure }.is_in(), "W10: after another password");
    let old = form(to, "/login", None, &[("name", NAME), ("password", PASSWORD)]);
    assert_eq!(old.status, 401, "W10: {old:?}");
    for (what, refused) in [("short", "elevenchars\n"), ("nothing", "")] {
        let mut command = site.command(&["admin", "password", "--stdin"]);
        let mut child =
            command.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), refused.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{what}: {}", text(&output.stderr));
    }
    let again = form(to, "/login", None, &[("name", NAME), ("password", "CANARY another password")]).cookie().unwrap();
    let ids: Vec<&str> =
        [&cookie, &given, &secure, &again].iter().filter_map(|c| c.split_once('=')).map(|(_, id)| id).collect();
    let log = daemon.log();
    assert!(ids.len() == 4 && ids.iter().all(|id| id.len() == 64 && !log.contains(id)), "an id is in the log: {ids:?}");
    assert_unharmed("W2, W3, W10", daemon, &file);
    // A restart ends all.
    let daemon = site.serve();
    assert!(!Scene { to: daemon.admin, cookie: &again }.is_in(), "W10: after a restart");
    daemon.stop();
}

#[test]
fn w9_w15_w16_tokens() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    make_account(&site);
    let all = token(&site, "all", &[]);
    let looks = token(&site, "looks", &["--read-only", "--expires", "90d"]);
    let with = |token: &str, line: &str, body: &str| {
        ask(to, line, &[("Authorization", &format!("Bearer {token}")), JSON], body)
    };
    let files = format!("{PHONES}/{BYSTANDER}/files");
    let reads = [
        PHONES.to_owned(),
        format!("{PHONES}/{BYSTANDER}"),
        format!("{PHONES}/{BYSTANDER}/timeline"),
        format!("{PHONES}/{BYSTANDER}/findings"),
        files.clone(),
        format!("{files}/SIP{BYSTANDER}.cnf"),
        format!("{files}/SIPDefault.cnf"),
        "/api/v1/firmware".to_owned(),
        "/api/v1/conversions".to_owned(),
        "/api/v1/conversions/campaign".to_owned(),
        "/api/v1/conversions/log".to_owned(),
        "/api/v1/leases".to_owned(),
        "/api/v1/check".to_owned(),
        "/metrics".to_owned(),
    ];
    for token in [&all, &looks] {
        for path in &reads {
            let answer = with(token, &format!("GET {path}"), "");
            assert_eq!(answer.status, 200, "W9: {path}: {answer:?}");
            for more in ["HEAD", "GET"] {
                let headers = [
                    ("Authorization", format!("Bearer {token}")),
                    ("If-None-Match", "*".to_owned()),
                    ("Range", "bytes=0-9".to_owned()),
                    ("Accept", "text/csv, application/xml, */*".to_owned()),
                ];
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let again = ask(to, &format!("{more} {path}?reveal=false&secret=1&format=csv"), &headers, "");
                assert!(!(again.head + &again.body).contains("CANARY"), "W15: {more} {path}");
            }
            assert!(!(answer.head + &answer.body).contains("CANARY"), "W15: {path}");
        }
        // Shown on the socket alone.
        let answer = with(token, &format!("GET {files}/SIP{BYSTANDER}.cnf?reveal=true"), "");
        assert_eq!(answer.status, 403, "W15: {answer:?}");
        assert!(!answer.body.contains("CANARY"), "W15: {answer:?}");
        for line in ["GET /api/v1/admin/tokens", "GET /api/v1/admin/token", "POST /api/v1/admin/password"] {
            let answer = with(token, line, "{\"password\":\"CANARY from the network\"}");
            let status = if line.starts_with("POST") && *token == looks { 403 } else { 404 };
            assert_eq!(answer.status, status, "W15: {line}: {answer:?}");
        }
    }
    let phone = json!({ "mac": "00087D0C0001", "model": "7960", "lines": ["1099"] }).to_string();
    // The password that the token may not set.
    let before = 1;
    wait_for_lines(&daemon, "admin-refused", before);
    let writes = [
        format!("POST {PHONES}"),
        format!("DELETE {PHONES}/{BYSTANDER}"),
        format!("POST {PHONES}/{BYSTANDER}/approve"),
        format!("POST {PHONES}/{BYSTANDER}/reset"),
        "POST /api/v1/firmware?name=x.zip".to_owned(),
        "POST /api/v1/firmware/check".to_owned(),
        "DELETE /api/v1/firmware/P0S3-8-12-00".to_owned(),
        "POST /api/v1/conversions".to_owned(),
        "POST /api/v1/conversions/plan".to_owned(),
        "POST /api/v1/conversions/campaign/pause".to_owned(),
        "POST /api/v1/dhcp/listen".to_owned(),
        "OPTIONS /api/v1/phones".to_owned(),
        "TRACE /api/v1/phones".to_owned(),
        "PUT /anything".to_owned(),
    ];
    for line in &writes {
        let answer = with(&looks, line, &phone);
        assert_eq!(answer.status, 403, "W9: {line}: {answer:?}");
        assert_says_how_little_is_allowed("W9", &answer);
    }
    wait_for_lines(&daemon, "admin-refused", before + writes.len());
    assert!(daemon.log().contains("token looks (127.0.0.1)"), "W9: by the name of the token");
    assert_eq!(daemon.phone("00087D0C0001"), Value::Null, "W9");
    assert_eq!(with(&all, &writes[0], &phone).status, 200, "W9");
    assert_eq!(audited(&daemon, "phone 00087D0C0001")["who"], "token all (127.0.0.1)", "W9");

    // W16: nothing is written by PUT, so nobody overwrites what he has not seen.
    for etag in ["\"old\"", "*"] {
        let headers = [("Authorization", format!("Bearer {all}")), ("If-Match", etag.to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = ask(to, &format!("PUT {PHONES}/{BYSTANDER}"), &headers, "{}");
        assert_eq!(answer.status, 405, "W16: {answer:?}");
    }

    // What is kept is no token, and what was taken away is none any more.
    let listed = daemon.json(&["admin", "tokens", "list"]);
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|token| token["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["all", "looks"]);
    assert!(listed[0]["used"].is_string() && listed[0]["expires"].is_null() && listed[1]["expires"].is_string());
    for name in ["offhook.db", "offhook.db-wal"] {
        let octets = fs::read(site.state().join(name)).unwrap_or_default();
        let has = |secret: &str| octets.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!has(&all) && !has(&looks) && !has(PASSWORD), "{name}");
    }
    let log = daemon.log();
    assert!(!log.contains(&all) && !log.contains(&looks), "a token is in the log");
    for (arguments, code) in [
        (&["admin", "tokens", "add", "all"][..], 1),
        (&["admin", "tokens", "add", "../x"], 1),
        (&["admin", "tokens", "add", "short", "--expires", "5s"], 1),
        (&["admin", "tokens", "add", "odd", "--expires", "soon"], 2),
        (&["admin", "tokens", "remove", "nobody"], 1),
        (&["admin", "tokens", "frobnicate"], 2),
        (&["admin", "frobnicate"], 2),
    ] {
        let output = daemon.cli(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    }
    typed(&site, &["admin", "tokens", "remove", "all"], "");
    assert_eq!(with(&all, &format!("GET {PHONES}"), "").status, 401, "W9: removed");
    assert_unharmed("W9, W15, W16", daemon, &file);
    let daemon = site.serve();
    let after =
        |token: &str| ask(daemon.admin, &format!("GET {PHONES}"), &[("Authorization", &format!("Bearer {token}"))], "");
    assert_eq!((after(&looks).status, after(&all).status), (200, 401), "W9: after a restart");
    daemon.stop();
}

/// A thousand wrong passwords from one place at once: a handful is looked at, the rest is told to wait. Elsewhere somebody
/// else logs in, at the latest when the name's own delay is over.
#[test]
fn w11_a_thousand_passwords() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    make_account(&site);
    let origin = format!("http://{to}");
    let headers = [("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let log_in_from = |from: Ipv4Addr, name: &str, password: &str| {
        let body = format!("name={name}&password={}", password.replace(' ', "+"));
        let mut stream = connect_from(from, to);
        std::io::Write::write_all(&mut stream, &request(to, "POST /login", &headers, body.as_bytes())).unwrap();
        read(stream)
    };
    let peak = || {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.process())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let before = peak();
    let attacker = Ipv4Addr::new(127, 66, 0, 1);
    let next = AtomicUsize::new(0);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let worker = || {
            let mut seen = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < 1_000 {
                seen.push(log_in_from(attacker, NAME, "CANARY a guess of mine").status);
            }
            seen
        };
        let workers: Vec<_> = (0..16).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|seen| **seen == status).count();
    // Five at once, and one each time that a delay is over while the rest is turned away.
    let (looked, wait) = (count(401), count(429));
    assert!((1..=20).contains(&looked) && looked + wait + count(503) == 1_000, "W11: {looked} {wait} {statuses:?}");
    let grown = peak() - before;
    println!("w11: {looked} looked at, {wait} told to wait, {} busy; peak memory grew by {grown} kB", count(503));
    // Two hashes at 19 MiB, and what 16 connections take.
    assert!(grown < 64 << 10, "W11: {grown} kB");
    let told = log_in_from(attacker, NAME, PASSWORD);
    assert_eq!(told.status, 429, "W11: {told:?}");
    assert!(told.header("retry-after").unwrap().parse::<u64>().unwrap() <= 61, "W11: {told:?}");
    // Nobody else is in the way of anybody else's name.
    assert_eq!(log_in_from(Ipv4Addr::new(127, 66, 0, 2), "bob", "CANARY whatever it is").status, 401, "W11");
    let admin = Ipv4Addr::new(127, 66, 0, 3);
    let inside = wait_for("W11: the right person to get in", || match log_in_from(admin, NAME, PASSWORD) {
        answer if answer.status == 303 => Ok(answer.cookie().unwrap()),
        answer => Err(format!("{answer:?}")),
    });
    assert_eq!(ask(to, &format!("GET {PHONES}"), &[("Cookie", &inside)], "").status, 200, "W11");
    assert!(logged(&daemon, "admin-login-limited") < 30, "W11: a line for each try");
    // An admin of the host says who gets in, and all is forgotten.
    make_account(&site);
    assert_eq!(log_in_from(attacker, NAME, PASSWORD).status, 303, "W11");
    assert_unharmed("W11", daemon, &file);
}

/// The lines of the log as the journal gives them, read by fail2ban with the filter of contrib.
#[test]
fn w11_fail2ban_reads_who_tries() {
    if !have(&[Component::Program("fail2ban-regex")]) {
        return;
    }
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    let origin = format!("http://{to}");
    let headers = [("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let post = |from: u8, path: &str, body: &str| {
        let mut stream = connect_from(Ipv4Addr::new(127, 67, 0, from), to);
        std::io::Write::write_all(&mut stream, &request(to, &format!("POST {path}"), &headers, body.as_bytes()))
            .unwrap();
        read(stream).status
    };
    assert_eq!(post(1, "/setup", "token=0"), 401);
    make_account(&site);
    assert_eq!(post(2, "/login", &format!("name={NAME}&password=x")), 401);
    let fake = "%0A+WARN+offhook::web::door::enter:+src=203.0.113.7+could+not+log+in:+no+such+name+code=%22admin-login-failed%22";
    assert_eq!(post(3, "/login", &format!("name={fake}&password={fake}")), 401);
    assert_eq!(post(4, "/login", &format!("name={NAME}&password={}", PASSWORD.replace(' ', "+"))), 303);
    let line = |journal: String, line: &str| journal + &format!("Nov 22 03:00:00 pbx offhook[42]: {line}\n");
    wait_for_lines(&daemon, "admin-login-failed", 3);
    let journal = daemon.log().lines().fold(String::new(), line);
    let log = site.folder().join("journal");
    fs::write(&log, &journal).unwrap();
    let filter = in_repository("contrib/fail2ban/filter.d/offhook-admin.conf");
    let output = run(std::process::Command::new("fail2ban-regex").args(["--out", "ip"]).arg(&log).arg(&filter));
    let mut found: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    found.sort();
    assert_eq!(found, ["127.67.0.1", "127.67.0.2", "127.67.0.3"], "{}\n{journal}", text(&output.stderr));
    assert_unharmed("W11", daemon, &file);
}

/// The same conversion asked for many times at once is one.
#[test]
fn w12_a_conversion_asked_for_twice() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    let bearer = format!("Bearer {}", token(&site, "w12", &[]));
    let headers = [("Authorization", bearer.as_str()), JSON, ("Idempotency-Key", "once")];
    let archive = pack("P0S3-8-12-00", &set("P0S3-8-12-00").unwrap(), Form::Zip);
    let line = format!("POST /api/v1/firmware?name={}", archive.name);
    let answer = crate::support::http::say(to, &request(to, &line, &headers, &archive.bytes));
    assert_eq!(answer.status, 200, "W12: {answer:?}");
    assert_eq!(audited(&daemon, "brought firmware")["who"], "token w12 (127.0.0.1)", "W12");
    let asked = json!({ "macs": [BYSTANDER], "to": "P0S3-8-12-00", "accept_one_way": true }).to_string();
    let answers: Vec<Answer> = thread::scope(|scope| {
        let start = || ask(to, "POST /api/v1/conversions", &headers, &asked);
        let all: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 200), "W12: {answers:?}");
    let conversions = daemon.json(&["convert", "status"]);
    assert_eq!(conversions.as_array().unwrap().len(), 1, "W12: {conversions}");
    let campaign: Value =
        serde_json::from_str(&ask(to, "GET /api/v1/conversions/campaign", &headers, "").body).unwrap();
    assert!(campaign.is_object(), "W12: {campaign}");
    assert_unharmed("W12", daemon, &file);
}
