//! One step: what was seen of the phone in it, and what that comes to.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, text};
use crate::catalog::Family;
use crate::domain::{Load, Signalling};
use crate::firmware::container::is_legacy;
use crate::firmware::set::SetFile;

/// How long a phone that came back may take to ask for another image. The slowest between `.loads` and `.sb2` in a log
/// of nine phones was a second; a Java phone takes its manifest within its boot [LOG][W7942].
const QUIET: SignedDuration = SignedDuration::from_secs(30);

/// A 7940 or 7960 that has read a manifest and asks for no image of it runs it, or has given up; one that gave up asks
/// for the manifest again within this [LOG].
const COMPARED: SignedDuration = SignedDuration::from_secs(90);

/// From the first control file to the first request for firmware (I12).
const TAKES_UP: SignedDuration = SignedDuration::from_mins(10);

/// Between two signs of a phone that downloads (I12).
const DOWNLOADS: SignedDuration = SignedDuration::from_mins(30);

/// From the last image to its return (I12).
const RETURNS: SignedDuration = SignedDuration::from_mins(15);

/// Control files that a phone reads before it counts as one that does not care.
const UNHEEDED: u32 = 5;

/// Why a phone that took nothing runs the load.
const CONTENT: &str = "it read a configuration that names the load and asked for no part of it: it runs it already";

/// Control files after the last image, with no image asked for between them, that show a phone to be content.
const RETURNED: u32 = 2;

/// Manifests without an image between them, images that were taken whole again, transfers of one image that failed, sets
/// that were taken whole and are gone.
pub(super) const TIMES: u32 = 3;

/// State of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Not begun.
    Todo,
    /// The phone was given a control file that names the load.
    Offered,
    /// It asks for parts of the set.
    Downloading,
    /// It was seen running the load.
    Verified,
    /// It was not, and another way was taken or none is left.
    Failed,
    /// Not needed any more.
    Skipped,
}

/// What was seen of the phone in a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// When a control file was last given.
    pub(super) told: Option<Timestamp>,
    /// Control files since the last request for firmware.
    pub(super) told_times: u32,
    /// When a manifest was last asked for.
    pub(super) manifest: Option<Timestamp>,
    /// Manifests since the last request for an image.
    pub(super) manifest_times: u32,
    /// When an image was last asked for or taken.
    pub(super) image: Option<Timestamp>,
    /// How often its boot loader was alone again after it had taken everything.
    #[serde(default)]
    pub(super) lost: u32,
    /// When it first fetched a control file after the last image: it is back.
    #[serde(default)]
    pub(super) back: Option<Timestamp>,
    /// Control files since the last image.
    #[serde(default)]
    pub(super) returns: u32,
    /// How often each part was taken whole.
    pub(super) taken: BTreeMap<String, u32>,
    /// Transfers of each part that failed since one went well.
    pub(super) failed: BTreeMap<String, u32>,
    /// It did what an application of the new protocol does.
    pub(super) application: Option<Timestamp>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What runs before.
    pub from: String,
    /// The load after.
    pub to: String,
    /// Control files and the name each gives.
    pub via: Vec<(String, String)>,
    /// The row of the catalogue that allows it.
    pub rule: String,
    /// Who says so.
    pub source: String,
    /// It cannot be undone.
    pub one_way: bool,
    /// The set as it was when the step was planned: what is served does not change under a phone (I10).
    pub files: Vec<SetFile>,
    /// How far it is.
    pub state: StepState,
    /// Since when.
    pub since: Timestamp,
    /// What made it so.
    pub because: String,
    /// Why it failed.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// What was seen.
    #[serde(default)]
    pub trace: Trace,
}

/// A moment on a clock that was put; one that no clock shows stays.
pub(super) fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

pub(super) fn is_manifest(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".loads")
}

impl Step {
    /// Whether it was.
    pub fn verified(&self) -> bool {
        self.state == StepState::Verified
    }

    /// How far it is, in one sentence.
    pub fn sentence(&self) -> String {
        let state = match self.state {
            StepState::Todo => "waits for",
            StepState::Offered => "is offered",
            StepState::Downloading => "downloads",
            StepState::Verified => "runs",
            StepState::Failed => "failed at",
            StepState::Skipped => "goes another way than",
        };
        format!("{state} {}: {}", self.to, self.because)
    }

    pub(super) fn go(&mut self, state: StepState, at: Timestamp, because: &str) {
        (self.state, self.since) = (state, at);
        if state != StepState::Failed {
            self.failure = None;
        }
        because.clone_into(&mut self.because);
    }

    pub(super) fn fail(&mut self, failure: Failure, at: Timestamp) -> bool {
        if matches!(self.state, StepState::Failed | StepState::Verified) {
            return false;
        }
        self.failure = Some(failure);
        self.go(StepState::Failed, at, text::failure(failure));
        true
    }

    /// Whether the set holds that name. Case is the server's to judge.
    pub(super) fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name.eq_ignore_ascii_case(name))
    }

    /// Whether an application was taken more than once, and no manifest was asked for since: a unit that did not like it, and
    /// the old application is back [STRANGE]. Where the power failed while it was written the loader compares once more.
    pub(super) fn disliked(&self, family: Family) -> bool {
        let app = |name: &str| !is_manifest(name) && !name.to_ascii_lowercase().ends_with(".sbn");
        let again = self.trace.taken.iter().any(|(name, times)| app(name) && *times > 1);
        family == Family::Legacy && again && self.trace.manifest <= self.trace.image
    }

    /// A part was taken whole; `confirmed`: just now, and not some time since it was asked for.
    pub(super) fn took(&mut self, name: &str, family: Family, confirmed: bool, at: Timestamp) -> bool {
        let times = self.trace.taken.entry(name.to_owned()).or_default();
        *times = times.saturating_add(1);
        let times = *times;
        self.trace.failed.remove(name);
        if is_manifest(name) {
            return false;
        }
        if confirmed {
            self.image_at(at);
        }
        // Two are no loop: a phone whose power was cut takes an image again, and a Java phone that was reset takes the same
        // release a second time under its real name [HIP]. A Java phone begins anew wherever it was interrupted.
        let whole_before =
            |file: &SetFile| is_manifest(&file.name) || self.times(&file.name) >= TIMES.saturating_sub(1);
        if times >= TIMES && (family == Family::Legacy || self.files.iter().all(whole_before)) {
            return self.fail(Failure::ImageRefused, at);
        }
        if self.state == StepState::Offered {
            self.go(StepState::Downloading, at, &format!("it took {name}"));
        }
        true
    }

    /// How often a part was taken whole.
    fn times(&self, name: &str) -> u32 {
        let taken = self.trace.taken.iter().filter(|(taken, _)| taken.eq_ignore_ascii_case(name));
        taken.map(|(_, times)| *times).sum()
    }

    /// A Java phone's boot loader asks: what it took is gone.
    pub(super) fn term_asked(&mut self, at: Timestamp) -> bool {
        self.trace.told.get_or_insert(at);
        if self.whole() {
            self.trace.lost = self.trace.lost.saturating_add(1);
            if self.trace.lost >= TIMES {
                return self.fail(Failure::ImageRefused, at);
            }
        }
        self.trace.taken.retain(|name, _| is_manifest(name));
        self.manifest_asked(at)
    }

    /// Whether every image that a phone has to take was taken. A loader of 7940 and 7960 that is the right one already is
    /// not asked for, and the unsigned twin of an image only by phones of its time.
    pub(super) fn whole(&self) -> bool {
        let taken = |file: &SetFile| self.times(&file.name) > 0;
        let apps: Vec<&SetFile> =
            self.files.iter().filter(|file| file.name.to_ascii_lowercase().ends_with(".sb2")).collect();
        if !apps.is_empty() {
            return apps.into_iter().all(taken);
        }
        let legacy = is_legacy(&self.to);
        let mut images = self.files.iter().filter(|file| !is_manifest(&file.name));
        if legacy { images.any(taken) } else { images.all(taken) && !self.trace.taken.is_empty() }
    }

    pub(super) fn manifest_asked(&mut self, at: Timestamp) -> bool {
        self.trace.manifest = Some(at);
        self.trace.manifest_times = self.trace.manifest_times.saturating_add(1);
        self.trace.told_times = 0;
        // A 7940 or 7960 compares at each boot; a phone that has everything may do so for ever.
        if self.trace.manifest_times > TIMES && !self.whole() && self.state != StepState::Failed {
            return self.fail(Failure::ManifestRefused, at);
        }
        if self.state == StepState::Offered || self.state == StepState::Todo {
            self.go(StepState::Downloading, at, "it asked for the load's manifest");
            return true;
        }
        false
    }

    pub(super) fn application_asks(&mut self, protocol: Signalling, family: Family, at: Timestamp) -> bool {
        let other_before = Load::parse(&self.from).is_some_and(|from| from.signalling != protocol)
            || matches!(self.from.as_str(), "loader" | "factory");
        // Of one protocol both, the old application asks for the same files: then the loader must have compared first.
        let compared = family == Family::Legacy
            && self.trace.manifest.is_some_and(|manifest| self.trace.image.is_none_or(|image| image < manifest));
        if !other_before && self.disliked(family) {
            return self.fail(Failure::ImageRefused, at);
        }
        if other_before
            || self.whole() && self.trace.image.is_some_and(|image| self.trace.told >= Some(image))
            || compared
        {
            self.go(StepState::Verified, at, "its application asks for what only that load's does");
            return true;
        }
        false
    }

    /// Moments at which time alone decides, in the order of [`Step::passed`].
    pub(super) fn dues(&self, family: Family) -> [Option<Timestamp>; 4] {
        let trace = &self.trace;
        let later = |at: Option<Timestamp>, by: SignedDuration| at.and_then(|at| at.checked_add(by).ok());
        let (mut quiet, mut compared, mut unheeded, mut silent) = (None, None, None, None);
        match self.state {
            StepState::Downloading => {
                if self.whole() {
                    quiet = later(trace.back, QUIET);
                    silent = later(trace.image, RETURNS);
                } else {
                    if family == Family::Legacy && trace.image.is_none() {
                        compared = later(trace.manifest, COMPARED);
                    }
                    silent = later(trace.image.max(trace.manifest), DOWNLOADS);
                }
            }
            StepState::Offered if self.content(family) => quiet = later(trace.application, QUIET),
            StepState::Offered if trace.told_times >= UNHEEDED => unheeded = later(Some(self.since), TAKES_UP),
            // Switched off, or it reads its configuration without a boot: it does not keep others waiting for ever.
            StepState::Offered => unheeded = later(trace.told, DOWNLOADS),
            _ => {}
        }
        [quiet, compared, unheeded, silent]
    }

    /// An image was asked for or taken: it is not back, or not any more.
    pub(super) fn image_at(&mut self, at: Timestamp) {
        self.trace.image = Some(at);
        (self.trace.back, self.trace.returns) = (None, 0);
        (self.trace.manifest_times, self.trace.told_times) = (0, 0);
    }

    /// A control file was given. Returns whether that decides something.
    pub(super) fn told(&mut self, family: Family, at: Timestamp) -> bool {
        let content = self.content(family);
        self.trace.told = Some(at);
        self.trace.told_times = self.trace.told_times.saturating_add(1);
        if content {
            self.go(StepState::Verified, at, CONTENT);
            return true;
        }
        if self.state == StepState::Todo {
            self.go(StepState::Offered, at, "it fetched a configuration that names the load");
            return true;
        }
        if self.state != StepState::Downloading || self.trace.image.is_none() {
            return false;
        }
        // That it has everything may show later: the last word of a transfer can be lost.
        self.trace.back.get_or_insert(at);
        self.trace.returns = self.trace.returns.saturating_add(1);
        if !self.whole() {
            return false;
        }
        // Between two of its configurations it asked for no image: it has what they name.
        let java = family == Family::Java && self.trace.manifest > self.trace.image;
        self.trace.returns >= RETURNED && !java && self.came_back(family, at)
    }

    /// A Java phone that went on to its application's files, and did not ask for the manifest that its configuration names: it
    /// asks for that before anything else, unless it runs the load (section 1.3 of the notes, step 6) [HIP][W7942].
    fn content(&self, family: Family) -> bool {
        let trace = &self.trace;
        let since = |at: Option<Timestamp>| at.is_some() && at >= trace.told;
        family == Family::Java && self.state == StepState::Offered && since(trace.application) && !since(trace.manifest)
    }

    /// It took everything and wants no more.
    fn came_back(&mut self, family: Family, at: Timestamp) -> bool {
        if self.disliked(family) {
            return self.fail(Failure::ImageRefused, at);
        }
        self.go(StepState::Verified, at, "it took every image, came back and asked for no more");
        true
    }

    pub(super) fn shift(&mut self, by: SignedDuration) {
        self.since = shifted(self.since, by);
        let Trace { told, manifest, image, back, application, .. } = &mut self.trace;
        for at in [told, manifest, image, back, application].into_iter().flatten() {
            *at = shifted(*at, by);
        }
    }

    pub(super) fn passed(&mut self, family: Family, now: Timestamp) -> bool {
        let past = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
        let [quiet, compared, unheeded, silent] = self.dues(family);
        if past(quiet) && self.state == StepState::Offered {
            self.go(StepState::Verified, now, CONTENT);
        } else if past(quiet) {
            return self.came_back(family, now);
        } else if past(compared) {
            self.go(
                StepState::Verified,
                now,
                "it read the manifest and asked for nothing of it: it runs the load already",
            );
        } else if past(unheeded) {
            return self.fail(Failure::Unheeded, now);
        } else if past(silent) {
            let failure = if self.whole() { Failure::NotBack } else { Failure::Silent };
            return self.fail(failure, now);
        } else {
            return false;
        }
        true
    }
}
