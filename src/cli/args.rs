//! What can be typed. Help, man page and completion come from here.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use ipnet::Ipv4Net;

use super::admin::Admin;
use super::convert::Convert;
use super::dhcp::Dhcp;
use super::firmware::Firmware;
use crate::domain::MacAddr;

/// Zero-touch provisioning of Cisco IP phones for Asterisk and FreePBX
#[derive(Debug, Parser)]
#[command(name = "offhook", version, propagate_version = true, infer_subcommands = false)]
pub(super) struct Cli {
    /// Configuration file; conf.d/*.toml beside it is read too [default: /etc/offhook/offhook.toml, or $OFFHOOK_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON value
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon in the foreground
    Serve,
    /// Find the PBX and prepare it, asking before each change; exit 3 if something is left to do by hand
    Setup(Setup),
    /// Say what is wrong with configuration, PBX, ports and phones, and what to do; exit 1 if something failed
    Check,
    /// The configuration in force, and which file, variable or default each value is from; passwords are dots
    Settings,
    /// Play the whole on loopback: a PBX database, a stand-in registrar, scripted phones
    Demo {
        /// End when every phone is registered
        #[arg(long)]
        once: bool,
    },
    /// The phone directory
    #[command(subcommand)]
    Phones(Phones),
    /// What a phone's state or a code means, and what to do
    Explain {
        /// A MAC in any spelling, a code such as tcp-off, or what a phone's screen says
        what: String,
    },
    /// The bytes a phone would get; without FILE, the names of its files
    Render {
        /// The phone, in any spelling
        mac: MacAddr,
        /// File name, as the phone asks for it
        file: Option<String>,
        /// Show secrets instead of asterisks; it is logged
        #[arg(long)]
        reveal: bool,
        /// What changed since the phone last fetched it, secrets as asterisks on both sides
        #[arg(long, requires = "file", conflicts_with = "reveal")]
        diff: bool,
    },
    /// Play a phone's boot against a running server; exit 0 when every line registered
    Simulate(Simulate),
    /// The catalogue of phone models
    #[command(subcommand)]
    Models(Models),
    /// Firmware: the store, and the legal steps from one load to another
    #[command(subcommand)]
    Firmware(Firmware),
    /// Conversion: each phone to its load by the legal steps, many at once
    #[command(subcommand)]
    Convert(Convert),
    /// Who may come in by the page, and programs with a token
    #[command(subcommand)]
    Admin(Admin),
    /// DHCP: what another server has to tell phones, and what it does tell
    #[command(subcommand)]
    Dhcp(Dhcp),
    /// What happens, as it happens: a live view on a terminal, else one line for each event
    Watch,
    /// Write what it takes to help into one archive, without secrets; exit 3 if the daemon did not answer
    SupportBundle(SupportBundle),
    /// Take apart the archive on standard input; the daemon runs this for itself
    #[command(hide = true)]
    FirmwareUnpack { name: OsString },
    /// Write man pages or completions into a folder
    #[command(hide = true)]
    Generate { what: Generate, folder: PathBuf },
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

#[derive(Debug, Args)]
pub(super) struct Setup {
    /// Print the plan, change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing; what needs a word of its own (--take-tftp, --firewall) is left
    #[arg(long)]
    pub yes: bool,
    /// Take back what setup changed, as far as it is still as setup left it
    #[arg(long)]
    pub undo: bool,
    /// Stop the TFTP server that holds port 69, and serve its files on
    #[arg(long)]
    pub take_tftp: bool,
    /// Let the phones' networks through the firewall
    #[arg(long)]
    pub firewall: bool,
    /// A network that phones are in; several with commas [default: the private networks of this host]
    #[arg(long, value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    pub phone_network: Vec<Ipv4Net>,
    /// Folder that stands for / in all paths, so that a test prepares a host of its own
    #[arg(long, hide = true, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
}

/// A network without host bits, as `server.phone_networks` takes it.
fn network(text: &str) -> Result<Ipv4Net, String> {
    let network: Ipv4Net = text.parse().map_err(|_| "it is no IPv4 network such as 192.168.50.0/24".to_owned())?;
    if network.prefix_len() == 0 {
        return Err("that is the whole Internet; name the phones' networks".to_owned());
    }
    if network == network.trunc() {
        Ok(network)
    } else {
        Err(format!("it has host bits set; the network is {}", network.trunc()))
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Phones {
    /// All phones, assigned or seen
    List,
    /// What a phone's state or a code means, and what to do (as `offhook explain`)
    Explain {
        /// A MAC in any spelling, a code such as tcp-off, or what a phone's screen says
        what: String,
    },
    /// One phone
    Show {
        /// The phone, in any spelling
        mac: MacAddr,
    },
    /// Assign a phone here, where the PBX has no table for it
    Add {
        /// The phone, in any spelling
        mac: MacAddr,
        /// Catalogue name, or auto
        #[arg(long, default_value = "auto")]
        model: String,
        /// Extensions, button 1 first
        #[arg(long = "line", value_name = "EXT", value_delimiter = ',', required = true)]
        lines: Vec<String>,
    },
    /// Assign a phone that was seen, by the model that it shows
    Adopt {
        /// The phone, in any spelling
        mac: MacAddr,
        /// Extensions, button 1 first
        #[arg(long = "line", value_name = "EXT", value_delimiter = ',', required = true)]
        lines: Vec<String>,
    },
    /// Take an assignment made here away
    Remove {
        /// The phone, in any spelling
        mac: MacAddr,
    },
    /// Say that a phone is at an address where nothing else shows it: it gets its files there
    Approve {
        /// The phone, in any spelling
        mac: MacAddr,
        /// Where it is [default: where its files were denied last]
        #[arg(long, value_name = "IP")]
        address: Option<Ipv4Addr>,
    },
    /// What happened to a phone, oldest first: by boots, with what repeats in one line
    Timeline {
        /// The phone, in any spelling
        mac: MacAddr,
        /// Each event that is kept in a line of its own
        #[arg(long)]
        all: bool,
        /// With --json: boots with their entries, not single events
        #[arg(long, conflicts_with_all = ["all", "follow"])]
        boots: bool,
        /// Go on as things happen
        #[arg(long)]
        follow: bool,
        /// As a script that can be played (docs/replays.md), without what is secret
        #[arg(long, conflicts_with_all = ["all", "boots", "follow"])]
        replay: bool,
    },
    /// Have phones read their files again; a 7940 or 7960 restarts if they say something new
    Resync {
        /// The phones, in any spelling
        #[arg(required = true, value_name = "MAC")]
        macs: Vec<MacAddr>,
    },
    /// Have phones register anew with files read anew; a 7940 or 7960 boots
    Restart {
        /// The phones, in any spelling
        #[arg(required = true, value_name = "MAC")]
        macs: Vec<MacAddr>,
    },
    /// Have phones boot
    Reset {
        /// The phones, in any spelling
        #[arg(required = true, value_name = "MAC")]
        macs: Vec<MacAddr>,
    },
    /// A new secret that this phone can carry, and where to put it
    Secret {
        /// The phone, in any spelling
        mac: MacAddr,
    },
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

#[derive(Debug, Args)]
pub(super) struct SupportBundle {
    /// Archive to write: a tar, compressed if its name ends in .gz or .tgz; - = standard output
    pub file: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    pub force: bool,
    /// Phones whose findings and timelines are in it at most, those with findings first
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub phones: u32,
}

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// Catalogue name of the model to play
    pub model: String,
    /// The phone's MAC
    #[arg(long)]
    pub mac: MacAddr,
    /// sip:LOAD, sccp:LOAD, loader or factory
    #[arg(long)]
    pub state: String,
    /// TFTP server
    #[arg(long, value_name = "IP[:TFTP-PORT]", required_unless_present = "interface")]
    pub server: Option<String>,
    /// Address the phone has; on loopback any 127.x.y.z
    #[arg(long)]
    pub from_address: Option<IpAddr>,
    /// Ask for address and TFTP server by DHCP on this device; needs root
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["server", "from_address"])]
    pub interface: Option<String>,
    /// Put that address on the device, and take it away at the end; for a network namespace
    #[arg(long, requires = "interface")]
    pub configure: bool,
    /// Address the phone had before it was switched off; it asks for that first
    #[arg(long, value_name = "IP", requires = "interface")]
    pub last_address: Option<Ipv4Addr>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Models {
    /// All models
    List,
    /// One model: files, keys, limits, firmware
    Show {
        /// Any spelling: 7960, CP-7960G
        model: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Generate {
    Man,
    Completion,
}

/// The whole command, for man pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}
