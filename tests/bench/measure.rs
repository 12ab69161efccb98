//! What the benches measure of a running daemon.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::clients::RawTftp;
use crate::support::daemon::Daemon;
use crate::support::{succeed, text};

/// A file over TFTP, by a client that costs no process.
pub fn fetch(daemon: &Daemon<'_>, name: &str) -> String {
    let client = RawTftp::new(daemon.tftp);
    client.ask(name.as_bytes());
    let mut file = Vec::new();
    for block in 1_u16.. {
        let (from, packet) = client.receive();
        let [high, low] = block.to_be_bytes();
        assert_eq!(packet[..4], [0, 3, high, low], "block {block} of {name}");
        client.acknowledge(from, block);
        file.extend_from_slice(&packet[4..]);
        if packet.len() < 516 {
            break;
        }
    }
    text(&file)
}

/// User and system time of the daemon so far: fields 14 and 15 of proc_pid_stat(5), in clock ticks.
pub fn processor_time(daemon: &Daemon<'_>) -> Duration {
    let ticks_per_second: u32 = succeed(Command::new("getconf").arg("CLK_TCK")).trim().parse().unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.process())).unwrap();
    // The name of the program, in parentheses, may hold blanks.
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks: u32 = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum();
    Duration::from_secs(u64::from(ticks)) / ticks_per_second
}

/// Highest resident size so far, in KiB.
pub fn peak_memory(daemon: &Daemon<'_>) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.process())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
