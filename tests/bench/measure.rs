//! What the benches measure of a running daemon, and the PBX that it watches.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::clients::RawTftp;
use crate::support::daemon::Daemon;
use crate::support::pbx::Pbx;
use crate::support::{succeed, text, wait_for};

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

/// Waits until the daemon is through with what it was given: a first read, a roster, a start.
pub fn wait_until_idle(daemon: &Daemon<'_>) {
    wait_for("the daemon to be idle", || {
        let before = processor_time(daemon);
        thread::sleep(Duration::from_secs(3));
        let spent = processor_time(daemon).saturating_sub(before);
        if spent < Duration::from_millis(500) { Ok(()) } else { Err(format!("{spent:?} in three seconds")) }
    });
}

/// How long it is watched, by `OFFHOOK_BENCH_SECONDS`.
pub fn watched() -> Duration {
    let seconds = std::env::var("OFFHOOK_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(15))
}

/// So many extensions, and phones for the first of them. Rows by MariaDB's own sequences: half a million statements would
/// take minutes.
pub fn fill(pbx: &Pbx, extensions: usize, phones: usize) {
    let last = 10_000 + extensions - 1;
    let extensions = format!("seq_10000_to_{last}");
    pbx.database.execute(&format!(
        "INSERT INTO users (extension, name, voicemail) SELECT seq, CONCAT('Phone ', seq), 'novm' FROM {extensions};
         INSERT INTO devices (id, tech, dial, devicetype, user, description)
           SELECT seq, 'pjsip', CONCAT('PJSIP/', seq), 'fixed', seq, CONCAT('Phone ', seq) FROM {extensions};
         INSERT INTO sip (id, keyword, data, flags) SELECT seq, 'account', seq, 2 FROM {extensions};
         INSERT INTO sip (id, keyword, data, flags) SELECT seq, 'secret', CONCAT('s', seq, 'x'), 3 FROM {extensions};
         INSERT INTO sip (id, keyword, data, flags) SELECT seq, 'sipdriver', 'chan_pjsip', 4 FROM {extensions};
         INSERT INTO sip (id, keyword, data, flags) SELECT seq, 'max_contacts', '1', 5 FROM {extensions};
         INSERT INTO sip (id, keyword, data, flags)
           SELECT e.seq, CONCAT('setting', k.seq), 'yes', 5 + k.seq FROM {extensions} e JOIN seq_1_to_47 k"
    ));
    let phones = format!("seq_0_to_{}", phones - 1);
    pbx.database.execute(&format!(
        "INSERT INTO offhook_phones (mac, model) SELECT CONCAT('00087D', LPAD(HEX(seq), 6, '0')), '7960' FROM {phones};
         INSERT INTO offhook_lines (mac, button, kind, extension)
           SELECT CONCAT('00087D', LPAD(HEX(seq), 6, '0')), 1, 'line', 10000 + seq FROM {phones}"
    ));
}
