//! Values that stand for running programs, and waiting for what can be observed.

pub(crate) mod agent;
pub(crate) mod asterisk;
pub(crate) mod axe;
pub(crate) mod browser;
mod chan_sip;
pub(crate) mod clients;
pub(crate) mod crowd;
pub(crate) mod daemon;
pub(crate) mod dice;
pub(crate) mod firmware;
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod impair;
pub(crate) mod manager;
pub(crate) mod net;
pub(crate) mod pbx;
pub(crate) mod phone;
pub(crate) mod relay;
pub(crate) mod shim;
pub(crate) mod small;
pub(crate) mod sql;
pub(crate) mod switch;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that a test waits for; generous, since only a failure takes it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file of the repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Looks again and again until `look` finds what it wants; panics with `what` and the last look's note when it never does.
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    wait_within(PATIENCE, what, look)
}

/// The same, as long as this and no longer.
pub(crate) fn wait_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match look() {
            Ok(found) => return found,
            Err(last) if Instant::now() >= deadline => panic!("waited in vain for {what}; last seen: {last}"),
            Err(_) => thread::sleep(Duration::from_millis(40)),
        }
    }
}

/// Runs a program to its end, with nothing on its standard input.
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"))
}

/// What a program printed, after asserting that it ended well.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Sends a signal to the process whose number is in this file, if there is one.
pub(crate) fn signal(number: &Path, name: &str) {
    if let Ok(number) = std::fs::read_to_string(number) {
        let _ = Command::new("sh").args(["-c", &format!("kill -{name} {}", number.trim())]).status();
    }
}

/// Bytes as text for messages and searches.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A port that is free on loopback for UDP and TCP at this moment, below those that the kernel deals out (from 32768 on): by
/// the time it is used, nobody was dealt it.
pub(crate) fn free_port() -> u16 {
    loop {
        let dice = RandomState::new().build_hasher().finish() % 12_000;
        let port = 20_000 + u16::try_from(dice).unwrap();
        let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).and(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)));
        if free.is_ok() {
            return port;
        }
    }
}

/// An address of loopback that no other phone of this run has: a phone listens on the SIP port of its own address.
pub(crate) fn phone_address() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [.., process] = std::process::id().to_be_bytes();
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Ipv4Addr::new(127, 16 + process % 200, high, low)
}

/// How much of something a test does: what fits `make test`, or what `make test-all` asks for.
pub(crate) fn amount<T>(usual: T, all: T) -> T {
    if std::env::var_os("OFFHOOK_TEST_ALL").is_some_and(|all| !all.is_empty()) { all } else { usual }
}

/// What a test may need besides the daemon.
#[derive(Clone, Copy)]
pub(crate) enum Component {
    /// A server of its own for the test.
    MariaDb,
    /// Debian's Asterisk 22, unpacked by `tests/env/asterisk`.
    Asterisk,
    /// The same of release 16, which has chan_sip beside chan_pjsip.
    Asterisk16,
    /// A program on the path.
    Program(&'static str),
    /// The host's PHP, 8.x, with what FreePBX's own code needs of it.
    Php,
    /// PHP 7.4, unpacked by `tests/env/php74`.
    Php74,
    /// Schemathesis, in a folder of its own by `tests/env/schemathesis`.
    Schemathesis,
    /// axe-core, which finds what keeps people from reading a page; fetched by `tests/env/axe`.
    Axe,
    /// The right to put packets together by hand, and to use ports below 1024.
    RawPackets,
}

impl Component {
    fn is_there(self) -> Result<(), String> {
        let on_path = |name: &str| {
            let found = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
            let found = found.split(':').any(|folder| Path::new(folder).join(name).is_file());
            found.then_some(()).ok_or_else(|| format!("{name} is absent"))
        };
        match self {
            Self::MariaDb => on_path("mariadbd").and_then(|()| on_path("mariadb")),
            Self::Asterisk => asterisk::is_there(asterisk::NEWEST),
            Self::Asterisk16 => asterisk::is_there(asterisk::WITH_CHAN_SIP),
            Self::Program(name) => on_path(name),
            Self::Php => {
                on_path("php")?;
                let there = text(&run(Command::new("php").arg("-m")).stdout);
                let absent = ["pdo_mysql", "dom", "curl", "mbstring"].into_iter().find(|name| !there.contains(name));
                absent.map_or(Ok(()), |name| Err(format!("PHP's extension {name} is absent")))
            }
            Self::Php74 => {
                let version = run(Command::new(in_repository("tests/env/php74")).arg("version"));
                version.status.success().then_some(()).ok_or_else(|| "PHP 7.4 is absent".to_owned())
            }
            Self::Schemathesis => {
                let version = run(Command::new(in_repository("tests/env/schemathesis")).arg("version"));
                version.status.success().then_some(()).ok_or_else(|| "schemathesis is absent".to_owned())
            }
            Self::Axe => axe::is_there(),
            Self::RawPackets => {
                let raw = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, Some(socket2::Protocol::UDP));
                raw.map(|_| ()).map_err(|why| format!("the right to open a raw socket is absent ({why}; root has it)"))
            }
        }
    }
}

/// Whether the test can run; says by name what is absent. With `CI=true` absence is a failure.
pub(crate) fn have(needed: &[Component]) -> bool {
    let absent: Vec<String> = needed.iter().filter_map(|component| component.is_there().err()).collect();
    if absent.is_empty() {
        return true;
    }
    let absent = absent.join(", ");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI=true and {absent}; tests/env/install brings it");
    println!("SKIPPED: {absent}; tests/env/install brings it");
    false
}
