//! Reads the layers and merges them: the file, `conf.d/*.toml` beside it in order of name, then `OFFHOOK_…__…`.
//!
//! Each key of each file is checked by itself, so that one report names every unknown key and every wrong type with
//! its line; then the `config` crate merges, and the whole is validated. What is wrong with the whole is shown against
//! the layer that set the value.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::wire::{LISTS, Wire};
use super::{Config, ConfigError, ConfigProblem, shown, validate};

/// The process environment, or a made-up one.
pub type Environment = BTreeMap<String, String>;

/// A configuration file larger than this is no configuration file.
const FILE_LIMIT: u64 = 1 << 20;

/// Loads and checks everything.
///
/// # Errors
/// Every problem of every layer, in one report.
pub fn load(file: &Path, environment: &Environment) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    let mut origins = Origins::new();
    let mut readable = Vec::new();
    let mut builder = config::Config::builder();
    for path in layers(file, &mut problems) {
        let Some(layer) = read(&path, &mut problems) else { continue };
        if layer.readable_by_all && holds_password(&layer.text) {
            readable.push(problem(&path.display().to_string(), None, "", READABLE));
        }
        let sound = check_file(&path, &layer.text, &mut origins, &mut problems);
        let sound = toml::to_string(&sound).unwrap_or_default();
        builder = builder.add_source(config::File::from_str(&sound, config::FileFormat::Toml));
    }
    for (name, value) in environment.iter().filter(|(name, _)| !NO_KEYS.contains(&name.as_str())) {
        match override_of(name, value) {
            Ok((key, value)) => {
                builder = builder.set_override(&key, value).map_err(|why| single(name, &key, &why.to_string()))?;
                origins.insert(key, Origin { place: name.clone(), line: None });
            }
            Err((key, why)) => problems.push(problem(name, None, &key, &why)),
        }
    }
    // What could be read is checked as a whole, so that the report is complete; what could not be is left out of it.
    let merged: Result<Wire, _> = builder.build().and_then(config::Config::try_deserialize);
    let checked = match merged {
        Ok(wire) => {
            if !wire.server.allow_readable_secrets {
                readable.extend(readable_secret_file(&wire));
                problems.append(&mut readable);
            }
            let shown = shown::shown(&wire, &origins);
            validate::validate(wire).and_then(|config| {
                let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
                let kept_apart = validate::keeps_apart(&config, &file).map_err(|problem| vec![problem]);
                kept_apart.map(|()| Config { shown, ..config })
            })
        }
        Err(why) => Err(vec![problem("", None, "", &why.to_string())]),
    };
    // A file that could not be read at all is not also short of its source.
    let alone = problems.is_empty();
    match checked {
        Ok(config) if alone => return Ok(config),
        Ok(_) => {}
        Err(more) => problems.extend(more.into_iter().filter(|p| alone || p.key != "pbx.source")),
    }
    locate(file, &origins, &mut problems);
    Err(ConfigError { problems })
}

/// Variables that are no keys of the configuration; the last one is for tests (`app::faults`).
const NO_KEYS: &[&str] = if cfg!(debug_assertions) {
    &["OFFHOOK_LOG", "OFFHOOK_CONFIG", "OFFHOOK_FAULT"]
} else {
    &["OFFHOOK_LOG", "OFFHOOK_CONFIG"]
};

const READABLE: &str =
    "holds a password and every user can read it; chmod 0640 it, or set server.allow_readable_secrets = true";

/// Where a value was set last.
pub(super) struct Origin {
    place: String,
    line: Option<usize>,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place)?;
        self.line.map_or(Ok(()), |line| write!(f, " line {line}"))
    }
}

/// Origins by `section.key`.
pub(super) type Origins = BTreeMap<String, Origin>;

/// The manager's secret in a file of its own that every user can read.
fn readable_secret_file(wire: &Wire) -> Option<ConfigProblem> {
    if wire.ami.address.is_empty() || !wire.ami.secret.is_empty() {
        return None;
    }
    let facts = fs::metadata(&wire.ami.secret_file).ok()?;
    let what = format!("{} {READABLE}", wire.ami.secret_file);
    (facts.permissions().mode() & READABLE_BY_ALL != 0).then(|| problem("", None, "ami.secret_file", &what))
}

/// The right of all others to read a file.
const READABLE_BY_ALL: u32 = 0o004;

/// The file itself, then `conf.d/*.toml` beside it.
fn layers(file: &Path, problems: &mut Vec<ConfigProblem>) -> Vec<PathBuf> {
    let mut paths = vec![file.to_owned()];
    let folder = file.parent().unwrap_or(Path::new("/")).join("conf.d");
    match fs::read_dir(&folder) {
        Ok(entries) => {
            let mut more: Vec<PathBuf> = entries
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
                .collect();
            more.sort();
            more.retain(|path| leads_nowhere_else(file, path, problems));
            paths.append(&mut more);
        }
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
        Err(why) => {
            problems.push(problem(&folder.display().to_string(), None, "", &format!("cannot be listed: {why}")))
        }
    }
    paths
}

/// Whether a file of `conf.d` lies where the configuration lies; a link that leads elsewhere is no part of it.
fn leads_nowhere_else(file: &Path, path: &Path, problems: &mut Vec<ConfigProblem>) -> bool {
    let home = file.parent().map(|home| if home == Path::new("") { Path::new(".") } else { home });
    let home = home.and_then(|home| home.canonicalize().ok());
    let inside = match (path.canonicalize(), home) {
        (Ok(real), Some(home)) => real.starts_with(home),
        // What cannot be resolved cannot be read either, and that is said where it is tried.
        _ => true,
    };
    if !inside {
        let what = "is a link that leads out of the folder of the configuration; put the file itself there";
        problems.push(problem(&path.display().to_string(), None, "", what));
    }
    inside
}

/// A file as it was read.
struct Layer {
    text: String,
    readable_by_all: bool,
}

fn read(path: &Path, problems: &mut Vec<ConfigProblem>) -> Option<Layer> {
    let place = path.display().to_string();
    let mut say = |what: &str| {
        problems.push(problem(&place, None, "", what));
        None
    };
    let facts = match fs::metadata(path) {
        Ok(facts) => facts,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            return say("is not there; install the package, which brings one, or name another file with --config");
        }
        Err(why) => return say(&format!("cannot be looked at: {why}")),
    };
    if !facts.is_file() {
        return say("is no regular file");
    }
    if facts.len() > FILE_LIMIT {
        return say("is larger than 1 MiB; that is no configuration file");
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(why) => return say(&format!("cannot be read: {why}; give it to group offhook, mode 0640")),
    };
    let Ok(text) = String::from_utf8(bytes) else { return say("is not UTF-8 text") };
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Some(Layer { text, readable_by_all: facts.permissions().mode() & READABLE_BY_ALL != 0 })
}

/// Whether the file states a manager secret or a database URL with a password.
fn holds_password(text: &str) -> bool {
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    let text_at =
        |section: &str, key: &str| table.get(section).and_then(|s| s.get(key)).and_then(|v| v.as_str()).unwrap_or("");
    let url_password = |url: &str| url::Url::parse(url).is_ok_and(|url| url.password().is_some());
    !text_at("ami", "secret").is_empty()
        || url_password(text_at("pbx", "database_url"))
        || url_password(text_at("store", "url"))
}

/// Checks each key of a file by itself against the shape it will be merged into. Returns what is sound.
fn check_file(path: &Path, text: &str, origins: &mut Origins, problems: &mut Vec<ConfigProblem>) -> toml::Table {
    let place = path.display().to_string();
    let line_of = |offset: usize| 1 + text.get(..offset).unwrap_or(text).matches('\n').count();
    let (spans, values) = match DeTable::parse(text).and_then(|spans| Ok((spans, text.parse::<toml::Table>()?))) {
        Ok(both) => both,
        Err(why) => {
            let line = why.span().map(|span| line_of(span.start));
            // Of a key that stands twice the parser says where, not which.
            let named = why.span().and_then(|span| text.get(span)).filter(|_| why.message() == DUPLICATE);
            problems.push(problem(&place, line, named.unwrap_or_default().trim(), why.message()));
            return toml::Table::new();
        }
    };
    let mut sound = toml::Table::new();
    for (section, value) in spans.get_ref() {
        let at = line_of(section.span().start);
        let name = section.get_ref().to_string();
        let DeValue::Table(keys) = value.get_ref() else {
            problems.push(problem(&place, Some(at), &name, "is no section; keys stand below a [section]"));
            continue;
        };
        if keys.is_empty()
            && let Err(why) = check_value(&name, toml::Table::new())
        {
            problems.push(problem(&place, Some(at), &name, &why));
        }
        for key in keys.keys() {
            let at = line_of(key.span().start);
            let full = format!("{name}.{}", key.get_ref());
            let value = values.get(&name).and_then(|section| section.get(key.get_ref().as_ref())).cloned();
            let Some(value) = value else { continue };
            let only = toml::Table::from_iter([(key.get_ref().to_string(), value.clone())]);
            match check_value(&name, only).and_then(|()| literal(&value)) {
                Ok(()) => {
                    origins.insert(full, Origin { place: place.clone(), line: Some(at) });
                    let section = sound.entry(&name).or_insert_with(|| toml::Table::new().into());
                    if let Some(section) = section.as_table_mut() {
                        section.insert(key.get_ref().to_string(), value);
                    }
                }
                Err(why) => problems.push(problem(&place, Some(at), &full, &why)),
            }
        }
    }
    sound
}

/// The parser's word for a key that stands twice.
const DUPLICATE: &str = "duplicate key";

/// Refuses `${NAME}`: nothing fills it in here, and as it is it would be a strange password.
fn literal(value: &toml::Value) -> Result<(), String> {
    let names_a_variable = |text: &str| {
        let after = text.split("${").skip(1);
        let names = after.filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
        names.into_iter().any(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    };
    match value {
        toml::Value::String(text) if names_a_variable(text) => {
            Err("holds ${…}, and nothing is filled in here; set it in the environment as OFFHOOK_<SECTION>__<KEY>"
                .to_owned())
        }
        toml::Value::Array(values) => values.iter().try_for_each(literal),
        toml::Value::Table(values) => values.values().try_for_each(literal),
        _ => Ok(()),
    }
}

/// Keys whose values are told to nobody.
const SECRETS: [(&str, &str); 4] =
    [("ami", "secret"), ("phones", "phone_password"), ("pbx", "database_url"), ("store", "url")];

fn check_value(section: &str, keys: toml::Table) -> Result<(), String> {
    // serde would tell the value.
    if SECRETS.iter().any(|(of, key)| *of == section && keys.get(*key).is_some_and(|value| !value.is_str())) {
        return Err("is no text; put it in quotes".to_owned());
    }
    let whole = toml::Table::from_iter([(section.to_owned(), toml::Value::Table(keys))]);
    Wire::deserialize(toml::Value::Table(whole)).map(|_| ()).map_err(|why| plain(why.message()))
}

/// serde's words, without the list of all that would have been possible when it is long.
fn plain(message: &str) -> String {
    message.lines().next().unwrap_or(message).replace("unknown field", "unknown key")
}

/// `OFFHOOK_TFTP__LISTEN` and its value as `tftp.listen` and what it means there.
///
/// # Errors
/// The key, as far as there is one, and what is wrong.
fn override_of(name: &str, value: &str) -> Result<(String, config::Value), (String, String)> {
    let Some((section, key)) = name.strip_prefix("OFFHOOK_").and_then(|rest| rest.split_once("__")) else {
        return Err((String::new(), "is no key; a key is OFFHOOK_<SECTION>__<KEY>, with two underscores".to_owned()));
    };
    let key = format!("{}.{}", section.to_ascii_lowercase(), key.to_ascii_lowercase());
    match override_value(&key, value).and_then(|value| check_override(&key, value.clone()).map(|()| value)) {
        Ok(value) => Ok((key, value)),
        Err(why) => Err((key, why)),
    }
}

fn override_value(key: &str, text: &str) -> Result<config::Value, String> {
    if !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.') {
        return Err("is no key".to_owned());
    }
    Ok(if LISTS.contains(&key) {
        let items: Vec<config::Value> =
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(config::Value::from).collect();
        config::Value::from(items)
    } else {
        config::Value::from(text)
    })
}

fn check_override(key: &str, value: config::Value) -> Result<(), String> {
    config::Config::builder()
        .set_override(key, value)
        .and_then(config::ConfigBuilder::<config::builder::DefaultState>::build)
        .and_then(config::Config::try_deserialize::<Wire>)
        .map(|_| ())
        .map_err(|why| plain(&why.to_string()))
}

/// Problems of the merged whole are shown against the layer that set the value; where none did, against the main file:
/// that is where its reader starts.
fn locate(file: &Path, origins: &Origins, problems: &mut [ConfigProblem]) {
    for problem in problems.iter_mut().filter(|problem| problem.place.is_empty()) {
        match origins.get(&problem.key) {
            Some(origin) => (problem.place, problem.line) = (origin.place.clone(), origin.line),
            None => problem.place = file.display().to_string(),
        }
    }
}

fn problem(place: &str, line: Option<usize>, key: &str, what: &str) -> ConfigProblem {
    ConfigProblem { place: place.to_owned(), line, key: key.to_owned(), what: what.to_owned() }
}

fn single(place: &str, key: &str, what: &str) -> ConfigError {
    ConfigError { problems: vec![problem(place, None, key, what)] }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
