//! Conversions behind the hub's lock: what every request and registration says goes in, what each phone is offered comes
//! out. Nothing is offered that is not kept yet, and nothing of a set that is not whole at that moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::holding::Calls;
use super::taken::Taken;
use crate::catalog::{Family, Model};
use crate::config;
use crate::convert::audit::made_of;
use crate::convert::belief::{Belief, Runs, Source};
use crate::convert::{Campaign, Conversion, Mode, Offer, Sign, Turn};
use crate::diagnose::Lookup;
use crate::domain::{EventKind, Load, MacAddr, Signalling, Window};
use crate::files::Unknown;
use crate::files::name::FileRequest;
use crate::firmware::plan::newest;
use crate::firmware::set::SetFile;
use crate::firmware::store::Index;
use crate::fleet::Firmware;

/// Between two looks at the clock there is half a second.
const JUMP: SignedDuration = SignedDuration::from_secs(10);

/// Between two reckonings of turns while nothing happens; as a phone counts, no time.
const TURNS: SignedDuration = SignedDuration::from_secs(1);

/// Who acts where nobody was asked.
pub(super) const ITSELF: &str = "the daemon";

/// What concerns firmware.
#[derive(Default)]
pub(super) struct Converting {
    /// What the store holds.
    pub(super) index: Arc<Index>,
    /// The same, as rules ask it.
    pub(super) lookup: Lookup,
    /// `[firmware]`.
    pub(super) settings: Option<config::Firmware>,
    /// `firmware.erased`, for every request to look at.
    pub(super) erased: Arc<BTreeMap<String, String>>,
    pub(super) conversions: BTreeMap<MacAddr, Conversion>,
    pub(super) campaign: Option<Campaign>,
    pub(super) beliefs: HashMap<MacAddr, Belief>,
    /// Conversions that changed since they were kept.
    pub(super) unkept: BTreeSet<MacAddr>,
    /// Likewise beliefs.
    pub(super) unkept_beliefs: BTreeSet<MacAddr>,
    /// When time alone may change a conversion.
    pub(super) due: BTreeSet<(Timestamp, MacAddr)>,
    /// The campaign changed since it was kept.
    pub(super) campaign_changed: bool,
    /// What each phone waits for that has not begun, when somebody looked last.
    pub(super) turns: BTreeMap<MacAddr, Turn>,
    /// When.
    pub(super) reckoned: Option<Timestamp>,
    /// Phones whose conversion came or went since.
    pub(super) touched: BTreeSet<MacAddr>,
    /// Failed conversions of which nobody looked for another way yet.
    failed: BTreeSet<MacAddr>,
    /// Who did what, not kept yet.
    pub(super) audit: Vec<(Timestamp, String, String)>,
    /// The phone that was last looked at whether it is due a conversion by itself; `None` = all were.
    pub(super) considered: Option<MacAddr>,
    /// The last look at the clock, and until when nothing is given up because of it.
    looked: Option<(Timestamp, Timestamp)>,
    /// Phones whose turn had come, and that showed another thing of what they run before they were told anything: their way
    /// is made anew first.
    pub(super) showed: BTreeSet<MacAddr>,
    /// When phones last asked for files of the store.
    pub(super) taken: Taken,
    /// The window in which steps may begin, while it is shut.
    pub(super) shut: Option<Window>,
    /// The daemon is being stopped.
    pub(super) ending: bool,
    /// Who is in a call.
    pub(super) calls: Calls,
    /// Phones of which there are two.
    pub(super) twins: BTreeSet<MacAddr>,
    /// When each phone first asked or registered in this life of the daemon.
    pub(super) heard: HashMap<MacAddr, Timestamp>,
    /// Until when each phone whose turn had come was held back: so long it was not late.
    pub(super) held: BTreeMap<MacAddr, Timestamp>,
    /// Until when `OS79XX.TXT` is answered to unknown phones.
    pub(super) window: Option<Timestamp>,
}

impl Converting {
    /// What a phone's files are to say of firmware.
    pub(super) fn of(&self, mac: MacAddr) -> Firmware {
        let runs = self.beliefs.get(&mac).and_then(Belief::load).cloned();
        let certain = self.beliefs.get(&mac).and_then(Belief::certain);
        let named = certain.filter(|load| self.complete(&load.name)).map(|load| load.name.clone());
        Firmware { runs, named, offer: self.offer(mac) }
    }

    /// What phones get that cannot say who they are.
    pub(super) fn unknown(&self, now: Timestamp) -> Unknown {
        let open = self.window.is_some_and(|until| now < until);
        let complete = || self.index.sets.values().filter(|set| set.complete).filter_map(|set| Load::parse(&set.load));
        let os79xx = if open { newest("P0", complete()).and_then(|load| load.loader()) } else { None };
        Unknown { erased: Arc::clone(&self.erased), os79xx }
    }

    fn complete(&self, load: &str) -> bool {
        self.index.set(load).is_some_and(|set| set.complete)
    }

    /// What a phone is offered now: its step begun, or kept and the campaign goes on (I11), at a time and out of a call (I6,
    /// I17); the set whole, as it was when it was planned (I1).
    pub(super) fn offer(&self, mac: MacAddr) -> Option<Offer> {
        let conversion = self.conversions.get(&mac)?;
        let goes_on = self.campaign.as_ref().is_none_or(|campaign| campaign.mode == Mode::Running);
        let unready = || self.unkept.contains(&mac) || self.showed.contains(&mac);
        if !conversion.begun() && (unready() || !goes_on || self.waits(conversion).is_some()) {
            return None;
        }
        let offer = conversion.offer()?;
        self.whole(&offer.set, &offer.files).then_some(offer)
    }

    /// Whether a set is whole, and so is every file of it that a phone was promised.
    pub(super) fn whole(&self, load: &str, files: &[SetFile]) -> bool {
        self.complete(load) && files.iter().all(|file| !self.index.damaged.contains(&file.sha256))
    }

    /// A change of one conversion: what changed is to be kept, and time is set anew.
    fn change<T>(&mut self, mac: MacAddr, change: impl FnOnce(&mut Conversion) -> T) -> Option<T> {
        let conversion = self.conversions.get_mut(&mac)?;
        let before = (conversion.due(), conversion.clone());
        let done = change(conversion);
        if before.1 != *conversion {
            self.unkept.insert(mac);
        }
        if before.0 != conversion.due() {
            self.due.extend(conversion.due().map(|due| (due, mac)));
            if let Some(due) = before.0 {
                self.due.remove(&(due, mac));
            }
        }
        Some(done)
    }

    /// Puts a conversion in, or in place of another.
    pub(super) fn put(&mut self, conversion: Conversion) {
        let mac = conversion.mac;
        if let Some(due) = self.conversions.get(&mac).and_then(Conversion::due) {
            self.due.remove(&(due, mac));
        }
        self.due.extend(conversion.due().map(|due| (due, mac)));
        self.unkept.insert(mac);
        self.touched.insert(mac);
        self.conversions.insert(mac, conversion);
    }

    /// Lets a conversion go.
    pub(super) fn drop(&mut self, mac: MacAddr) {
        if let Some(due) = self.conversions.remove(&mac).as_ref().and_then(Conversion::due) {
            self.due.remove(&(due, mac));
        }
        self.unkept.insert(mac);
        self.touched.insert(mac);
        self.held.remove(&mac);
    }

    /// Somebody gives up a failed conversion: it goes, or stays for as long as the phone may need its set to come back (I13).
    /// Returns whether there was one.
    pub(super) fn give_up(&mut self, mac: MacAddr) -> bool {
        let Some(conversion) = self.conversions.get(&mac).filter(|c| c.failed().is_some() && !c.given_up) else {
            return false;
        };
        if conversion.begun() {
            let given_up = Conversion { given_up: true, ..conversion.clone() };
            self.put(given_up);
        } else {
            self.drop(mac);
        }
        true
    }

    /// Somebody did something.
    pub(super) fn did(&mut self, who: &str, what: String, now: Timestamp) {
        tracing::info!(code = "audit", who, "{what}");
        self.audit.push((now, who.to_owned(), what));
    }

    fn believe(&mut self, mac: MacAddr, source: Source, runs: Runs, at: Timestamp) {
        let load = matches!(runs, Runs::Load(_) | Runs::About(_));
        if self.beliefs.entry(mac).or_default().note(source, runs, at) {
            self.unkept_beliefs.insert(mac);
            if load && self.conversions.get(&mac).is_some_and(|c| c.armed.is_some() && c.untouched()) {
                self.showed.insert(mac);
            }
        }
    }

    /// A phone asked for a file; `served`: it gets it, so a control file tells it what it is offered. Returns a sentence
    /// where a step changed.
    pub(super) fn asked(
        &mut self,
        mac: MacAddr,
        request: &FileRequest,
        family: Option<Family>,
        served: bool,
        at: Timestamp,
    ) -> Option<String> {
        self.heard.entry(mac).or_insert(at);
        let sign = Sign::of(request)?;
        match sign {
            Sign::OldBoot => self.believe(mac, Source::Requests, Runs::OldBoot, at),
            Sign::TrustList if family == Some(Family::Legacy) => {
                self.believe(mac, Source::Requests, Runs::UniversalLoader, at);
            }
            Sign::Term(_) => self.believe(mac, Source::Requests, Runs::BootLoader, at),
            _ => {}
        }
        let tells = served && self.offer(mac).is_some_and(|offer| offer.tells(request));
        // What is not there nobody refuses.
        let answered = served || !matches!(sign, Sign::Term(_) | Sign::Manifest(_));
        let changed = self.change(mac, |conversion| {
            let told = tells && conversion.told(at);
            (answered && conversion.asked(&sign, at)) || told
        });
        self.came_of(mac, changed?, at)
    }

    /// A file was delivered, or was not.
    pub(super) fn delivered(&mut self, mac: MacAddr, what: &EventKind, at: Timestamp) -> Option<String> {
        let changed = self.change(mac, |conversion| match what {
            EventKind::FileSent { name, .. } => conversion.sent(name, true, at),
            EventKind::FileFailed { name, reason, .. } => match reason.as_str() {
                // All was sent, and only the last word of the phone is missing; it may be far on its way since.
                "unconfirmed" => conversion.sent(name, false, at),
                "replaced" | "not-found" => false,
                _ => conversion.not_sent(name, at),
            },
            _ => false,
        });
        self.came_of(mac, changed?, at)
    }

    /// A line registered: `version` as its User-Agent says it.
    pub(super) fn registered(
        &mut self,
        mac: MacAddr,
        model: &Model,
        version: Option<&str>,
        at: Timestamp,
    ) -> Option<String> {
        self.heard.entry(mac).or_insert(at);
        let load = version.and_then(|version| named_by_agent(model, version));
        if let Some(load) = &load {
            self.believe(mac, Source::UserAgent, Runs::About(load.clone()), at);
        }
        let changed = self.change(mac, |conversion| conversion.registered(load.as_ref(), at));
        // It is back: who gave it up wants no more of it.
        if self.conversions.get(&mac).is_some_and(Conversion::is_given_up) {
            self.drop(mac);
            return None;
        }
        self.came_of(mac, changed?, at)
    }

    /// The phone's own web page, or a person, says what it runs.
    pub(super) fn learned(&mut self, mac: MacAddr, source: Source, runs: Runs, at: Timestamp) -> Option<String> {
        self.believe(mac, source, runs.clone(), at);
        let Runs::Load(load) = runs else { return None };
        let changed = self.change(mac, |conversion| conversion.runs(&load.name, source.words(), at));
        self.came_of(mac, changed?, at)
    }

    /// Whether the clock jumped of late, or the machine slept: how far is soon known, and what was due by then is not due.
    pub(super) fn jumped(&mut self, now: Timestamp) -> bool {
        let (last, calm) = self.looked.unwrap_or((now, now));
        let jump = now.duration_since(last).abs() > JUMP;
        let calm = if jump { now.checked_add(JUMP).unwrap_or(now) } else { calm };
        self.looked = Some((now, calm));
        now < calm
    }

    /// Whether what everybody waits for is to be reckoned anew: at once after something happened to a conversion, else
    /// once a second, since it takes a look at all of them.
    pub(super) fn turns_are_due(&self, now: Timestamp) -> bool {
        let rests = |at: Timestamp| now.duration_since(at).abs() < TURNS;
        !self.touched.is_empty() || self.reckoned.is_none_or(|at| !rests(at))
    }

    /// The clock was put: what was seen keeps its age, so nothing is given up for it, and nothing is waited for twice.
    pub(super) fn clock_stepped(&mut self, by: SignedDuration) {
        if let Some(campaign) = &mut self.campaign {
            campaign.shift(by);
            self.campaign_changed = true;
        }
        for (mac, conversion) in &mut self.conversions {
            conversion.shift(by);
            self.unkept.insert(*mac);
        }
        self.due = self.conversions.values().filter_map(|c| Some((c.due()?, c.mac))).collect();
        self.taken.shift(by);
        for at in self.held.values_mut().chain(self.heard.values_mut()).chain(&mut self.window) {
            *at = at.checked_add(by).unwrap_or(*at);
        }
    }

    /// Conversions whose moment has come.
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<(MacAddr, String)> {
        let mut said = Vec::new();
        while let Some((due, mac)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, mac));
            let changed = self.change(mac, |conversion| conversion.tick(now)).unwrap_or(false);
            said.extend(self.came_of(mac, changed, now).map(|what| (mac, what)));
        }
        said
    }

    /// Conversions that failed since somebody looked.
    pub(super) fn failed_anew(&self) -> Vec<MacAddr> {
        self.failed.iter().copied().collect()
    }

    /// Another way was looked for.
    pub(super) fn looked_at(&mut self, mac: MacAddr) {
        self.failed.remove(&mac);
    }

    /// What is to be said of a change; a step that was verified is evidence of what runs.
    fn came_of(&mut self, mac: MacAddr, changed: bool, at: Timestamp) -> Option<String> {
        let conversion = self.conversions.get(&mac).filter(|_| changed)?;
        let latest = conversion.steps.iter().rfind(|step| step.since == at)?;
        let sentence = latest.sentence();
        if conversion.failed().is_some() {
            self.failed.insert(mac);
        }
        let end = conversion.done() || conversion.failed().is_some();
        if end {
            let of = made_of([latest]);
            self.audit.push((at, ITSELF.to_owned(), format!("phone {mac} {sentence} {of}")));
        }
        if let Some(load) = latest.verified().then(|| Load::parse(&latest.to)).flatten() {
            self.believe(mac, Source::Images, Runs::Load(load), at);
        }
        Some(sentence)
    }
}

/// The load that a version of a User-Agent means: `9.4.2` of a 7942 is about SIP42.9-4-2S.
fn named_by_agent(model: &Model, version: &str) -> Option<Load> {
    let mut parts = version.split('.').map(|part| part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    let mut part = || parts.next().filter(|part| !part.is_empty()).and_then(|part| part.parse::<u16>().ok());
    let major = part()?;
    let (minor, maintenance) = (part().unwrap_or(0), part().unwrap_or(0));
    let name = match model.family {
        Family::Legacy => format!("P0S3-{major:02}-{minor}-{maintenance:02}"),
        Family::Java => format!("SIP{}.{major}-{minor}-{maintenance}S", model.load_family),
    };
    Load::parse(&name).filter(|load| load.signalling == Signalling::Sip)
}
