//! W6, W10 and W13 once more: forms that have no end, and what becomes of a form when its session has ended.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::w::{NAME, PASSWORD, form, log_in, make_account, said_by_forms};
use super::{add_bystander, assert_unharmed, file_of_bystander, site};
use crate::support::http::{Answer, ask, connect_from, read, request};
use crate::support::pbx::Pbx;
use crate::support::wait_for;

/// The most memory that a process ever had, in KiB (proc(5), VmHWM).
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn is_in(to: SocketAddr, cookie: &str) -> bool {
    ask(to, "GET /api/v1/phones", &[("Cookie", cookie)], "").status == 200
}

/// Who is logged in sends what never becomes a part of the form: it is not gathered.
#[test]
fn w6_w13_forms_without_an_end() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    make_account(&site);
    let (cookie, origin) = (log_in(to), format!("http://{to}"));
    let line = format!("POST /firmware{}", said_by_forms(to, &cookie));
    let (before, piece) = (peak(daemon.process()), vec![b'y'; 64 << 10]);
    let part = "--x\r\nContent-Disposition: form-data; name=\"archive\"; filename=\"a.zip\"\r\n";
    for (what, start) in [
        ("no boundary", String::new()),
        ("headers of a part", format!("{part}X: ")),
        ("a part that is no archive", "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n".to_owned()),
    ] {
        let length = (1_u64 << 30).to_string();
        let headers = [
            ("Cookie", cookie.as_str()),
            ("Origin", &origin),
            ("Content-Type", "multipart/form-data; boundary=x"),
            ("Content-Length", &length),
        ];
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(&request(to, &line, &headers, start.as_bytes())).unwrap();
        let mut sent = 0;
        // Whoever is turned away hears of it while writing.
        while sent < 200 << 20 && stream.write_all(&piece).is_ok() {
            sent += 64 << 10;
        }
        assert!(sent < 100 << 20, "{what}: {} MiB were taken", sent >> 20);
        let answer = read(stream);
        assert!([0, 303].contains(&answer.status), "{what}: {answer:?}");
    }
    let grown = peak(daemon.process()).saturating_sub(before);
    assert!(grown < 24 << 10, "{grown} KiB of it were in memory at once");
    assert_eq!(daemon.json(&["firmware", "list"]), Value::Array(Vec::new()));
    assert_unharmed("W6, W13", daemon, &file);
}

/// A form that nobody was let in for is not done; that is said, and its page is where the login leads.
#[test]
fn w10_a_form_after_its_session() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    make_account(&site);
    let cookie = log_in(to);
    assert_eq!(form(to, "/logout", Some(&cookie), &[]).status, 303);
    let own = format!("http://{to}");
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let body = "mac=00087D0C0001&model=7960&line=1099";
    for (referer, location) in [
        (format!("{own}/phones/00087D0C0099?a=b"), "/login?lost=1&next=%2Fphones%2F00087D0C0099%3Fa%3Db"),
        (format!("{own}/"), "/login?lost=1"),
        (format!("{own}//evil.example/"), "/login?lost=1"),
        ("http://evil.example/phones".to_owned(), "/login?lost=1"),
        (format!("http://{to}@evil.example/phones"), "/login?lost=1"),
        (String::new(), "/login?lost=1"),
    ] {
        let headers = [("Cookie", cookie.as_str()), ("Origin", &own), ("Referer", &referer), kind];
        let answer = ask(to, "POST /phones/add", &headers, body);
        assert_eq!((answer.status, answer.header("location")), (303, Some(location)), "{referer}: {answer:?}");
        let page = ask(to, &format!("GET {location}"), &[], "");
        assert!(page.status == 200 && page.body.contains("What you sent was not done"), "{page:?}");
    }
    assert_eq!(daemon.phone("00087D0C0001"), Value::Null);
    // Who leaves again has left; who only looked has sent nothing.
    assert_eq!(form(to, "/logout", Some(&cookie), &[]).header("location"), Some("/login"));
    let looked = ask(to, "GET /firmware", &[], "");
    assert_eq!(looked.header("location"), Some("/login?next=%2Ffirmware"));
    let page = ask(to, "GET /login?next=%2Ffirmware", &[], "");
    assert!(!page.body.contains("What you sent"), "{page:?}");
    assert_unharmed("W10", daemon, &file);
}

/// W11: while somebody takes every turn there is, a browser that got in before gets in, also after a restart; what it shows opens
/// nothing, and counts once.
#[test]
fn w11_a_known_browser_has_its_own_turn() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    make_account(&site);
    let log_in_from = |to: SocketAddr, cookie: Option<&str>, password: &str| {
        let origin = format!("http://{to}");
        let mut headers = vec![("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        headers.extend(cookie.map(|cookie| ("Cookie", cookie)));
        let body = format!("name={NAME}&password={}", password.replace(' ', "+"));
        let mut stream = connect_from(Ipv4Addr::new(127, 67, 0, 1), to);
        stream.write_all(&request(to, "POST /login", &headers, body.as_bytes())).unwrap();
        read(stream)
    };
    let known = |answer: &Answer| -> String {
        let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
        let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).map(|(_, value)| value);
        let set: Vec<&str> = set.filter(|value| value.starts_with("offhook-known=")).collect();
        let [set] = set.as_slice() else { panic!("{answer:?}") };
        for word in ["HttpOnly", "SameSite=Strict", "Path=/login", "Max-Age=15552000"] {
            assert!(set.split("; ").any(|part| part == word), "{set}");
        }
        set.split(';').next().unwrap().to_owned()
    };
    let first = log_in_from(daemon.admin, None, PASSWORD);
    let shown = known(&first);
    assert!(!is_in(daemon.admin, &shown), "it opens nothing");
    assert_unharmed("W11", daemon, &file);

    let daemon = site.serve();
    let to = daemon.admin;
    // By a proxy all have one address.
    let attack =
        || (0..9).map(|_| log_in_from(to, None, "CANARY a guess").status).filter(|status| *status == 429).count();
    assert!(attack() > 0, "turns are taken");
    assert_eq!(log_in_from(to, None, PASSWORD).status, 429);
    let made_up = format!("offhook-known={}", "1".repeat(64));
    assert_eq!(log_in_from(to, Some(&made_up), PASSWORD).status, 429);
    let inside = log_in_from(to, Some(&shown), PASSWORD);
    assert!(inside.status == 303 && is_in(to, &inside.cookie().unwrap()), "{inside:?}");
    let next = known(&inside);
    assert_ne!(next, shown);
    attack();
    assert_eq!(log_in_from(to, Some(&shown), PASSWORD).status, 429, "it was good once");
    // It has its own turns, and no more than those.
    let tried = (0..9).map(|_| log_in_from(to, Some(&next), "CANARY a guess").status);
    assert_eq!(tried.filter(|status| *status == 401).count(), 5);
    // With another password no browser is known.
    make_account(&site);
    let again = known(&log_in_from(to, Some(&next), PASSWORD));
    let log = daemon.log();
    assert!([&shown, &next, &again].iter().all(|cookie| !log.contains(&cookie["offhook-known=".len()..])));
    assert_unharmed("W11", daemon, &file);
}

/// A browser has one session: with its next login the one before ends, and no other browser's.
#[test]
fn w10_the_former_session_of_a_browser_ends() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    make_account(&site);
    let (first, other) = (log_in(to), log_in(to));
    let fields = [("name", NAME), ("password", PASSWORD)];
    // A wrong password ends nothing.
    assert_eq!(form(to, "/login", Some(&first), &[("name", NAME), ("password", "CANARY not it")]).status, 401);
    assert!(is_in(to, &first));
    let second = form(to, "/login", Some(&first), &fields).cookie().unwrap();
    wait_for("the new session", || is_in(to, &second).then_some(()).ok_or_else(String::new));
    assert!(!is_in(to, &first) && is_in(to, &other));
    assert_unharmed("W10", daemon, &file);
}
