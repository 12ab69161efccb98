//! Conversion with the real daemon: scripted phones of both families, each at its own step, boot against it until they run
//! their target. They accept steps by a table of their own.

mod crowd;
mod cut;
mod holding;
mod interlocks;
mod odd;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use offhook::simulate::firmware::archive::{Form, pack};
use offhook::simulate::firmware::set;
use offhook::simulate::{Ending, Flash, Model, Outcome, Setup, State, Timing, boot};
use serde_json::Value;

use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, text, wait_for};

/// Boots of one phone before the test gives up; the longest path takes ten.
const BOOTS: usize = 80;

/// Between two boots: somebody pulls the plug and puts it back.
pub(crate) const PLUG: Duration = Duration::from_millis(500);

/// What the vendor's archives hold, by the name of each.
pub(crate) const ARCHIVES: &[(&str, Form, &[&str])] = &[
    ("P00305000500", Form::Zip, &["P00305000500"]),
    ("P00308000400", Form::Zip, &["P00308000400"]),
    ("P00308000900", Form::Tar, &["P00308000900"]),
    ("P0S3-8-12-00", Form::Zip, &["P0S3-8-12-00"]),
    ("cmterm-7941_7961-sip.8-5-2", Form::Cop, &["SIP41.8-5-2S"]),
    ("cmterm-7941_7961-sip.9-4-2SR3-1", Form::CopSgn, &["SIP41.9-4-2SR3-1S"]),
    ("cmterm-7945_7965-sip.8-5-2", Form::Zip, &["SIP45.8-5-2S"]),
    ("cmterm-7911_7906-sip.8-5-2", Form::Zip, &["SIP11.8-5-2S"]),
    ("cmterm-7945_7965-sip.9-4-2SR3-1", Form::Zip, &["SIP45.9-4-2SR3-1S"]),
    ("cmterm-7911_7906-sip.9-4-2SR3-1", Form::Tgz, &["SIP11.9-4-2SR3-1S"]),
];

/// Brings the archives, all at once.
pub(crate) fn bring(daemon: &Daemon<'_>, folder: &Path, archives: &[(&str, Form, &[&str])]) {
    let mut arguments = vec!["firmware".to_owned(), "add".to_owned()];
    for (stem, form, loads) in archives {
        let files: Vec<_> = loads.iter().flat_map(|load| set(load).unwrap_or_else(|| panic!("{load}"))).collect();
        let archive = pack(stem, &files, *form);
        let path = folder.join(&archive.name);
        std::fs::write(&path, &archive.bytes).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = daemon.cli(&arguments);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// A phone somewhere in its life.
struct Device {
    mac: &'static str,
    model: &'static str,
    state: String,
    /// What it must run in the end.
    target: &'static str,
}

fn setup(device: &Device, server: SocketAddr, last: u8, flash: Option<Flash>) -> Setup {
    let model: Model = device.model.parse().unwrap();
    let state: State = device.state.parse().unwrap();
    let mut setup = Setup::new(model, device.mac.parse().unwrap(), state, server.ip());
    setup.tftp_port = server.port();
    setup.from_address = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 7, last)));
    setup.flash = flash;
    setup.timing = Timing { tftp_retry: Duration::from_millis(500), ..Timing::default() };
    setup.sip_port_override = Some(0);
    setup
}

/// Boots each phone again and again until it is registered and through, or too often. Returns what each said last, and ran.
fn power_cycle(devices: &[Device], daemon: &Daemon<'_>) -> BTreeMap<&'static str, (Ending, Option<String>)> {
    let through = |mac: &str| conversion(daemon, mac)["state"] == "verified";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let phones = (1..).zip(devices).map(|(last, device)| async move {
            let registered = |_, outcome: &Outcome| outcome.ending == Ending::Registered && through(device.mac);
            let outcome = live(device, daemon, last, |_, _| {}, registered).await;
            (device.mac, (outcome.ending, outcome.load))
        });
        futures(phones.collect()).await
    })
}

/// Boots one phone again and again: `wish` says what is odd in each boot, by its number, `through` whether that was the
/// last one.
async fn live(
    device: &Device,
    daemon: &Daemon<'_>,
    last: u8,
    wish: impl Fn(usize, &mut Setup),
    mut through: impl FnMut(usize, &Outcome) -> bool,
) -> Outcome {
    let mut flash = None;
    let mut said = Vec::new();
    for turn in 0..BOOTS {
        let mut setup = setup(device, daemon.tftp, last, flash.take());
        wish(turn, &mut setup);
        let outcome = boot(&setup, |_| {}).await;
        said.push(outcome.sentence());
        if through(turn, &outcome) {
            return outcome;
        }
        flash = Some(outcome.flash);
        tokio::time::sleep(PLUG).await;
    }
    said.dedup();
    panic!("{} {} never got through: {said:#?}", device.model, device.mac);
}

async fn futures<T, F: Future<Output = (&'static str, T)>>(all: Vec<F>) -> BTreeMap<&'static str, T> {
    let mut done = BTreeMap::new();
    let mut waiting: Vec<_> = all.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|task| {
        waiting.retain_mut(|phone| match phone.as_mut().poll(task) {
            std::task::Poll::Ready((mac, value)) => {
                done.insert(mac, value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

fn conversion(daemon: &Daemon<'_>, mac: &str) -> Value {
    let all = daemon.json(&["convert", "status"]);
    all.as_array().unwrap().iter().find(|phone| phone["mac"] == mac).cloned().unwrap_or(Value::Null)
}

/// The promise of the whole: phones in every state, one command, each by its own path, no edit to any file.
#[test]
fn every_phone_ends_on_its_target_by_its_own_path() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let devices = [
        Device { mac: "00087D0A0001", model: "7960", state: "sccp:P00303010102".into(), target: "P0S3-8-12-00" },
        Device { mac: "00087D0A0002", model: "7960", state: "sccp:P00308010200".into(), target: "P0S3-8-12-00" },
        Device { mac: "00087D0A0003", model: "7960", state: "loader".into(), target: "P0S3-8-12-00" },
        Device { mac: "001B54CE0001", model: "7941", state: "sccp:SCCP41.8-2-1S".into(), target: "SIP41.9-4-2SR3-1S" },
        Device { mac: "001B54CE0002", model: "7965", state: "factory".into(), target: "SIP45.9-4-2SR3-1S" },
        Device {
            mac: "001B54CE0003",
            model: "7911",
            state: "sip:SIP11.9-4-2SR3-1S".into(),
            target: "SIP11.9-4-2SR3-1S",
        },
    ];
    for (at, device) in devices.iter().enumerate() {
        let extension = format!("10{at:02}");
        pbx.add_extension(&extension, "Ada", &format!("CANARY10{at:02}"));
        pbx.add_phone(device.mac, device.model, &[&extension]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    site.configure(
        &(site.configuration() + "[firmware]\nconcurrent = 10\nerased = { term65 = \"SIP45.9-4-2SR3-1S\" }\n"),
    );
    let daemon = site.serve();
    wait_for("the PBX's phones", || {
        let phones = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if phones == devices.len() { Ok(()) } else { Err(format!("{phones} phones")) }
    });
    bring(&daemon, site.folder(), ARCHIVES);

    let refused = daemon.cli(&["convert", "start", "--all", "--limit", "10"]);
    let said = text(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("cannot be undone") && said.contains("--accept-one-way"),
        "{said}"
    );
    let started = daemon.cli(&["convert", "start", "--all", "--accept-one-way"]);
    assert!(started.status.success(), "{}{}", text(&started.stdout), text(&started.stderr));

    let ends = power_cycle(&devices, &daemon);
    for device in &devices {
        let (_, load) = &ends[device.mac];
        assert_eq!(load.as_deref(), Some(device.target), "{} {}", device.model, device.mac);
    }
    let log = daemon.json(&["convert", "log"]);
    assert!(log.to_string().contains("started conversion"), "{log}");
    daemon.stop();
}
