//! `/etc/freepbx.conf`: PHP assignments, read and never executed.
//!
//! Takes `$amp_conf['KEY'] = 'value';` in single or double quotes, with any blanks, one or several on a line; lines that
//! begin with `#`, `//` or `*` are comments.

use std::collections::BTreeMap;

use crate::domain::Secret;

/// Where FreePBX says how to reach its database.
pub const PATH: &str = "/etc/freepbx.conf";

/// How FreePBX reaches its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseAccess {
    /// User.
    pub user: String,
    /// Password.
    pub password: Secret,
    /// Host; `localhost` when not stated.
    pub host: String,
    /// Port; 3306 when not stated.
    pub port: u16,
    /// Database; `asterisk` when not stated.
    pub name: String,
    /// Unix socket; then host and port do not count.
    pub socket: Option<String>,
}

/// Why the file gives no access.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfError {
    /// No user or password stands in it.
    #[error("it does not state {0}")]
    Missing(&'static str),
    /// Another engine than MySQL or MariaDB.
    #[error("it names the database engine {0:?}; offhook reads mysql and mariadb")]
    Engine(String),
    /// The port is no number.
    #[error("its AMPDBPORT {0:?} is no port")]
    Port(String),
}

impl DatabaseAccess {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// See [`ConfError`].
    pub fn parse(text: &str) -> Result<Self, ConfError> {
        let values = assignments(text);
        let get = |key: &str| values.get(key).filter(|value| !value.is_empty()).cloned();
        let engine = get("AMPDBENGINE").unwrap_or_else(|| "mysql".to_owned());
        if !matches!(engine.to_ascii_lowercase().as_str(), "mysql" | "mysqli" | "mariadb") {
            return Err(ConfError::Engine(engine));
        }
        let port = get("AMPDBPORT").unwrap_or_else(|| "3306".to_owned());
        Ok(Self {
            user: get("AMPDBUSER").ok_or(ConfError::Missing("AMPDBUSER"))?,
            password: Secret::new(values.get("AMPDBPASS").cloned().ok_or(ConfError::Missing("AMPDBPASS"))?),
            host: get("AMPDBHOST").unwrap_or_else(|| "localhost".to_owned()),
            port: port.trim().parse().map_err(|_| ConfError::Port(port))?,
            name: get("AMPDBNAME").unwrap_or_else(|| "asterisk".to_owned()),
            socket: get("AMPDBSOCK"),
        })
    }
}

/// All `$amp_conf[KEY] = VALUE` of the text; a later one wins, as in PHP.
fn assignments(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with('#') || line.starts_with("//") || line.starts_with('*') || line.starts_with("/*") {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("$amp_conf") {
            rest = after;
            if let Some((key, value, after)) = assignment(after) {
                found.insert(key, value);
                rest = after;
            }
        }
    }
    found
}

/// `['KEY'] = 'value'` and what follows.
fn assignment(text: &str) -> Option<(String, String, &str)> {
    let text = text.trim_start().strip_prefix('[')?.trim_start();
    let (key, text) = quoted(text)?;
    let text = text.trim_start().strip_prefix(']')?.trim_start().strip_prefix('=')?.trim_start();
    let (value, rest) = quoted(text)?;
    Some((key, value, rest))
}

/// A PHP string: in single quotes only `\'` and `\\` are escapes; in double quotes `\"`, `\\` and `\$` are the ones that
/// occur in passwords.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut letters = text.char_indices();
    let (_, quote) = letters.next().filter(|(_, c)| matches!(c, '\'' | '"'))?;
    let mut value = String::new();
    while let Some((at, c)) = letters.next() {
        if c == quote {
            return Some((value, text.get(at + 1..)?));
        }
        if c != '\\' {
            value.push(c);
            continue;
        }
        let (_, next) = letters.next()?;
        if next != '\\' && next != quote && !(quote == '"' && next == '$') {
            value.push('\\');
        }
        value.push(next);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installer_s_file() {
        let text = "<?php\n$amp_conf['AMPDBUSER'] = 'freepbxuser';\n$amp_conf['AMPDBPASS'] = 'a\\'b\\\\c$d\"';\n\
                    $amp_conf['AMPDBHOST'] = 'localhost';\n$amp_conf['AMPDBNAME'] = 'asterisk';\n\
                    $amp_conf['AMPDBENGINE'] = 'mysql';\n$amp_conf['datasource'] = ''; //for sqlite3\n\n\
                    require_once('/var/www/html/admin/bootstrap.php');\n?>\n";
        let access = DatabaseAccess::parse(text).unwrap();
        assert_eq!((access.user.as_str(), access.password.expose()), ("freepbxuser", "a'b\\c$d\""));
        assert_eq!(
            (access.host.as_str(), access.port, access.name.as_str(), access.socket),
            ("localhost", 3306, "asterisk", None)
        );
    }

    #[test]
    fn other_spellings() {
        let text = "\t$amp_conf [ \"AMPDBUSER\" ]\t=\t\"u\\$1\";$amp_conf['AMPDBPASS']='';\n# $amp_conf['AMPDBUSER'] = 'no';\n\
                    // $amp_conf['AMPDBPASS'] = 'no';\n$amp_conf['AMPDBSOCK'] = '/run/mysqld/mysqld.sock';\n\
                    $amp_conf['AMPDBENGINE'] = 'MariaDB';\n$amp_conf['AMPDBPORT'] = '3307';\n";
        let access = DatabaseAccess::parse(text).unwrap();
        assert_eq!((access.user.as_str(), access.password.expose(), access.port), ("u$1", "", 3307));
        assert_eq!(access.socket.as_deref(), Some("/run/mysqld/mysqld.sock"));
    }

    #[test]
    fn files_that_give_no_access() {
        for (text, why) in [
            ("", ConfError::Missing("AMPDBUSER")),
            ("$amp_conf['AMPDBUSER'] = 'u';", ConfError::Missing("AMPDBPASS")),
            ("$amp_conf['AMPDBUSER'] = 'u", ConfError::Missing("AMPDBUSER")),
            ("$amp_conf['AMPDBENGINE'] = 'sqlite3';", ConfError::Engine("sqlite3".into())),
            (
                "$amp_conf['AMPDBUSER']='u';$amp_conf['AMPDBPASS']='p';$amp_conf['AMPDBPORT']='x';",
                ConfError::Port("x".into()),
            ),
        ] {
            assert_eq!(DatabaseAccess::parse(text), Err(why), "{text}");
        }
    }
}
