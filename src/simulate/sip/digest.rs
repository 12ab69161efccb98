//! Digest authentication with MD5, with and without `qop=auth` (RFC 2617): all that these phones know.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

/// A challenge that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    qop: bool,
    /// The password was right and only the nonce is too old.
    pub stale: bool,
}

impl Challenge {
    /// Reads the value of `WWW-Authenticate`.
    ///
    /// # Errors
    /// Says what the phone does not know: another scheme, another algorithm, `auth-int` alone, no nonce.
    pub fn parse(header: &str) -> Result<Self, String> {
        let Some(rest) = header.trim().strip_prefix("Digest ") else {
            return Err("no Digest challenge".to_owned());
        };
        let fields = fields(rest);
        let get = |name: &str| fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
        if let Some(algorithm) = get("algorithm").filter(|a| !a.eq_ignore_ascii_case("MD5")) {
            return Err(format!("{algorithm}, and it only knows MD5"));
        }
        let qop = match get("qop") {
            None => false,
            Some(list) if list.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => true,
            Some(list) => return Err(format!("qop {list}, and it only knows auth")),
        };
        Ok(Self {
            realm: get("realm").ok_or("no realm")?,
            nonce: get("nonce").ok_or("no nonce")?,
            opaque: get("opaque"),
            qop,
            stale: get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of `Authorization` for a request; `cnonce` is used where the server offers qop.
    pub fn answer(&self, user: &str, password: &str, method: &str, uri: &str, cnonce: &str) -> String {
        let Self { realm, nonce, .. } = self;
        let secret = hash(&format!("{user}:{realm}:{password}"));
        let target = hash(&format!("{method}:{uri}"));
        let proof = if self.qop {
            let response = hash(&format!("{secret}:{nonce}:00000001:{cnonce}:auth:{target}"));
            format!("response=\"{response}\",nonce=\"{nonce}\",cnonce=\"{cnonce}\",qop=auth,nc=00000001")
        } else {
            let response = hash(&format!("{secret}:{nonce}:{target}"));
            format!("response=\"{response}\",nonce=\"{nonce}\"")
        };
        let opaque = self.opaque.as_ref().map_or_else(String::new, |o| format!(",opaque=\"{o}\""));
        format!("Digest username=\"{user}\",realm=\"{realm}\",uri=\"{uri}\",{proof}{opaque},algorithm=MD5")
    }
}

/// `name=value` pairs separated by commas; quoted values may hold commas.
pub(crate) fn fields(text: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
    })
    .collect()
}

/// MD5 as lower-case hex digits.
pub(crate) fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of RFC 2617 section 3.5.
    const RFC: &str = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";

    #[test]
    fn the_example_of_the_rfc() {
        let challenge = Challenge::parse(RFC).unwrap();
        let answer = challenge.answer("Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b");
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{answer}");
        assert!(answer.contains("qop=auth,nc=00000001"), "{answer}");
    }

    #[test]
    fn without_qop() {
        let challenge = Challenge::parse("Digest realm=\"a\",nonce=\"b\",stale=TRUE").unwrap();
        assert!(challenge.stale);
        let answer = challenge.answer("u", "p", "REGISTER", "sip:h", "c");
        let expected = hash(&format!("{}:b:{}", hash("u:a:p"), hash("REGISTER:sip:h")));
        assert!(answer.contains(&expected) && !answer.contains("cnonce"), "{answer}");
    }

    #[test]
    fn what_the_phone_does_not_know() {
        for header in [
            "Basic realm=\"a\"",
            "Digest realm=\"a\",nonce=\"b\",algorithm=SHA-256",
            "Digest realm=\"a\",nonce=\"b\",qop=\"auth-int\"",
            "Digest realm=\"a\"",
            "Digest nonce=\"b\"",
        ] {
            assert!(Challenge::parse(header).is_err(), "{header}");
        }
    }
}
