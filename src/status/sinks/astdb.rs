//! Writes Asterisk's own database, family `offhook`, keys `<MAC>/<field>`, through the manager interface.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::MacAddr;
use crate::pbx::ami::client::{AmiError, AmiHandle};
use crate::status::publish::row::{Difference, Row, Rows, UPDATED, seconds};

/// The family all keys are in.
const FAMILY: &str = "offhook";

/// AstDB, through a manager session.
#[derive(Clone)]
pub struct AstDb {
    handle: AmiHandle,
}

impl AstDb {
    /// Over that session.
    pub fn new(handle: AmiHandle) -> Self {
        Self { handle }
    }

    /// What the family holds. An Asterisk that cannot list it is written anew.
    pub(super) async fn held(&self) -> Result<Rows, String> {
        match self.handle.db_tree(FAMILY).await {
            Ok(keys) => Ok(rows(&keys)),
            Err(AmiError::Refused(_)) => Ok(Rows::new()),
            Err(why) => Err(sentence(&why)),
        }
    }

    pub(super) async fn write(&self, difference: &Difference, held: &Rows, now: Timestamp) -> Result<(), String> {
        for (mac, row) in &difference.write {
            for (field, value) in puts(held.get(mac).map(|row| &**row), row, now) {
                self.handle.db_put(FAMILY, &format!("{mac}/{field}"), &value).await.map_err(|why| sentence(&why))?;
            }
        }
        for mac in &difference.remove {
            self.handle.db_del_tree(FAMILY, &mac.to_string()).await.map_err(|why| sentence(&why))?;
        }
        Ok(())
    }
}

/// Rows out of keys `<MAC>/<field>`. Keys of another shape are not ours and stay.
fn rows(keys: &BTreeMap<String, String>) -> Rows {
    let mut rows = Rows::new();
    for (key, value) in keys {
        let Some((mac, field)) = key.split_once('/') else { continue };
        // Only as we spell it: what else is there would not be found by our own key.
        let Some(mac) = mac.parse::<MacAddr>().ok().filter(|parsed| parsed.to_string() == mac) else { continue };
        if let Some(slot) = Arc::make_mut(rows.entry(mac).or_default()).field_mut(field) {
            *slot = Some(value.clone()).filter(|value| !value.is_empty());
        }
    }
    rows
}

/// Fields to write for one phone: those that differ, then the time. What is NULL in the table is empty here.
fn puts(held: Option<&Row>, wanted: &Row, now: Timestamp) -> Vec<(&'static str, String)> {
    let before: Vec<Option<&str>> = held.into_iter().flat_map(Row::fields).map(|(_, value)| value).collect();
    let differs = |(at, (_, value)): &(usize, (&str, Option<&str>))| before.get(*at) != Some(value);
    let mut puts: Vec<(&'static str, String)> = wanted
        .fields()
        .enumerate()
        .filter(differs)
        .map(|(_, (field, value))| (field, value.unwrap_or_default().to_owned()))
        .collect();
    puts.push((UPDATED, seconds(now)));
    puts
}

fn sentence(why: &AmiError) -> String {
    format!("AstDB family offhook could not be written: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Stage;
    use crate::status::publish::row::tests::status;

    fn row(stage: Stage) -> Row {
        Row::of(&status("001B54AABB01", stage, "").1)
    }

    #[test]
    fn only_fields_that_differ_are_put() {
        let now = Timestamp::from_second(1_795_243_100).unwrap();
        let names = |held: Option<&Row>| puts(held, &row(Stage::Registered), now).into_iter().map(|(name, _)| name);
        assert_eq!(names(None).count(), 10, "all fields of offhook_status");
        assert_eq!(names(Some(&row(Stage::Silent))).collect::<Vec<_>>(), ["stage", "updated"]);
        let all = puts(None, &row(Stage::Registered), now);
        assert!(all.contains(&("load_id", String::new())), "what is not known is empty: {all:?}");
        assert!(all.contains(&("updated", "2026-11-21 06:38:20".into())), "{all:?}");
    }

    #[test]
    fn what_was_put_is_found_again() {
        let wanted = row(Stage::Registered);
        let mut keys: BTreeMap<String, String> = puts(None, &wanted, Timestamp::UNIX_EPOCH)
            .into_iter()
            .map(|(field, value)| (format!("001B54AABB01/{field}"), value))
            .collect();
        for other in ["note", "001b54aabb02/stage", "x/stage", ""] {
            keys.insert(other.into(), "silent".into());
        }
        assert_eq!(rows(&keys), Rows::from([("001B54AABB01".parse().unwrap(), Arc::new(wanted))]));
    }
}
