//! A configuration goes to its own phone: two devices on links of the daemon's host and some behind a router, each in a
//! network of its own; names tried one after another; the log as fail2ban reads it.

mod routed;

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use crate::support::daemon::{Daemon, Site};
use crate::support::net::{Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, in_repository, run, succeed, text, wait_for};

const DESK: &str = "001B54CE0009";
const FAR: &str = "001B54CE0010";
const OTHER: &str = "001B54CE0011";
const PC: &str = "02005E00000B";
const PORTS: (u16, u16) = (6969, 6970);

/// The daemon's host and who is around it; the networks end with the value.
struct Around {
    host: Ends,
    /// A phone on a link of the host, 192.0.2.2.
    desk: Ends,
    /// A PC on another, 192.0.2.10.
    pc: Ends,
    /// The router on a third, 192.0.2.18.
    _router: Ends,
    /// What is behind the router: 198.51.100.2 and 198.51.100.3.
    far: Ends,
}

fn around() -> Around {
    let [host, desk, pc, router, far] = [(); 5].map(|()| apart());
    let (id, far_id) = (host.0.id(), far.0.id());
    ip(id, &["link set lo up"]);
    for (n, (end, mac)) in (0..).zip([(&desk, DESK), (&pc, PC), (&router, "02005E0000FE")]) {
        let spelled: Vec<String> = mac.as_bytes().chunks(2).map(text).collect();
        ip(
            id,
            &[
                &format!("link add v{n} type veth peer name c{n}"),
                &format!("link set c{n} netns {}", end.0.id()),
                &format!("address add 192.0.2.{}/29 dev v{n}", 8 * n + 1),
                &format!("link set v{n} up"),
            ],
        );
        ip(
            end.0.id(),
            &[
                &format!("link set c{n} address {}", spelled.join(":")),
                &format!("address add 192.0.2.{}/29 dev c{n}", 8 * n + 2),
                &format!("link set c{n} up"),
                &format!("route add default via 192.0.2.{}", 8 * n + 1),
            ],
        );
    }
    ip(
        router.0.id(),
        &[
            "link add r0 type veth peer name r1",
            &format!("link set r1 netns {far_id}"),
            "address add 198.51.100.1/24 dev r0",
            "link set r0 up",
        ],
    );
    ip(
        far_id,
        &[
            "address add 198.51.100.2/24 dev r1",
            "address add 198.51.100.3/24 dev r1",
            "link set r1 up",
            "route add default via 198.51.100.1",
        ],
    );
    succeed(&mut inside(router.0.id(), "sh", &["-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]));
    ip(id, &["route add 198.51.100.0/24 via 192.0.2.18"]);
    Around { host, desk, pc, _router: router, far }
}

/// The phones, and a configuration at its defaults for access, served on all addresses of the host.
fn site(pbx: &Pbx) -> Site {
    for (mac, model, extension) in [(DESK, "7960", "1009"), (FAR, "7942", "1010"), (OTHER, "7942", "1011")] {
        pbx.add_extension(extension, "Ada", &format!("CANARY{extension}"));
        pbx.add_phone(mac, model, &[extension]);
    }
    let site = Site::new(pbx);
    let (tftp, http) = PORTS;
    let configuration = site.configuration();
    let changed = configuration
        .replace("[\"127.0.0.0/8\"]", "[\"192.0.2.0/24\", \"198.51.100.0/24\"]")
        .replace("[tftp]\nlisten = [\"127.0.0.1:0\"]", &format!("[tftp]\nlisten = [\"0.0.0.0:{tftp}\"]"))
        .replace("[http]\nlisten = [\"127.0.0.1:0\"]", &format!("[http]\nlisten = [\"0.0.0.0:{http}\"]"))
        .replace("[access]\npolicy = \"network\"\n\n", "");
    assert!(!changed.contains("policy") && changed.contains(&format!("0.0.0.0:{http}")), "{changed}");
    site.configure(&changed);
    site
}

fn serve<'a>(site: &'a Site, around: &Around) -> Daemon<'a> {
    let inside = format!("exec nsenter --net=/proc/{}/ns/net \"$@\"", around.host.0.id());
    site.serve_with(|command| *command = site.by_shell(&inside))
}

/// What a device gets over TFTP, by the address of the host that it is nearest to; from an address of its own where it has
/// several.
fn fetch(device: &Ends, server: &str, from: Option<&str>, name: &str) -> Option<String> {
    let url = format!("tftp://{server}:{}/{name}", PORTS.0);
    let mut arguments = vec!["-s", "--max-time", "5"];
    if let Some(from) = from {
        arguments.extend(["--interface", from]);
    }
    arguments.push(&url);
    let output = run(&mut inside(device.0.id(), "curl", &arguments));
    output.status.success().then(|| text(&output.stdout))
}

fn ready() -> bool {
    let tools = ["unshare", "nsenter", "ip", "curl", "python3"].map(Component::Program);
    have(&[&[Component::RawPackets], tools.as_slice()].concat())
}

/// Sends a request, prints the answer's octets: nothing but the datagram is looked at.
const RAW: &str = "import socket,sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10)
s.sendto(b'\\0\\1' + sys.argv[3].encode() + b'\\0octet\\0', (sys.argv[1], int(sys.argv[2])))
print(s.recv(2000).hex())";

#[test]
fn a_configuration_goes_to_its_own_phone_on_the_link_and_behind_a_router() {
    if !ready() {
        return;
    }
    let (pbx, around) = (Pbx::tables(), around());
    let site = site(&pbx);
    let daemon = serve(&site, &around);
    let (desk, pc, far) = (&around.desk, &around.pc, &around.far);
    let (own, theirs) = (format!("SIP{DESK}.cnf"), format!("SEP{FAR}.cnf.xml"));
    let near = Some("198.51.100.2");

    // The link says who is who.
    let file = wait_for("the roster", || fetch(desk, "192.0.2.1", None, &own).ok_or_else(|| daemon.log()));
    assert!(file.contains("CANARY1009"), "{file}");
    assert_eq!(fetch(pc, "192.0.2.9", None, &own), None);
    let findings = text(&daemon.cli(&["explain", DESK]).stdout);
    assert!(findings.contains("foreign-request") && findings.contains(PC), "{findings}");
    assert!(fetch(desk, "192.0.2.1", None, &own).is_some(), "what others try is nothing to the phone");

    // T3, and: what is forbidden, unknown and absent is the same to the octet.
    let (port, http) = (PORTS.0.to_string(), PORTS.1);
    let forbidden = succeed(&mut inside(pc.0.id(), "python3", &["-c", RAW, "192.0.2.9", &port, &own]));
    let head = |name: &str| {
        let url = format!("http://192.0.2.9:{http}/{name}");
        let said = succeed(&mut inside(pc.0.id(), "curl", &["-si", "--path-as-is", &url]));
        said.lines().filter(|line| !line.to_lowercase().starts_with("date:")).collect::<Vec<_>>().join("\n")
    };
    let forbidden_http = head(&own);
    assert!(forbidden.starts_with("00050001") && forbidden_http.starts_with("HTTP/1.1 404"), "{forbidden_http}");
    for name in ["SIP00087D0A0FFF.cnf", "none.xml", "ConfigFileCacheList.txt", "/", "."] {
        let said = succeed(&mut inside(pc.0.id(), "python3", &["-c", RAW, "192.0.2.9", &port, name]));
        assert_eq!(said, forbidden, "{name}");
        assert_eq!(head(if name == "/" { "" } else { name }), forbidden_http, "{name}");
    }

    // Behind the router nobody is known: first contact, and what ends it.
    assert!(fetch(far, "192.0.2.17", near, &theirs).is_some_and(|file| file.contains("CANARY1010")));
    assert_eq!(fetch(desk, "192.0.2.1", None, &theirs), None, "who is known is no first contact");
    assert!(fetch(far, "192.0.2.17", near, &theirs).is_some(), "and ends none");
    assert_eq!(fetch(far, "192.0.2.17", Some("198.51.100.3"), &theirs), None);
    assert_eq!(fetch(far, "192.0.2.17", near, &theirs), None, "one of the two is not the phone");
    let findings = text(&daemon.cli(&["explain", FAR]).stdout);
    let remedy = format!("offhook phones approve {FAR} --address 198.51.100.2");
    assert!(findings.contains("unproven") && findings.contains(&remedy), "{findings}");
    let approved = daemon.cli(&["phones", "approve", FAR, "--address", "198.51.100.2"]);
    assert!(approved.status.success(), "{}", text(&approved.stderr));
    assert!(fetch(far, "192.0.2.17", near, &theirs).is_some());
    assert_eq!(fetch(far, "192.0.2.17", Some("198.51.100.3"), &theirs), None);
    let refused = daemon.cli(&["phones", "approve", FAR, "--address", "192.0.2.10"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains(PC), "{}", text(&refused.stderr));

    // A restart forgets none of it.
    daemon.stop();
    let daemon = serve(&site, &around);
    assert!(fetch(far, "192.0.2.17", near, &theirs).is_some());
    assert_eq!(fetch(far, "192.0.2.17", Some("198.51.100.3"), &theirs), None);
    assert!(fetch(desk, "192.0.2.1", None, &own).is_some());
    let audit = daemon.json(&["convert", "log"]).to_string();
    assert!(audit.contains(&format!("approved phone {FAR} at 198.51.100.2")), "{audit}");
    daemon.stop();
}

/// A laptop takes the unplugged phone's place and address. Knowing this host's hardware address by heart it asks for none, so
/// that the kernel has not heard of it when its request comes.
#[test]
fn a_device_that_does_not_ask_who_we_are_is_asked_who_it_is() {
    if !ready() {
        return;
    }
    let (pbx, around) = (Pbx::tables(), around());
    let site = site(&pbx);
    let daemon = serve(&site, &around);
    let (desk, host) = (&around.desk, around.host.0.id());
    let own = format!("SIP{DESK}.cnf");
    wait_for("the roster", || fetch(desk, "192.0.2.1", None, &own).ok_or_else(|| daemon.log()));
    let known = succeed(&mut inside(desk.0.id(), "ip", &["neigh", "show", "192.0.2.1"]));
    let ours =
        known.split_whitespace().skip_while(|word| *word != "lladdr").nth(1).unwrap_or_else(|| panic!("{known}"));
    let by_heart = format!("neigh replace 192.0.2.1 lladdr {ours} dev c0 nud permanent");
    let forget = || ip(host, &["neigh flush dev v0"]);

    // The phone itself, forgotten by the kernel and as taciturn: it is asked, and served.
    ip(desk.0.id(), &[&by_heart]);
    forget();
    assert!(fetch(desk, "192.0.2.1", None, &own).is_some());

    ip(desk.0.id(), &["link set c0 address 02:00:5e:00:00:0b", &by_heart]);
    forget();
    assert_eq!(fetch(desk, "192.0.2.1", None, &own), None);
    let denial = format!("evidence=neighbour:{PC} why=foreign");
    wait_for("the denial", || daemon.log().contains(&denial).then_some(()).ok_or_else(|| daemon.log()));

    // It does not answer either: then no answer could reach it, and none is made.
    ip(desk.0.id(), &["link set c0 arp off", &by_heart]);
    forget();
    let port = PORTS.0.to_string();
    let _ = inside(desk.0.id(), "python3", &["-c", &RAW.replace("10)", "1)"), "192.0.2.1", &port, &own])
        .stdin(Stdio::null())
        .output();
    let denial = "evidence=none why=silent";
    wait_for("the denial", || daemon.log().contains(denial).then_some(()).ok_or_else(|| daemon.log()));
    daemon.stop();
}

/// 40 clients ask for 4,096 names as fast as they may; what came back is counted.
const WALK: &str = "import socket,select,sys
server, port, names = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(',')
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(40)]
for s in socks: s.bind((sys.argv[4], 0))
files = errors = 0
def take(patience):
    global files, errors
    while True:
        ready, _, _ = select.select(socks, [], [], patience)
        if not ready: return
        for s in ready:
            if s.recv(2000)[1] == 5: errors += 1
            else: files += 1
for n, name in enumerate(names):
    socks[n % 40].sendto(b'\\0\\1' + name.encode() + b'\\0octet\\0', (server, port))
    take(0)
take(3)
print(files, errors)";

/// T1: the names around a phone that somebody saw are walked from one host, three real ones among them.
#[test]
fn t1_names_are_walked_in_vain() {
    if !ready() {
        return;
    }
    let (pbx, around) = (Pbx::tables(), around());
    let site = site(&pbx);
    let daemon = serve(&site, &around);
    let own = format!("SIP{DESK}.cnf");
    wait_for("the roster", || fetch(&around.desk, "192.0.2.1", None, &own).ok_or_else(|| daemon.log()));
    // Known before the walk: by its registration it would be, without a PBX by a word.
    assert!(daemon.cli(&["phones", "approve", FAR, "--address", "198.51.100.2"]).status.success());
    let mut names: Vec<String> = (0..4_096).map(|n| format!("SEP00087D000{n:03X}.cnf.xml")).collect();
    // Within what a source may ask at once, so that none is lost on its way to the rule.
    for (at, name) in [(3, own.clone()), (20, format!("SEP{FAR}.cnf.xml")), (45, format!("SEP{OTHER}.cnf.xml"))] {
        names[at] = name;
    }
    let port = PORTS.0.to_string();
    // Not from the address at which one of them is known.
    for (walker, server, from) in [(&around.pc, "192.0.2.9", "192.0.2.10"), (&around.far, "192.0.2.17", "198.51.100.3")]
    {
        let arguments = ["-c", WALK, server, &port, &names.join(","), from];
        let said = succeed(&mut inside(walker.0.id(), "python3", &arguments));
        let (files, errors) = said.trim().split_once(' ').unwrap();
        assert_eq!(files, "0", "{server}");
        // Five names, and then five more at most.
        assert!((1..=10).contains(&errors.parse::<u32>().unwrap()), "{server}: {errors}");
    }
    // One for each network.
    let log = daemon.log();
    assert_eq!(log.matches("code=\"name-walk\"").count(), 2, "{log}");
    assert!(fetch(&around.desk, "192.0.2.1", None, &own).is_some(), "the phone itself is served");
    daemon.stop();
}

/// The lines of the log as the journal gives them, read by fail2ban with the filter of contrib.
#[test]
fn fail2ban_reads_who_was_denied() {
    if !ready() || !have(&[Component::Program("fail2ban-regex")]) {
        return;
    }
    let (pbx, around) = (Pbx::tables(), around());
    let site = site(&pbx);
    let daemon = serve(&site, &around);
    let own = format!("SIP{DESK}.cnf");
    wait_for("the roster", || fetch(&around.desk, "192.0.2.1", None, &own).ok_or_else(|| daemon.log()));
    assert_eq!(fetch(&around.pc, "192.0.2.9", None, &format!("/{}", own.to_lowercase())), None);
    assert!(fetch(&around.far, "192.0.2.17", Some("198.51.100.2"), &format!("SEP{FAR}.cnf.xml")).is_some());
    assert_eq!(fetch(&around.far, "192.0.2.17", Some("198.51.100.3"), &format!("SEP{FAR}.cnf.xml")), None);
    // T25: a name that would be such a line.
    let fake =
        " WARN offhook::hub::access: denied src=203.0.113.7 asked=x evidence=none why=foreign code=\"config-denied\"";
    for name in [fake.to_owned(), format!("\n{fake}"), format!("SIP\n{fake}{DESK}.cnf")] {
        let port = PORTS.0.to_string();
        let _ = inside(around.pc.0.id(), "python3", &["-c", &RAW.replace("10)", "1)"), "192.0.2.9", &port, &name])
            .stdin(Stdio::null())
            .output();
    }
    let journal = daemon.log().lines().fold(String::new(), |mut journal, line| {
        writeln!(journal, "Nov 22 03:00:00 pbx offhook[42]: {line}").unwrap();
        journal
    });
    let log = site.folder().join("journal");
    fs::write(&log, &journal).unwrap();
    let filter = in_repository("contrib/fail2ban/filter.d/offhook.conf");
    let mut command = std::process::Command::new("fail2ban-regex");
    let output = run(command.args(["--out", "ip"]).arg(&log).arg(&filter));
    let mut found: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    found.sort();
    found.dedup();
    assert_eq!(found, ["192.0.2.10", "198.51.100.3"], "{}\n{journal}", text(&output.stderr));
    let jail = fs::read_to_string(in_repository("contrib/fail2ban/jail.d/offhook.conf")).unwrap();
    assert!(jail.contains("filter = offhook\n") && jail.contains("enabled = false\n"), "{jail}");
    daemon.stop();
}
