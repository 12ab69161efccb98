//! From the rows of `offhook_phones` and `offhook_lines` to assignments. Pure.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Deserialize;

use super::freepbx::{Cell, PhoneRows, lossy, printable, row_problem};
use crate::domain::{MacAddr, ModelName, PhoneOptions, Problem};
use crate::pbx::roster::{Assignment, Button, Origin, RowProblem};

/// Phones and their buttons. A bad row costs that row alone.
pub(super) fn assignments(rows: &PhoneRows, problems: &mut Vec<RowProblem>) -> BTreeMap<MacAddr, Assignment> {
    let (Some(phones), Some(lines)) = (&rows.phones, &rows.lines) else {
        problems.push(row_problem(
            None,
            None,
            Problem::new(
                "table-missing",
                "the PBX database has no table offhook_phones or offhook_lines, so it assigns no phone",
                "run `offhook setup`, which makes them with FreePBX's module; without FreePBX, run contrib/sql/offhook-mariadb.sql on it (in the package: /usr/share/offhook/sql)",
            ),
        ));
        return BTreeMap::new();
    };
    let mut assignments: BTreeMap<MacAddr, Assignment> = BTreeMap::new();
    // In order of bytes, so that which of two spellings of a MAC counts does not depend on the order of rows.
    let mut phones: Vec<&[Cell; 6]> = phones.iter().collect();
    phones.sort();
    for row in phones {
        let Some(mac) = mac(&row[0], "offhook_phones", problems) else { continue };
        match assignments.entry(mac) {
            Entry::Vacant(free) => {
                free.insert(phone(mac, row, problems));
            }
            Entry::Occupied(_) => problems.push(row_problem(
                Some(mac),
                None,
                Problem::new(
                    "assigned-twice",
                    format!(
                        "{mac} stands twice in offhook_phones, the other time as \"{}\"; what it was served before goes on",
                        printable(&lossy(&row[0]))
                    ),
                    "delete one of the two rows",
                ),
            )),
        }
    }
    let mut lines: Vec<&[Cell; 5]> = lines.iter().collect();
    lines.sort();
    for row in lines {
        let Some(mac) = mac(&row[0], "offhook_lines", problems) else { continue };
        match button(row) {
            Ok(button) => {
                if let Some(assignment) = assignments.get_mut(&mac) {
                    if assignment.buttons.iter().any(|other| other.button == button.button) {
                        problems.push(row_problem(Some(mac), Some(&printable(&button.extension)), Problem::new(
                            "assigned-twice",
                            format!("button {} of {mac} is assigned twice, in two spellings of the MAC; what it was served before goes on", button.button),
                            "delete one of the two rows of offhook_lines",
                        )));
                    } else {
                        assignment.buttons.push(button);
                    }
                } else {
                    problems.push(row_problem(
                        Some(mac),
                        Some(&printable(&button.extension)),
                        Problem::new(
                            "bad-line",
                            format!(
                                "offhook_lines gives {mac} button {}, and offhook_phones has no such phone",
                                button.button
                            ),
                            "add the phone, or delete the row of offhook_lines",
                        ),
                    ));
                }
            }
            Err(problem) => problems.push(row_problem(Some(mac), None, problem)),
        }
    }
    for assignment in assignments.values_mut() {
        assignment.buttons.sort_by_key(|button| button.button);
    }
    assignments
}

fn mac(cell: &Cell, table: &str, problems: &mut Vec<RowProblem>) -> Option<MacAddr> {
    let text = lossy(cell);
    match text.parse() {
        Ok(mac) => Some(mac),
        Err(why) => {
            problems.push(row_problem(
                None,
                None,
                Problem::new(
                    "bad-mac",
                    format!("\"{}\" in {table} is no phone's MAC: {why}", printable(&text)),
                    "correct the row; any spelling of 12 hex digits will do",
                ),
            ));
            None
        }
    }
}

fn phone(mac: MacAddr, row: &[Cell; 6], problems: &mut Vec<RowProblem>) -> Assignment {
    let [_, model, description, target, options, enabled] = row;
    let model = lossy(model);
    let text = lossy(options);
    let options = if text.trim().is_empty() {
        PhoneOptions::default()
    } else {
        // An object: a list would be taken for one, key by key.
        let object = serde_json::from_str::<serde_json::Map<_, _>>(&text);
        object.and_then(|object| PhoneOptions::deserialize(serde_json::Value::Object(object))).unwrap_or_else(|why| {
            problems.push(row_problem(
                Some(mac),
                None,
                Problem::new(
                    "bad-options",
                    format!("column options of {mac} cannot be used, the phone is served without: {why}"),
                    "correct the JSON; its keys are those of [phones] in the configuration",
                ),
            ));
            PhoneOptions::default()
        })
    };
    Assignment {
        mac,
        model: (!model.is_empty() && !model.eq_ignore_ascii_case("auto")).then(|| ModelName::new(&model)),
        description: lossy(description),
        target_load: Some(lossy(target)).filter(|load| !load.is_empty()),
        options,
        enabled: lossy(enabled).trim() != "0",
        buttons: Vec::new(),
        origin: Origin::Pbx,
    }
}

fn button(row: &[Cell; 5]) -> Result<Button, Problem> {
    let [mac, number, kind, extension, label] = row;
    let bad = |what: String| {
        Problem::new(
            "bad-line",
            format!("a row of offhook_lines for {}: {what}", printable(&lossy(mac))),
            "correct the row",
        )
    };
    let number = lossy(number);
    let button = number
        .trim()
        .parse::<u8>()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| bad(format!("button \"{}\" is no key", printable(&number))))?;
    let kind = lossy(kind);
    let kind = kind
        .parse()
        .map_err(|()| bad(format!("kind \"{}\" is none of line, speed_dial, blf, service", printable(&kind))))?;
    // It is shown to people wherever the line is: nothing in it may steer a terminal.
    Ok(Button {
        button,
        kind,
        extension: printable(&lossy(extension)),
        label: lossy(label).replace(char::is_control, " "),
    })
}
