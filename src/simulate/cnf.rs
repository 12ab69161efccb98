//! The parser of `SIPDefault.cnf` and `SIP<MAC>.cnf` as a 7940/7960 on SIP 8.12 has it.
//!
//! The grammar and the limits follow the tables and strings in the image P0S3-8-12-00 and Cisco's administration
//! guides for SIP 4.0 to 8.0. A bad line is counted and shown as `W310`/`W320` and the rest of the file still applies;
//! a value that is too long is refused whole and the old value stays.

use std::collections::BTreeMap;

use super::params::{self, Meaning};

/// The phone reads a file into 8192 bytes, and adds a line feed and an end mark of its own.
pub const BUFFER: usize = 8192;
const ADDED: usize = 2;
/// The byte that the parser takes for the end of the file.
const END: u8 = 0x1A;

/// A line that the phone counts as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Line number in the file, from 1.
    pub line: usize,
    /// Why. Names the parameter, never its value: it may be a password.
    pub what: String,
}

/// What a file says, and what is wrong with it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Accepted settings: lower-case name, value as stored.
    pub values: BTreeMap<String, String>,
    /// Lines that count as errors, in order.
    pub complaints: Vec<Complaint>,
}

impl std::fmt::Debug for Parsed {
    /// Names only: a value may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.values.keys().collect();
        f.debug_struct("Parsed").field("values", &names).field("complaints", &self.complaints).finish()
    }
}

/// The file is larger than the phone's buffer and is not read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Buffer Full: {0} bytes, the phone reads at most {max}", max = BUFFER - ADDED)]
pub struct BufferFull(pub usize);

/// Reads a file the way the phone does.
///
/// # Errors
/// [`BufferFull`] for a file that the phone cannot hold; everything else is counted in [`Parsed::complaints`].
pub fn parse(bytes: &[u8]) -> Result<Parsed, BufferFull> {
    if bytes.len() > BUFFER - ADDED {
        return Err(BufferFull(bytes.len()));
    }
    let mut parsed = Parsed::default();
    let upto = bytes.iter().position(|b| *b == END).unwrap_or(bytes.len());
    for (index, line) in bytes.get(..upto).unwrap_or_default().split(|b| *b == b'\n').enumerate() {
        let line: Vec<u8> = line.iter().copied().filter(|b| *b != b'\r').collect();
        let outcome = setting(&line).and_then(|found| match found {
            Some((name, value)) => store(&mut parsed.values, &name, value),
            None => Ok(()),
        });
        if let Err(what) = outcome {
            parsed.complaints.push(Complaint { line: index + 1, what });
        }
    }
    Ok(parsed)
}

/// Name and value of one line, without its end; `None` for a line that sets nothing.
fn setting(line: &[u8]) -> Result<Option<(String, Vec<u8>)>, String> {
    if matches!(line.first(), Some(b'#' | b';')) {
        return Ok(None);
    }
    let line = skip_blanks(line);
    if line.is_empty() {
        return Ok(None);
    }
    let end = line.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    if name.is_empty() {
        return Err("the line does not begin with a name".to_owned());
    }
    let Some((b':', rest)) = skip_blanks(rest).split_first().map(|(b, r)| (*b, r)) else {
        return Err(format!("no colon after {name}"));
    };
    let rest = skip_blanks(rest);
    match rest.split_first() {
        None | Some((b'#' | b';', _)) => Ok(None),
        Some((quote @ (b'"' | b'\''), rest)) => {
            let Some(close) = rest.iter().position(|b| b == quote) else {
                return Err(format!("the quote around {name} does not close on its line"));
            };
            let (value, after) = rest.split_at_checked(close).unwrap_or((rest, &[]));
            if value.contains(&b'\\') {
                return Err(format!("a backslash inside the quotes of {name}"));
            }
            let after = skip_blanks(after.get(1..).unwrap_or_default());
            if !matches!(after.first(), None | Some(b'#' | b';')) {
                return Err(format!("text after the closing quote of {name}"));
            }
            Ok(Some((name, value.to_vec())))
        }
        Some(_) => {
            let end = rest.iter().position(|b| matches!(b, b' ' | b'\t' | b'#' | b';')).unwrap_or(rest.len());
            Ok(Some((name, rest.get(..end).unwrap_or_default().to_vec())))
        }
    }
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

fn store(values: &mut BTreeMap<String, String>, name: &str, value: Vec<u8>) -> Result<(), String> {
    let meaning = params::meaning(name).ok_or_else(|| format!("no parameter is called {name}"))?;
    // The phone passes bytes on as they are; what is not UTF-8 is kept as Latin-1 here, byte for byte.
    let value =
        String::from_utf8(value).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    let length = value.len();
    let unset = value.is_empty() || value == "UNPROVISIONED";
    let stored = match meaning {
        Meaning::Text(max) if length > max => {
            return Err(format!("the value of {name} has {length} characters, {max} are taken"));
        }
        Meaning::Text(_) => value,
        Meaning::Number { .. } if unset => "0".to_owned(),
        Meaning::Number { min, max } => {
            let number = value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse::<u32>().ok()).flatten();
            match number {
                Some(n) if (min..=max).contains(&n) => n.to_string(),
                Some(_) => return Err(format!("the value of {name} is not between {min} and {max}")),
                None => return Err(format!("the value of {name} is not a number")),
            }
        }
        // An unset keyword goes back to its default, which is no entry here.
        Meaning::Keyword(_) if unset => {
            values.remove(name);
            return Ok(());
        }
        Meaning::Keyword(words) => match words.iter().find(|w| w.eq_ignore_ascii_case(&value)) {
            Some(word) => (*word).to_owned(),
            None => return Err(format!("the value of {name} is none of {}", words.join(", "))),
        },
        Meaning::Address => {
            if !unset && value.parse::<std::net::Ipv4Addr>().is_err() {
                return Err(format!("the value of {name} is not an IPv4 address"));
            }
            value
        }
        Meaning::Refused => return Err(format!("{name} cannot be set from a file")),
        Meaning::Ignored => return Ok(()),
    };
    values.insert(name.to_owned(), stored);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(file: &str, name: &str) -> Option<String> {
        let parsed = parse(file.as_bytes()).unwrap();
        assert_eq!(parsed.complaints, [], "{file:?}");
        parsed.values.get(name).cloned()
    }

    #[test]
    fn what_is_stored() {
        for (file, name, want) in [
            ("line1_name: 1001", "line1_name", Some("1001")),
            (" \tLINE1_Name\t : \t1001\r\n", "line1_name", Some("1001")),
            ("line1_password: \"a b#c;d'e\"", "line1_password", Some("a b#c;d'e")),
            ("line1_password: 'say \"x\"'", "line1_password", Some("say \"x\"")),
            ("line1_name: 10#1001", "line1_name", Some("10")),
            ("line1_name: one two", "line1_name", Some("one")),
            ("line1_name: \"\"", "line1_name", Some("")),
            ("line1_name:   # nothing", "line1_name", None),
            ("line1_name: a\nline1_name: b", "line1_name", Some("b")),
            ("line1_name: a\n\u{1a}line1_name: b=", "line1_name", Some("a")),
            ("proxy1_port: \"\"", "proxy1_port", Some("0")),
            ("proxy1_port: UNPROVISIONED", "proxy1_port", Some("0")),
            ("preferred_codec: NONE", "preferred_codec", Some("none")),
            ("preferred_codec: none\npreferred_codec: \"\"", "preferred_codec", None),
            ("speed_line3: 5", "speed_line3", None),
            ("# a = b\n; c\n\n", "a", None),
        ] {
            assert_eq!(value(file, name).as_deref(), want, "{file:?}");
        }
    }

    #[test]
    fn the_buffer_ends_a_file() {
        let line = "# 56789012345678901234567890123\n".repeat(BUFFER / 32);
        assert!(parse(&line.as_bytes()[..BUFFER - ADDED]).is_ok());
        assert_eq!(parse(&line.as_bytes()[..BUFFER - 1]), Err(BufferFull(BUFFER - 1)));
    }

    #[test]
    fn a_complaint_never_quotes_a_value() {
        let parsed = parse(b"line1_password: \"CANARY-0123456789-0123456789-0123456789\"").unwrap();
        assert_eq!(parsed.values.get("line1_password"), None);
        assert!(parsed.complaints.iter().all(|c| !c.what.contains("CANARY")));
        assert_eq!(parsed.complaints.len(), 1);
    }

    #[test]
    fn the_files_under_tests_phonefiles() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/phonefiles/cnf");
        let mut seen = 0;
        for entry in std::fs::read_dir(root.join("good")).unwrap() {
            let path = entry.unwrap().path();
            let parsed = parse(&std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(parsed.complaints, [], "{}", path.display());
            assert!(!parsed.values.is_empty(), "{}", path.display());
            seen += 1;
        }
        for entry in std::fs::read_dir(root.join("bad")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let expected = text.lines().next().unwrap().strip_prefix("# expect: ").unwrap();
            let got = parse(&bytes).unwrap().complaints;
            let got: Vec<_> = got.iter().map(|c| format!("{}: {}", c.line, c.what)).collect();
            assert_eq!(got, [expected], "{}", path.display());
            seen += 1;
        }
        assert!(seen > 10);
    }
}
