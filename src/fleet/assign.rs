//! Who gets which lines: assignment + roster + catalogue + what was seen -> a phone ready to be rendered.

use std::sync::Arc;

use super::{Seen, Snapshot};
use crate::catalog::{Catalog, Family, Model};
use crate::domain::{
    Driver, Extension, LeftOut, Line, LineKind, Load, MacAddr, Phone, PhoneOptions, Problem, SipTransport,
};
use crate::pbx::roster::{Assignment, Button, Registrar, Roster};
use crate::render;

/// A phone as it should be, with all that is to be said about it.
#[derive(Clone, Debug)]
pub struct Desired {
    /// Ready to be rendered.
    pub phone: Phone,
    /// The catalogue entry its files are made by.
    pub model: Arc<Model>,
    /// Whether that model is stated or shown by the phone, rather than assumed from its family.
    pub model_known: bool,
    /// What is odd but does not keep a line out.
    pub warnings: Vec<Problem>,
}

impl Desired {
    /// Whether every line that was assigned is gone from the PBX: then there is no file at all.
    pub fn gone(&self) -> bool {
        self.phone.lines.is_empty()
            && !self.phone.left_out.is_empty()
            && self.phone.left_out.iter().all(|line| line.problem.code == MISSING)
    }
}

/// The code of a line whose extension is not on the PBX.
const MISSING: &str = "extension-missing";

impl Assignment {
    /// Buttons that register an extension.
    pub fn registering(&self) -> impl Iterator<Item = &Button> {
        self.buttons.iter().filter(|button| button.kind == LineKind::Line)
    }
}

impl Snapshot {
    /// The phone as it should be; `None` when it is not assigned.
    pub fn desired(&self, mac: MacAddr, seen: &Seen) -> Option<Desired> {
        let assignment = self.assignment(mac)?;
        let (model, known) = choose_model(&self.catalog, assignment, seen, None)?;
        Some(self.built(assignment, model, known, seen))
    }

    /// The phone as it should be, for a file of that family; `None` when it reads the other kind, or when it is not
    /// yet clear which it reads and this one would mislead it: a 7960's loader stops at a SEP file that it finds.
    pub fn desired_as(&self, mac: MacAddr, seen: &Seen, family: Family) -> Option<Desired> {
        let assignment = self.assignment(mac)?;
        let (model, known) = choose_model(&self.catalog, assignment, seen, Some(family))?;
        (model.family == family).then(|| self.built(assignment, model, known, seen))
    }

    /// The model that the phone's files are made by, and whether that is stated or shown rather than assumed.
    pub fn model(&self, mac: MacAddr, seen: &Seen) -> Option<(Arc<Model>, bool)> {
        choose_model(&self.catalog, self.assignment(mac)?, seen, None)
    }

    fn built(&self, assignment: &Assignment, model: Arc<Model>, model_known: bool, seen: &Seen) -> Desired {
        let options = assignment.options.clone().or(&self.options());
        let transport = self.settings.transport.unwrap_or_else(|| transport(&model, &options, seen));
        let load = seen.firmware.reads();
        let mut lines = Vec::new();
        let mut left_out = Vec::new();
        let mut warnings = self.problems_of.get(&assignment.mac).cloned().unwrap_or_default();
        for button in assignment.registering() {
            match self.line(button, &model, load.as_ref(), transport, &options) {
                Ok((line, mut notes)) => {
                    warnings.append(&mut notes);
                    lines.push(line);
                }
                Err(problem) => {
                    left_out.push(LeftOut { button: button.button, extension: button.extension.clone(), problem });
                }
            }
        }
        if let Some(name) = assignment.model.as_ref().filter(|name| self.catalog.get(name).is_none()) {
            warnings.push(Problem::new(
                "unknown-model",
                format!("{name} is no model of the catalogue; {} is treated as a {}", assignment.mac, model.name),
                "see `offhook models list`, or leave the model at auto",
            ));
        }
        for button in assignment.buttons.iter().filter(|button| button.kind != LineKind::Line) {
            warnings.push(Problem::new(
                "button-not-built",
                format!(
                    "button {} of {} is a {}, which offhook does not render yet",
                    button.button, assignment.mac, button.kind
                ),
                "use kind line, or leave the button out",
            ));
        }
        let phone = Phone {
            mac: assignment.mac,
            model: model.name.clone(),
            description: assignment.description.clone(),
            lines,
            left_out,
            options,
            load,
            offered_load: None,
            transport,
        };
        warnings.extend(render::problems(&phone, &model, self.year));
        Desired { phone, model, model_known, warnings }
    }

    fn line(
        &self,
        button: &Button,
        model: &Model,
        load: Option<&Load>,
        transport: SipTransport,
        options: &PhoneOptions,
    ) -> Result<(Line, Vec<Problem>), Problem> {
        if button.button == 0 || button.button > model.lines {
            let keys = if model.lines == 1 { "one line key".to_owned() } else { format!("{} line keys", model.lines) };
            return Err(Problem::new(
                "no-such-button",
                format!(
                    "a {} has {keys}, and extension {} is on button {}",
                    model.name, button.extension, button.button
                ),
                "put the extension on a button the phone has",
            ));
        }
        let Some(roster) = self.roster.as_deref() else {
            return Err(Problem::new("no-roster", "the PBX has not been read yet", "wait, or see `offhook check`"));
        };
        let account = button
            .extension
            .parse::<Extension>()
            .ok()
            .and_then(|extension| roster.accounts.get(&extension))
            .ok_or_else(|| missing(button, roster))?;
        let Some(secret) = account.secret.clone() else {
            return Err(account.problems.first().cloned().unwrap_or_else(|| {
                Problem::new(
                    "no-secret",
                    format!("extension {} has no secret", account.extension),
                    "set a secret in the PBX; `offhook phones secret MAC` prints a good one",
                )
            }));
        };
        let line = Line {
            button: button.button,
            extension: account.extension.clone(),
            label: button.label.clone(),
            display_name: account.name.clone(),
            sip_user: account.sip_user.clone(),
            auth_user: account.auth_user.clone(),
            secret,
            voicemail: account.mailbox.as_ref().and_then(|_| options.voicemail.clone()),
            port: self.sip_port(account.driver, transport),
        };
        let mut notes = model.fit(&line, load)?;
        notes.extend(account.problems.iter().cloned());
        Ok((line, notes))
    }
}

impl Snapshot {
    /// The port that phones are told for that driver and transport.
    pub fn sip_port(&self, driver: Driver, transport: SipTransport) -> u16 {
        let registrar = self.roster.as_deref().map(|roster| roster.registrar).unwrap_or_default();
        self.settings.sip_port.unwrap_or_else(|| port(&registrar, driver, transport))
    }
}

fn missing(button: &Button, roster: &Roster) -> Problem {
    // It is there, and cannot be used: that is another matter than an extension that is gone.
    if let Some(row) = roster.problems.iter().find(|row| row.extension.as_ref() == Some(&button.extension)) {
        return row.problem.clone();
    }
    let remedy = if roster.apply_pending {
        "press Apply Config in FreePBX: the PBX holds changes that are not live yet"
    } else {
        "add the extension in the PBX, or take the phone's button off it"
    };
    Problem::new(MISSING, format!("extension {} is not on the PBX, or is a virtual one", button.extension), remedy)
}

/// 5060 is what a registrar listens on that does not say (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;

fn port(registrar: &Registrar, driver: Driver, transport: SipTransport) -> u16 {
    let listeners = registrar.of(driver);
    let (asked, other) = match transport {
        SipTransport::Udp => (listeners.udp, listeners.tcp),
        SipTransport::Tcp => (listeners.tcp, listeners.udp),
    };
    // A transport that is off has no port of its own: the other's is where it appears once it is switched on.
    asked.or(other).unwrap_or(SIP_PORT)
}

/// 7940/7960 speak UDP only; Java phones by generation, an unknown one by the rule for 9.x.
fn transport(model: &Model, options: &PhoneOptions, seen: &Seen) -> SipTransport {
    if model.family == Family::Legacy {
        return SipTransport::Udp;
    }
    let eighth = seen.major().is_some_and(|major| major <= 8);
    let wanted = if eighth { options.transport_8x } else { options.transport_9x };
    wanted.unwrap_or(SipTransport::Tcp)
}

/// The stated model; else the one its User-Agent names, or that it announces; else a stand-in of its family.
fn choose_model(
    catalog: &Catalog,
    assignment: &Assignment,
    seen: &Seen,
    asked: Option<Family>,
) -> Option<(Arc<Model>, bool)> {
    for name in [assignment.model.clone(), seen.shown_model()].iter().flatten() {
        if let Some(model) = catalog.get(name) {
            return Some((Arc::clone(model), true));
        }
    }
    let family = match (seen.family(), asked) {
        (Some(family), _) => family,
        // Only a 7940 or 7960 asks for this file, so the asking itself settles it.
        (None, Some(Family::Legacy) | None) => Family::Legacy,
        (None, Some(Family::Java)) => return None,
    };
    let button = assignment.buttons.iter().map(|button| button.button).max().unwrap_or(1);
    catalog.stand_in(family, button).map(|model| (Arc::clone(model), false))
}
