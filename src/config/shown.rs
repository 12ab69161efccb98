//! The configuration in force as people see it: each key, its value, and which layer said so. Passwords are dots.

use super::load::Origins;
use super::wire::Wire;

/// A key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `section.key`.
    pub key: String,
    /// Its value as TOML has it, a password as dots.
    pub value: String,
    /// `FILE line N`, the variable that set it, or `default`.
    pub source: String,
}

impl Shown {
    /// The section that it stands in.
    pub fn section(&self) -> &str {
        self.key.split_once('.').map_or(self.key.as_str(), |(section, _)| section)
    }
}

/// What stands for a password.
pub const DOTS: &str = "••••••";

/// Source of what nobody set.
pub const DEFAULT: &str = "default";

/// Keys that are passwords as a whole, and keys that hold a URL with one.
const PASSWORDS: [&str; 3] = ["ami.secret", "phones.phone_password", "publish.webhook"];
const URLS: [&str; 2] = ["pbx.database_url", "store.url"];

/// Every key, by section, in the order of their names.
pub(super) fn shown(wire: &Wire, origins: &Origins) -> Vec<Shown> {
    let Ok(toml::Value::Table(sections)) = toml::Value::try_from(wire) else { return Vec::new() };
    let mut all = Vec::new();
    for (section, keys) in &sections {
        for (key, value) in keys.as_table().into_iter().flatten() {
            let key = format!("{section}.{key}");
            let origin = origins.get(&key).map(ToString::to_string);
            let value = masked(&key, value, origin.is_some());
            all.push(Shown { key, value, source: origin.unwrap_or_else(|| DEFAULT.to_owned()) });
        }
    }
    all
}

fn masked(key: &str, value: &toml::Value, stated: bool) -> String {
    if let toml::Value::Array(values) = value {
        let values: Vec<String> = values.iter().map(|value| masked(key, value, stated)).collect();
        return format!("[{}]", values.join(", "));
    }
    let text = value.as_str().unwrap_or_default();
    if PASSWORDS.contains(&key) && stated && !text.is_empty() {
        return DOTS.to_owned();
    }
    if URLS.contains(&key) && !text.is_empty() && text != "auto" {
        return url::Url::parse(text).map_or_else(|_| DOTS.to_owned(), |url| without_password(&url));
    }
    value.to_string()
}

/// The whole of it but for what may be a password: whoever put one into the query has it there.
fn without_password(url: &url::Url) -> String {
    let user = if url.username().is_empty() { String::new() } else { format!("{}@", url.username()) };
    let user = if url.password().is_some() { format!("{}:{DOTS}@", url.username()) } else { user };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = url.query().map(|_| format!("?{DOTS}")).unwrap_or_default();
    format!("\"{}://{user}{}{port}{}{query}\"", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_dots_wherever_they_stand() {
        for (key, value, stated, shown) in [
            ("ami.secret", "hunter2", true, DOTS),
            ("ami.secret", "", false, "\"\""),
            ("phones.phone_password", "cisco", false, "\"cisco\""),
            ("phones.phone_password", "1234", true, DOTS),
            ("pbx.database_url", "auto", false, "\"auto\""),
            ("pbx.database_url", "mysql://ab:hunter2@db:3307/asterisk", true, "\"mysql://ab:••••••@db:3307/asterisk\""),
            ("pbx.database_url", "mysql://db/asterisk?password=hunter2", true, "\"mysql://db/asterisk?••••••\""),
            ("pbx.database_url", "hunter2", true, DOTS),
            ("pbx.sip_host", "hunter2", true, "\"hunter2\""),
        ] {
            assert_eq!(masked(key, &toml::Value::from(value), stated), shown, "{key} = {value:?}");
        }
        let hooks = toml::Value::from(vec!["https://hooks.example/T0/hunter2", "http://h/"]);
        assert_eq!(masked("publish.webhook", &hooks, true), format!("[{DOTS}, {DOTS}]"));
        assert_eq!(masked("tftp.listen", &toml::Value::from(vec!["0.0.0.0:69"]), true), "[\"0.0.0.0:69\"]");
    }
}
