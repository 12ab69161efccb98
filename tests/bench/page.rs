//! What people wait for, with five thousand phones: a page, by the door, from the request to its last octet; and an event, from
//! a phone's datagram to the open page, alone and while 200 pages are open and a hundred phones boot.
//!
//! Prints a table and, as its last line, the same as JSON; ends with 1 when a bar is missed. `OFFHOOK_BENCH_RUNS` sets how often
//! each page is asked for and how many events are sent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::cast_precision_loss, dead_code)]

#[path = "tftp/load.rs"]
mod load;
#[path = "measure.rs"]
mod measure;
#[path = "../it/support/mod.rs"]
mod support;
#[path = "tftp/watched.rs"]
mod watched;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use load::{Fetch, Options, play};
use measure::peak_memory;
use serde_json::{Value, json};
use support::browser::{BROWSER, drive};
use support::daemon::{Daemon, Site, make_file};
use support::firmware::{lay, made, pack};
use support::pbx::Pbx;
use support::relay::relay;
use support::{have, run, text, wait_for};
use watched::Pages;

const PHONES: usize = 5_000;

/// Milliseconds of the server, and octets, of the first page.
const PAGE: (f64, f64) = (100.0, 150_000.0);

/// Milliseconds until an event is on an open page.
const EVENT: f64 = 200.0;

/// What, how much, and how much at most.
type Figure = (&'static str, f64, Option<f64>);

const IMAGE: &str = "bench-image.sbn";

/// Pages, and whether each has a bar.
const PATHS: [(&str, bool); 8] = [
    ("/", true),
    ("/?q=employee&page=50", false),
    ("/?state=needs-hands", false),
    ("/phones/001B54000001", false),
    ("/firmware", false),
    ("/conversions", false),
    ("/leases", false),
    ("/live", false),
];

fn mac(at: usize) -> String {
    format!("001B54{at:06X}")
}

fn main() {
    let runs: Option<usize> = std::env::var("OFFHOOK_BENCH_RUNS").ok().and_then(|text| text.parse().ok());
    let pbx = Pbx::five_thousand();
    let site = Site::new(&pbx);
    let udp = site.configuration().replace("[pbx]\n", "[pbx]\ntransport = \"udp\"\n");
    site.configure(&udp.replace("poll_interval = \"200ms\"", "poll_interval = \"2s\""));
    let image: Arc<[u8]> = make_file(&site.fall_through().join(IMAGE), 1 << 20).into();
    let daemon = site.serve();
    wait_for("every phone to be known", || {
        let known = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if known == PHONES { Ok(()) } else { Err(known.to_string()) }
    });
    bring(&site, &daemon);
    let token = text(&run(&mut site.command(&["admin", "tokens", "add", "bench"])).stdout).trim().to_owned();
    let mut rows: Vec<(String, Vec<Figure>)> = Vec::new();

    let times = runs.unwrap_or(200);
    for (path, has_bar) in PATHS {
        let mut millis = Vec::new();
        let mut octets = 0;
        for _ in 0..times {
            let began = Instant::now();
            octets = get(daemon.admin, &token, path);
            millis.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let bar = |bar: f64| has_bar.then_some(bar);
        let figures = vec![
            ("p50 ms", quantile(&mut millis, 0.5), None),
            ("p99 ms", quantile(&mut millis, 0.99), bar(PAGE.0)),
            ("octets", octets as f64, bar(PAGE.1)),
        ];
        rows.push((format!("page {path}"), figures));
    }

    let events = runs.unwrap_or(500);
    let probe = Probe::open(&daemon, &token);
    let event = |mut millis: Vec<f64>| {
        let p50 = quantile(&mut millis, 0.5);
        vec![
            ("p50 ms", p50, None),
            ("p99 ms", quantile(&mut millis, 0.99), Some(EVENT)),
            ("events", millis.len() as f64, None),
        ]
    };
    rows.push(("event, alone".to_owned(), event(probe.millis(&daemon, events))));
    let storm = Storm::begin(&site, &daemon, &image);
    rows.push(("event, 200 pages, 100 phones boot".to_owned(), event(probe.millis(&daemon, events))));
    eprintln!("{} boots of 100 phones meanwhile", storm.end());
    if have(&BROWSER) {
        rows.push(("event, in Chromium".to_owned(), event(seen(&site, &daemon, events.min(100)))));
    }
    kept(&site, &daemon);
    daemon.stop();

    let mut missed = Vec::new();
    println!("{:<36} {:>10} {:>10} {:>10}", "", "p50 ms", "p99 ms", "octets");
    for (name, figures) in &rows {
        let shown: Vec<String> = figures.iter().map(|(_, figure, _)| format!("{figure:>10.1}")).collect();
        println!("{name:<36} {}", shown.join(" "));
        for (what, figure, bar) in figures {
            if let Some(bar) = bar.filter(|bar| figure > bar) {
                missed.push(format!("{name}: {what} {figure:.1}, at most {bar}"));
            }
        }
    }
    let figures = |figures: &[Figure]| -> Value {
        figures.iter().map(|(what, figure, bar)| ((*what).to_owned(), json!({"is": figure, "bar": bar}))).collect()
    };
    println!("{}", rows.iter().map(|(name, all)| (name.clone(), figures(all))).collect::<Value>());
    assert!(missed.is_empty(), "bars missed: {}", missed.join("; "));
}

/// Every phone fetches its configuration: what is kept of that, on the disk and in memory.
fn kept(site: &Site, daemon: &Daemon<'_>) {
    let size = || std::fs::metadata(site.state().join("offhook.db")).unwrap().len() >> 20;
    let before = (size(), peak_memory(daemon));
    let served: Vec<usize> = (1..=PHONES).filter(|at| at % 100 > 0).collect();
    for some in served.chunks(500) {
        let list = |at: &usize| {
            let name = format!("SEP{}.cnf.xml", mac(*at));
            let file = daemon.file(&name).unwrap().into_bytes().into();
            vec![Fetch { name, file: Some(file), options: Options::NONE }]
        };
        let outcome = play(daemon.tftp, some.iter().map(list).collect(), 0.0, 1);
        assert_eq!(outcome.failed, 0, "{:?}", outcome.why);
    }
    let (last, name) = (mac(PHONES - 1), format!("SEP{}.cnf.xml", mac(PHONES - 1)));
    wait_for("the last to be kept", || {
        let said = daemon.json(&["render", &last, &name, "--diff"]);
        if said["fetched"]["state"] == "same" { Ok(()) } else { Err(said.to_string()) }
    });
    let after = (size(), peak_memory(daemon));
    println!(
        "{} configurations fetched: offhook.db {} -> {} MiB, peak memory {} -> {} MiB",
        served.len(),
        before.0,
        after.0,
        before.1 >> 10,
        after.1 >> 10
    );
}

/// Firmware, so that there are ways to draw.
fn bring(site: &Site, daemon: &Daemon<'_>) {
    for load in ["SIP42.9-4-2SR3-1S", "SIP42.8-5-2S"] {
        let (set, archive) = (site.folder().join(load), site.folder().join(format!("{load}.zip")));
        lay(&set, &made(load, 3_000));
        pack(&set, &archive);
        let added = daemon.cli(&["firmware", "add", archive.to_str().unwrap()]);
        assert!(added.status.success(), "{}", text(&added.stderr));
    }
}

fn quantile(millis: &mut [f64], share: f64) -> f64 {
    millis.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (millis.len().saturating_sub(1) as f64 * share).ceil() as usize;
    millis.get(at).copied().unwrap_or_default()
}

fn ask(to: SocketAddr, token: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Octets of the whole answer.
fn get(to: SocketAddr, token: &str, path: &str) -> usize {
    let mut answer = Vec::new();
    ask(to, token, path).read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", text(&answer[..answer.len().min(200)]));
    answer.len()
}

/// A page that is open on the events, and the phones that bring them about.
struct Probe {
    lines: Receiver<(Instant, String)>,
}

impl Probe {
    fn open(daemon: &Daemon<'_>, token: &str) -> Self {
        let (came, lines) = channel();
        let stream = BufReader::new(ask(daemon.admin, token, "/api/v1/events"));
        thread::spawn(move || {
            for line in stream.lines().map_while(Result::ok) {
                if came.send((Instant::now(), line)).is_err() {
                    break;
                }
            }
        });
        Self { lines }
    }

    /// From a phone's request to the line about it, for so many.
    fn millis(&self, daemon: &Daemon<'_>, events: usize) -> Vec<f64> {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 3, 0, 1), 0)).unwrap();
        let one = |at: usize| {
            let name = probe_name(at);
            let sent = Instant::now();
            socket.send_to(&request(&name), daemon.tftp).unwrap();
            let mut came = sent;
            let mut line = String::new();
            while !(line.starts_with("data:") && line.contains(&name)) {
                (came, line) = self.lines.recv_timeout(Duration::from_secs(10)).expect("the event comes");
            }
            // No rhythm that suits anybody.
            thread::sleep(Duration::from_millis(10 + (at as u64 * 37) % 150));
            came.duration_since(sent).as_secs_f64() * 1e3
        };
        (0..events).map(one).collect()
    }
}

/// A file that phone asks for, and no other phone here.
fn probe_name(at: usize) -> String {
    format!("CTLSEP{}.tlv", mac(PHONES - at % 1_000))
}

fn request(name: &str) -> Vec<u8> {
    [b"\0\x01", name.as_bytes(), b"\0octet\0"].concat()
}

/// Open pages and phones that boot, again and again.
struct Storm {
    ending: Arc<AtomicBool>,
    boots: thread::JoinHandle<usize>,
    pages: Pages,
}

impl Storm {
    fn begin(site: &Site, daemon: &Daemon<'_>, image: &Arc<[u8]>) -> Self {
        let pages = Pages::open(&site.folder().join("api.sock"));
        let list = |at: usize| {
            let name = format!("SEP{}.cnf.xml", mac(at));
            let file: Arc<[u8]> = daemon.file(&name).unwrap().into_bytes().into();
            let fetch = |name: &str, file: &Arc<[u8]>| Fetch {
                name: name.to_owned(),
                file: Some(Arc::clone(file)),
                options: Options::NONE,
            };
            vec![fetch(&name, &file), fetch(IMAGE, image)]
        };
        let (lists, server): (Vec<Vec<Fetch>>, _) = ((1..100).map(list).collect(), daemon.tftp);
        let ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ending);
        let boots = thread::spawn(move || {
            let mut boots = 0;
            while !told.load(Ordering::Relaxed) {
                let outcome = play(server, lists.clone(), 0.0, boots as u64);
                assert_eq!(outcome.failed, 0, "{:?}", outcome.why);
                boots += 1;
            }
            boots
        });
        Self { ending, boots, pages }
    }

    fn end(self) -> usize {
        self.ending.store(true, Ordering::Relaxed);
        let boots = self.boots.join().unwrap();
        self.pages.close();
        boots
    }
}

/// From a phone's request until its line stands in the live log of a Chromium.
fn seen(site: &Site, daemon: &Daemon<'_>, events: usize) -> Vec<f64> {
    let mut millis = Vec::new();
    drive(&relay(site.folder().join("api.sock")), &json!({}), async |browser| {
        browser.go("/live").await;
        let watch = "window.came = {}; new MutationObserver((changes) => changes.forEach((change) =>
            change.addedNodes.forEach((node) => { window.came[node.textContent] ??= performance.timeOrigin + performance.now() })))
            .observe(document.getElementById('log'), { childList: true, subtree: true })";
        browser.asks(watch).await;
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 3, 0, 2), 0)).unwrap();
        for at in 0..events {
            let name = format!("ITLSEP{}.tlv", mac(PHONES - 1_000 - at));
            let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1e3;
            socket.send_to(&request(&name), daemon.tftp).unwrap();
            let look = format!(
                "const key = Object.keys(window.came).find((text) => text.includes('{name}')); return key ? window.came[key] : null"
            );
            let deadline = Instant::now() + Duration::from_secs(10);
            let came = loop {
                if let Some(came) = browser.asks(&look).await.as_f64() {
                    break came;
                }
                assert!(Instant::now() < deadline, "{name} never came onto the page");
                thread::sleep(Duration::from_millis(5));
            };
            millis.push(came - sent);
        }
    });
    millis
}
