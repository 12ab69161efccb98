//! A phone while it boots: what both families need.

use std::net::IpAddr;

use super::flash::Flash;
use super::model::LoadId;
use super::tftp::{self, FetchError, Watch};
use super::{CutAt, Ending, Setup, Step};

/// How often a phone may write its flash within one boot before it counts as a circle. The longest legal path, SIP 2.2
/// to 8.12, writes eight times; a recovery, its second download and one step more are fewer.
const RESTARTS: u32 = 16;

/// The first size at which a download is reported, and then again at each doubling. A percentage is beyond a phone that
/// sends no TFTP options: it is not told the size.
const FIRST_REPORT: usize = 64 * 1024;

/// A phone while it boots.
pub(crate) struct Phone<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) flash: Flash,
    /// The phone's own address, known after [`Phone::address`].
    pub(crate) ip: IpAddr,
    pub(crate) complaints: Vec<String>,
    /// Loads that the phone did not take in this hunt, and why.
    pub(crate) refused: Vec<(String, String)>,
    restarts: u32,
    hunts: u32,
    stalled: bool,
    steps: Box<dyn FnMut(Step) + Send + 'a>,
}

impl<'a> Phone<'a> {
    pub(crate) fn new(setup: &'a Setup, steps: Box<dyn FnMut(Step) + Send + 'a>) -> Self {
        Self {
            setup,
            flash: setup.flash.clone().unwrap_or_else(|| Flash::of(&setup.model, &setup.state)),
            ip: setup.server,
            complaints: Vec::new(),
            refused: Vec::new(),
            restarts: 0,
            hunts: 0,
            stalled: false,
            steps,
        }
    }

    /// What runs; `None` = only a boot loader.
    pub(crate) fn running(&self) -> Option<LoadId> {
        self.flash.load().cloned()
    }

    /// Learns the phone's own address. A UDP socket that is connected, and sends nothing, knows its source address.
    pub(crate) async fn address(&mut self) -> Result<(), Ending> {
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
                let what = format!("{} {} starts at {} ({})", self.setup.model, self.setup.mac, self.ip, self.flash);
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
        let setup = self.setup;
        let (steps, stalled) = (&mut self.steps, &mut self.stalled);
        let mut report = FIRST_REPORT;
        let mut watch = |bytes: usize| {
            if bytes >= report {
                report *= 2;
                let what = format!("downloads {name}: {} KiB so far", bytes / 1024);
                steps(Step { file: Some(name.to_owned()), ..Step::new(true, what) });
            }
            let cut = setup.power_cut_at.as_ref().filter(|cut| cut.file == name);
            if cut.is_some_and(|cut| matches!(cut.at, CutAt::Bytes(n) if bytes >= n)) {
                return Watch::Off;
            }
            let stall = setup.stall_at.as_ref().filter(|stall| stall.file == name && bytes >= stall.bytes);
            if stall.is_some() && !*stalled {
                *stalled = true;
                return Watch::Silent;
            }
            if setup.last_ack_lost.as_deref() == Some(name) { Watch::LastLost } else { Watch::Go }
        };
        let server = (setup.server, setup.tftp_port).into();
        let result = tftp::fetch_watched(self.ip, server, name, &setup.timing, &mut watch).await;
        let (ok, what, bytes, answer) = match result {
            Ok(bytes) => {
                let n = bytes.len();
                (true, format!("asked for {name}: {n} bytes"), Some(n), Ok(Some(bytes)))
            }
            Err(FetchError::NotFound) => (true, format!("asked for {name}: not found"), None, Ok(None)),
            // To a phone every error packet says "not this file"; only the text differs.
            Err(FetchError::Refused { code, message }) => {
                (false, format!("asked for {name}: refused, error {code} {message}"), None, Ok(None))
            }
            Err(FetchError::Off { bytes }) => {
                let ending = Ending::PowerCut { during: name.to_owned() };
                (false, format!("the power fails after {bytes} bytes of {name}"), None, Err(ending))
            }
            Err(error) => {
                let why = format!("asked {}:{} for {name}: {error}", self.setup.server, self.setup.tftp_port);
                (false, why.clone(), None, Err(Ending::NoNetwork { why }))
            }
        };
        self.emit(Step { file: Some(name.to_owned()), bytes, ..Step::new(ok, what) });
        answer
    }

    /// Writes flash and restarts: `what` is the image or load that is written, `flash` what is there then.
    pub(crate) fn write(&mut self, what: &str, flash: Flash) -> Result<(), Ending> {
        let cut = self.setup.power_cut_at.as_ref().filter(|cut| cut.file == what).map(|cut| cut.at);
        if cut == Some(CutAt::Flashing) {
            self.flash = self.flash.without_application();
            self.step(false, format!("the power fails while {what} is written"));
            return Err(Ending::PowerCut { during: what.to_owned() });
        }
        self.flash = flash;
        self.hunts = 0;
        if cut == Some(CutAt::Reboot) {
            self.step(false, format!("the power fails when {what} is written, before the restart"));
            return Err(Ending::PowerCut { during: what.to_owned() });
        }
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return Err(Ending::Looping { load: what.to_owned(), why: String::new() });
        }
        self.step(true, format!("writes {what} and restarts: {}", self.flash));
        Ok(())
    }

    /// Notes that the phone does not take `load`.
    pub(crate) fn refuse(&mut self, load: &str, why: impl Into<String>) {
        let why = why.into();
        self.step(false, format!("refuses {load}: {why}"));
        self.refused.push((load.to_owned(), why));
    }

    /// Whether `load` was refused since the last hunt began.
    pub(crate) fn has_refused(&self, load: &str) -> bool {
        self.refused.iter().any(|(refused, _)| refused.eq_ignore_ascii_case(load))
    }

    /// Lets the phone start over after a wait; `Err(ending)` where that has gone on for long enough.
    pub(crate) async fn again(&mut self, ending: Ending) -> Result<(), Ending> {
        self.hunts += 1;
        let timing = self.setup.timing;
        if self.hunts >= timing.hunt_tries {
            return Err(ending);
        }
        self.refused.clear();
        self.step(false, format!("starts over in {} s", timing.hunt_retry.as_secs_f32()));
        tokio::time::sleep(timing.hunt_retry).await;
        Ok(())
    }
}
