//! Can a model carry a line? What a phone would refuse or misread is refused here, in words.
//!
//! A phone that gets a value it cannot take keeps the old one from flash and says nothing useful, so nothing doubtful
//! may leave. Summaries state lengths and limits, never a secret.

use crate::domain::{Line, Load, PhoneOptions, Problem};

use super::{Family, Model, TextLimit};

/// The built-in word for "not set" of the legacy parser.
const UNSET: &str = "UNPROVISIONED";

/// The legacy load from which a dash in the user name is harmless.
const DASH_SAFE: [u16; 2] = [8, 12];

const NEW_SECRET: &str = "Give the extension a new secret of 12 letters and digits in the PBX; \
                          `offhook phones secret MAC` prints one.";

impl Model {
    /// Can this model (running `load`, if known) carry the line? `Ok` holds warnings, `Err` why it must be left out.
    ///
    /// # Errors
    /// The problem, with the value's length, the limit and the remedy.
    pub fn fit(&self, line: &Line, load: Option<&Load>) -> Result<Vec<Problem>, Problem> {
        let mut warnings = Vec::new();
        self.fit_number(line, load, &mut warnings)?;
        self.fit_auth_name(line)?;
        self.fit_secret(line, &mut warnings)?;
        if line.port == 0 {
            return Err(Problem::new(
                "port-unusable",
                format!("Extension {} has no SIP port (0), so the phone cannot reach its registrar.", line.extension),
                "Set the port of the SIP driver in the PBX, or `pbx.sip_port`.",
            ));
        }
        if let Some(number) = &line.voicemail
            && !self.dialable(number)
        {
            warnings.push(voicemail_unusable(self, number.chars().count()));
        }
        Ok(warnings)
    }

    /// What of the options this model cannot carry. Files are made without those values.
    pub fn fit_options(&self, options: &PhoneOptions) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(password) = &options.phone_password
            && !self.carries_phone_password(password)
        {
            problems.push(Problem::new(
                "phone-password-unusable",
                format!(
                    "The phone password has {} characters; a {} takes 1 to {} printable ASCII characters{}.",
                    password.chars().count(),
                    self.name,
                    self.limits.phone_password.max,
                    except(&self.limits.phone_password)
                ),
                "Set another `phones.phone_password`; until then the phone keeps the one it has.",
            ));
        }
        if let Some(number) = &options.voicemail
            && !self.dialable(number)
        {
            problems.push(voicemail_unusable(self, number.chars().count()));
        }
        if let Some(host) = &options.ntp
            && !self.carries_host(host)
        {
            problems.push(Problem::new(
                "ntp-unusable",
                format!("{host:?} is no host name or address of at most {} characters.", self.limits.host),
                "Set `phones.ntp` to an address or a short name; until then the phone is told no time server.",
            ));
        }
        for number in options.emergency.iter().flatten().filter(|number| !is_emergency(number)) {
            problems.push(Problem::new(
                "emergency-unusable",
                format!("{number:?} in `phones.emergency` is not a number of 1 to 20 digits."),
                "Write each emergency number with digits only; until then it is not dialled at once.",
            ));
        }
        problems
    }

    /// Can this be the number of the messages key?
    pub fn dialable(&self, number: &str) -> bool {
        (1..=self.limits.voicemail).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_alphanumeric() || b"*#+_.-".contains(&b))
    }

    /// Can this be a registrar or time server?
    pub fn carries_host(&self, host: &str) -> bool {
        (1..=self.limits.host).contains(&host.len())
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
    }

    /// Can this unlock the phone's local settings?
    pub fn carries_phone_password(&self, password: &str) -> bool {
        let unset = self.family == Family::Legacy && password == UNSET;
        length(password, &self.limits.phone_password).is_ok()
            && carried(password, &self.limits.phone_password)
            && !unset
    }

    fn fit_number(&self, line: &Line, load: Option<&Load>, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
        let (number, limit) = (&line.sip_user, &self.limits.number);
        if let Err(len) = length(number, limit) {
            return Err(Problem::new(
                "number-too-long",
                format!(
                    "The SIP user name of extension {} has {len} characters; a {} takes 1 to {}.",
                    line.extension, self.name, limit.max
                ),
                "Use a shorter extension for this phone.",
            ));
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_*+.-".contains(&b);
        if !number.bytes().all(allowed) || !carried(number, limit) {
            return Err(Problem::new(
                "number-characters",
                format!(
                    "The SIP user name of extension {} has characters other than letters, digits and _ * + . -.",
                    line.extension
                ),
                "Use an extension of digits for this phone.",
            ));
        }
        self.not_unset(number, "SIP user name", line)?;
        let version = load.map(|l| (l.version, DASH_SAFE));
        if self.family == Family::Legacy
            && number.contains('-')
            && version.is_some_and(|([major, minor, ..], safe)| [major, minor] < safe)
        {
            warnings.push(Problem::new(
                "number-dash",
                format!(
                    "Extension {} has a dash in its SIP user name; loads before 8.12 may restart on it.",
                    line.extension
                ),
                "Use an extension of digits, or move the phone to P0S3-8-12-00.",
            ));
        }
        Ok(())
    }

    fn fit_auth_name(&self, line: &Line) -> Result<(), Problem> {
        let (name, limit) = (&line.auth_user, &self.limits.auth_name);
        if let Err(len) = length(name, limit) {
            return Err(Problem::new(
                "auth-name-too-long",
                format!(
                    "The digest user name of extension {} has {len} characters; a {} takes 1 to {}.",
                    line.extension, self.name, limit.max
                ),
                "Set a shorter user name for the extension's authentication in the PBX.",
            ));
        }
        if !carried(name, limit) {
            return Err(Problem::new(
                "auth-name-characters",
                format!(
                    "The digest user name of extension {} has characters that the file of a {} cannot carry; \
                     printable ASCII goes{}.",
                    line.extension,
                    self.name,
                    except(limit)
                ),
                "Set a user name of letters and digits for the extension's authentication in the PBX.",
            ));
        }
        self.not_unset(name, "digest user name", line)
    }

    fn fit_secret(&self, line: &Line, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
        let (secret, limit) = (line.secret.expose(), &self.limits.secret);
        if secret.is_empty() {
            return Err(Problem::new(
                "secret-empty",
                format!("Extension {} has no secret.", line.extension),
                NEW_SECRET,
            ));
        }
        if let Err(len) = length(secret, limit) {
            return Err(Problem::new(
                "secret-too-long",
                format!(
                    "The secret of extension {} has {len} characters; a {} takes at most {}.",
                    line.extension, self.name, limit.max
                ),
                NEW_SECRET,
            ));
        }
        if !carried(secret, limit) {
            return Err(Problem::new(
                "secret-characters",
                format!(
                    "The secret of extension {} has characters that the file of a {} cannot carry; \
                     printable ASCII without blanks at the ends goes{}.",
                    line.extension,
                    self.name,
                    except(limit)
                ),
                NEW_SECRET,
            ));
        }
        self.not_unset(secret, "secret", line)?;
        if let Some(doubtful) = limit.warn_above
            && secret.len() > doubtful
        {
            warnings.push(Problem::new(
                "secret-long-for-firmware",
                format!(
                    "The secret of extension {} has {} characters; some loads of the {} fail above {doubtful}.",
                    line.extension,
                    secret.len(),
                    self.name
                ),
                NEW_SECRET,
            ));
        }
        Ok(())
    }

    /// On legacy phones one word means "not set", quoted or not.
    fn not_unset(&self, value: &str, what: &str, line: &Line) -> Result<(), Problem> {
        if self.family == Family::Legacy && value == UNSET {
            return Err(Problem::new(
                "reserved-word",
                format!(
                    "The {what} of extension {} is the word by which a {} means \"not set\".",
                    line.extension, self.name
                ),
                "Use another value in the PBX.",
            ));
        }
        Ok(())
    }
}

/// Is this an emergency number that a dial plan can name: digits only, so that nothing in it is a pattern?
pub(crate) fn is_emergency(number: &str) -> bool {
    (1..=20).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

/// `Err` is the length in characters.
fn length(value: &str, limit: &TextLimit) -> Result<(), usize> {
    let len = value.chars().count();
    if (1..=limit.max).contains(&len) { Ok(()) } else { Err(len) }
}

/// Printable ASCII, none of it forbidden, no blank at either end (both formats may lose it).
fn carried(value: &str, limit: &TextLimit) -> bool {
    value.trim() == value && value.chars().all(|c| matches!(c, ' '..='~') && !limit.forbidden.contains(c))
}

fn except(limit: &TextLimit) -> String {
    let listed: Vec<_> = limit.forbidden.chars().map(String::from).collect();
    if listed.is_empty() { String::new() } else { format!(", except {}", listed.join(" ")) }
}

fn voicemail_unusable(model: &Model, len: usize) -> Problem {
    Problem::new(
        "voicemail-unusable",
        format!(
            "The number of the messages key ({len} characters) is not 1 to {} of letters, digits and * # + _ . -.",
            model.limits.voicemail
        ),
        "Set `phones.voicemail`, or the feature code in the PBX; until then the key dials nothing.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CODES, Catalog};
    use crate::domain::Secret;

    fn line(secret: &str) -> Line {
        Line {
            button: 1,
            extension: "1001".parse().unwrap(),
            label: String::new(),
            display_name: String::new(),
            sip_user: "1001".to_owned(),
            auth_user: "1001".to_owned(),
            secret: Secret::new(secret),
            voicemail: None,
            port: 5060,
        }
    }

    fn verdict(model: &str, line: &Line, load: Option<&str>) -> Result<Vec<String>, String> {
        let catalog = Catalog::builtin();
        let load = load.and_then(Load::parse);
        let told = |problem: Problem| {
            assert!(CODES.iter().any(|(code, ..)| *code == problem.code), "{} is not explained", problem.code);
            let secret = line.secret.expose();
            assert!(secret.len() < 8 || !format!("{problem:?}").contains(secret), "{problem:?}");
            problem.code
        };
        let fit = catalog.find(model).unwrap().fit(line, load.as_ref());
        fit.map(|warnings| warnings.into_iter().map(told).collect()).map_err(told)
    }

    #[test]
    fn secrets_are_taken_exactly_or_not_at_all() {
        let ok = |codes: &[&str]| Ok(codes.iter().map(ToString::to_string).collect::<Vec<_>>());
        let no = |code: &str| Err(code.to_owned());
        let of = |len: usize| "x".repeat(len);
        for (secret, legacy, java) in [
            ("abcDEF123456".to_owned(), ok(&[]), ok(&[])),
            (of(13), ok(&[]), ok(&["secret-long-for-firmware"])),
            (of(30), ok(&[]), ok(&["secret-long-for-firmware"])),
            (of(31), ok(&[]), no("secret-too-long")),
            (of(32), no("secret-too-long"), no("secret-too-long")),
            (of(128), no("secret-too-long"), no("secret-too-long")),
            (String::new(), no("secret-empty"), no("secret-empty")),
            ("abc\"def".to_owned(), no("secret-characters"), ok(&[])),
            ("abc\\def".to_owned(), no("secret-characters"), ok(&[])),
            ("it's;a#b c".to_owned(), ok(&[]), ok(&[])),
            ("<&>abc]]>".to_owned(), ok(&[]), ok(&[])),
            (" abc".to_owned(), no("secret-characters"), no("secret-characters")),
            ("abc\u{e9}".to_owned(), no("secret-characters"), no("secret-characters")),
            ("abc\ndef".to_owned(), no("secret-characters"), no("secret-characters")),
            ("UNPROVISIONED".to_owned(), no("reserved-word"), ok(&["secret-long-for-firmware"])),
        ] {
            assert_eq!(verdict("7960", &line(&secret), None), legacy, "{secret:?}");
            assert_eq!(verdict("7942", &line(&secret), None), java, "{secret:?}");
        }
    }

    #[test]
    fn numbers_and_digest_names_have_limits() {
        let with =
            |user: &str, auth: &str| Line { sip_user: user.into(), auth_user: auth.into(), ..line("abcDEF123456") };
        for (user, auth, model, load, code) in [
            ("1001", "1001", "7960", None, None),
            ("1234567890123456789012345678901", "1", "7960", None, None),
            ("12345678901234567890123456789012", "1", "7960", None, Some("number-too-long")),
            ("1234567890123456789012345678901", "1", "7942", None, Some("number-too-long")),
            ("", "1", "7942", None, Some("number-too-long")),
            ("10 01", "1", "7960", None, Some("number-characters")),
            ("1@host", "1", "7942", None, Some("number-characters")),
            ("100-1", "1", "7960", Some("P0S3-07-4-00"), Some("number-dash")),
            ("100-1", "1", "7960", Some("P0S3-8-12-00"), None),
            ("1001", "a\"b", "7960", None, Some("auth-name-characters")),
            ("1001", "a\"b", "7942", None, None),
            ("1001", "", "7960", None, Some("auth-name-too-long")),
            ("1001", "1234567890123456789012345678901", "7942", None, Some("auth-name-too-long")),
            ("UNPROVISIONED", "1", "7960", None, Some("reserved-word")),
        ] {
            let got = match verdict(model, &with(user, auth), load) {
                Ok(warnings) => warnings.first().cloned(),
                Err(code) => Some(code),
            };
            assert_eq!(got.as_deref(), code, "{user} {auth} {model} {load:?}");
        }
        let no_port = Line { port: 0, ..line("abcDEF123456") };
        assert_eq!(verdict("7960", &no_port, None), Err("port-unusable".to_owned()));
    }

    #[test]
    fn options_that_do_not_fit_are_told() {
        let options = PhoneOptions {
            ntp: Some("time server".to_owned()),
            phone_password: Some("a\"b".to_owned()),
            voicemail: Some("*97\n".to_owned()),
            emergency: Some(vec!["112".to_owned(), "1.*".to_owned(), String::new()]),
            ..PhoneOptions::default()
        };
        let catalog = Catalog::builtin();
        let codes: Vec<_> = catalog.find("7960").unwrap().fit_options(&options).into_iter().map(|p| p.code).collect();
        let expected = [
            "phone-password-unusable",
            "voicemail-unusable",
            "ntp-unusable",
            "emergency-unusable",
            "emergency-unusable",
        ];
        assert_eq!(codes, expected);
        assert_eq!(catalog.find("7942").unwrap().fit_options(&PhoneOptions::default()), []);
        assert!(expected.iter().all(|code| CODES.iter().any(|(known, ..)| known == code)));
    }
}
