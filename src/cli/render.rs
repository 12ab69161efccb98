//! `offhook render MAC [FILE]`: exactly the bytes that phone would get; `--diff`: what changed since it last fetched them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Context;
use super::report::{Failure, bytes, table};
use crate::api::{Change, DiffLine, FileDiff, FileName};
use crate::domain::MacAddr;

pub(super) async fn render(mac: MacAddr, file: Option<&str>, reveal: bool, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let Some(file) = file else {
        let names: Vec<FileName> = client.get(&format!("/api/v1/phones/{mac}/files")).await?;
        context.out.show(&names, |names| {
            let row = |file: &FileName| {
                let compared = file.fetched.as_ref().map(|fetched| fetched.summary.clone());
                let state = file.refused.clone().unwrap_or_else(|| "served".to_owned());
                vec![file.name.clone(), state, compared.unwrap_or_default()]
            };
            table(&["FILE", "STATE", "FETCHED"], &names.iter().map(row).collect::<Vec<_>>())
        });
        return Ok(());
    };
    let name = utf8_percent_encode(file, NON_ALPHANUMERIC);
    let body = client.bytes(&format!("/api/v1/phones/{mac}/files/{name}?reveal={reveal}")).await?;
    if context.out.json() {
        let value = serde_json::json!({"mac": mac, "name": file, "body": String::from_utf8_lossy(&body)});
        context.out.show(&value, |_| String::new());
    } else {
        bytes(&body);
    }
    Ok(())
}

pub(super) async fn diff(mac: MacAddr, file: &str, context: &Context) -> Result<(), Failure> {
    let name = utf8_percent_encode(file, NON_ALPHANUMERIC);
    let diff: FileDiff = context.client()?.get(&format!("/api/v1/phones/{mac}/diff/{name}")).await?;
    context.out.show(&diff, text);
    Ok(())
}

/// A sentence, and where lines differ those in the unified format.
fn text(diff: &FileDiff) -> String {
    let FileDiff { mac, name, fetched, lines } = diff;
    let last = fetched.last.map(|last| format!(" ({})", last.strftime("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
    let mut text = format!("{mac}: {}{last}\n", fetched.summary);
    if !lines.is_empty() {
        text += &format!("--- {name} as it was fetched\n+++ {name} now\n");
    }
    for hunk in lines.split(|line| line.change == Change::Skipped).filter(|hunk| !hunk.is_empty()) {
        text += &format!("@@ -{} +{} @@\n", range(hunk, |line| line.was), range(hunk, |line| line.is));
        for line in hunk {
            let mark = match line.change {
                Change::Same | Change::Skipped => ' ',
                Change::Removed => '-',
                Change::Added => '+',
            };
            text += &format!("{mark}{}\n", line.text);
        }
    }
    text
}

/// First line and how many, as the unified format counts: of none, 0 before the first.
fn range(hunk: &[DiffLine], number: impl Fn(&DiffLine) -> Option<u32>) -> String {
    let numbers: Vec<u32> = hunk.iter().filter_map(number).collect();
    format!("{},{}", numbers.first().copied().unwrap_or(0), numbers.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{FetchState, Fetched};

    #[test]
    fn a_difference_is_read_as_others_are() {
        let line = |change, was, is, text: &str| DiffLine { change, was, is, text: text.to_owned() };
        let lines = vec![
            line(Change::Skipped, None, None, ""),
            line(Change::Same, Some(7), Some(7), "a"),
            line(Change::Removed, Some(8), None, "b"),
            line(Change::Added, None, Some(8), "c"),
            line(Change::Skipped, None, None, ""),
            line(Change::Added, None, Some(20), "d"),
        ];
        let last = Some("2026-01-02T03:04:05.6Z".parse().unwrap());
        let fetched = Fetched::new(FetchState::Changed, last, last);
        let diff = FileDiff { mac: "001B54AABB01".parse().unwrap(), name: "f".to_owned(), fetched, lines };
        assert_eq!(
            text(&diff),
            "001B54AABB01: what it would get now is not what it last fetched (2026-01-02T03:04:05Z)\n\
             --- f as it was fetched\n+++ f now\n@@ -7,2 +7,2 @@\n a\n-b\n+c\n@@ -0,0 +20,1 @@\n+d\n"
        );
        let fetched = Fetched::new(FetchState::Never, None, None);
        let never = FileDiff { fetched, lines: Vec::new(), ..diff };
        assert_eq!(text(&never), "001B54AABB01: it has not fetched this file since it is assigned\n");
    }
}
