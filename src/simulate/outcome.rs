//! What a scripted phone did, and how it ended.

use jiff::Timestamp;
use serde::Serialize;

use super::flash::Flash;
use super::sip::LineOutcome;
use super::sip::alive::Registered;

/// One line of what the phone did. Never holds a secret.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What happened, one sentence.
    pub what: String,
    /// False where a real phone would show or log a complaint.
    pub ok: bool,
    /// The file that was asked for, as it stood in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Bytes received, where a file was served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// The button, where the step is about one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub button: Option<u16>,
}

/// How a boot ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Ending {
    /// Every line is registered.
    Registered,
    /// Some lines are registered.
    PartlyRegistered,
    /// No line is registered.
    NotRegistered,
    /// The phone shows "Unprovisioned": no file, or no usable line in it.
    Unprovisioned {
        /// What was lacking.
        why: String,
    },
    /// The phone refuses its file.
    Refused {
        /// The file.
        file: String,
        /// The complaints, in the order of the file.
        complaints: Vec<String>,
    },
    /// The phone needs a file that the server does not have.
    NotServed {
        /// The file that was asked for.
        file: String,
    },
    /// The phone runs SCCP or MGCP, and nothing it was told asks it to change.
    StaysOnLoad {
        /// What it runs.
        load: String,
    },
    /// The server or the phone's own address cannot be used.
    NoNetwork {
        /// What was tried and what came of it.
        why: String,
    },
    /// The phone restarts again and again: the loads that the server names send it round in a circle, or it does not take
    /// the list of images that it is given.
    Looping {
        /// The load asked for last.
        load: String,
        /// What the phone has against it; empty for a circle.
        why: String,
    },
    /// A 7940/7960 that has nothing but its loader: the screen says so, and the loader hunts for ever.
    ApplicationInvalid {
        /// Why the last hunt came to nothing.
        why: String,
    },
    /// The phone does not take the images of the load that it was told to run, and goes on with what it has.
    RejectedLoad {
        /// The load it was told to run.
        load: String,
        /// The load that runs.
        runs: String,
        /// What the phone has against it.
        why: String,
    },
    /// The power failed ([`super::Setup::power_cut_at`]).
    PowerCut {
        /// The image or load it was busy with.
        during: String,
    },
}

/// What came of a boot.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The lines that the phone tried to register, by button.
    pub lines: Vec<LineOutcome>,
    /// What the phone complained about on the way without stopping (`W310 …`, `W250 …`).
    pub complaints: Vec<String>,
    /// The load that ran at the end, where one did.
    pub load: Option<String>,
    /// What the phone's flash holds at the end; [`super::Setup::after`] switches it on again.
    pub flash: Flash,
    /// The phone after its registration; it answers the PBX until this is dropped. `None` where no line registered.
    pub registered: Option<Registered>,
}

impl Outcome {
    /// Whether every line is registered (and there is one).
    pub fn is_ok(&self) -> bool {
        self.ending == Ending::Registered
    }

    /// The end in one sentence.
    pub fn sentence(&self) -> String {
        match &self.ending {
            Ending::Registered => match self.lines.len() {
                1 => "the line is registered".to_owned(),
                n => format!("all {n} lines are registered"),
            },
            Ending::PartlyRegistered => {
                let good = self.lines.iter().filter(|l| l.result.is_registered()).count();
                format!("{good} of {} lines are registered", self.lines.len())
            }
            Ending::NotRegistered => match self.lines.first() {
                Some(line) => format!("no line is registered: {}", line.result),
                None => "no line is registered".to_owned(),
            },
            Ending::Unprovisioned { why } => format!("the phone shows Unprovisioned: {why}"),
            Ending::Refused { file, complaints } => format!("the phone refuses {file}: {}", complaints.join("; ")),
            Ending::NotServed { file } => {
                format!("the phone asked for {file}, which is not served (in flash: {})", self.flash)
            }
            Ending::StaysOnLoad { load } => format!("the phone stays on {load}: nothing told it to run SIP"),
            Ending::NoNetwork { why } => why.clone(),
            Ending::Looping { load, why } => {
                let why = if why.is_empty() { String::new() } else { format!(", and {why}") };
                let flash = &self.flash;
                format!(
                    "the phone restarts again and again: the last load it was sent to is {load}{why} (in flash: {flash})"
                )
            }
            Ending::ApplicationInvalid { why } => {
                format!("the phone shows Protocol Application Invalid: {why} (in flash: {})", self.flash)
            }
            Ending::RejectedLoad { load, runs, why } => format!("the phone refuses {load} and stays on {runs}: {why}"),
            Ending::PowerCut { during } => {
                format!("the power failed while the phone was busy with {during} (in flash: {})", self.flash)
            }
        }
    }
}

impl Step {
    pub(crate) fn new(ok: bool, what: String) -> Self {
        Self { at: Timestamp::now(), what, ok, file: None, bytes: None, button: None }
    }
}
