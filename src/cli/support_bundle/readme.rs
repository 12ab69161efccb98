//! What stands in the archive's README.txt.

use jiff::Timestamp;

use super::Missing;

/// What it says always.
const TEXT: &str = "\
What is in it
  version.txt        offhook, kernel, system, Asterisk, FreePBX
  service.txt        what systemd says of offhook.service
  check.txt, .json   what `offhook check` says
  config.json        the configuration, each key with the file that says so
  phones.json        every phone, assigned or seen
  findings.json      what is wrong with phones, and what to do
  explain/MAC.txt    the same of one phone, to read
  replays/MAC.boot   what one phone did, as a script that can be played (docs/replays.md)
  conversions.json   phones on their way to another load
  firmware.json      the loads of the store, and what they lack
  leases.json        addresses that offhook's DHCP server has given
  metrics.txt        counters
  log.txt            the last lines of the daemon's log

What is not in it
  Passwords and secrets: of extensions, of phones, of the database, of the manager interface; tokens and sessions. Where one of six
  characters or more stood in a text from elsewhere (a phone may ask for a file by any name), there are dots.
  What phones wrote to syslog: the scripts say only that they did, and how grave it was.
  Firmware, and the files that phones get.
  In the scripts, who did something: they say what was done.

What who reads it learns
  Hardware addresses, IP addresses, extensions and the labels of line keys (often people's names), models and loads of the phones;
  names and addresses of servers; in log.txt who did what with offhook. Read it before you make it public.

How to look
  tar -xf FILE; begin with check.txt, then findings.json. A script from replays becomes a test by being put into tests/boots.
";

pub(super) fn text(host: &str, now: Timestamp, missing: &[Missing]) -> String {
    let mut text = format!("Support bundle of offhook on {host}, {}\n\n", now.strftime("%Y-%m-%dT%H:%M:%SZ"));
    if !missing.is_empty() {
        text += "What is missing\n";
        for Missing { what, why } in missing {
            text += &format!("  {what}: {why}\n");
        }
        text += "\n";
    }
    text + TEXT
}
