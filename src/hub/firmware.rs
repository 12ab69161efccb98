//! What people ask of the firmware store.

use std::fs::File;
use std::sync::Arc;

use jiff::Timestamp;

use super::Operations;
use super::taken::stays;
use crate::api::{Check, CheckStatus};
use crate::firmware::import::{ImportError, Imported};
use crate::firmware::set::{FirmwareSet, SetFile};
use crate::firmware::store::{Store, StoreError};

impl Operations {
    /// The firmware of the house.
    pub fn firmware(&self) -> &Arc<Store> {
        &self.around.firmware
    }

    /// Why those files of a load stay as they are: it is the target of an assignment or on somebody's way, or a phone took
    /// them of late.
    fn use_of(&self, load: &str, files: &[&SetFile]) -> Option<String> {
        let assignments = &self.hub.snapshot().assignments;
        if assignments.values().any(|assignment| assignment.target_load.as_deref() == Some(load))
            || self.hub.firmware_in_use(load)
        {
            return Some(format!(
                "phones are on their way to {load}, or it is their target; end their conversion first"
            ));
        }
        self.hub.taken_of_late(files, Timestamp::now()).map(stays)
    }

    /// Takes an archive in, on the word of `who`; blocks.
    ///
    /// # Errors
    /// Nothing of it was taken.
    pub fn add_firmware(&self, name: &str, archive: File, replace: bool, who: &str) -> Result<Imported, ImportError> {
        let outcome = self.firmware().import(name, archive, replace, &|load, files| self.use_of(load, files));
        match &outcome {
            Ok(imported) => {
                tracing::info!(code = "firmware-added", "{}", imported.summary);
                self.hub.audit(who, format!("brought firmware: {}", imported.summary), Timestamp::now());
            }
            Err(why) => tracing::warn!(code = "firmware-refused", "{why}"),
        }
        outcome
    }

    /// Removes a load, on the word of `who`; blocks.
    ///
    /// # Errors
    /// It is not there, phones are on their way to it, or one took files of it within the last day.
    pub fn remove_firmware(&self, load: &str, who: &str) -> Result<FirmwareSet, StoreError> {
        let removed = self.firmware().remove(load, &|load, files| self.use_of(load, files))?;
        tracing::info!(code = "firmware-removed", load, "load {load} was removed from the store");
        self.hub.audit(who, format!("removed load {load} from the store"), Timestamp::now());
        Ok(removed)
    }

    /// What is wrong with the firmware of the house.
    pub(super) fn check_firmware(&self) -> Vec<Check> {
        let index = self.firmware().index();
        let mut checks: Vec<Check> = index.sets.values().filter(|set| !set.complete).map(incomplete).collect();
        for sha256 in &index.damaged {
            for record in index.records.iter().filter(|record| record.sha256 == *sha256) {
                checks.push(Check {
                    name: "firmware".to_owned(),
                    status: CheckStatus::Failed,
                    summary: format!("the stored {} is gone or damaged, and no load with it is offered", record.name),
                    remedy: format!("bring {} again: offhook firmware add", record.archive),
                });
            }
        }
        if checks.is_empty() && !index.sets.is_empty() {
            checks.push(Check {
                name: "firmware".to_owned(),
                status: CheckStatus::Ok,
                summary: format!("{} loads, all complete", index.sets.len()),
                remedy: String::new(),
            });
        }
        checks
    }
}

fn incomplete(set: &FirmwareSet) -> Check {
    let why =
        if set.missing.is_empty() { set.problems.join("; ") } else { format!("it lacks {}", set.missing.join(", ")) };
    let archive = set.archives.first().map_or_else(|| "the archive that holds them".to_owned(), Clone::clone);
    Check {
        name: "firmware".to_owned(),
        status: CheckStatus::Warning,
        summary: format!("load {} is not complete and is not offered: {why}", set.load),
        remedy: format!("offhook firmware add {archive}"),
    }
}
