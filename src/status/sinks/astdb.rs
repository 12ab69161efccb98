//! Writes Asterisk's own database, family `offhook`, keys `<MAC>/<field>`, through the manager interface.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{fields, unknown};
use crate::domain::MacAddr;
use crate::pbx::ami::client::{AmiError, AmiHandle};
use crate::status::PhoneStatus;
use crate::status::publish::Difference;

/// The family all keys are in.
const FAMILY: &str = "offhook";

/// AstDB, through a manager session.
pub struct AstDb {
    handle: AmiHandle,
}

impl AstDb {
    /// Over that session.
    pub fn new(handle: AmiHandle) -> Self {
        Self { handle }
    }

    /// The MACs that have entries. Each is written anew once: an entry tells less than a state.
    pub(super) async fn held(&self) -> Result<BTreeMap<MacAddr, PhoneStatus>, String> {
        let macs = self.handle.db_children(FAMILY).await.map_err(|why| sentence(&why))?;
        Ok(macs.iter().filter_map(|mac| mac.parse().ok()).map(|mac| (mac, unknown(mac))).collect())
    }

    pub(super) async fn write(
        &self,
        difference: &Difference,
        held: &BTreeMap<MacAddr, PhoneStatus>,
        now: Timestamp,
    ) -> Result<(), String> {
        for status in &difference.write {
            let before = held
                .get(&status.mac)
                .filter(|before| **before != unknown(status.mac))
                .map(|before| fields(before, now));
            for (index, (field, value)) in fields(status, now).into_iter().enumerate() {
                let same = before.as_ref().and_then(|before| before.get(index)).is_some_and(|(_, old)| *old == value);
                if same && field != "updated" {
                    continue;
                }
                // AstDB takes no empty value; a blank stands for none.
                let value = value.filter(|value| !value.is_empty()).unwrap_or_else(|| " ".to_owned());
                self.handle
                    .db_put(FAMILY, &format!("{}/{field}", status.mac), &value)
                    .await
                    .map_err(|why| sentence(&why))?;
            }
        }
        for mac in &difference.remove {
            self.handle.db_del_tree(FAMILY, &mac.to_string()).await.map_err(|why| sentence(&why))?;
        }
        Ok(())
    }
}

fn sentence(why: &AmiError) -> String {
    let remedy = match why {
        AmiError::Refused(_) => "; give the manager user write = system,call,reporting",
        _ => "",
    };
    format!("AstDB family offhook could not be written: {why}{remedy}")
}
