//! Power that fails and packets that are lost in the middle of a conversion: the phone begins anew and ends on its target,
//! and what the daemon says of it meanwhile is so.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::time::Duration;

use offhook::simulate::{CutAt, Ending, Outcome, PowerCut, Setup, Stall};

use super::interlocks::{pbx, ready, site, stocked};
use super::odd::{MORE, device, live_all, start, steps};
use super::{Device, bring, conversion};

/// What goes wrong.
enum Odd {
    /// The power fails, once.
    Cut(&'static str, CutAt),
    /// It goes silent after so many bytes, in each boot.
    Stall(&'static str, usize),
    /// The last acknowledgement is lost, in each boot.
    LastAck(&'static str),
}

/// A phone, what goes wrong, and the share that it is said to have after that.
type Row = (&'static str, &'static str, &'static str, &'static str, Odd, RangeInclusive<u64>);

const SIP7960: &str = "P0S3-8-12-00";
const SIP42: &str = "SIP42.9-4-2SR3-1S";
const SIP41: &str = "SIP41.9-4-2SR3-1S";

const ROWS: &[Row] = &[
    // In the middle of an image; of its writing, when the application is gone; between loader and application.
    ("00087D0A0401", "7960", "sccp:P00308000900", SIP7960, Odd::Cut("P0S3-8-12-00.sb2", CutAt::Bytes(4_096)), 20..=40),
    ("00087D0A0402", "7960", "sccp:P00308000900", SIP7960, Odd::Cut("P0S3-8-12-00.sb2", CutAt::Flashing), 100..=100),
    ("00087D0A0403", "7960", "sccp:P00308000900", SIP7960, Odd::Cut("P003-8-12-00.sbn", CutAt::Reboot), 20..=40),
    // No registration tells how that ends.
    (
        "00087D0A0404",
        "7960",
        "sip:P0S3-8-12-00",
        "P00308000900",
        Odd::Cut("P00308000900.sb2", CutAt::Flashing),
        100..=100,
    ),
    (
        "001B54CE0401",
        "7942",
        "sccp:SCCP42.9-4-2SR3-1S",
        SIP42,
        Odd::Cut("cnu42.9-4-2ES26.sbn", CutAt::Bytes(4_096)),
        10..=30,
    ),
    ("001B54CE0402", "7942", "sccp:SCCP42.9-4-2SR3-1S", SIP42, Odd::Cut(SIP42, CutAt::Flashing), 100..=100),
    ("001B54CE0403", "7942", "sccp:SCCP42.9-4-2SR3-1S", SIP42, Odd::Stall("dsp42.9-4-2ES26.sbn", 4_096), 0..=0),
    ("001B54CE0404", "7942", "sccp:SCCP42.9-4-2SR3-1S", SIP42, Odd::LastAck("cvm42sip.9-4-2ES26.sbn"), 0..=0),
    // Between two steps.
    ("001B54CE0405", "7941", "sccp:SCCP41.8-2-1S", SIP41, Odd::Cut("SIP41.8-5-2S", CutAt::Reboot), 100..=100),
];

fn odd(row: &Row, setup: &mut Setup) {
    setup.timing.tftp_stall = Duration::from_secs(1);
    match row.4 {
        Odd::Cut(file, at) => setup.power_cut_at = Some(PowerCut { file: file.to_owned(), at }),
        Odd::Stall(file, bytes) => setup.stall_at = Some(Stall { file: file.to_owned(), bytes }),
        Odd::LastAck(file) => setup.last_ack_lost = Some(file.to_owned()),
    }
}

#[test]
fn interrupted_phones_end_on_their_target() {
    if !ready() {
        return;
    }
    let devices: Vec<Device> =
        ROWS.iter().map(|(mac, model, state, target, ..)| device(mac, model, state, target)).collect();
    let pbx = pbx(&devices);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, devices.len());
    bring(&daemon, site.folder(), MORE);
    live_all(&devices, &daemon, |_, _, _| {}, |_, _, _| true, drop);
    for device in &devices {
        let (_, running) = device.state.split_once(':').unwrap();
        start(&daemon, &[device.mac, "--to", device.target, "--running", running]);
    }
    let row = |device: &Device| ROWS.iter().find(|row| row.0 == device.mac).unwrap();
    let struck: Mutex<BTreeSet<&str>> = Mutex::default();
    let wish = |device: &Device, _: usize, setup: &mut Setup| {
        if !struck.lock().unwrap().contains(device.mac) {
            odd(row(device), setup);
        }
    };
    let through = |device: &Device, _: usize, outcome: &Outcome| {
        let at = conversion(&daemon, device.mac);
        if matches!(outcome.ending, Ending::PowerCut { .. }) {
            assert!(struck.lock().unwrap().insert(device.mac), "once");
            let percent = at["percent"].as_u64().unwrap_or_else(|| panic!("{at}"));
            assert!(at["state"] == "downloading" && row(device).5.contains(&percent), "{}: {at}", device.mac);
            let phone = daemon.phone(device.mac);
            assert_eq!((&phone["stage"], &phone["reason"]), (&"loading".into(), &"loading".into()), "{phone}");
        }
        assert_ne!(at["state"], "failed", "{at}");
        at["state"] == "verified"
    };
    let ends = live_all(&devices, &daemon, wish, through, |outcome| outcome.load);
    for device in &devices {
        assert_eq!(ends[device.mac].as_deref(), Some(device.target), "{}", device.mac);
        let ways = steps(&conversion(&daemon, device.mac));
        assert!(ways.iter().all(|(_, state)| state == "verified"), "{}: no other way was needed: {ways:?}", device.mac);
        let cut = matches!(row(device).4, Odd::Cut(..));
        assert_eq!(struck.lock().unwrap().contains(device.mac), cut, "{}", device.mac);
    }
    daemon.stop();
}
