//! Conversion as people ask for it: by the command line and the API.

use jiff::Timestamp;

use super::Operations;
use super::planning::{Wanted, refused, shown};
use crate::api;
use crate::convert::Conversion;
use crate::convert::audit::made_of;
use crate::convert::campaign::Mode;
use crate::domain::MacAddr;

/// A phone's way, or why it has none.
type Planned = Result<Conversion, String>;

impl Operations {
    /// The ways of the phones that are asked for, nothing begun.
    ///
    /// # Errors
    /// No phone is meant, in one sentence.
    pub fn plan(&self, asked: &api::Convert) -> Result<Vec<api::Conversion>, String> {
        let now = Timestamp::now();
        let plans = self.plans(asked, now)?;
        let plan = |(mac, plan): (MacAddr, Planned)| match plan {
            Ok(conversion) => shown(&conversion, None, None),
            Err(why) => refused(mac, why, now),
        };
        Ok(plans.into_iter().map(plan).collect())
    }

    /// Begins the conversion of those phones that have a way, on the word of `who`. Returns what became of each.
    ///
    /// # Errors
    /// Nothing was begun, and why, in one sentence.
    pub fn start(&self, asked: &api::Convert, who: &str) -> Result<Vec<api::Outcome>, String> {
        let now = Timestamp::now();
        let plans = self.plans(asked, now)?;
        let one_way: Vec<MacAddr> = plans
            .iter()
            .filter(|(_, plan)| plan.as_ref().is_ok_and(|c| c.steps.iter().any(|step| step.one_way)))
            .map(|(mac, _)| *mac)
            .collect();
        if !one_way.is_empty() && !asked.accept_one_way && !self.hub.accepts_one_way() {
            let names = one_way.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(format!(
                "nothing was started: {} of {} phones ({names}) go from unsigned to signed firmware, or may for all that is \
                 known of them, which cannot be undone; say that you mean it (--accept-one-way), or set firmware.accept_one_way",
                one_way.len(),
                plans.len()
            ));
        }
        let meant = plans.iter().map(|(mac, _)| *mac).collect();
        if let Some((waiting, campaign)) = self.hub.held_back(&meant) {
            return Err(format!(
                "nothing was started: conversion is held ({}) and {waiting} other phones wait for it to go on; \
                 `offhook convert resume` or `offhook convert abort` first",
                campaign.because
            ));
        }
        let nothing = |conversion: &Conversion| conversion.steps.is_empty();
        let mut outcomes = Vec::new();
        let mut begun = Vec::new();
        for (mac, plan) in plans {
            match plan {
                Ok(conversion) if nothing(&conversion) => outcomes.push(api::Outcome {
                    mac,
                    done: true,
                    summary: format!("phone {mac} runs {} already", conversion.target),
                }),
                Ok(conversion) => begun.push(Conversion {
                    accept_one_way: asked.accept_one_way || self.hub.accepts_one_way(),
                    ..conversion
                }),
                Err(why) => outcomes.push(api::Outcome {
                    mac,
                    done: false,
                    summary: format!("phone {mac} is not converted: {why}"),
                }),
            }
        }
        if !begun.is_empty() {
            let ways: Vec<(MacAddr, String)> = begun.iter().map(|c| (c.mac, way(c))).collect();
            if let Some(running) = &asked.running {
                self.hub.audit(who, format!("said that {} phones run {running}", ways.len()), now);
            }
            let of = made_of(begun.iter().flat_map(|conversion| &conversion.steps));
            let taken = self.hub.start_conversions(begun, asked.limit, now);
            for (mac, way) in ways.iter().filter(|(mac, _)| taken.contains(mac)) {
                self.hub.began(who, *mac, way, now);
            }
            let list = ways.iter().map(|(mac, way)| format!("{mac} {way}")).collect::<Vec<_>>().join("; ");
            self.hub.audit(
                who,
                format!("started conversion (one-way accepted: {}) {of}: {list}", asked.accept_one_way),
                now,
            );
            outcomes.extend(ways.into_iter().map(|(mac, way)| {
                let done = taken.contains(&mac);
                let summary = if done {
                    format!("phone {mac} goes {way}")
                } else {
                    format!("phone {mac} keeps the step that it is at: it downloads; try again when it is through")
                };
                api::Outcome { mac, done, summary }
            }));
        }
        outcomes.sort_by_key(|outcome| outcome.mac);
        Ok(outcomes)
    }

    /// Pauses, resumes, aborts, on the word of `who`.
    ///
    /// # Errors
    /// Why not, in one sentence.
    pub fn steer(&self, mode: Mode, who: &str) -> Result<String, String> {
        let now = Timestamp::now();
        let said = self.hub.steer_conversions(mode, &format!("{who} said so"), now)?;
        self.hub.audit(who, said.clone(), now);
        Ok(said)
    }

    /// Who did what.
    ///
    /// # Errors
    /// The store cannot be read, in one sentence.
    pub async fn audited(&self) -> Result<Vec<api::Audited>, String> {
        self.store.audit().await.map_err(|why| format!("the audit log could not be read: {why}"))
    }

    fn plans(&self, asked: &api::Convert, now: Timestamp) -> Result<Vec<(MacAddr, Planned)>, String> {
        // What was brought a moment ago counts.
        self.hub.firmware_index(self.firmware().index());
        let mut macs = asked.macs.clone();
        if asked.all {
            macs.extend(self.hub.convertible(asked.model.as_deref()));
        } else if macs.is_empty() {
            return Err("no phone is named: give MACs, or --all".to_owned());
        }
        macs.sort_unstable();
        macs.dedup();
        if macs.is_empty() {
            let of = asked.model.as_ref().map_or_else(String::new, |model| format!(" of model {model}"));
            return Err(format!("no phone{of} is assigned; see `offhook phones list`"));
        }
        let wanted = Wanted { to: asked.to.clone(), running: asked.running.clone() };
        Ok(macs.into_iter().map(|mac| (mac, self.hub.plan_conversion(mac, &wanted, now))).collect())
    }
}

/// `SCCP 8.0(9) -> ... -> target`, by load names.
fn way(conversion: &Conversion) -> String {
    let loads = conversion.steps.iter().map(|step| step.to.as_str());
    if conversion.lacks.is_some() {
        return format!("to {}, once it has shown what it runs", conversion.target);
    }
    std::iter::once(conversion.from.as_str()).chain(loads).collect::<Vec<_>>().join(" -> ")
}
