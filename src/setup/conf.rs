//! `conf.d/10-setup.toml`: what setup tells the daemon, as values and as text. Pure.

use std::path::PathBuf;

use ipnet::Ipv4Net;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::Secret;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupConf {
    /// `server.phone_networks`; empty = left at what the other files say.
    pub networks: Vec<Ipv4Net>,
    /// `pbx.source`
    pub source: String,
    /// `pbx.database_url`; `None` = left at what the other files say.
    pub database_url: Option<Secret>,
    /// Port of Asterisk's manager interface.
    pub manager_port: u16,
    /// `ami.secret_file`
    pub secret_file: PathBuf,
    /// `tftp.fall_through`; `None` = left at what the other files say.
    pub fall_through: Option<PathBuf>,
}

impl SetupConf {
    /// The text of the file.
    pub fn emit(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut text = "# Written by `offhook setup`; `offhook setup --undo` takes it away. Settings of your own go into another file\n\
                        # of this folder, whose name sorts after this one: it is read later and wins.\n"
            .to_owned();
        if !self.networks.is_empty() {
            let list: Vec<String> = self.networks.iter().map(|network| quoted(&network.to_string())).collect();
            text += &format!("\n[server]\nphone_networks = [{}]\n", list.join(", "));
        }
        text += &format!("\n[pbx]\nsource = {}\n", quoted(&self.source));
        if let Some(url) = &self.database_url {
            text += &format!("database_url = {}\n", quoted(url.expose()));
        }
        text += &format!(
            "\n[ami]\naddress = \"127.0.0.1:{}\"\nusername = \"offhook\"\nsecret_file = {}\n",
            self.manager_port,
            quoted(&self.secret_file.display().to_string())
        );
        if let Some(folder) = &self.fall_through {
            text += &format!(
                "\n[tftp]\n# The folder of the TFTP server that was here: other makers' phones are served on.\nfall_through = {}\n",
                quoted(&folder.display().to_string())
            );
        }
        text
    }

    /// Reads a text that [`SetupConf::emit`] made. `None` = it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let table: toml::Table = text.parse().ok()?;
        let get = |section: &str, key: &str| table.get(section).and_then(|s| s.get(key));
        let words = |section: &str, key: &str| get(section, key).and_then(toml::Value::as_str);
        let networks = get("server", "phone_networks").and_then(toml::Value::as_array);
        let networks = networks.into_iter().flatten().map(|network| network.as_str()?.parse().ok());
        Some(Self {
            networks: networks.collect::<Option<_>>()?,
            source: words("pbx", "source")?.to_owned(),
            database_url: words("pbx", "database_url").map(Secret::new),
            manager_port: words("ami", "address")?.rsplit_once(':')?.1.parse().ok()?,
            secret_file: words("ami", "secret_file")?.into(),
            fall_through: words("tftp", "fall_through").map(PathBuf::from),
        })
    }
}

/// What a path or a name in a URL is escaped for.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');

/// The URL of the daemon's account. Its password has letters and digits alone.
pub fn account_url(password: &Secret, database: &str, socket: &str) -> Secret {
    let database = utf8_percent_encode(database, ESCAPED);
    let socket = utf8_percent_encode(socket, ESCAPED);
    Secret::new(format!("mysql://offhook:{}@localhost/{database}?socket={socket}", password.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let whole = SetupConf {
            networks: vec!["192.168.50.0/24".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
            source: "freepbx".into(),
            database_url: Some(account_url(&Secret::new("p4"), "asterisk", "/run/mysqld/mysqld.sock")),
            manager_port: 5038,
            secret_file: "/etc/offhook/ami.secret".into(),
            fall_through: Some("/srv/a \"b\"".into()),
        };
        let least = SetupConf { networks: vec![], database_url: None, fall_through: None, ..whole.clone() };
        for conf in [whole, least] {
            assert_eq!(SetupConf::parse(&conf.emit()), Some(conf.clone()), "{}", conf.emit());
        }
        for text in ["", "[pbx]\nsource = 3\n", "no toml"] {
            assert_eq!(SetupConf::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_carries_any_name() {
        let url = account_url(&Secret::new("p4"), "my_db-1", "/run/my sql/s.sock");
        assert_eq!(url.expose(), "mysql://offhook:p4@localhost/my_db-1?socket=/run/my%20sql/s.sock");
    }
}
