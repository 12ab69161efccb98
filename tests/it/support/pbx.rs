//! What an administrator does in FreePBX, on the database and the files that FreePBX would touch.
//!
//! Rows and files follow a running FreePBX 16: an extension is rows of `users`, `devices` and `sip`; every save sets
//! `need_reload`; *Apply* writes the files of chan_pjsip without escaping anything, reloads Asterisk, and clears it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::asterisk::Asterisk;
use super::sql::{Database, quoted};

/// A PBX of the test's own.
pub(crate) struct Pbx {
    /// Its tables.
    pub(crate) database: Database,
    /// Its Asterisk, where the test has one.
    pub(crate) asterisk: Option<Asterisk>,
}

impl Pbx {
    /// Tables in a file, no Asterisk.
    pub(crate) fn tables() -> Self {
        Self { database: Database::sqlite(), asterisk: None }
    }

    /// MariaDB and Asterisk.
    pub(crate) fn real() -> Self {
        Self { database: Database::mariadb(), asterisk: Some(Asterisk::start()) }
    }

    /// The Asterisk of a PBX that has one.
    pub(crate) fn asterisk(&self) -> &Asterisk {
        self.asterisk.as_ref().expect("this PBX was made with an Asterisk")
    }

    /// Has the tables name the port of this Asterisk, for UDP and TCP.
    pub(crate) fn name_port(&self) {
        let port = self.asterisk().sip_port;
        self.database.execute(&format!(
            "UPDATE kvstore_Sipsettings SET val = '{port}' WHERE `key` IN ('udpport-0.0.0.0', 'tcpport-0.0.0.0')"
        ));
    }

    pub(super) fn touched(&self) {
        self.database.execute("UPDATE admin SET value = 'true' WHERE variable = 'need_reload'");
    }

    /// A new chan_pjsip extension with the settings that phones need which answer from another port than they send.
    pub(crate) fn add_extension(&self, number: &str, name: &str, secret: &str) {
        self.insert_extension(number, name, secret, "no");
    }

    /// A new extension as FreePBX's own defaults make it.
    pub(crate) fn add_extension_with_defaults(&self, number: &str, name: &str, secret: &str) {
        self.insert_extension(number, name, secret, "yes");
    }

    fn insert_extension(&self, number: &str, name: &str, secret: &str, nat: &str) {
        let rows = [
            ("account", number),
            ("accountcode", ""),
            ("allow", ""),
            ("callerid", ""),
            ("context", "from-internal"),
            ("direct_media", nat),
            ("dtmfmode", "rfc4733"),
            ("force_rport", nat),
            ("mailbox", ""),
            ("max_contacts", "1"),
            ("qualifyfreq", "60"),
            ("remove_existing", "yes"),
            ("rewrite_contact", nat),
            ("rtp_symmetric", "yes"),
            ("secret", secret),
            ("sipdriver", "chan_pjsip"),
            ("transport", ""),
            ("trustrpid", "yes"),
        ];
        self.insert(number, name, "pjsip", &format!("PJSIP/{number}"), &rows);
    }

    /// The rows of a new extension; those of table `sip` in their order.
    pub(super) fn insert(&self, number: &str, name: &str, tech: &str, dial: &str, rows: &[(&str, &str)]) {
        let mut sql = String::from("UPDATE admin SET value = 'true' WHERE variable = 'need_reload';\n");
        let (id, shown) = (quoted(number), quoted(name));
        writeln!(sql, "INSERT INTO users (extension, name, voicemail) VALUES ({id}, {shown}, 'novm');").unwrap();
        let (tech, dial) = (quoted(tech), quoted(dial));
        let columns = "id, tech, dial, devicetype, user, description";
        writeln!(sql, "INSERT INTO devices ({columns}) VALUES ({id}, {tech}, {dial}, 'fixed', {id}, {shown});")
            .unwrap();
        for (flags, (keyword, data)) in rows.iter().enumerate() {
            let (keyword, data) = (quoted(keyword), quoted(data));
            let flags = flags + 2;
            writeln!(sql, "INSERT INTO sip (id, keyword, data, flags) VALUES ({id}, {keyword}, {data}, {flags});")
                .unwrap();
        }
        self.database.execute(&sql);
    }

    /// The secret, changed and saved but not applied.
    pub(crate) fn set_secret(&self, number: &str, secret: &str) {
        self.touched();
        let (id, secret) = (quoted(number), quoted(secret));
        self.database.execute(&format!("UPDATE sip SET data = {secret} WHERE id = {id} AND keyword = 'secret'"));
    }

    /// A setting of an extension, changed and saved but not applied.
    pub(crate) fn set(&self, number: &str, keyword: &str, data: &str) {
        self.touched();
        let (id, keyword, data) = (quoted(number), quoted(keyword), quoted(data));
        self.database.execute(&format!(
            "DELETE FROM sip WHERE id = {id} AND keyword = {keyword};
             INSERT INTO sip (id, keyword, data) VALUES ({id}, {keyword}, {data})"
        ));
    }

    /// The transports of chan_pjsip that are on, saved but not applied.
    pub(crate) fn set_transports(&self, protocols: &[&str]) {
        self.touched();
        let binds: Vec<String> = protocols.iter().map(|name| format!("\"{name}\":{{\"0.0.0.0\":\"on\"}}")).collect();
        let binds = quoted(&format!("{{{}}}", binds.join(",")));
        self.database.execute(&format!("UPDATE kvstore_Sipsettings SET val = {binds} WHERE `key` = 'binds'"));
    }

    /// The extension, deleted and not applied. What is in our tables stays, as in FreePBX without our module.
    pub(crate) fn delete_extension(&self, number: &str) {
        self.touched();
        let id = quoted(number);
        self.database.execute(&format!(
            "DELETE FROM users WHERE extension = {id}; DELETE FROM devices WHERE id = {id}; DELETE FROM sip WHERE id = {id}"
        ));
    }

    /// A phone with one line, as our module or an SQL client puts it in.
    pub(crate) fn add_phone(&self, mac: &str, model: &str, extensions: &[&str]) {
        let (mac, model) = (quoted(mac), quoted(model));
        let mut sql = format!("INSERT INTO offhook_phones (mac, model) VALUES ({mac}, {model});\n");
        for (button, extension) in (1..).zip(extensions) {
            let extension = quoted(extension);
            writeln!(sql, "INSERT INTO offhook_lines (mac, button, kind, extension) VALUES ({mac}, {button}, 'line', {extension});")
                .unwrap();
        }
        self.database.execute(&sql);
    }

    /// Five thousand phones on an SQLite file: extensions 10001 to 15000, every hundredth of which is not there.
    pub(crate) fn five_thousand() -> Self {
        let pbx = Self::tables();
        pbx.database.execute(&format!("BEGIN; {FIVE_THOUSAND}; COMMIT"));
        pbx
    }

    /// The phone's rows, gone.
    pub(crate) fn remove_phone(&self, mac: &str) {
        let mac = quoted(mac);
        self.database.execute(&format!(
            "DELETE FROM offhook_lines WHERE mac = {mac}; DELETE FROM offhook_phones WHERE mac = {mac}"
        ));
    }

    /// *Apply Config*: the files from the rows, Asterisk reloaded, `need_reload` cleared.
    pub(crate) fn apply(&self) {
        if let Some(asterisk) = &self.asterisk {
            asterisk.write("extensions_pjsip.conf", &sections(&self.settings_of("pjsip")));
            asterisk.cli("module reload res_pjsip.so");
            if asterisk.chan_sip_port.is_some() {
                self.apply_chan_sip(asterisk);
            }
        }
        self.database.execute("UPDATE admin SET value = 'false' WHERE variable = 'need_reload'");
    }

    /// The rows of table `sip` of the extensions on that driver.
    pub(super) fn settings_of(&self, tech: &str) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut extensions: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let from = format!("FROM sip JOIN devices ON devices.id = sip.id WHERE devices.tech = {}", quoted(tech));
        for row in self.database.rows(&["sip.id", "sip.keyword", "sip.data"], &from) {
            if let [id, keyword, data] = row.as_slice() {
                extensions.entry(id.clone()).or_default().insert(keyword.clone(), data.clone());
            }
        }
        extensions
    }

    /// A row of `offhook_status`: stage, health, reason, registered lines.
    pub(crate) fn published(&self, mac: &str) -> Option<Vec<String>> {
        let columns = ["stage", "health", "reason", "lines_registered"];
        self.database.rows(&columns, &format!("FROM offhook_status WHERE mac = {}", quoted(mac))).pop()
    }
}

/// The files of chan_pjsip in one text. FreePBX escapes nothing here, so neither does this.
fn sections(extensions: &BTreeMap<String, BTreeMap<String, String>>) -> String {
    let mut out = String::new();
    for (id, rows) in extensions {
        let of = |keyword: &str| rows.get(keyword).map_or("", String::as_str);
        let secret = of("secret");
        writeln!(out, "[{id}-auth]\ntype=auth\nauth_type=userpass\npassword={secret}\nusername={id}\n").unwrap();
        writeln!(
            out,
            "[{id}]\ntype=aor\nmax_contacts={}\nremove_existing={}",
            of("max_contacts"),
            of("remove_existing")
        )
        .unwrap();
        // A scripted phone that has done its work no longer answers OPTIONS, and would become unreachable.
        writeln!(out, "minimum_expiration=60\nmaximum_expiration=7200\nqualify_frequency=0\n").unwrap();
        writeln!(out, "[{id}]\ntype=endpoint\naors={id}\nauth={id}-auth\ncontext=default\nallow=ulaw,alaw").unwrap();
        for keyword in ["direct_media", "force_rport", "rewrite_contact", "rtp_symmetric"] {
            writeln!(out, "{keyword}={}", of(keyword)).unwrap();
        }
        out.push('\n');
    }
    out
}

/// For [`Pbx::five_thousand`].
const FIVE_THOUSAND: &str = "
    CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000) SELECT i FROM c;
    CREATE TEMP TABLE k (keyword TEXT, data TEXT);
    INSERT INTO k VALUES ('account', ''), ('accountcode', ''), ('allow', ''), ('callerid', ''), ('context', 'from-internal'),
        ('direct_media', 'no'), ('dtmfmode', 'rfc4733'), ('force_rport', 'no'), ('mailbox', ''), ('max_contacts', '1'),
        ('qualifyfreq', '60'), ('remove_existing', 'yes'), ('rewrite_contact', 'no'), ('rtp_symmetric', 'yes'),
        ('secret', 'CANARY'), ('sipdriver', 'chan_pjsip'), ('transport', ''), ('trustrpid', 'yes');
    INSERT INTO users (extension, name, voicemail) SELECT 10000 + i, 'Employee with a name ' || i, 'novm' FROM n WHERE i % 100 > 0;
    INSERT INTO devices (id, tech, dial, devicetype, user, description)
        SELECT 10000 + i, 'pjsip', 'PJSIP/' || (10000 + i), 'fixed', 10000 + i, 'Employee ' || i FROM n WHERE i % 100 > 0;
    INSERT INTO sip (id, keyword, data, flags)
        SELECT 10000 + i, keyword, CASE keyword WHEN 'account' THEN 10000 + i WHEN 'secret' THEN data || (10000 + i) ELSE data END, 2
        FROM n, k WHERE i % 100 > 0;
    INSERT INTO offhook_phones (mac, model, description) SELECT printf('001B54%06X', i), '7942', 'Room ' || i FROM n;
    INSERT INTO offhook_lines (mac, button, kind, extension) SELECT printf('001B54%06X', i), 1, 'line', 10000 + i FROM n;
    UPDATE admin SET value = 'false' WHERE variable = 'need_reload'";
