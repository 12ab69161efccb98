//! `offhook phones …`

use jiff::Timestamp;
use rand::seq::IndexedRandom;

use super::args::Phones;
use super::client::{Client, Stream};
use super::report::{Failure, Out, line, table, warn};
use super::{Context, planned, watch};
use crate::api::{AddPhone, Approve, Boot, Done, Event, Outcome, Phone};
use crate::domain::MacAddr;
use crate::notify::Verb;

pub(super) async fn run(verb: Phones, context: &Context) -> Result<(), Failure> {
    if let Phones::Other(words) = &verb {
        return Err(planned::refuse_verb("phones", words));
    }
    let client = context.client()?;
    match verb {
        Phones::Explain { what } => super::explain::explain(&what, context).await?,
        Phones::List => {
            let phones: Vec<Phone> = client.get("/api/v1/phones").await?;
            context.out.show(&phones, |phones| list(phones));
        }
        Phones::Show { mac } => {
            let phone: Phone = client.get(&format!("/api/v1/phones/{mac}")).await?;
            context.out.show(&phone, show);
        }
        Phones::Add { mac, model, lines } => {
            let done: Done = client.post("/api/v1/phones", &AddPhone { mac, model, lines }).await?;
            context.out.show(&done, |done| done.summary.clone());
        }
        Phones::Adopt { mac, lines } => {
            let phone: Phone = client.get(&format!("/api/v1/phones/{mac}")).await?;
            if phone.ownership != SEEN {
                return Err(Failure::failed(format!(
                    "phone {mac} was not adopted: it is assigned already; see `offhook phones show {mac}`"
                )));
            }
            let done: Done = client.post("/api/v1/phones", &AddPhone { mac, model: phone.model, lines }).await?;
            context.out.show(&done, |done| done.summary.clone());
        }
        Phones::Remove { mac } => {
            let done: Done = client.delete(&format!("/api/v1/phones/{mac}")).await?;
            context.out.show(&done, |done| done.summary.clone());
        }
        Phones::Approve { mac, address } => {
            let done: Done = client.post(&format!("/api/v1/phones/{mac}/approve"), &Approve { address }).await?;
            context.out.show(&done, |done| done.summary.clone());
        }
        Phones::Timeline { mac, replay: true, .. } => {
            let script = client.bytes(&format!("/api/v1/phones/{mac}/replay")).await?;
            let script = String::from_utf8_lossy(&script);
            context.out.show(&serde_json::json!({"mac": mac, "script": script}), |_| script.to_string());
        }
        Phones::Timeline { mac, all, boots, follow, replay: false } => {
            timeline(&client, mac, Shown { all, boots, follow }, context.out).await?;
        }
        Phones::Resync { macs } => tell(&client, Verb::Resync, &macs, context.out).await?,
        Phones::Restart { macs } => tell(&client, Verb::Restart, &macs, context.out).await?,
        Phones::Reset { macs } => tell(&client, Verb::Reset, &macs, context.out).await?,
        Phones::Secret { mac } => {
            let phone: Phone = client.get(&format!("/api/v1/phones/{mac}")).await?;
            secret(&phone, context.out);
        }
        Phones::Other(_) => {}
    }
    Ok(())
}

fn list(phones: &[Phone]) -> String {
    if phones.is_empty() {
        return "no phones: add a MAC in the PBX (table offhook_phones), or `offhook phones add`".to_owned();
    }
    let (unknown, ours): (Vec<&Phone>, Vec<&Phone>) = phones.iter().partition(|phone| phone.ownership == SEEN);
    let mut text = String::new();
    if !unknown.is_empty() {
        text += "unknown phones: seen, and nobody gave them an extension\n";
        text += &strangers(&unknown);
        text += if ours.is_empty() { "" } else { "\nphones\n" };
    }
    if !ours.is_empty() {
        text += &assigned(&ours);
    }
    text
}

/// Of a phone that is only seen.
const SEEN: &str = "seen";

fn strangers(phones: &[&Phone]) -> String {
    let mut phones = phones.to_vec();
    phones.sort_by_key(|phone| std::cmp::Reverse(phone.last));
    let row = |phone: &&Phone| {
        let vlan = phone.announced.as_ref().and_then(|announced| announced.vlan);
        vec![
            phone.mac.to_string(),
            phone.model.clone(),
            phone.load.clone().unwrap_or_default(),
            vlan.map(|vlan| vlan.to_string()).unwrap_or_default(),
            phone.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            phone.asked.clone().unwrap_or_default(),
            to_the_second(phone.since),
            phone.adopt.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = phones.iter().map(row).collect();
    table(&["MAC", "MODEL", "LOAD", "VLAN", "ADDRESS", "ASKED LAST", "SINCE", "ADOPT WITH"], &rows)
}

fn to_the_second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn assigned(phones: &[&Phone]) -> String {
    let rows: Vec<Vec<String>> = phones
        .iter()
        .map(|phone| {
            let registered = phone.lines.iter().filter(|line| line.registered).count();
            let lines = phone.lines.iter().map(|line| line.extension.as_str()).collect::<Vec<_>>().join(",");
            vec![
                phone.mac.to_string(),
                phone.model.clone(),
                lines,
                phone.stage.clone(),
                phone.health.clone(),
                format!("{registered}/{}", phone.lines.len()),
                phone.ip.map(|ip| ip.to_string()).unwrap_or_default(),
                phone.reason.clone(),
            ]
        })
        .collect();
    table(&["MAC", "MODEL", "LINES", "STAGE", "HEALTH", "REG", "ADDRESS", "REASON"], &rows)
}

fn show(phone: &Phone) -> String {
    let mut text = format!(
        "{} {} ({})\n{}, {} since {}: {}\n",
        phone.mac, phone.model, phone.ownership, phone.stage, phone.health, phone.since, phone.summary
    );
    if let Some(ip) = phone.ip {
        text += &format!("address {ip}\n");
    }
    let target = phone.target_load.as_ref().filter(|target| Some(*target) != phone.load.as_ref());
    match (&phone.load, target) {
        (Some(load), Some(target)) => text += &format!("runs {load}, is to run {target}\n"),
        (Some(load), None) => text += &format!("runs {load}\n"),
        (None, Some(target)) => text += &format!("is to run {target}\n"),
        (None, None) => {}
    }
    if let Some(announced) = &phone.announced {
        let by: Vec<&str> = announced.by.iter().map(|by| by.word()).collect();
        let said = [
            announced.model.as_ref().map(|model| format!("a {model}")),
            announced.load.as_ref().map(|load| format!("load {load}")),
            announced.hardware.as_ref().map(|hardware| format!("hardware {hardware}")),
            announced.serial.as_ref().map(|serial| format!("serial {serial}")),
            announced.vlan.map(|vlan| format!("voice VLAN {vlan}")),
            announced.ip.map(|ip| format!("address {ip}")),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        text += &format!("announces by {}, last {}: {}\n", by.join(" and "), announced.at, said.join(", "));
    }
    if let Some(asked) = phone.asked.as_ref().filter(|_| phone.ownership == SEEN) {
        text += &format!("asked last for {asked}\n");
    }
    if let Some(adopt) = &phone.adopt {
        text += &format!("adopt it: {adopt}\n");
    }
    for key in &phone.lines {
        let state = if key.registered { "registered" } else { "not registered" };
        text += &format!("line {}: {} {} {state}\n", key.button, key.extension, key.label);
    }
    text
}

/// How much of a timeline, and how.
#[derive(Clone, Copy)]
struct Shown {
    all: bool,
    boots: bool,
    follow: bool,
}

async fn timeline(client: &Client, mac: MacAddr, how: Shown, out: Out) -> Result<(), Failure> {
    let path = format!("/api/v1/phones/{mac}/timeline");
    if !how.follow {
        if how.boots || !(how.all || out.json()) {
            let boots: Vec<Boot> = client.get(&format!("/api/v1/phones/{mac}/boots")).await?;
            out.show(&boots, |boots| boots.iter().map(boot).collect());
        } else {
            let events: Vec<Event> = client.get(&path).await?;
            out.show(&events, |events| events.iter().map(one_line).collect::<Vec<_>>().join("\n"));
        }
        return Ok(());
    }
    // What happens between the two is in both.
    let live = format!("/api/v1/events?mac={mac}");
    let stream = Stream::open(client, &live, None).await?;
    let shown: Vec<Event> = client.get(&path).await?;
    shown.iter().for_each(|event| watch::print(event, out, one_line));
    let last = shown.iter().map(|event| event.id).max().unwrap_or_default();
    let show = |event: &Event| {
        if event.id > last {
            watch::print(event, out, one_line);
        }
    };
    watch::follow(client, stream, &live, &show).await
}

/// A boot: its heading, and what happened in it.
fn boot(boot: &Boot) -> String {
    let began = boot.began.or_else(|| boot.entries.first().map(|entry| entry.first));
    let mut text = format!("{}  {}\n", began.map(to_the_second).unwrap_or_default(), boot.summary);
    for entry in &boot.entries {
        text += &format!("  {}  {}\n", entry.first.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"), entry.summary);
    }
    text
}

fn one_line(event: &Event) -> String {
    let again = match (event.data.get("times"), event.data.get("since").and_then(serde_json::Value::as_str)) {
        (Some(times), Some(since)) => format!(" ({times} times since {since})"),
        _ => String::new(),
    };
    format!("{}  {}{again}", event.at, event.summary)
}

/// One after another, as the daemon would have them wait anyway; each is said as it comes.
async fn tell(client: &Client, verb: Verb, macs: &[MacAddr], out: Out) -> Result<(), Failure> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for mac in macs {
        if outcomes.iter().any(|outcome| outcome.mac == *mac) {
            continue;
        }
        let path = format!("/api/v1/phones/{mac}/{}", verb.word());
        let outcome = match client.post::<Done>(&path, &()).await {
            Ok(done) => Outcome { mac: *mac, done: true, summary: done.summary },
            Err(why) if why.is_unreachable() => return Err(why),
            Err(why) => Outcome { mac: *mac, done: false, summary: why.sentence().to_owned() },
        };
        match (out.json(), outcome.done) {
            (true, _) => {}
            (false, true) => line(&outcome.summary),
            (false, false) => warn(&outcome.summary),
        }
        outcomes.push(outcome);
    }
    if out.json() {
        outcomes.sort_by_key(|outcome| outcome.mac);
        out.show(&outcomes, |_| String::new());
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.done).count();
    Failure::of_many(failed, outcomes.len())
}

/// Twelve of these are about 71 bits and pass every limit these phones have.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn secret(phone: &Phone, out: Out) {
    let mut random = rand::rng();
    let secret: String = (0..12).filter_map(|_| LETTERS.choose(&mut random).copied().map(char::from)).collect();
    let extensions: Vec<&str> = phone.lines.iter().map(|line| line.extension.as_str()).collect();
    let remedy = format!(
        "put it into Secret of extension {} in the PBX, press Apply Config, and restart the phone",
        if extensions.is_empty() { "its line".to_owned() } else { extensions.join(", or of ") }
    );
    let value = serde_json::json!({"mac": phone.mac, "extensions": extensions, "secret": secret, "remedy": remedy});
    out.show(&value, |_| format!("{secret}\n{remedy}"));
}
