//! What FreePBX does for extensions on chan_sip.
//!
//! Rows as a running FreePBX 16 leaves them after *Quick Create*; its file by the rules of FreePBX/core
//! `functions.inc.php`: `;` in a secret is escaped, transports that are off are taken off, `nat` has other words.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use super::asterisk::Asterisk;
use super::pbx::Pbx;
use super::sql::Database;
use super::wait_for;

impl Pbx {
    /// MariaDB and an Asterisk with both drivers, each on the port that the tables name.
    pub(crate) fn with_both_drivers() -> Self {
        let asterisk = Asterisk::with_chan_sip("");
        let database = Database::mariadb();
        let chan_sip = asterisk.chan_sip_port.unwrap();
        database.execute(&format!("UPDATE sipsettings SET data = '{chan_sip}' WHERE keyword = 'bindport'"));
        let pbx = Self { database, asterisk: Some(asterisk) };
        pbx.name_port();
        pbx
    }

    /// *Enable TCP* of chan_sip.
    pub(crate) fn enable_tcp_of_chan_sip(&self) {
        self.touched();
        self.database.execute("INSERT INTO sipsettings (keyword, seq, type, data) VALUES ('tcpenable', 0, 0, 'yes')");
    }

    /// A new chan_sip extension; `nat` is *NAT Mode*, which FreePBX sets to `yes`.
    pub(crate) fn add_chan_sip_extension(&self, number: &str, name: &str, secret: &str, nat: &str) {
        let dial = format!("SIP/{number}");
        let rows = [
            ("sipdriver", "chan_sip"),
            ("dtmfmode", "rfc2833"),
            ("canreinvite", "no"),
            ("host", "dynamic"),
            ("trustrpid", "yes"),
            ("sendrpid", "pai"),
            ("type", "friend"),
            ("nat", nat),
            ("port", "5060"),
            ("qualify", "yes"),
            ("qualifyfreq", "60"),
            ("transport", "udp,tcp,tls"),
            ("avpf", "no"),
            ("force_avp", "no"),
            ("sessiontimers", "accept"),
            ("videosupport", "inherit"),
            ("icesupport", "no"),
            ("encryption", "no"),
            ("namedcallgroup", ""),
            ("namedpickupgroup", ""),
            ("disallow", ""),
            ("allow", ""),
            ("accountcode", ""),
            ("vmexten", ""),
            ("deny", "0.0.0.0/0.0.0.0"),
            ("permit", "0.0.0.0/0.0.0.0"),
            ("defaultuser", ""),
            ("rtcp_mux", "no"),
            ("webrtc", ""),
            ("dial", &dial),
            ("secret", secret),
            ("context", "from-internal"),
            ("mailbox", ""),
            ("account", number),
            ("callerid", ""),
            ("outbound_proxy", ""),
        ];
        self.insert(number, name, "sip", &dial, &rows);
    }

    /// What *Apply* does for chan_sip, and the wait until chan_sip, which reloads in a thread of its own, has done it.
    pub(super) fn apply_chan_sip(&self, asterisk: &Asterisk) {
        static APPLIED: AtomicU32 = AtomicU32::new(0);
        let applied = APPLIED.fetch_add(1, Ordering::Relaxed);
        let tcp =
            !self.database.rows(&["data"], "FROM sipsettings WHERE keyword = 'tcpenable' AND data = 'yes'").is_empty();
        let extensions = self.settings_of("sip");
        let mut file = String::new();
        for (id, rows) in &extensions {
            writeln!(file, "[{id}]\ndescription=applied {applied}\n{}", peer(rows, tcp)).unwrap();
        }
        asterisk.write("sip_additional.conf", &file);
        asterisk.cli("module reload chan_sip.so");
        for id in extensions.keys() {
            wait_for("chan_sip to have reloaded", || {
                let shown = asterisk.cli(&format!("sip show peer {id}"));
                if shown.contains(&format!("applied {applied}\n")) { Ok(()) } else { Err(shown) }
            });
        }
    }
}

/// The section of an extension in `sip_additional.conf`.
fn peer(rows: &BTreeMap<String, String>, tcp: bool) -> String {
    let mut out = String::new();
    for (keyword, data) in rows {
        match keyword.as_str() {
            "account" | "sipdriver" | "videosupport" | "allow" | "disallow" => {}
            "secret" => writeln!(out, "secret={}", data.replace(';', "\\;")).unwrap(),
            "sessiontimers" => writeln!(out, "session-timers={data}").unwrap(),
            "nat" => {
                let nat = match data.as_str() {
                    "yes" => "force_rport,comedia",
                    "route" => "force_rport",
                    "never" => "no",
                    other => other,
                };
                writeln!(out, "nat={nat}").unwrap();
            }
            "transport" => {
                let on = data.split(',').filter(|name| *name != "tls" && (*name != "tcp" || tcp));
                writeln!(out, "transport={}", on.collect::<Vec<_>>().join(",")).unwrap();
            }
            // A scripted phone that has done its work no longer answers OPTIONS, and would become unreachable.
            "qualify" => out.push_str("qualify=no\n"),
            _ => writeln!(out, "{keyword}={data}").unwrap(),
        }
    }
    out
}
