//! Scripted phones: a 7940/7960 and the Java phones (7906 … 7975), as far as a provisioning server can tell them from
//! the hardware. They ask for the files a phone asks for, in its order; read them with the phone's own strictness; and
//! register every line over SIP.
//!
//! `offhook simulate`, the demonstration and the tests use them. They share no parser, constant or template with the
//! rest of the program (only [`crate::domain::MacAddr`]): what they accept is evidence only as long as they do not
//! know what was meant. What is known of the hardware comes from Cisco's documents, the tables in the images and
//! public captures; each file names its own.
//!
//! - [`dhcp`]: the phone's address, where it has a network device to ask on
//! - [`model`]: models, loads, states; [`tftp`]: the client; [`cnf`] and [`params`]: `SIP<MAC>.cnf` of 7940/7960;
//!   [`sep`] and [`zones`]: `SEP<MAC>.cnf.xml` of Java phones; [`files`]: the other files
//! - [`legacy`] and [`java`]: the boot of each family; [`flash`]: what is in flash, which images are taken and which
//!   steps are legal; [`sip`]: messages, digest, the user agent
//! - [`firmware`]: made-up firmware with the headers, lists and archives of the real one

pub mod cnf;
pub mod dhcp;
#[cfg(test)]
pub(crate) mod file_server;
pub mod files;
pub mod firmware;
pub mod flash;
pub mod java;
pub mod legacy;
pub mod model;
mod outcome;
pub mod params;
mod phone;
pub mod sep;
mod setup;
pub mod sip;
pub mod tftp;
pub mod zones;

pub use flash::Flash;
pub use model::{Family, LoadId, Model, Protocol, State, UnknownModel, UnknownState};
pub use outcome::{Ending, Outcome, Step};
pub(crate) use phone::Phone;
pub use setup::{CutAt, PowerCut, Setup, Stall, Timing};
pub use sip::alive::{PhoneEvent, Registered};
pub use sip::{LineOutcome, Registration};

/// Switches the phone on and plays its boot up to the registration of every line; `steps` is told each step as it
/// happens. The phone stays alive in the [`Registered`] handle of the outcome.
pub async fn boot(setup: &Setup, steps: impl FnMut(Step) + Send) -> Outcome {
    let mut phone = Phone::new(setup, Box::new(steps));
    let ending = match phone.address().await {
        Ok(()) => match setup.model.family {
            Family::Legacy => legacy::boot(&mut phone).await,
            Family::Java => java::boot(&mut phone).await,
        },
        Err(ending) => Err(ending),
    };
    let (ending, lines, registered) = match ending {
        Ok(account) => register(&mut phone, &account).await,
        Err(ending) => (ending, Vec::new(), None),
    };
    let outcome = Outcome {
        ending,
        lines,
        complaints: std::mem::take(&mut phone.complaints),
        load: phone.running().map(|l| l.as_str().to_owned()),
        flash: phone.flash.clone(),
        registered,
    };
    phone.step(outcome.is_ok(), outcome.sentence());
    outcome
}

async fn register(phone: &mut Phone<'_>, plan: &sip::Plan) -> (Ending, Vec<LineOutcome>, Option<Registered>) {
    let mut agent = match sip::agent::Agent::open(plan, phone.setup.timing).await {
        Ok(agent) => agent,
        Err(why) => return (Ending::NoNetwork { why }, Vec::new(), None),
    };
    let mut lines = Vec::new();
    for (index, line) in plan.lines.iter().enumerate() {
        let result = agent.register(index).await;
        phone.emit(Step {
            button: Some(line.button),
            ..Step::new(result.is_registered(), format!("line {} ({}): {result}", line.button, line.user))
        });
        lines.push(LineOutcome { button: line.button, user: line.user.clone(), result });
    }
    let good = lines.iter().filter(|l| l.result.is_registered()).count();
    let ending = match good {
        0 => Ending::NotRegistered,
        n if n == lines.len() => Ending::Registered,
        _ => Ending::PartlyRegistered,
    };
    (ending, lines, (good > 0).then(|| agent.keep()))
}
