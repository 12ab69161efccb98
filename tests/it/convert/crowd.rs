//! Many phones of all kinds at different steps at once, each with its own answer to the same shared names.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use offhook::simulate::{Ending, Flash, LoadId, Setup, Timing, boot};
use tokio::sync::watch;

use super::{ARCHIVES, bring};
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, text, wait_for};

/// Kinds of phones: first octets of their MAC, model, what each runs, where it is to end.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("00087D0A", "7960", "sccp:P00303010102", "P0S3-8-12-00"),
    ("00087D0B", "7940", "sccp:P00308010200", "P0S3-8-12-00"),
    ("00087D0C", "7960", "loader", "P0S3-8-12-00"),
    ("001B54CA", "7941", "sccp:SCCP41.8-2-1S", "SIP41.9-4-2SR3-1S"),
    ("001B54CB", "7961", "sccp:SCCP41.8-5-2S", "SIP41.9-4-2SR3-1S"),
    ("001B54CC", "7965", "factory", "SIP45.9-4-2SR3-1S"),
    ("001B54CD", "7911", "sip:SIP11.8-5-2S", "SIP11.9-4-2SR3-1S"),
    ("001B54CE", "7906", "sip:SIP11.9-4-2SR3-1S", "SIP11.9-4-2SR3-1S"),
];

/// Somebody pulls the plug of each and puts it back, as often as this at most.
const BOOTS: usize = 60;
const PLUG: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Phone {
    mac: String,
    model: &'static str,
    state: &'static str,
    target: &'static str,
    address: IpAddr,
}

fn phones(count: usize) -> Vec<Phone> {
    (0..count)
        .zip(KINDS.iter().cycle())
        .map(|(at, (octets, model, state, target))| {
            let [high, low] = u16::try_from(at).unwrap().to_be_bytes();
            Phone {
                mac: format!("{octets}{at:04X}"),
                model,
                state,
                target,
                address: Ipv4Addr::new(127, 8, high, low).into(),
            }
        })
        .collect()
}

/// A phone's life until it is through and runs its target.
async fn life(phone: Phone, server: SocketAddr, through: watch::Receiver<BTreeSet<String>>) -> Result<(), String> {
    let mut flash: Option<Flash> = None;
    let mut said = Vec::new();
    for _ in 0..BOOTS {
        let (model, state) = (phone.model.parse().unwrap(), phone.state.parse().unwrap());
        let mut setup = Setup::new(model, phone.mac.parse().unwrap(), state, server.ip());
        setup.tftp_port = server.port();
        setup.from_address = Some(phone.address);
        setup.flash = flash.take();
        setup.sip_port_override = Some(0);
        setup.timing = Timing { tftp_retry: Duration::from_secs(1), ..Timing::default() };
        let outcome = boot(&setup, |_| {}).await;
        said.push(outcome.sentence());
        // A phone that refuses what it was offered, or is sent round in a circle, was offered what it must not be.
        if matches!(outcome.ending, Ending::RejectedLoad { .. } | Ending::Looping { .. } | Ending::Refused { .. }) {
            return Err(format!("{} {}: {}", phone.model, phone.mac, outcome.sentence()));
        }
        if outcome.ending == Ending::Registered && through.borrow().contains(&phone.mac) {
            let runs = outcome.flash.load().map(LoadId::as_str).unwrap_or_default();
            let wrong = || format!("{} {} runs {runs}", phone.model, phone.mac);
            return if runs == phone.target { Ok(()) } else { Err(wrong()) };
        }
        flash = Some(outcome.flash);
        tokio::time::sleep(PLUG).await;
    }
    said.dedup();
    Err(format!("{} {} never came through: {said:?}", phone.model, phone.mac))
}

/// Whose conversions are verified and how many are under way, as the command says.
fn status(daemon: &Daemon<'_>) -> (BTreeSet<String>, usize) {
    let all = daemon.json(&["convert", "status"]);
    let (through, others): (Vec<_>, Vec<_>) =
        all.as_array().unwrap().iter().partition(|phone| phone["state"] == "verified");
    let under_way = others.iter().filter(|phone| phone["armed"] == true).count();
    (through.iter().map(|phone| phone["mac"].as_str().unwrap().to_owned()).collect(), under_way)
}

/// Phones of eight kinds convert at once, each by its own path, all to their own target.
#[test]
fn a_crowd_converts_at_once() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let phones = phones(500);
    for (at, phone) in phones.iter().enumerate() {
        let extension = (1000 + at).to_string();
        pbx.add_extension(&extension, "Ada", &format!("CANARY{extension}"));
        pbx.add_phone(&phone.mac, phone.model, &[&extension]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    let firmware = "[firmware]\nconcurrent = 1000\nerased = { term65 = \"SIP45.9-4-2SR3-1S\" }\n";
    site.configure(&(site.configuration() + firmware));
    let daemon = site.serve();
    wait_for("the PBX's phones", || {
        let listed = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if listed == phones.len() { Ok(()) } else { Err(format!("{listed} phones")) }
    });
    bring(&daemon, site.folder(), ARCHIVES);
    let started = daemon.cli(&["convert", "start", "--all", "--accept-one-way"]);
    assert!(started.status.success(), "{}{}", text(&started.stdout), text(&started.stderr));

    let began = Instant::now();
    let (tell, through) = watch::channel(BTreeSet::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let lives = runtime.block_on(async {
        let (mut lives, server) = (tokio::task::JoinSet::new(), daemon.tftp);
        phones.iter().cloned().for_each(|phone| drop(lives.spawn(life(phone, server, through.clone()))));
        lives
    });
    let mut most = 0;
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let lives = scope.spawn(|| runtime.block_on(lives.join_all()).into_iter().filter_map(Result::err).collect());
        while !lives.is_finished() {
            let (verified, under_way) = status(&daemon);
            most = most.max(under_way);
            tell.send_replace(verified);
            std::thread::park_timeout(Duration::from_millis(500));
        }
        lives.join().unwrap()
    });
    println!("{} phones were through in {:?}, up to {most} at once", phones.len(), began.elapsed());
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), phones.len());
    assert!(most > phones.len() / 4, "never more than {most} of {} were under way", phones.len());
    daemon.stop();
}
