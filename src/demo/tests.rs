//! Scripted phones against the stand-in registrar, with the tests' file server: two programs that share no
//! line with each other's parsers agree on every file and every message.

mod models;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UdpSocket};

use super::registrar::{Account, StandIn};
use crate::domain::{MacAddr, Secret};
use crate::simulate::file_server::Server;
use crate::simulate::{Ending, Outcome, PhoneEvent, Registration, Setup, Timing, boot, firmware};

const LEGACY: &str = "001B54AABB01";
const JAVA: &str = "001B54AABB02";

/// Each test's phone has its own address, so that the port in its file is free.
fn own_address() -> IpAddr {
    static NEXT: AtomicU16 = AtomicU16::new(2);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    // The process id keeps test processes that run side by side apart.
    let process = u8::try_from(std::process::id() % 250).unwrap() + 2;
    IpAddr::V4(Ipv4Addr::new(127, process, high, low.max(2)))
}

async fn stand_in() -> StandIn {
    let accounts = |user: &str| {
        let known = ["1001", "1002"].contains(&user);
        known.then(|| Account { user: user.into(), auth: user.into(), password: Secret::new(format!("pw{user}")) })
    };
    StandIn::start("127.0.0.1".parse().unwrap(), Arc::new(accounts)).await.unwrap()
}

fn quick() -> Timing {
    Timing {
        tftp_retry: Duration::from_millis(200),
        tftp_tries: 2,
        tftp_ports: 2,
        sip_t1: Duration::from_millis(100),
        sip_timeout: Duration::from_secs(2),
        ..Timing::default()
    }
}

/// The files of a 7960 with these lines (name, password).
fn legacy_files(port: u16, lines: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    let mut phone = String::from("voip_control_port: 0\n");
    for (n, (name, password)) in (1..).zip(lines) {
        let _ = write!(
            phone,
            "proxy{n}_address: 127.0.0.1\nproxy{n}_port: {port}\nline{n}_name: \"{name}\"\nline{n}_authname: \"{name}\"\n\
             line{n}_password: \"{password}\"\n"
        );
    }
    BTreeMap::from([
        (
            "SIPDefault.cnf".to_owned(),
            b"proxy_register: 1\ntimer_register_expires: 300\ndial_template: dialplan\n".to_vec(),
        ),
        (format!("SIP{LEGACY}.cnf"), phone.into_bytes()),
        ("dialplan.xml".to_owned(), b"<DIALTEMPLATE><TEMPLATE MATCH=\"*\" Timeout=\"5\"/></DIALTEMPLATE>".to_vec()),
        ("RINGLIST.DAT".to_owned(), b"Chime\tchime.raw\n".to_vec()),
    ])
}

/// Model, MAC, state, files served, and whether the ending is the right one.
type Case = (&'static str, &'static str, &'static str, BTreeMap<String, Vec<u8>>, Box<dyn Fn(&Ending) -> bool>);

/// The file of a 7962 with line 1001, made from the sample that the reader's own tests take.
fn java_files(port: u16, transport: u8, password: &str) -> BTreeMap<String, Vec<u8>> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/phonefiles/sep/good/one-line.xml");
    let text = std::fs::read_to_string(sample)
        .unwrap()
        .replace("<sipPort>5060", &format!("<sipPort>{port}"))
        .replace("<processNodeName>192.0.2.10", "<processNodeName>127.0.0.1")
        .replace("abcdefgh1234", password)
        .replace("<transportLayerProtocol>1", &format!("<transportLayerProtocol>{transport}"));
    BTreeMap::from([(format!("SEP{JAVA}.cnf.xml"), text.into_bytes())])
}

fn setup(model: &str, mac: &str, state: &str, server: SocketAddr) -> Setup {
    Setup {
        tftp_port: server.port(),
        from_address: Some(own_address()),
        timing: quick(),
        sip_port_override: Some(0),
        ..Setup::new(model.parse().unwrap(), mac.parse::<MacAddr>().unwrap(), state.parse().unwrap(), server.ip())
    }
}

/// Boots a phone with these files; what came of it and what it asked for.
async fn play(model: &str, mac: &str, state: &str, files: BTreeMap<String, Vec<u8>>) -> (Outcome, Vec<String>) {
    let server = Server::start(files).await;
    let outcome = boot(&setup(model, mac, state, server.address), |_| ()).await;
    (outcome, server.asked())
}

#[tokio::test]
async fn a_7960_registers_two_lines_over_udp() {
    let pbx = stand_in().await;
    let files = legacy_files(pbx.sip.port(), &[("1001", "pw1001"), ("1002", "pw1002")]);
    let (outcome, asked) = play("7960", LEGACY, "sip:P0S3-8-12-00", files).await;
    assert_eq!(outcome.ending, Ending::Registered, "{outcome:?}");
    assert_eq!(outcome.lines.len(), 2);
    assert_eq!(outcome.lines[0].result, Registration::Registered { expires: 300 });
    assert_eq!(outcome.complaints, Vec::<String>::new());
    let wanted = [
        "CTLSEP001B54AABB01.tlv",
        "SEP001B54AABB01.cnf.xml",
        "SIP001B54AABB01.cnf",
        "SIPDefault.cnf",
        "SIP001B54AABB01.cnf",
        "RINGLIST.DAT",
        "dialplan.xml",
    ];
    assert_eq!(asked, wanted);
}

#[tokio::test]
async fn a_java_phone_registers_over_tcp_and_udp() {
    for transport in [1, 2, 4] {
        let pbx = stand_in().await;
        let files = java_files(pbx.sip.port(), transport, "pw1001");
        let (outcome, asked) = play("7962", JAVA, "sip:SIP42.9-4-2SR3-1S", files).await;
        assert_eq!(outcome.ending, Ending::Registered, "{outcome:?}");
        assert_eq!(outcome.lines[0].result, Registration::Registered { expires: 600 });
        let wanted = [
            "CTLSEP001B54AABB02.tlv",
            "ITLSEP001B54AABB02.tlv",
            "ITLFile.tlv",
            "SEP001B54AABB02.cnf.xml",
            "/mk-sip.jar",
            "/g3-tones.xml",
            "dialplan.xml",
        ];
        assert_eq!(asked, wanted);
    }
}

#[tokio::test]
async fn each_line_has_its_own_outcome() {
    let pbx = stand_in().await;
    let lines = [("1001", "wrong"), ("1002", "pw1002"), ("1009", "pw1009")];
    let (outcome, _) = play("7960", LEGACY, "sip:P0S3-8-12-00", legacy_files(pbx.sip.port(), &lines)).await;
    assert_eq!(outcome.ending, Ending::PartlyRegistered);
    let results: Vec<_> = outcome.lines.iter().map(|l| l.result.clone()).collect();
    let good = Registration::Registered { expires: 300 };
    assert_eq!(results, [Registration::Forbidden, good, Registration::UnknownUser]);
    let (outcome, _) = play("7962", JAVA, "sip:SIP42.9-4-2SR3-1S", java_files(pbx.sip.port(), 1, "no")).await;
    assert_eq!(outcome.ending, Ending::NotRegistered);
    assert_eq!(outcome.lines[0].result, Registration::Forbidden);
    assert!(outcome.registered.is_none());
}

#[tokio::test]
async fn a_second_challenge_means_wrong_credentials() {
    // Asterisk challenges again, for a wrong password and for a user it does not know alike.
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = pbx.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0_u8; 4096];
        loop {
            let (len, peer) = pbx.recv_from(&mut buffer).await.unwrap();
            let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
            let via = text.lines().find(|l| l.starts_with("Via:")).unwrap();
            let to: u16 = via.split(':').nth(2).unwrap().split(';').next().unwrap().parse().unwrap();
            let headers: String =
                text.lines().skip(1).filter(|l| !l.starts_with("Max")).fold(String::new(), |all, l| all + l + "\r\n");
            let answer = format!(
                "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\",nonce=\"b\"\r\n{}\r\n",
                headers.trim_end_matches("\r\n").to_owned() + "\r\n"
            );
            pbx.send_to(answer.as_bytes(), (peer.ip(), to)).await.unwrap();
        }
    });
    let (outcome, _) = play("7960", LEGACY, "sip:P0S3-8-12-00", legacy_files(port, &[("1001", "pw1001")])).await;
    assert_eq!(outcome.lines[0].result, Registration::WrongCredentials);
    assert_eq!(outcome.sentence(), "no line is registered: wrong password or unknown user");
}

#[tokio::test]
async fn an_answer_to_the_source_port_is_not_heard() {
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = pbx.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0_u8; 4096];
        loop {
            let (_, peer) = pbx.recv_from(&mut buffer).await.unwrap();
            pbx.send_to(b"SIP/2.0 401 Unauthorized\r\nCall-ID: x\r\n\r\n", peer).await.unwrap();
        }
    });
    let (outcome, _) = play("7960", LEGACY, "sip:P0S3-8-12-00", legacy_files(port, &[("1001", "pw1001")])).await;
    assert!(matches!(outcome.lines[0].result, Registration::AnswerElsewhere { .. }), "{outcome:?}");
}

#[tokio::test]
async fn where_nothing_answers_the_outcome_says_so() {
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    let (outcome, _) = play("7960", LEGACY, "sip:P0S3-8-12-00", legacy_files(port, &[("1001", "pw1001")])).await;
    assert_eq!(outcome.lines[0].result, Registration::NoAnswer { server: format!("127.0.0.1:{port}") });
    let silent = setup("7960", LEGACY, "sip:P0S3-8-12-00", closed.local_addr().unwrap());
    let outcome = boot(&silent, |_| ()).await;
    assert!(
        matches!(&outcome.ending, Ending::NoNetwork { why } if why.contains("no answer to 4 requests")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_missing_or_bad_file_has_its_ending() {
    let none = BTreeMap::new;
    let of = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.as_bytes().to_vec())]);
    let unprovisioned = |e: &Ending| matches!(e, Ending::Unprovisioned { .. });
    let refused = |e: &Ending| matches!(e, Ending::Refused { .. });
    let lacks = |file: &'static str| move |e: &Ending| *e == Ending::NotServed { file: file.to_owned() };
    let stays = |e: &Ending| matches!(e, Ending::StaysOnLoad { .. });
    let sip =
        "<device><deviceProtocol>SIP</deviceProtocol><loadInformation>SIP42.9-4-2SR3-1S</loadInformation></device>";
    let old = "<device><loadInformation>P0S3-8-12-00</loadInformation></device>";
    let no_line = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/phonefiles/sep/good/no-line.xml"));
    let cases: Vec<Case> = vec![
        ("7960", LEGACY, "sip:P0S3-8-12-00", none(), Box::new(unprovisioned)),
        ("7942", JAVA, "sip:SIP42.9-4-2SR3-1S", none(), Box::new(unprovisioned)),
        ("7942", JAVA, "sip:SIP42.9-4-2SR3-1S", of("SEP001B54AABB02.cnf.xml", sip), Box::new(refused)),
        ("7942", JAVA, "sccp:SCCP42.9-3-1SR4-1S", none(), Box::new(stays)),
        (
            "7942",
            JAVA,
            "sccp:SCCP42.9-3-1SR4-1S",
            of("SEP001B54AABB02.cnf.xml", sip),
            Box::new(lacks("SIP42.9-4-2SR3-1S.loads")),
        ),
        ("7962", JAVA, "factory", none(), Box::new(lacks("term62.default.loads"))),
        (
            "7942",
            JAVA,
            "sip:SIP42.9-4-2SR3-1S",
            of("ITLFile.tlv", "a list"),
            Box::new(lacks("SEP001B54AABB02.cnf.xml.sgn")),
        ),
        (
            "7960",
            LEGACY,
            "sccp:P00308000900",
            of("SEP001B54AABB01.cnf.xml", old),
            Box::new(lacks("P0S3-8-12-00.loads")),
        ),
        (
            "7960",
            LEGACY,
            "loader",
            of("SIPDefault.cnf", "image_version: P0S3-8-12-00\n"),
            Box::new(|e| matches!(e, Ending::ApplicationInvalid { why } if why.contains("P0S3-8-12-00.loads"))),
        ),
        (
            "7960",
            LEGACY,
            "sccp:P00303010102",
            of("OS79XX.TXT", "P0S3-8-12-00\r\n"),
            Box::new(lacks("P0S3-8-12-00.bin")),
        ),
        ("7942", JAVA, "sip:SIP42.9-4-2SR3-1S", of("SEP001B54AABB02.cnf.xml", no_line), Box::new(unprovisioned)),
        ("7960", LEGACY, "sip:P0S3-8-12-00", of("SEP001B54AABB01.cnf.xml", ""), Box::new(refused)),
    ];
    for (model, mac, state, files, expected) in cases {
        let (outcome, asked) = play(model, mac, state, files).await;
        assert!(expected(&outcome.ending), "{model} {state}: {:?} after {asked:?}", outcome.ending);
        assert!(!outcome.is_ok());
    }
}

#[tokio::test]
async fn a_conversion_ends_in_a_registration() {
    let pbx = stand_in().await;
    let mut files = legacy_files(pbx.sip.port(), &[("1001", "pw1001")]);
    files.extend(firmware::set("P0S3-8-12-00").unwrap().into_iter().map(|file| (file.name, file.bytes)));
    let sep = "<device><deviceProtocol>SIP</deviceProtocol><loadInformation>P0S3-8-12-00</loadInformation></device>";
    files.insert(format!("SEP{LEGACY}.cnf.xml"), sep.as_bytes().to_vec());
    for state in ["sccp:P00308000900", "loader"] {
        let (outcome, _) = play("7960", LEGACY, state, files.clone()).await;
        assert_eq!(outcome.ending, Ending::Registered, "{state}");
        assert_eq!(outcome.load.as_deref(), Some("P0S3-8-12-00"));
    }
}

#[tokio::test]
async fn a_registered_phone_answers_and_reports_what_it_is_told() {
    let pbx = stand_in().await;
    let files = legacy_files(pbx.sip.port(), &[("1001", "pw1001")]);
    let server = Server::start(files).await.address;
    let setup = setup("7960", LEGACY, "sip:P0S3-8-12-00", server);
    let outcome = boot(&setup, |_| ()).await;
    let mut phone = outcome.registered.unwrap();
    let at = SocketAddr::new(setup.from_address.unwrap(), phone.port());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let ask = async |method: &str, user: &str, extra: &str| {
        let request = format!(
            "{method} sip:{user}@{at} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:127.0.0.1>;tag=1\r\n\
             To: <sip:{user}@{at}>\r\nCall-ID: t\r\nCSeq: 1 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        socket.send_to(request.as_bytes(), at).await.unwrap();
        let mut buffer = [0_u8; 2048];
        let (len, _) = socket.recv_from(&mut buffer).await.unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap().lines().next().unwrap().to_owned()
    };
    assert_eq!(ask("OPTIONS", "1001", "").await, "SIP/2.0 200 OK");
    assert_eq!(ask("NOTIFY", "1001", "Event: check-sync\r\n").await, "SIP/2.0 200 OK");
    assert_eq!(phone.event().await, Some(PhoneEvent::CheckSync));
    assert_eq!(ask("NOTIFY", "2000", "Event: check-sync\r\n").await, "SIP/2.0 404 Not Found");
    assert_eq!(ask("NOTIFY", "1001", "Event: service-control\r\n").await, "SIP/2.0 400 Bad Request");
}

/// One manager message as lines, up to the empty line.
async fn message(read: &mut (impl AsyncBufReadExt + Unpin)) -> String {
    let mut text = String::new();
    loop {
        let before = text.len();
        assert_ne!(read.read_line(&mut text).await.unwrap(), 0);
        if text[before..].trim().is_empty() {
            return text;
        }
    }
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

#[tokio::test]
async fn the_manager_tells_of_a_registration_from_beginning_to_end() {
    let pbx = stand_in().await;
    let stream = TcpStream::connect(pbx.manager).await.unwrap();
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut banner = String::new();
    read.read_line(&mut banner).await.unwrap();
    assert_eq!(banner, "Asterisk Call Manager/11.0.0\r\n");
    write.write_all(b"Action: Challenge\r\nAuthType: MD5\r\nActionID: 1\r\n\r\n").await.unwrap();
    let answer = message(&mut read).await;
    assert_eq!(field(&answer, "ActionID"), "1");
    let key =
        crate::simulate::sip::digest::hash(&format!("{}{}", field(&answer, "Challenge"), pbx.manager_secret.expose()));
    let login = format!("Action: Login\r\nAuthType: MD5\r\nUsername: {}\r\nKey: {key}\r\n\r\n", pbx.manager_user);
    write.write_all(login.as_bytes()).await.unwrap();
    assert_eq!(field(&message(&mut read).await, "Response"), "Success");
    assert_eq!(field(&message(&mut read).await, "Event"), "FullyBooted");

    let files = legacy_files(pbx.sip.port(), &[("1001", "pw1001")]);
    let (outcome, _) = play("7960", LEGACY, "sip:P0S3-8-12-00", files).await;
    for (event, name, value) in [
        ("DeviceStateChange", "State", "NOT_INUSE"),
        ("PeerStatus", "PeerStatus", "Reachable"),
        ("ContactStatus", "ContactStatus", "NonQualified"),
    ] {
        let text = message(&mut read).await;
        assert_eq!((field(&text, "Event"), field(&text, name)), (event, value));
    }
    write.write_all(b"Action: PJSIPShowRegistrationInboundContactStatuses\r\nActionID: 2\r\n\r\n").await.unwrap();
    assert_eq!(field(&message(&mut read).await, "EventList"), "start");
    let detail = message(&mut read).await;
    assert_eq!(field(&detail, "Event"), "ContactStatusDetail");
    assert_eq!(field(&detail, "EndpointName"), "1001");
    assert_eq!(field(&detail, "UserAgent"), "Cisco-CP7960G/8.0");
    assert!(field(&detail, "CallID").starts_with("001b54aa-bb01"), "{detail}");
    assert_eq!(field(&message(&mut read).await, "ListItems"), "1");

    // The Call-ID that the manager shows is what makes the phone obey a restart; the From has no user part.
    let mut phone = outcome.registered.unwrap();
    let uri = field(&detail, "URI");
    let body = format!("action=restart\r\nRegisterCallId={{{}}}\r\n", field(&detail, "CallID"));
    let notify = format!(
        "NOTIFY {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:127.0.0.1>;tag=1\r\nTo: <{uri}>\r\n\
         Call-ID: t\r\nCSeq: 1 NOTIFY\r\nEvent: service-control\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let host = uri.split_once('@').unwrap().1;
    UdpSocket::bind("127.0.0.1:0").await.unwrap().send_to(notify.as_bytes(), host).await.unwrap();
    assert_eq!(phone.event().await, Some(PhoneEvent::Restart));

    phone.unregister().await;
    for (event, name, value) in [
        ("PeerStatus", "PeerStatus", "Unreachable"),
        ("DeviceStateChange", "State", "UNAVAILABLE"),
        ("ContactStatus", "ContactStatus", "Removed"),
    ] {
        let text = message(&mut read).await;
        assert_eq!((field(&text, "Event"), field(&text, name)), (event, value));
    }
}

#[tokio::test]
async fn the_manager_keeps_a_database_and_refuses_strangers() {
    let pbx = stand_in().await;
    let stream = TcpStream::connect(pbx.manager).await.unwrap();
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    read.read_line(&mut String::new()).await.unwrap();
    let login = format!("Action: Login\r\nUsername: offhook\r\nSecret: {}\r\n\r\n", pbx.manager_secret.expose());
    write.write_all(login.as_bytes()).await.unwrap();
    message(&mut read).await;
    message(&mut read).await;
    for (action, response) in [
        ("DBPut\r\nFamily: offhook\r\nKey: A/stage\r\nVal: registered", "Success"),
        ("DBPut\r\nFamily: offhook\r\nKey: AB/stage\r\nVal: silent", "Success"),
        ("DBGet\r\nFamily: offhook\r\nKey: B/stage", "Error"),
        ("DBDelTree\r\nFamily: offhook\r\nKey: A", "Success"),
        ("DBDel\r\nFamily: offhook\r\nKey: A/stage", "Error"),
        ("DBDel\r\nFamily: offhook\r\nKey: AB/stage", "Success"),
        ("PJSIPShowEndpoint\r\nEndpoint: 9999", "Error"),
        ("Originate", "Error"),
    ] {
        write.write_all(format!("Action: {action}\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(field(&message(&mut read).await, "Response"), response, "{action}");
    }
    let stranger = TcpStream::connect(pbx.manager).await.unwrap();
    let (read, mut write) = stranger.into_split();
    let mut read = BufReader::new(read);
    read.read_line(&mut String::new()).await.unwrap();
    write.write_all(b"Action: Login\r\nUsername: offhook\r\nSecret: no\r\n\r\n").await.unwrap();
    assert_eq!(field(&message(&mut read).await, "Message"), "Authentication failed");
    assert_eq!(read.read_line(&mut String::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn an_erased_java_phone_recovers_and_registers() {
    let pbx = stand_in().await;
    let mut files = java_files(pbx.sip.port(), 1, "pw1001");
    files.extend(firmware::set("SIP42.9-4-2SR3-1S").unwrap().into_iter().map(|file| (file.name, file.bytes)));
    let (outcome, asked) = play("7962", JAVA, "factory", files).await;
    assert_eq!(outcome.ending, Ending::Registered, "{asked:?}");
    assert_eq!(asked[..3], ["term62.default.loads", "jar42sip.9-4-2ES26.sbn", "cnu42.9-4-2ES26.sbn"]);
}

#[tokio::test]
async fn two_hundred_phones_at_once() {
    let pbx = stand_in().await;
    let server = Server::start(legacy_files(pbx.sip.port(), &[("1001", "pw1001")])).await.address;
    let phones = (0..200).map(|_| {
        let setup = Setup { timing: Timing::default(), ..setup("7960", LEGACY, "sip:P0S3-8-12-00", server) };
        tokio::spawn(async move { boot(&setup, |_| ()).await })
    });
    let phones: Vec<_> = phones.collect();
    let mut alive = Vec::new();
    for phone in phones {
        let outcome = phone.await.unwrap();
        assert!(outcome.is_ok(), "{}", outcome.sentence());
        alive.extend(outcome.registered);
    }
    assert_eq!(alive.len(), 200);
}
