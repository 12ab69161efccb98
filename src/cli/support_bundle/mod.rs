//! `offhook support-bundle FILE`: what it takes to help, in one archive and without secrets. Most of it is the daemon's to say;
//! a bundle is wanted most when the daemon does not run, so what can be had without it is in there all the same.

mod archive;
mod readme;
mod system;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::args::SupportBundle;
use super::report::{Failure, warn};
use super::{Context, check, explain};
use crate::api::{Found, Phone, Setting, Settings, Written};
use crate::config::{AmiSecret, Config, PbxSource};
use crate::replay::Mask;
use archive::{Archive, Target};

/// How much longer the daemon of a large site may take than for a short answer.
const GATHERS: Duration = Duration::from_mins(2);

/// What could not be had, and why.
struct Missing {
    what: &'static str,
    why: String,
}

pub(super) async fn write(asked: &SupportBundle, context: &Context) -> Result<(), Failure> {
    let target = Target::of(&asked.file, asked.force)?;
    let now = Timestamp::now();
    let host = system::host();
    let config = context.config();
    let mask = mask(config.as_ref().ok());
    let mut archive = Archive::new(target, &host, now, mask)?;
    let mut missing = Vec::new();

    // What is tried for a check is found of phones, then.
    match check::checks(context).await {
        Ok((checks, _)) => {
            archive.json("check.json", &checks)?;
            archive.add("check.txt", check::text(&checks).as_bytes())?;
        }
        Err(why) => missing.push(Missing { what: "check.json, check.txt", why: why.sentence().to_owned() }),
    }
    let support = match &config {
        Ok(_) => daemon(asked.phones, context).await,
        Err(_) => Err(Failure::usage("the configuration cannot be read, and it says where the daemon's socket is")),
    };
    let version = support.as_ref().ok().and_then(|support| support.get("version")?.as_str().map(str::to_owned));
    archive.add("version.txt", system::versions(version.as_deref()).await.as_bytes())?;
    archive.add("service.txt", system::service().await.as_bytes())?;
    let answered = support.is_ok();
    match support {
        Ok(support) => of_the_daemon(&mut archive, &support, &mut missing)?,
        Err(why) => {
            let what = "what the daemon knows: findings.json, phones.json, conversions.json, firmware.json, leases.json, explain, replays, metrics.txt";
            missing.push(Missing { what, why: why.sentence().to_owned() });
            match &config {
                Ok(config) => archive.json("config.json", &on_disk(config))?,
                Err(_) => missing.push(Missing { what: "config.json", why: "see check.txt".to_owned() }),
            }
        }
    }
    if answered {
        match metrics(context).await {
            Ok(text) => archive.add("metrics.txt", &text)?,
            Err(why) => missing.push(Missing { what: "metrics.txt", why: why.sentence().to_owned() }),
        }
    }
    match system::log().await {
        Ok(log) => archive.add("log.txt", &log)?,
        Err(why) => missing.push(Missing { what: "log.txt", why }),
    }
    archive.add("README.txt", readme::text(&host, now, &missing).as_bytes())?;
    let octets = archive.finish()?;
    for Missing { what, why } in &missing {
        warn(&format!("the bundle is without {what}: {why}"));
    }
    if let Some(octets) = octets {
        let without: Vec<&str> = missing.iter().map(|missing| missing.what).collect();
        let written = serde_json::json!({"file": asked.file, "octets": octets, "without": without});
        let size = octets.div_ceil(1_000);
        context.out.show(&written, |_| {
            format!("{} was written, {size} kB; README.txt in it says who learns what by it", asked.file.display())
        });
    }
    if answered { Ok(()) } else { Err(Failure::partly("the bundle was written without what the daemon knows")) }
}

async fn daemon(phones: u32, context: &Context) -> Result<Value, Failure> {
    context.client()?.get_and_wait(&format!("/api/v1/support?phones={phones}"), GATHERS).await
}

async fn metrics(context: &Context) -> Result<Vec<u8>, Failure> {
    context.client()?.bytes("/metrics").await
}

/// The files that come of what the daemon said. What another version says is not looked into.
fn of_the_daemon(archive: &mut Archive, support: &Value, missing: &mut Vec<Missing>) -> Result<(), Failure> {
    let part = |name: &str| support.get(name).cloned().unwrap_or_default();
    for name in ["phones", "findings", "firmware", "leases"] {
        archive.json(&format!("{name}.json"), &part(name))?;
    }
    archive.json("config.json", &part("settings"))?;
    let conversions = serde_json::json!({"campaign": part("campaign"), "conversions": part("conversions")});
    archive.json("conversions.json", &conversions)?;
    let phones: Vec<Phone> = of_a_list(&part("phones"));
    let findings: Vec<Found> = of_a_list(&part("findings"));
    let replays: Vec<Written> = of_a_list(&part("replays"));
    for Written { mac, script } in &replays {
        archive.add(&format!("replays/{mac}.boot"), script.as_bytes())?;
        let phone = phones.iter().find(|phone| phone.mac == *mac);
        let found = findings.iter().find(|found| found.mac == *mac);
        if let (Some(phone), Some(found)) = (phone, found) {
            archive.add(&format!("explain/{mac}.txt"), explain::text(phone, &found.findings).as_bytes())?;
        }
    }
    let left_out = part("left_out").as_u64().unwrap_or_default();
    if left_out > 0 {
        let why = format!("{} are in it, those with findings first; --phones N changes that", replays.len());
        missing.push(Missing {
            what: "replays and explain of some phones",
            why: format!("{left_out} were left out: {why}"),
        });
    }
    Ok(())
}

/// Those of a list that can be read.
fn of_a_list<T: serde::de::DeserializeOwned>(list: &Value) -> Vec<T> {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|one| T::deserialize(one).ok()).collect()
}

/// The configuration as its files have it, for a daemon that does not run.
fn on_disk(config: &Config) -> impl Serialize + use<> {
    Settings { keys: config.shown.iter().map(Setting::from).collect(), restart: Vec::new() }
}

/// What takes the configuration's own passwords out of every file.
fn mask(config: Option<&Config>) -> Mask {
    let mut secrets: Vec<String> = Vec::new();
    if let Some(config) = config {
        if let PbxSource::FreePbx(Some(url)) = &config.pbx.source {
            let url = url::Url::parse(url.0.expose()).ok();
            secrets.extend(url.as_ref().and_then(url::Url::password).map(str::to_owned));
        }
        match config.ami.as_ref().map(|ami| &ami.secret) {
            Some(AmiSecret::Inline(secret)) => secrets.push(secret.expose().to_owned()),
            Some(AmiSecret::File(path)) => {
                secrets.extend(std::fs::read_to_string(path).ok().map(|secret| secret.trim_end().to_owned()));
            }
            None => {}
        }
        secrets.extend(config.phones.phone_password.clone());
    }
    Mask::of(secrets.iter().map(String::as_str))
}
