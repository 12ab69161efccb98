//! The steps of one phone: what it is offered, and what each sign of it means.
//!
//! A step is *offered* once a control file with its load was given, *downloading* from the first request for a part of the
//! set, *verified* when the phone was seen running it. A manifest alone proves nothing [HIP]: it takes every image
//! acknowledged and a phone that came back and asked for no more of them, or a phone that does what only the new load
//! does. The next step is offered after that, and not before.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::belief::alike;
use super::campaign::Turn;
use super::signs::Sign;
use super::step::{Step, StepState, TIMES, shifted};
use super::{Failure, text};
use crate::catalog::Family;
use crate::domain::{Load, MacAddr, ModelName, Signalling};
use crate::files::name::{FileRequest, PhoneFile, SharedFile, bare};
use crate::firmware::container::same_name;
use crate::firmware::set::SetFile;

/// What a phone is offered at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Name in `OS79XX.TXT`.
    pub os79xx: Option<String>,
    /// Name in `image_version` of both `.cnf` files.
    pub image_version: Option<String>,
    /// Name in `loadInformation` of `SEP<MAC>.cnf.xml`.
    pub sep: Option<String>,
    /// Name in `loadInformationN` of `XMLDefault.cnf.xml`.
    pub xml_default: Option<String>,
    /// The load whose files are served, the term file too.
    pub set: String,
    /// Its files.
    pub files: Vec<SetFile>,
}

impl Offer {
    /// Whether that file, as it is served, names the load.
    pub fn tells(&self, request: &FileRequest) -> bool {
        match request {
            FileRequest::Phone(PhoneFile::SipCnf, _) | FileRequest::Shared(SharedFile::SipDefault) => {
                self.image_version.is_some()
            }
            FileRequest::Phone(PhoneFile::SepXml, _) => self.sep.is_some(),
            FileRequest::Shared(SharedFile::XmlDefault) => self.xml_default.is_some(),
            FileRequest::Shared(SharedFile::Os79xx) => self.os79xx.is_some(),
            _ => false,
        }
    }

    /// The pinned part of that name, as a phone of its family means it.
    pub fn file(&self, name: &str) -> Option<&SetFile> {
        self.files.iter().find(|file| same_name(&file.name, name))
    }
}

/// The conversion of one phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// Which phone.
    pub mac: MacAddr,
    /// What it is: decides how its signs are read.
    pub model: ModelName,
    /// Which configuration it reads.
    pub family: Family,
    /// What it ran when the path was made.
    pub from: String,
    /// What somebody said that it runs, when they started it: their word counts when its turn comes, too.
    #[serde(default)]
    pub running: Option<String>,
    /// What it is to run in the end.
    pub target: String,
    /// The path, with what became of it.
    pub steps: Vec<Step>,
    /// Its turn has come: it is offered what the present step says.
    pub armed: Option<Timestamp>,
    /// Who started it, when.
    pub started: Timestamp,
    /// Steps that cannot be undone are meant.
    #[serde(default)]
    pub accept_one_way: bool,
    /// Loads that it was offered and refused: none of them again.
    #[serde(default)]
    pub refused: Vec<String>,
    /// It has shown too little of what it runs, and the store lacks what the longest way takes: it is not begun.
    #[serde(default)]
    pub lacks: Option<Lacks>,
    /// Its turn had come and it did not boot: others go before it until it is heard again.
    #[serde(default)]
    pub let_go: Option<Timestamp>,
    /// It failed, and somebody gave it up. It may need its set to come back (I13), so it is offered that until it registers;
    /// nobody is told of it any more.
    #[serde(default)]
    pub given_up: bool,
}

/// What the store lacks for a phone of which too little is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacks {
    /// What it had shown of its loader when the way was made.
    pub universal_loader: Option<bool>,
    /// The load that is not here.
    pub load: String,
    /// The archive that holds it.
    pub archive: String,
}

/// How long a phone whose turn has come may take to boot (I12).
const BOOTS: SignedDuration = SignedDuration::from_mins(30);

impl Conversion {
    /// The step that is to be done now.
    pub fn step(&self) -> Option<&Step> {
        self.steps.iter().find(|step| !matches!(step.state, StepState::Verified | StepState::Skipped))
    }

    fn step_mut(&mut self) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| !matches!(step.state, StepState::Verified | StepState::Skipped))
    }

    /// Whether nothing is left to do.
    pub fn done(&self) -> bool {
        self.step().is_none()
    }

    /// Whether it came to an end that needs a person.
    pub fn failed(&self) -> Option<Failure> {
        self.step().filter(|step| step.state == StepState::Failed).and_then(|step| step.failure)
    }

    /// Whether it is neither through nor in need of hands.
    pub fn open(&self) -> bool {
        !self.done() && self.failed().is_none()
    }

    /// Whether it is open, and its present step was not begun.
    pub fn waits(&self) -> bool {
        self.open() && !self.begun()
    }

    /// Whether the phone may be in the middle of writing its flash.
    pub fn in_flash(&self) -> bool {
        self.step().is_some_and(|step| step.state == StepState::Downloading)
    }

    /// When a phone that is in the middle of images last asked for a part of its set; `None` = it is not, or has them all.
    pub fn takes_images_since(&self) -> Option<Timestamp> {
        let step = self.step().filter(|step| step.state == StepState::Downloading && !step.whole())?;
        step.trace.image.max(step.trace.manifest)
    }

    /// Whether an image of the present step was asked for, and the phone was not given up since.
    pub fn writing(&self) -> bool {
        self.step().is_some_and(|step| step.state == StepState::Downloading && step.trace.image.is_some())
    }

    /// Whether the present step is another way around one that failed: the phone may show no more than a lamp meanwhile.
    pub fn tries_again(&self) -> bool {
        let at = self.steps.iter().position(|step| !matches!(step.state, StepState::Verified | StepState::Skipped));
        let before = at.and_then(|at| self.steps.get(at.checked_sub(1)?));
        before.is_some_and(|step| step.state == StepState::Skipped)
    }

    /// Whether the present step was begun: from there on its offer stays, whatever becomes of the campaign.
    pub fn begun(&self) -> bool {
        self.step().is_some_and(|step| match step.state {
            StepState::Offered | StepState::Downloading => true,
            // It may need exactly these files to come back (I13).
            StepState::Failed => step.trace.image.is_some(),
            _ => false,
        })
    }

    /// Whether nothing of its way was begun yet: it may be made anew.
    pub fn untouched(&self) -> bool {
        self.steps.iter().all(|step| step.state == StepState::Todo)
    }

    /// Whether it failed and nobody wants to hear of it any more. One that asks for its images after all is under way again.
    pub fn is_given_up(&self) -> bool {
        self.given_up && self.failed().is_some()
    }

    /// Whether its turn has come and it did not boot for too long, with nobody holding it back `since`.
    pub fn overdue(&self, since: Timestamp, now: Timestamp) -> bool {
        let Some(armed) = self.armed else { return false };
        // The step before ended with a boot: from there on it is this one's time.
        let steps = self.steps.iter().filter(|step| step.verified()).map(|step| step.since);
        let waits = self.step().is_some_and(|step| step.state == StepState::Todo);
        waits && steps.chain([armed, since]).max().is_some_and(|from| now.duration_since(from) >= BOOTS)
    }

    /// What the phone is offered. Complete at the moment of asking is the caller's to check.
    pub fn offer(&self) -> Option<Offer> {
        let step = self.step()?;
        if self.armed.is_none() || (step.state == StepState::Failed && !self.begun()) {
            return None;
        }
        let named = |file: &str| step.via.iter().find(|(control, _)| control == file).map(|(_, name)| name.clone());
        Some(Offer {
            os79xx: named("OS79XX.TXT"),
            image_version: named("SIPDefault.cnf"),
            // A universal loader that a step brings finds SIP<MAC>.cnf before XMLDefault.cnf.xml, and stops there; the phone's own
            // SEP file it finds before both [CME-FILES].
            sep: named("SEP<MAC>.cnf.xml").or_else(|| named("XMLDefault.cnf.xml")),
            xml_default: named("XMLDefault.cnf.xml"),
            set: step.to.clone(),
            files: step.files.clone(),
        })
    }

    /// Share of the present step's set that was taken, in percent.
    pub fn percent(&self) -> Option<u8> {
        let step = self.step().filter(|step| step.state == StepState::Downloading)?;
        // Of most sets no phone takes everything: the unsigned twin, the term files of other models.
        if step.whole() {
            return Some(100);
        }
        let whole: u64 = step.files.iter().map(|file| file.size).sum();
        let taken = |file: &&SetFile| step.trace.taken.keys().any(|name| name.eq_ignore_ascii_case(&file.name));
        let have: u64 = step.files.iter().filter(taken).map(|file| file.size).sum();
        u8::try_from(have.saturating_mul(100).checked_div(whole)?).ok()
    }

    /// The phone was given a control file that names the present step's load.
    pub fn told(&mut self, at: Timestamp) -> bool {
        let family = self.family;
        self.step_mut().is_some_and(|step| step.told(family, at))
    }

    /// It asked for something. Returns whether a state changed.
    pub fn asked(&mut self, sign: &Sign<'_>, at: Timestamp) -> bool {
        let (family, armed) = (self.family, self.armed.is_some());
        let Some(step) = self.step_mut().filter(|_| armed) else { return false };
        // Before an offer nothing that a phone asks for is its answer.
        if step.trace.told.is_none() && !matches!(sign, Sign::Term(_)) {
            return false;
        }
        match sign {
            Sign::Manifest(load) if load.eq_ignore_ascii_case(&step.to) => step.manifest_asked(at),
            Sign::Term(name) if step.has(name) => step.term_asked(at),
            Sign::Image(name) if step.has(name) => {
                step.image_at(at);
                // One that does not take the load asks for it for ever; any other goes on where it was given up.
                if step.state == StepState::Downloading || step.failure == Some(Failure::ImageRefused) {
                    return false;
                }
                step.go(StepState::Downloading, at, &format!("it asked for {name}"));
                true
            }
            Sign::Application(protocol) if Load::parse(&step.to).is_some_and(|to| to.signalling == *protocol) => {
                step.trace.application = Some(at);
                step.application_asks(*protocol, family, at)
            }
            // The application of before.
            Sign::Application(_) if step.whole() && step.disliked(family) => step.fail(Failure::ImageRefused, at),
            Sign::SignedOnly => step.fail(Failure::TrustList, at),
            _ => false,
        }
    }

    /// It took a file whole; `confirmed`: it said so, and just now.
    pub fn sent(&mut self, name: &str, confirmed: bool, at: Timestamp) -> bool {
        let (bare, family) = (bare(name), self.family);
        let Some(step) = self.begun_step() else { return false };
        if !step.has(bare) || matches!(step.state, StepState::Verified | StepState::Failed | StepState::Skipped) {
            return false;
        }
        step.took(bare, family, confirmed, at)
    }

    /// The step that is to be done now, where it was the phone's to answer.
    fn begun_step(&mut self) -> Option<&mut Step> {
        let armed = self.armed.is_some();
        self.step_mut().filter(|step| armed && step.trace.told.is_some())
    }

    /// A transfer failed.
    pub fn not_sent(&mut self, name: &str, at: Timestamp) -> bool {
        let bare = bare(name);
        let Some(step) = self.begun_step() else { return false };
        if !step.has(bare) || step.state == StepState::Failed {
            return false;
        }
        let times = step.trace.failed.entry(bare.to_owned()).or_default();
        *times = times.saturating_add(1);
        if *times >= TIMES { step.fail(Failure::TransferStalled, at) } else { false }
    }

    /// It registered, as this version and protocol says.
    pub fn registered(&mut self, told: Option<&Load>, at: Timestamp) -> bool {
        let family = self.family;
        let Some(step) = self.step_mut() else { return false };
        if step.trace.told.is_none_or(|told| told > at) {
            return false;
        }
        let Some(to) = Load::parse(&step.to).filter(|to| to.signalling == Signalling::Sip) else { return false };
        let changed =
            Load::parse(&step.from).is_none_or(|from| from.signalling != Signalling::Sip || !alike(&from, &to));
        let said = told.is_some_and(|told| alike(&to, told));
        let against = told.is_some_and(|told| !alike(&to, told));
        if !(said && changed) && step.disliked(family) {
            return step.fail(Failure::ImageRefused, at);
        }
        if !against && (step.whole() || (said && changed)) {
            step.go(StepState::Verified, at, "it registered with it");
            return true;
        }
        false
    }

    /// Somebody who knows said that it runs this load.
    pub fn runs(&mut self, load: &str, whose: &str, at: Timestamp) -> bool {
        let Some(step) = self.step_mut() else { return false };
        if !step.to.eq_ignore_ascii_case(load) || step.state == StepState::Todo && step.trace.told.is_none() {
            return false;
        }
        step.go(StepState::Verified, at, &format!("it runs it, by {whose}"));
        true
    }

    /// The clock was put by so much.
    pub fn shift(&mut self, by: SignedDuration) {
        self.started = shifted(self.started, by);
        self.armed = self.armed.map(|at| shifted(at, by));
        self.let_go = self.let_go.map(|at| shifted(at, by));
        self.steps.iter_mut().for_each(|step| step.shift(by));
    }

    /// Time passed.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let family = self.family;
        let Some(step) = self.step_mut() else { return false };
        step.passed(family, now)
    }

    /// When time alone may change something.
    pub fn due(&self) -> Option<Timestamp> {
        let step = self.step()?;
        step.dues(self.family).into_iter().flatten().min()
    }

    /// Another way in place of the failed step and what came after it.
    pub fn replan(&mut self, steps: Vec<Step>, at: Timestamp) {
        if let Some(at_step) = self.steps.iter().position(|step| step.state == StepState::Failed) {
            self.steps.truncate(at_step + 1);
            if let Some(failed) = self.steps.last_mut() {
                self.refused.push(failed.to.clone());
                (failed.state, failed.since) = (StepState::Skipped, at);
            }
            self.steps.extend(steps);
        }
    }

    /// What comes next, in one sentence. `turn`: what it waits for, while it has not begun.
    pub fn next(&self, turn: Option<&Turn>) -> String {
        text::next(self, turn)
    }
}

#[cfg(test)]
mod tests;
