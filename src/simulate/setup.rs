//! What a scripted phone is, where it stands, and what goes wrong with it.

use std::net::IpAddr;
use std::time::Duration;

use super::flash::Flash;
use super::model::{LoadId, Model, State};
use super::outcome::Outcome;
use crate::domain::MacAddr;

/// What a scripted phone is and where it stands.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which phone.
    pub model: Model,
    /// Its hardware address.
    pub mac: MacAddr,
    /// What runs in it when it is switched on, as a person would say it; its flash is made from this.
    pub state: State,
    /// What its flash holds, instead of what `state` says: how a phone goes on after an [`Outcome`].
    pub flash: Option<Flash>,
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
    /// Loads that this unit refuses although its model takes them ([`super::flash::steps::REJECTED_BY_SOME`]). A recovery
    /// manifest is refused where it is of the release of one of these.
    pub rejects: Vec<LoadId>,
    /// `HARDWARE_COMP_1` of the load it was built with: it refuses every manifest with a lower mark, or none. `None` =
    /// takes all. Java phones only.
    pub hardware: Option<u32>,
    /// The power fails here.
    pub power_cut_at: Option<PowerCut>,
    /// Goes silent here, once.
    pub stall_at: Option<Stall>,
    /// The file whose last acknowledgement gets lost on the way: the phone has it and goes on.
    pub last_ack_lost: Option<String>,
}

/// Where the power fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerCut {
    /// The image, by the name in the request. For [`CutAt::Flashing`] and [`CutAt::Reboot`] of a Java phone, which writes
    /// all images at once, the load.
    pub file: String,
    /// How far the phone had come.
    pub at: CutAt,
}

/// How far a phone had come when its power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutAt {
    /// So many bytes, or more, had arrived. Flash is as it was: both families write when everything is there and
    /// accepted (a 7960 that refuses its image still has the old one; the boxes of a Java phone are *ready* before they
    /// are *flashed*).
    Bytes(usize),
    /// The image was being written: the application is gone.
    Flashing,
    /// Everything was written: the next start has the new load.
    Reboot,
}

/// Where the phone goes silent: it does not acknowledge, and asks again after [`Timing::tftp_stall`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The image, by the name in the request.
    pub file: String,
    /// Bytes received by then, or more.
    pub bytes: usize,
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
            flash: None,
            rejects: Vec::new(),
            hardware: None,
            power_cut_at: None,
            stall_at: None,
            last_ack_lost: None,
        }
    }

    /// The same phone as it is after `outcome`, switched on again. What went wrong once does not go wrong again; what
    /// the unit refuses it still refuses.
    #[must_use]
    pub fn after(&self, outcome: &Outcome) -> Self {
        Self {
            flash: Some(outcome.flash.clone()),
            power_cut_at: None,
            stall_at: None,
            last_ack_lost: None,
            ..self.clone()
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
    /// Between two hunts of a phone that has nothing to boot, or that was sent to a load it does not take (45 s: how long
    /// a 7940/7960 in the same log took from its reset to the next hunt; term files are asked for every 30 to 150 s).
    pub hunt_retry: Duration,
    /// Hunts before such a phone is given up. The hardware never gives up; 1 is for people who wait for an answer.
    pub hunt_tries: u32,
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
            hunt_retry: Duration::from_secs(45),
            hunt_tries: 1,
            sip_t1: Duration::from_millis(500),
            sip_t2: Duration::from_secs(4),
            sip_timeout: Duration::from_secs(32),
        }
    }
}
