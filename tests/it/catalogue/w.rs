//! Catalogue W: HTTP of the people's side over TCP, octet by octet; and W18, the phones'. Where a row speaks of what there is
//! not (a PUT, a PATCH, a second tenant), the entry shows that there is none. Two rows have more of them beside the code, where
//! the clock is an argument (W10's half hour) or the address is (W5's own host).

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{BYSTANDER, add_bystander, assert_unharmed, file_of_bystander, site, w_people};
use crate::support::daemon::{Daemon, Site};
use crate::support::http::{Answer, ask, connect_from, read, request, say};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, text, wait_for, wait_within};

/// The rows that are here.
pub(super) fn ids() -> Vec<&'static str> {
    let own = ["W1", "W4", "W5", "W6", "W7", "W8", "W13", "W14", "W17", "W18"];
    own.into_iter().chain(w_people::IDS.iter().copied()).collect()
}

/// What may never be told.
pub(super) const PASSWORD: &str = "CANARY password of the page";

/// The account's name.
pub(super) const NAME: &str = "ada";

/// Runs a command line with something on its standard input.
pub(super) fn typed(site: &Site, arguments: &[&str], input: &str) -> String {
    let mut command = site.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Makes the account, by the command line.
pub(super) fn make_account(site: &Site) {
    typed(site, &["admin", "password", "--stdin", "--name", NAME], &format!("{PASSWORD}\n"));
}

/// Makes a token.
pub(super) fn token(site: &Site, name: &str, more: &[&str]) -> String {
    let arguments = [&["admin", "tokens", "add", name], more].concat();
    typed(site, &arguments, "").trim().to_owned()
}

/// A form of our own page.
pub(super) fn form(to: SocketAddr, path: &str, cookie: Option<&str>, fields: &[(&str, &str)]) -> Answer {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let origin = format!("http://{to}");
    let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded"), ("Origin", origin.as_str())];
    headers.extend(cookie.map(|cookie| ("Cookie", cookie)));
    let said = cookie.map(|cookie| said_by_forms(to, cookie)).unwrap_or_default();
    ask(to, &format!("POST {path}{said}"), &headers, &body.join("&"))
}

/// What the actions of the forms end with that this session's pages show: empty where they show none.
pub(super) fn said_by_forms(to: SocketAddr, cookie: &str) -> String {
    let page = ask(to, "GET /settings", &[("Cookie", cookie)], "").body;
    let action = page.split("action=\"/logout").nth(1).and_then(|rest| rest.split('"').next());
    action.unwrap_or_default().to_owned()
}

fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |text, octet| text + &format!("%{octet:02X}"))
}

/// Logs in, and returns the cookie.
pub(super) fn log_in(to: SocketAddr) -> String {
    let answer = form(to, "/login", None, &[("name", NAME), ("password", PASSWORD)]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
    answer.cookie().unwrap()
}

/// What every answer over TCP says to a browser.
pub(super) fn assert_says_how_little_is_allowed(what: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for part in
        ["default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.split("; ").any(|of| of == part), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}: {answer:?}");
    }
    assert!(!answer.head.to_ascii_lowercase().contains("access-control-"), "{what}: {answer:?}");
    assert_eq!(answer.answers, 1, "{what}: {answer:?}");
}

#[test]
fn w1_w7_w17_who_is_asked_for_what() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let hosts = site.configuration().replace("[admin]\n", "[admin]\nhosts = [\"Phones.Example.com\"]\n");
    site.configure(&hosts);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    make_account(&site);
    let cookie = log_in(to);
    let bearer = format!("Bearer {}", token(&site, "w1", &[]));
    let paths = ["/healthz", "/metrics", "/login", "/", "/api/v1/phones"];

    for host in ["evil.example", "192.0.2.1", "localhost.evil.example:8150"] {
        for path in paths {
            let answer = ask(to, &format!("GET {path}"), &[("Host", host), ("Authorization", &bearer)], "");
            assert_eq!((answer.status, answer.body.as_str()), (421, ""), "W1: {host}{path}: {answer:?}");
            assert_says_how_little_is_allowed("W1", &answer);
        }
    }
    for path in paths {
        for (what, octets) in [
            ("no Host", format!("GET {path} HTTP/1.1\r\nAuthorization: {bearer}\r\n\r\n")),
            ("no Host, 1.0", format!("GET {path} HTTP/1.0\r\n\r\n")),
            ("two", format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")),
            ("two that differ", format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")),
            ("another in the target", format!("GET http://evil.example{path} HTTP/1.1\r\nHost: localhost\r\n\r\n")),
            ("with a user", format!("GET {path} HTTP/1.1\r\nHost: evil@localhost\r\n\r\n")),
        ] {
            let answer = say(to, octets.as_bytes());
            assert_eq!((answer.status, answer.body.as_str()), (400, ""), "W1: {what}: {answer:?}");
        }
    }
    for host in ["localhost", "LOCALHOST:1", "[::1]:8150", "phones.example.com", "PHONES.example.com:443"] {
        assert_eq!(ask(to, "GET /healthz", &[("Host", host)], "").status, 200, "W1: {host}");
        assert_eq!(ask(to, &format!("GET http://{host}/healthz"), &[("Host", host)], "").status, 200, "W1: {host}");
    }

    for path in [
        "/phones/../../etc/passwd",
        "/phones/%2e%2e/%2e%2e/etc/passwd",
        "//evil.example",
        "/%00",
        "/api/v1/phones/..%2f..%2fetc%2fpasswd",
        "/api/v1/../../etc/passwd",
        "/metrics/../api/v1/phones",
        "/%61pi/v1/phones",
        "/assets/../api/v1/phones",
        "/assets/%2e%2e/offhook.toml",
        "/./healthz",
        "/healthz/",
        "/HEALTHZ",
    ] {
        let known = ask(to, &format!("GET {path}"), &[("Cookie", &cookie)], "");
        assert!([400, 404].contains(&known.status), "W7: {path}: {known:?}");
        let stranger = ask(to, &format!("GET {path}"), &[], "");
        assert!([303, 401, 404].contains(&stranger.status), "W7: {path}: {stranger:?}");
        let location = stranger.header("location").unwrap_or("/login");
        assert!(location.starts_with("/login"), "W7: {path}: {location}");
        assert!(!(known.body + &stranger.body).contains("CANARY"), "W7: {path}");
    }
    // After the login nobody goes elsewhere.
    for (next, location) in [
        ("/phones/00087D0C0099?x=1", "/phones/00087D0C0099?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/a\r\nSet-Cookie: a=b", "/"),
    ] {
        let answer = form(to, "/login", None, &[("name", NAME), ("password", PASSWORD), ("next", next)]);
        assert_eq!((answer.status, answer.header("location")), (303, Some(location)), "W7: {next}: {answer:?}");
        let shown = ask(to, &format!("GET /login?next={}", encoded(next)), &[], "").body;
        assert!(shown.contains("name=\"next\"") && !shown.contains("evil.example"), "W7: {next}: {shown}");
    }
    let asked = ask(to, "GET /phones/00087D0C0099?a=b&c=d", &[], "");
    let login = "/login?next=%2Fphones%2F00087D0C0099%3Fa%3Db%26c%3Dd";
    assert_eq!((asked.status, asked.header("location")), (303, Some(login)));

    let preflight = [
        ("Origin", "https://evil.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization"),
    ];
    for path in paths {
        for more in [&[][..], &[("Cookie", cookie.as_str())], &[("Authorization", bearer.as_str())]] {
            let answer = ask(to, &format!("OPTIONS {path}"), &[&preflight, more].concat(), "");
            assert!(answer.status >= 300, "W17: {path} {more:?}: {answer:?}");
            assert_says_how_little_is_allowed("W17", &answer);
        }
    }
    assert_unharmed("W1, W7, W17", daemon, &file);
}

#[test]
fn w4_w6_w8_w13_w14_what_is_sent() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    pbx.add_extension("1098", "<img src=x onerror=alert(1)>", "CANARY1098");
    pbx.add_phone("00087D0C0098", "7960", &["1098"]);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    let bearer = format!("Bearer {}", token(&site, "w4", &[]));
    let known = ("Authorization", bearer.as_str());
    let json = ("Content-Type", "application/json");
    let first_phones = daemon.json(&["phones", "list"]);

    // W4. Each connection has one answer and ends: nothing that is left over is taken for a second request.
    let smuggled = "0\r\n\r\nGET /api/v1/phones HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let both = [known, json, ("Content-Length", "5"), ("Transfer-Encoding", "chunked")];
    let swapped = [known, json, ("Transfer-Encoding", "chunked"), ("Content-Length", "5")];
    for headers in [&both, &swapped] {
        let answer = say(to, &request(to, "POST /api/v1/phones", headers, smuggled.as_bytes()));
        assert_eq!((answer.status, answer.answers), (400, 1), "W4: length and chunks: {answer:?}");
    }
    for (what, headers, body, status) in [
        ("chunk size", vec![known, json, ("Transfer-Encoding", "chunked")], "FFFFFFFFFFFFFFFF\r\n{}", &[400][..]),
        ("no last chunk", vec![known, json, ("Transfer-Encoding", "identity")], "{}", &[400]),
        ("two lengths", vec![known, json, ("Content-Length", "2"), ("Content-Length", "3")], "{}x", &[400]),
        ("negative length", vec![known, json, ("Content-Length", "-1")], "{}", &[400]),
    ] {
        let answer = say(to, &request(to, "POST /api/v1/phones", &headers, body.as_bytes()));
        assert!(status.contains(&answer.status) && answer.answers == 1, "W4: {what}: {answer:?}");
    }
    let long = "y".repeat(100 << 10);
    let many = (0..1_000).fold(String::new(), |text, n| text + &format!("A{n}: b\r\n"));
    for (what, octets) in [
        ("a header of 100 KiB", format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n")),
        ("1,000 headers", format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")),
        ("a long target", format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        ("a blank before the colon", "GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n".to_owned()),
        ("a folded header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n evil.example\r\n\r\n".to_owned()),
        ("a lone CR", "GET /healthz HTTP/1.1\rHost: localhost\r\r".to_owned()),
        ("no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned()),
    ] {
        let answer = say(to, octets.as_bytes());
        assert!(
            (answer.status == 0 || (400..=431).contains(&answer.status)) && answer.answers <= 1,
            "W4: {what}: {answer:?}"
        );
    }
    // A lone LF may end a line (RFC 9112 section 2.2): one answer then, and the end.
    let bare = say(to, b"GET /healthz HTTP/1.1\nHost: localhost\n\nGET /healthz HTTP/1.1\nHost: localhost\n\n");
    assert!(bare.answers <= 1, "W4: {bare:?}");

    // W6. Of ten gigabytes no more is read than may come; who goes on sending may not hear the answer.
    let large = "x".repeat(2 << 20);
    let huge = [known, json, ("Content-Length", "10737418240")];
    for headers in [&huge[..], &[known, json]] {
        let answer = say(to, &request(to, "POST /api/v1/phones", headers, large.as_bytes()));
        assert!([0, 413].contains(&answer.status), "W6: {answer:?}");
    }
    let answer = ask(to, "POST /api/v1/phones", &[known, json], &large[..=1 << 20]);
    assert!([0, 413].contains(&answer.status), "W6: {answer:?}");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deeper = format!("{{\"mac\":{}", "{\"a\":".repeat(10_000));
    let phone = r#"{"mac":"00087D0C0097","model":"7960","lines":["1099"],"#;
    for (what, body) in [
        ("depth", deep.as_bytes().to_vec()),
        ("depth of objects", deeper.into_bytes()),
        ("NaN", b"{\"mac\":NaN}".to_vec()),
        ("a key twice", format!("{phone}\"model\":\"7940\"}}").into_bytes()),
        ("a list", br#"["00087D0C0097","7960",["1099"]]"#.to_vec()),
        ("no UTF-8", b"{\"mac\":\"\xff\xfe\"}".to_vec()),
        ("a lone surrogate", br#"{"mac":"\ud800","model":"7960","lines":["1099"]}"#.to_vec()),
        ("nothing", b" ".to_vec()),
        ("more behind it", format!("{}}} {{}}", phone.trim_end_matches(',')).into_bytes()),
    ] {
        let answer = say(to, &request(to, "POST /api/v1/phones", &[known, json], &body));
        assert_eq!(answer.status, 400, "W6: {what}: {answer:?}");
        assert_says_how_little_is_allowed("W6", &answer);
    }
    for (path, body) in [
        ("/api/v1/phones/00087D0C0099/approve", deep.as_str()),
        ("/api/v1/conversions", deep.as_str()),
        ("/api/v1/conversions/plan", "{\"all\":NaN}"),
        ("/api/v1/dhcp/listen", "\u{0}"),
    ] {
        let answer = ask(to, &format!("POST {path}"), &[known, json], body);
        assert_eq!(answer.status, 400, "W6: {path}: {answer:?}");
    }

    // W8: there are no tenants; what there is not is 404 or 400, and the same whoever it might be.
    let absent = |mac: &str| ask(to, &format!("GET /api/v1/phones/{mac}"), &[known], "");
    let (one, other) = (absent("001B54000001"), absent("001B54000002"));
    assert_eq!((one.status, other.status), (404, 404), "W8");
    assert_eq!(one.body.replace("001B54000001", ""), other.body.replace("001B54000002", ""), "W8");
    for id in ["-1", "1e9", "abc", "0", "%20", "null"] {
        for answer in [absent(id), ask(to, &format!("DELETE /api/v1/phones/{id}"), &[known], "")] {
            assert!([400, 404].contains(&answer.status), "W8: {id}: {answer:?}");
        }
    }

    // W13: an archive is the body, and its name is a word for people. What is no archive is refused, whatever the name.
    let parts = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../../x\"\r\n\r\nMZ\r\n".repeat(10_000);
    for (kind, body) in [
        ("multipart/form-data", "--x--"),
        ("multipart/form-data; boundary=x", parts.as_str()),
        ("application/octet-stream", ""),
    ] {
        for name in ["../../x", "con", "", "%2fetc%2fpasswd", "a%00b", "x.zip"] {
            let line = format!("POST /api/v1/firmware?name={name}");
            let answer = ask(to, &line, &[known, ("Content-Type", kind)], body);
            assert!((400..500).contains(&answer.status), "W13: {kind} as {name:?}: {answer:?}");
        }
    }
    // The page's form, by a browser that is logged in.
    make_account(&site);
    let (cookie, origin) = (log_in(to), format!("http://{to}"));
    let said = said_by_forms(to, &cookie);
    let named = |name: &str| {
        let part =
            format!("--x\r\nContent-Disposition: form-data; name=\"archive\"; filename=\"{name}\"\r\n\r\nMZ\r\n");
        part + "--x--\r\n"
    };
    let two = named("a").replace("--x--\r\n", "") + &named("b");
    for (kind, body) in [
        ("multipart/form-data", "--x--"),
        ("multipart/form-data; boundary=", "--x--"),
        ("multipart/form-data; boundary=x", parts.as_str()),
        ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"archive\"; filename=\"a"),
        ("multipart/form-data; boundary=x", &named("../../x")),
        ("multipart/form-data; boundary=x", &named("/etc/passwd")),
        ("multipart/form-data; boundary=x", &named("con")),
        ("multipart/form-data; boundary=x", &named("")),
        ("multipart/form-data; boundary=x", &named("<img src=x onerror=alert(1)>")),
        ("multipart/form-data; boundary=x", &two),
    ] {
        let headers = [("Cookie", cookie.as_str()), ("Origin", origin.as_str()), ("Content-Type", kind)];
        let answer = ask(to, &format!("POST /firmware{said}"), &headers, body);
        let location = answer.header("location").unwrap_or_default().to_owned();
        // Who goes on sending what is refused already may not hear the answer.
        assert!(
            answer.status == 0 || (answer.status == 303 && location.starts_with("/firmware?said=")),
            "W13: {answer:?}"
        );
        if answer.status == 303 {
            let said = ask(to, &format!("GET {location}"), &[("Cookie", &cookie)], "").body;
            assert!(said.contains("Not done") && !said.contains("<img src=x"), "W13: {kind} {body:.200}: {said}");
        }
    }
    assert_eq!(daemon.json(&["firmware", "list"]), Value::Array(Vec::new()), "W13");
    assert!(!site.folder().join("x").exists() && !site.state().join("x").exists(), "W13");

    // W14: markup in a name of the PBX is data, and nothing takes it for a page; there is no PATCH.
    let phone = ask(to, "GET /api/v1/phones/00087D0C0098", &[known], "");
    assert_eq!((phone.status, phone.header("content-type")), (200, Some("application/json")), "W14");
    assert_says_how_little_is_allowed("W14", &phone);
    for name in ["<img src=x onerror=alert(1)>", "'; drop table phones; --", "\u{202e}", "=HYPERLINK(1)"] {
        let body = serde_json::json!({ "label": name }).to_string();
        let answer = ask(to, "PATCH /api/v1/phones/00087D0C0098", &[known, json], &body);
        assert_eq!(answer.status, 405, "W14: {answer:?}");
    }

    assert_eq!(daemon.json(&["phones", "list"]), first_phones, "something was changed");
    assert_unharmed("W4, W6, W8, W13, W14", daemon, &file);
}

/// Callers who say nothing, or a little now and then: closed, or ended after ten seconds, and phones notice nothing. That who
/// sits at this host finds room whoever else is there, is shown beside `Sources`.
#[test]
fn w5_a_thousand_who_say_next_to_nothing() {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.admin;
    let mut slow: Vec<_> = (0..1_000_u16)
        .map(|n| {
            let mut stream = connect_from(Ipv4Addr::new(127, 0, 50, u8::try_from(n % 200 + 1).unwrap()), to);
            let _ = stream.write_all(b"GET / HT");
            stream
        })
        .collect();
    // The phones' side is another's, and has all its places.
    assert_eq!(daemon.file(&format!("SIP{BYSTANDER}.cnf")).map(String::into_bytes).as_ref(), Some(&file), "W5");
    // A form that never arrives whole has its end, too.
    wait_within(Duration::from_secs(40), "W5: a place", || match ask(to, "GET /healthz", &[], "") {
        answer if answer.status == 200 => Ok(()),
        answer => Err(format!("{answer:?}")),
    });
    // By now each of them was hung up on, with an answer or without.
    for stream in &mut slow {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let said = text(&rest);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "W5: {said}");
    }
    let mut half = connect_from(Ipv4Addr::LOCALHOST, to);
    let origin = format!("http://{to}");
    let headers =
        [("Origin", origin.as_str()), ("Content-Length", "100"), ("Content-Type", "application/x-www-form-urlencoded")];
    half.write_all(&request(to, "POST /login", &headers, b"name=ada")).unwrap();
    let answer = read(half);
    assert_eq!(answer.status, 408, "W5: {answer:?}");
    assert_unharmed("W5", daemon, &file);
}

#[test]
fn w18_the_phones_side_has_files_and_nothing_else() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let to = daemon.http;
    let absent = ask(to, "GET /nothing", &[], "");
    assert_eq!(absent.status, 404, "W18");
    for path in [
        "/ConfigFileCacheList.txt",
        "/SEP001B54000001.cnf.xml",
        "/",
        "/login",
        "/setup",
        "/metrics",
        "/healthz",
        "/api/v1/phones",
        "/assets/style.css",
        "/first-run-token",
        "/..%2fstate%2ffirst-run-token",
    ] {
        let answer = ask(to, &format!("GET {path}"), &[], "");
        assert_eq!((answer.status, &answer.body), (absent.status, &absent.body), "W18: {path}");
        assert_eq!(ask(to, &format!("POST {path}"), &[], "").status, 405, "W18: {path}");
    }
    // By TFTP as well.
    let url = format!("tftp://{}/first-run-token", daemon.tftp);
    assert!(!Command::new("curl").args(["-sS", "--max-time", "5", &url]).output().unwrap().status.success(), "W18");
    assert_unharmed("W18", daemon, &file);
}

/// What the daemon's log says of this code, as often as it does.
pub(super) fn logged(daemon: &Daemon<'_>, code: &str) -> usize {
    daemon.log().lines().filter(|line| line.contains(code)).count()
}

/// Waits until it says so as often; the log is written by a thread of its own.
pub(super) fn wait_for_lines(daemon: &Daemon<'_>, code: &str, lines: usize) {
    wait_for(&format!("{lines} lines {code}"), || match logged(daemon, code) {
        so_far if so_far == lines => Ok(()),
        so_far => Err(so_far.to_string()),
    });
}

/// The audit log, newest last.
pub(super) fn audited(daemon: &Daemon<'_>, word: &str) -> Value {
    wait_for(&format!("the audit log to say {word}"), || {
        let all = daemon.json(&["convert", "log"]);
        let found = all.as_array().unwrap().iter().rev().find(|line| line["what"].as_str().unwrap().contains(word));
        found.cloned().ok_or_else(|| all.to_string())
    })
}
