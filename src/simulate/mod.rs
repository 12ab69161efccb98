//! Scripted phones: a 7940/7960 and the Java phones (7906 … 7975), as far as a provisioning server can tell them from
//! the hardware. They ask for the files a phone asks for, in its order; read them with the phone's own strictness; and
//! register every line over SIP.
//!
//! `offhook simulate`, the demonstration and the tests use them. They share no parser, constant or template with the
//! rest of the program (only [`crate::domain::MacAddr`]): what they accept is evidence only as long as they do not
//! know what was meant. What is known of the hardware comes from Cisco's documents, the tables in the images and
//! public captures; each file names its own.
//!
//! - [`model`]: models, loads, states; [`tftp`]: the client; [`cnf`] and [`params`]: `SIP<MAC>.cnf` of 7940/7960;
//!   [`sep`] and [`zones`]: `SEP<MAC>.cnf.xml` of Java phones; [`files`]: the other files
//! - [`legacy`] and [`java`]: the boot of each family; [`sip`]: messages, digest, the user agent

pub mod cnf;
pub mod files;
pub mod java;
pub mod legacy;
pub mod model;
pub mod params;
pub mod sep;
pub mod sip;
pub mod tftp;
pub mod zones;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::MacAddr;
pub use model::{Family, LoadId, Model, Protocol, State, UnknownModel, UnknownState};
pub use sip::alive::{PhoneEvent, Registered};
pub use sip::{LineOutcome, Registration};

/// What a scripted phone is and where it stands.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which phone.
    pub model: Model,
    /// Its hardware address.
    pub mac: MacAddr,
    /// What runs in it when it is switched on.
    pub state: State,
    /// The TFTP server, as DHCP would have named it.
    pub server: IpAddr,
    /// UDP port of the TFTP server; the hardware knows only 69.
    pub tftp_port: u16,
    /// The phone's own address; `None` = the one the system takes on the way to the server.
    pub from_address: Option<IpAddr>,
    /// Waits and repetitions.
    pub timing: Timing,
    /// Listen for SIP here instead of on the port that the file names; `Some(0)` = any free port. For hosts where
    /// another program holds the port on all addresses. `None` = as the hardware.
    pub sip_port_override: Option<u16>,
    /// Refuse a password of more than 12 characters, as 7942 and 7962 on 9.4(2)SR3 were reported to do; otherwise 31
    /// is the limit. Java phones only.
    pub short_passwords: bool,
}

impl Setup {
    /// A phone with the hardware's own timing, TFTP on port 69 and no special wishes.
    pub fn new(model: Model, mac: MacAddr, state: State, server: IpAddr) -> Self {
        Self {
            model,
            mac,
            state,
            server,
            tftp_port: 69,
            from_address: None,
            timing: Timing::default(),
            sip_port_override: None,
            short_passwords: false,
        }
    }
}

/// Waits and repetitions of a phone. [`Timing::default`] is the hardware's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two read requests for one file, from one port (4 s in a public log of nine 7940/7960).
    pub tftp_retry: Duration,
    /// Read requests from one port before another port is taken (5, same log).
    pub tftp_tries: u32,
    /// Ports tried before the phone gives the server up (3).
    pub tftp_ports: u32,
    /// Silence inside a transfer after which the file is asked for again (13 s, same log).
    pub tftp_stall: Duration,
    /// How often a stalled file is asked for again (3, same log).
    pub tftp_stall_tries: u32,
    /// SIP T1, the first retransmission interval over UDP (500 ms, RFC 3261 17.1.2.1).
    pub sip_t1: Duration,
    /// SIP T2, where the interval stops growing (4 s, RFC 3261 17.1.2.1).
    pub sip_t2: Duration,
    /// When a SIP request is given up (64 × T1 = 32 s, RFC 3261 timer F); also the limit for a TCP connection.
    pub sip_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            tftp_retry: Duration::from_secs(4),
            tftp_tries: 5,
            tftp_ports: 3,
            tftp_stall: Duration::from_secs(13),
            tftp_stall_tries: 3,
            sip_t1: Duration::from_millis(500),
            sip_t2: Duration::from_secs(4),
            sip_timeout: Duration::from_secs(32),
        }
    }
}

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
    /// The loads that the server names send the phone round in a circle.
    Looping {
        /// The load asked for last.
        load: String,
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
            Ending::NotServed { file } => format!("the phone asked for {file}, which is not served"),
            Ending::StaysOnLoad { load } => format!("the phone stays on {load}: nothing told it to run SIP"),
            Ending::NoNetwork { why } => why.clone(),
            Ending::Looping { load } => {
                format!("the phone restarts again and again: the last load it was sent to is {load}")
            }
        }
    }
}

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
        load: phone.running.as_ref().map(|l| l.as_str().to_owned()),
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

impl Step {
    fn new(ok: bool, what: String) -> Self {
        Self { at: Timestamp::now(), what, ok, file: None, bytes: None, button: None }
    }
}

/// How often a phone may restart into another load within one boot before it counts as a circle. The longest legal
/// path has four steps.
const RESTARTS: u32 = 6;

/// A phone while it boots: what both families need.
pub(crate) struct Phone<'a> {
    pub(crate) setup: &'a Setup,
    /// What runs now; `None` = only the boot loader.
    pub(crate) running: Option<LoadId>,
    /// The phone's own address, known after [`Phone::address`].
    pub(crate) ip: IpAddr,
    pub(crate) complaints: Vec<String>,
    restarts: u32,
    steps: Box<dyn FnMut(Step) + Send + 'a>,
}

impl<'a> Phone<'a> {
    fn new(setup: &'a Setup, steps: Box<dyn FnMut(Step) + Send + 'a>) -> Self {
        let running = match &setup.state {
            State::Sip(load) | State::Sccp(load) => Some(load.clone()),
            State::Loader | State::Factory => None,
        };
        Self { setup, running, ip: setup.server, complaints: Vec::new(), restarts: 0, steps }
    }

    /// Learns the phone's own address. A UDP socket that is connected, and sends nothing, knows its source address.
    async fn address(&mut self) -> Result<(), Ending> {
        let result = async {
            let any = if self.setup.server.is_ipv4() { "0.0.0.0" } else { "::" };
            let from = self.setup.from_address.map_or_else(|| any.to_owned(), |ip| ip.to_string());
            let socket = tokio::net::UdpSocket::bind((from.as_str(), 0)).await?;
            socket.connect((self.setup.server, self.setup.tftp_port)).await?;
            socket.local_addr()
        };
        match result.await {
            Ok(address) => {
                self.ip = address.ip();
                let what =
                    format!("{} {} starts at {} ({})", self.setup.model, self.setup.mac, self.ip, self.setup.state);
                self.step(true, what);
                Ok(())
            }
            Err(error) => Err(Ending::NoNetwork {
                why: format!("the phone cannot reach {} from its own address: {error}", self.setup.server),
            }),
        }
    }

    pub(crate) fn emit(&mut self, step: Step) {
        (self.steps)(step);
    }

    pub(crate) fn step(&mut self, ok: bool, what: impl Into<String>) {
        self.emit(Step::new(ok, what.into()));
    }

    /// Notes something that the phone shows to its user and goes on.
    pub(crate) fn complain(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.complaints.push(what.clone());
        self.step(false, what);
    }

    /// Fetches `name`; `Ok(None)` = the server says it has no such file.
    pub(crate) async fn fetch(&mut self, name: &str) -> Result<Option<Vec<u8>>, Ending> {
        let result =
            tftp::fetch(self.ip, (self.setup.server, self.setup.tftp_port).into(), name, &self.setup.timing).await;
        let (ok, what, bytes, answer) = match result {
            Ok(bytes) => {
                let n = bytes.len();
                (true, format!("asked for {name}: {n} bytes"), Some(n), Ok(Some(bytes)))
            }
            Err(tftp::FetchError::NotFound) => (true, format!("asked for {name}: not found"), None, Ok(None)),
            // To a phone every error packet says "not this file"; only the text differs.
            Err(tftp::FetchError::Refused { code, message }) => {
                (false, format!("asked for {name}: refused, error {code} {message}"), None, Ok(None))
            }
            Err(error) => {
                let why = format!("asked {}:{} for {name}: {error}", self.setup.server, self.setup.tftp_port);
                (false, why.clone(), None, Err(Ending::NoNetwork { why }))
            }
        };
        self.emit(Step { file: Some(name.to_owned()), bytes, ..Step::new(ok, what) });
        answer
    }

    /// Fetches a load's manifest and everything it lists, and runs it. `Err` where a file is not served.
    pub(crate) async fn install(&mut self, load: &str) -> Result<LoadId, Ending> {
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return Err(Ending::Looping { load: load.to_owned() });
        }
        let manifest = format!("{load}.loads");
        let Some(bytes) = self.fetch(&manifest).await? else {
            return Err(Ending::NotServed { file: manifest });
        };
        let Some(members) = files::manifest_members(&bytes) else {
            let complaints = vec!["not a signed list of images".to_owned()];
            return Err(Ending::Refused { file: manifest, complaints });
        };
        let mut sip = false;
        for member in &members {
            if self.fetch(member).await?.is_none() {
                return Err(Ending::NotServed { file: member.clone() });
            }
            sip |= member.starts_with("jar") && member.contains("sip.");
        }
        let id = if load.starts_with("term") { LoadId::term(load, sip) } else { LoadId::new(load) };
        self.step(true, format!("restarts with {load}"));
        self.running = Some(id.clone());
        Ok(id)
    }
}
