//! The conversion of the demonstration: made-up archives through the daemon's own store, and phones that somebody
//! power-cycles until each runs its target and is registered.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::api;
use crate::convert::StepState;
use crate::domain::MacAddr;
use crate::hub::{Hub, Operations};
use crate::simulate::firmware::archive::{Form, pack};
use crate::simulate::firmware::set;
use crate::simulate::{Registered, Setup, boot};

/// What stands for the vendor's archives: name, form, the load in it.
const ARCHIVES: &[(&str, Form, &str)] = &[
    ("P00305000500", Form::Zip, "P00305000500"),
    ("P00308000900", Form::Tar, "P00308000900"),
    ("P0S3-8-12-00", Form::Zip, "P0S3-8-12-00"),
    ("cmterm-7945_7965-sip.8-5-2", Form::Cop, "SIP45.8-5-2S"),
    ("cmterm-7945_7965-sip.9-4-2SR3-1", Form::Zip, "SIP45.9-4-2SR3-1S"),
    ("cmterm-7942_7962-sip.8-5-2", Form::Tgz, "SIP42.8-5-2S"),
    ("cmterm-7942_7962-sip.9-4-2SR3-1", Form::CopSgn, "SIP42.9-4-2SR3-1S"),
];

/// Boots of one phone before it is given up; the longest way takes ten.
const BOOTS: u32 = 40;

/// Between two boots: somebody pulls the plug and puts it back.
const PLUG: Duration = Duration::from_millis(300);

/// How long a phone that registered is left in peace before it is power-cycled for its next step.
const PEACE: Duration = Duration::from_millis(700);

/// How often the ways are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Brings the archives, as `offhook firmware add` does.
pub(super) async fn bring(
    operations: &Arc<Operations>,
    folder: &Path,
    say: &mut impl FnMut(&str),
) -> Result<(), String> {
    for (stem, form, load) in ARCHIVES {
        let files = set(load).ok_or_else(|| format!("there is no made-up load {load}"))?;
        let archive = pack(stem, &files, *form);
        let path = folder.join(&archive.name);
        let failed = |why: std::io::Error| format!("the made-up archive {}: {why}", archive.name);
        std::fs::write(&path, &archive.bytes).map_err(failed)?;
        let (file, name) = (File::open(&path).map_err(failed)?, archive.name.clone());
        let operations = Arc::clone(operations);
        let imported =
            tokio::task::spawn_blocking(move || operations.add_firmware(&name, file, false, "the demo")).await;
        let imported = imported.map_err(|why| why.to_string())?.map_err(|why| why.to_string())?;
        say(&format!("firmware add: {}", imported.summary));
    }
    Ok(())
}

/// Starts the conversion of all phones, as `offhook convert start --all --accept-one-way` does.
pub(super) fn begin(operations: &Operations, say: &mut impl FnMut(&str)) -> Result<(), String> {
    let asked = api::Convert {
        macs: Vec::new(),
        all: true,
        model: None,
        to: None,
        running: None,
        limit: None,
        accept_one_way: true,
    };
    let outcomes = operations.start(&asked, "the demo")?;
    say(&format!("convert start --all --accept-one-way: {} phones", outcomes.len()));
    match outcomes.into_iter().find(|outcome| !outcome.done) {
        Some(refused) => Err(refused.summary),
        None => Ok(()),
    }
}

/// Power-cycles the phones until each is registered on its target; returns them.
pub(super) async fn power_cycle(
    setups: Vec<Setup>,
    hub: &Arc<Hub>,
    say: &mut impl FnMut(&str),
) -> Result<Vec<Registered>, String> {
    let (said, mut lines) = unbounded_channel();
    let mut phones = JoinSet::new();
    for setup in setups {
        phones.spawn(live(setup, Arc::clone(hub), said.clone()));
    }
    let (mut ways, mut look) = (Ways::default(), interval(LOOK));
    let mut registered = Vec::new();
    loop {
        tokio::select! {
            Some(line) = lines.recv() => say(&line),
            _ = look.tick() => ways.look(hub, say),
            phone = phones.join_next() => match phone {
                Some(Ok(phone)) => registered.push(phone?),
                Some(Err(why)) => return Err(format!("a scripted phone ended: {why}")),
                None => break,
            },
        }
    }
    while let Ok(line) = lines.try_recv() {
        say(&line);
    }
    ways.look(hub, say);
    Ok(registered)
}

/// One phone: boots until it is through and registered. Says what is new.
async fn live(mut setup: Setup, hub: Arc<Hub>, say: UnboundedSender<String>) -> Result<Registered, String> {
    let (model, mac) = (setup.model, setup.mac);
    let mut last = String::new();
    for _ in 0..BOOTS {
        let outcome = boot(&setup, |_| ()).await;
        let sentence = outcome.sentence();
        if sentence != last {
            // Who does not listen any more has an error to tell of.
            let _ = say.send(format!("  {model} {mac} boots: {sentence}"));
            last = sentence;
        }
        if let Some(registered) = outcome.registered {
            let begun = Instant::now();
            while begun.elapsed() < PEACE {
                if through(&hub, mac) {
                    return Ok(registered);
                }
                sleep(LOOK).await;
            }
        }
        setup.flash = Some(outcome.flash);
        sleep(PLUG).await;
    }
    Err(format!("the {model} {mac} did not reach its target in {BOOTS} boots: {last}"))
}

fn through(hub: &Hub, mac: MacAddr) -> bool {
    hub.conversions().iter().any(|phone| phone.mac == mac && phone.state == StepState::Verified)
}

/// What was said of each phone's way.
#[derive(Default)]
struct Ways {
    ways: BTreeMap<MacAddr, String>,
    steps: BTreeMap<MacAddr, String>,
}

impl Ways {
    fn look(&mut self, hub: &Hub, say: &mut impl FnMut(&str)) {
        for phone in hub.conversions().into_iter().filter(|phone| phone.armed) {
            let who = format!("{} {}", phone.model, phone.mac);
            let loads = std::iter::once(phone.from.as_str()).chain(phone.steps.iter().map(|step| step.to.as_str()));
            let way = loads.collect::<Vec<_>>().join(" -> ");
            if self.ways.insert(phone.mac, way.clone()).as_ref() != Some(&way) {
                say(&format!("{who} is to go {way}"));
            }
            let done = phone.steps.iter().filter(|step| step.state == StepState::Verified).count();
            let at = match phone.state {
                StepState::Downloading | StepState::Failed => phone.steps.get(done).map(|step| {
                    let state = if phone.state == StepState::Failed { "failed at" } else { "downloads" };
                    format!("step {} of {}: {state} {}: {}", done + 1, phone.steps.len(), step.to, step.because)
                }),
                _ => phone
                    .steps
                    .get(done.wrapping_sub(1))
                    .map(|step| format!("step {done} of {}: runs {}: {}", phone.steps.len(), step.to, step.because)),
            };
            if let Some(at) = at
                && self.steps.insert(phone.mac, at.clone()).as_ref() != Some(&at)
            {
                say(&format!("{who} {at}"));
            }
        }
    }
}
