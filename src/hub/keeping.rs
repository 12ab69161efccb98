//! What is kept of conversions so that a restart, or the death of the daemon, loses nothing of them; and what is recalled.

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use super::taken::Taken;
use crate::convert::{Conversion, Mode};
use crate::domain::MacAddr;
use crate::store::{Kept, ToKeep};

/// A gap after which a campaign waits for a person (F35).
const AWAY: SignedDuration = SignedDuration::from_mins(15);

impl Hub {
    /// What was kept in an earlier life. A daemon that was away for long goes on when somebody says so (F35).
    pub fn recall_conversions(&self, kept: Kept, now: Timestamp) {
        let mut state = self.lock();
        let converting = &mut state.converting;
        converting.beliefs = kept.beliefs.into_iter().collect();
        for (mac, conversion) in kept.conversions {
            converting.put(conversion);
            converting.unkept.remove(&mac);
            // While nobody served it, it was not late.
            converting.held.insert(mac, now);
        }
        converting.campaign = kept.campaign;
        converting.taken = Taken::recalled(kept.taken, now);
        let last = converting.conversions.values().flat_map(|c| c.steps.iter().map(|step| step.since)).max();
        let away = last.is_some_and(|last| now.duration_since(last) > AWAY);
        let under_way = converting.conversions.values().any(Conversion::open);
        if let Some(campaign) = converting.campaign.as_mut().filter(|c| c.mode == Mode::Running && away && under_way) {
            campaign.go(Mode::Paused, "the daemon was away for more than a quarter of an hour; see that all is well, then `offhook convert resume`", now);
            converting.campaign_changed = true;
        }
    }

    /// What changed since it was last kept, and is to be kept now.
    pub fn to_keep(&self) -> Option<ToKeep> {
        let mut state = self.lock();
        let converting = &mut state.converting;
        let keep = ToKeep {
            conversions: converting.unkept.iter().map(|mac| (*mac, converting.conversions.get(mac).cloned())).collect(),
            beliefs: converting.unkept_beliefs.iter().map(|mac| (*mac, converting.beliefs.get(mac).cloned())).collect(),
            campaign: converting.campaign.clone().filter(|_| converting.campaign_changed),
            taken: converting.taken.to_keep(),
            audit: std::mem::take(&mut converting.audit),
        };
        let empty = keep.conversions.is_empty()
            && keep.beliefs.is_empty()
            && keep.campaign.is_none()
            && keep.taken.is_empty()
            && keep.audit.is_empty();
        (!empty).then_some(keep)
    }

    /// That was kept: what did not change meanwhile may be offered.
    pub fn kept(&self, kept: &ToKeep) {
        let mut state = self.lock();
        let converting = &mut state.converting;
        let same = |mac: &MacAddr, row: &Option<Conversion>| converting.conversions.get(mac) == row.as_ref();
        let now_kept: Vec<MacAddr> =
            kept.conversions.iter().filter(|(mac, row)| same(mac, row)).map(|(mac, _)| *mac).collect();
        converting.unkept.retain(|mac| !now_kept.contains(mac));
        for (mac, row) in &kept.beliefs {
            if converting.beliefs.get(mac) == row.as_ref() {
                converting.unkept_beliefs.remove(mac);
            }
        }
        converting.taken.kept(&kept.taken);
        if kept.campaign.is_some() && kept.campaign == converting.campaign {
            converting.campaign_changed = false;
        }
    }

    /// It was not kept: the audit log's lines are not lost.
    pub fn not_kept(&self, keep: ToKeep) {
        let mut state = self.lock();
        let audit = keep.audit.into_iter().chain(std::mem::take(&mut state.converting.audit)).collect();
        state.converting.audit = audit;
    }
}
