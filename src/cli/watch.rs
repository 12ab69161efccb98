//! `offhook watch`, and what other commands show as it happens: the daemon's events, read until somebody stops.
//!
//! On a terminal a view that is drawn anew as things change: how many phones are at which stage, which of them need hands,
//! what happened last. Elsewhere one line for each event.

use std::collections::{BTreeMap, VecDeque};
use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::time::Instant;

use super::Context;
use super::client::{Client, Said, Stream};
use super::report::{Failure, Out, clean, is_read, line, warn};
use crate::api::{Event, Phone};

/// Events of the past that are shown first.
const FIRST: usize = 20;

/// Between two looks at all phones while something happens, and while nothing does: time alone changes some.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(10);

/// Where a terminal does not say how large it is.
const SIZE: (usize, usize) = (24, 80);

pub(super) async fn watch(context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let stream = Stream::open(&client, &format!("/api/v1/events?last={FIRST}"), None).await?;
    if context.out.json() || !std::io::stdout().is_terminal() {
        let show = |event: &Event| print(event, context.out, one_line);
        return follow(&client, stream, "/api/v1/events", &show).await;
    }
    view(&client, stream).await
}

/// Shows events as they come, until nobody reads.
pub(super) async fn follow(
    client: &Client,
    mut stream: Stream,
    path: &str,
    show: &dyn Fn(&Event),
) -> Result<(), Failure> {
    let mut last = None;
    while is_read() {
        match stream.next().await {
            Some(Said::Event(event)) => {
                last = Some(event.id);
                show(&event);
            }
            Some(Said::Lost(missed)) => warn(&lost(missed)),
            Some(Said::Nothing) => {}
            // Where the daemon is gone, this says so.
            None => stream = Stream::open(client, path, last).await?,
        }
    }
    Ok(())
}

fn lost(missed: Option<u64>) -> String {
    let many = missed.map_or_else(|| "some".to_owned(), |missed| missed.to_string());
    format!("{many} events came faster than they were read, and are not shown; `offhook phones timeline MAC` has them")
}

/// One line: the event as JSON, or as `text` has it.
pub(super) fn print(event: &Event, out: Out, text: fn(&Event) -> String) {
    if out.json() {
        line(&serde_json::to_string(event).unwrap_or_default());
    } else {
        line(&text(event));
    }
}

fn one_line(event: &Event) -> String {
    format!("{}  {}  {}", event.at, event.mac, event.summary)
}

async fn view(client: &Client, mut stream: Stream) -> Result<(), Failure> {
    let mut phones: Vec<Phone> = client.get("/api/v1/phones").await?;
    let (mut events, mut last, mut fresh) = (VecDeque::new(), None, Instant::now());
    let mut stale = false;
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    while is_read() {
        draw(&phones, &events);
        let look = fresh + if stale { SOON } else { LATER };
        tokio::select! {
            _ = &mut stop => return Ok(()),
            () = tokio::time::sleep_until(look) => {
                phones = client.get("/api/v1/phones").await?;
                (fresh, stale) = (Instant::now(), false);
            }
            said = stream.next() => match said {
                Some(Said::Event(event)) => {
                    (last, stale) = (Some(event.id), true);
                    events.push_front(one_line(&event));
                    events.truncate(200);
                }
                Some(Said::Lost(missed)) => events.push_front(lost(missed)),
                Some(Said::Nothing) => {}
                None => stream = Stream::open(client, "/api/v1/events", last).await?,
            },
        }
    }
    Ok(())
}

fn draw(phones: &[Phone], events: &VecDeque<String>) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let size = size.map(|size| (size.ws_row.into(), size.ws_col.into()));
    let (rows, columns) = size.filter(|(rows, columns)| *rows > 0 && *columns > 0).unwrap_or(SIZE);
    let lines = lines(phones, events, rows.saturating_sub(1));
    let cut = |line: &String| clean(line).chars().take(columns).collect::<String>() + "\x1b[K\n";
    // To the upper left, each line to its end, then all that is below (ECMA-48: CUP, EL, ED).
    let drawn = lines.iter().map(cut).collect::<String>();
    super::report::bytes(format!("\x1b[H{drawn}\x1b[J").as_bytes());
}

/// What is to be seen, in so many rows.
fn lines(phones: &[Phone], events: &VecDeque<String>, rows: usize) -> Vec<String> {
    let ours = || phones.iter().filter(|phone| phone.ownership != "seen");
    let mut stages: BTreeMap<&str, usize> = BTreeMap::new();
    for phone in ours() {
        *stages.entry(&phone.stage).or_default() += 1;
    }
    let counts: Vec<String> = stages.iter().map(|(stage, count)| format!("{count} {stage}")).collect();
    let unknown = phones.len() - ours().count();
    let mut head = vec![
        format!("{} phones: {}; {unknown} unknown. Ctrl-C ends this.", ours().count(), or_none(&counts.join(", "))),
        String::new(),
    ];
    let mut sick: Vec<&Phone> = ours().filter(|phone| !matches!(phone.health.as_str(), "ok" | "waiting")).collect();
    // Those that nothing but a person helps come first.
    sick.sort_by_key(|phone| (phone.health != "needs-hands", phone.since));
    let room = rows.saturating_sub(head.len() + 3) / 2;
    let more = sick.len().saturating_sub(room);
    head.extend(sick.iter().take(room).map(|phone| format!("{}  {}  {}", phone.mac, phone.health, phone.summary)));
    if more > 0 {
        head.push(format!("and {more} more; see `offhook phones list`"));
    }
    if sick.is_empty() {
        head.push("no phone needs anything".to_owned());
    }
    head.push(String::new());
    let room = rows.saturating_sub(head.len());
    head.extend(events.iter().take(room).cloned());
    head.truncate(rows);
    head
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(n: u8, stage: &str, health: &str, since: i64) -> Phone {
        serde_json::from_value(serde_json::json!({
            "mac": format!("001B54AABB{n:02}"), "model": "7960", "ownership": if stage == "seen" { "seen" } else { "adopted" },
            "stage": stage, "health": health, "reason": "r", "summary": format!("phone {n} is {health}"), "ip": null,
            "load": null, "target_load": null, "lines": [],
            "since": jiff::Timestamp::from_second(since).unwrap().to_string(),
        }))
        .unwrap()
    }

    #[test]
    fn what_needs_hands_stands_first_and_all_fits() {
        let phones = [
            phone(1, "registered", "ok", 0),
            phone(2, "booting", "looping", 1),
            phone(3, "booting", "needs-hands", 2),
            phone(4, "registered", "ok", 3),
            phone(5, "seen", "ok", 4),
        ];
        let events: VecDeque<String> = (0..50).map(|n| format!("event {n}")).collect();
        let shown = lines(&phones, &events, 12);
        assert_eq!(shown.len(), 12);
        assert!(shown[0].starts_with("4 phones: 2 booting, 2 registered; 1 unknown"), "{shown:?}");
        assert!(shown[2].contains("phone 3") && shown[3].contains("phone 2"), "{shown:?}");
        assert_eq!(&shown[4..6], ["", "event 0"]);
        let many: Vec<Phone> = (0..90).map(|n| phone(n, "booting", "stalled", n.into())).collect();
        let shown = lines(&many, &events, 20);
        assert!(shown.len() == 20 && shown.iter().any(|line| line.starts_with("and 83 more")), "{shown:?}");
        for rows in 0..8 {
            assert!(lines(&many, &events, rows).len() <= rows);
        }
    }
}
