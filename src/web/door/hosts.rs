//! By which names this host may be asked, and whether a request came from a page of ours (RFC 9110 section 7.2, RFC 6454,
//! Fetch Metadata). A page anywhere can have its own name lead to our address; the browser then asks us by that name.

use std::net::Ipv4Addr;
use std::str::FromStr as _;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

/// The names that count besides those of loopback and the address that was asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(Vec<String>);

/// Why a request's host does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHost {
    /// There is none, or more than one, or it is none.
    Unclear,
    /// It is somebody else's.
    Foreign,
}

impl Hosts {
    /// The name of this host, and those of `admin.hosts`.
    pub(super) fn new(own: &str, configured: &[String]) -> Self {
        let first = own.split('.').next().unwrap_or(own);
        let names = [own, first].into_iter().chain(configured.iter().map(String::as_str));
        Self(names.filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect())
    }

    /// The host that is asked, if it is this one. `local`: the address of ours that was connected to.
    ///
    /// # Errors
    /// It is not, or cannot be told.
    pub(super) fn own(&self, uri: &Uri, headers: &HeaderMap, local: Ipv4Addr) -> Result<Authority, BadHost> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(BadHost::Unclear) };
        let host = host.to_str().ok().and_then(authority).ok_or(BadHost::Unclear)?;
        if uri.authority().is_some_and(|asked| *asked != host) {
            return Err(BadHost::Unclear);
        }
        if self.admits(host.host(), local) { Ok(host) } else { Err(BadHost::Foreign) }
    }

    fn admits(&self, host: &str, local: Ipv4Addr) -> bool {
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match name.parse::<Ipv4Addr>() {
            Ok(ip) if ip.is_loopback() || ip == local => true,
            _ => name == "localhost" || name == "[::1]" || self.0.contains(&name),
        }
    }
}

/// Which page a request comes from, as the browser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// One of ours; `tls` = it was fetched over TLS, by way of a proxy.
    Own { tls: bool },
    /// Another.
    Foreign,
    /// It does not say.
    Unsaid,
}

impl Origin {
    /// Of a request to that host.
    pub(super) fn of(headers: &HeaderMap, host: &Authority) -> Self {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (origin, another) = (origins.next(), origins.next());
        let site = headers.get("sec-fetch-site").map(|site| site == "same-origin");
        let own = origin.map(|text| text.to_str().ok().and_then(|text| own(text, host)));
        match (own, site) {
            _ if another.is_some() => Self::Foreign,
            (_, Some(false)) | (Some(None), _) => Self::Foreign,
            (Some(Some(tls)), _) => Self::Own { tls },
            (None, Some(true)) => Self::Own { tls: false },
            (None, None) => Self::Unsaid,
        }
    }
}

/// The page of ours that a form was on, by its `Referer`; nothing where it is another's (RFC 9110 section 10.1.3).
pub(super) fn page_of(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok().and_then(authority)?;
    let referer = headers.get(header::REFERER)?.to_str().ok()?;
    let (scheme, rest) = referer.split_once("://")?;
    let (named, path) = rest.split_at(rest.find('/')?);
    own(&format!("{scheme}://{named}"), &host)?;
    Some(path.to_owned())
}

/// A host, with a port or without; no user before it.
fn authority(text: &str) -> Option<Authority> {
    let authority = Authority::from_str(text).ok().filter(|authority| !authority.as_str().contains('@'))?;
    let named = authority.host().len() == authority.as_str().len();
    (named || authority.port_u16().is_some()).then_some(authority)
}

/// Whether an origin is this host at this port; then whether by TLS.
fn own(origin: &str, host: &Authority) -> Option<bool> {
    let (scheme, rest) = origin.split_once("://")?;
    let (tls, port) = match scheme {
        "http" => (false, 80),
        "https" => (true, 443),
        _ => return None,
    };
    let authority = authority(rest)?;
    let same = authority.host().eq_ignore_ascii_case(host.host())
        && authority.port_u16().unwrap_or(port) == host.port_u16().unwrap_or(port);
    same.then_some(tls)
}

/// A path of ours to go to after the login: one that leads nowhere else, whatever reads it.
pub(super) fn own_path(next: &str) -> Option<&str> {
    let plain = next.len() <= 1_024 && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (plain && next.starts_with('/') && !next.starts_with("//")).then_some(next)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    /// W1: who is asked for.
    #[test]
    fn w1_hosts() {
        let hosts = Hosts::new("PBX.example.com", &["phones.example.com".into(), "198.51.100.1".into()]);
        let ask = |uri: &str, all: &[(&'static str, &str)]| {
            hosts.own(&uri.parse().unwrap(), &headers(all), LOCAL).map(|_| ())
        };
        for good in [
            "localhost",
            "localhost:8150",
            "LOCALHOST.",
            "127.0.0.1:8150",
            "127.1.2.3",
            "[::1]:8150",
            "192.0.2.7:8150",
            "pbx",
            "pbx.example.com",
            "PBX.EXAMPLE.COM:443",
            "phones.example.com",
            "198.51.100.1:8443",
        ] {
            assert_eq!(ask("/", &[("host", good)]), Ok(()), "{good}");
            assert_eq!(ask(&format!("http://{good}/"), &[("host", good)]), Ok(()), "{good}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "192.0.2.8",
            "example.com",
            "pbx.evil.example",
            "127.0.0.1.nip.io",
            "[::2]",
            "0.0.0.0",
            "2130706433",
        ] {
            assert_eq!(ask("/", &[("host", foreign)]), Err(BadHost::Foreign), "{foreign}");
        }
        for unclear in ["", "a b", "user@localhost", "localhost:x", "http://localhost", "local\u{e9}"] {
            assert_eq!(ask("/", &[("host", unclear)]), Err(BadHost::Unclear), "{unclear}");
        }
        assert_eq!(ask("/", &[]), Err(BadHost::Unclear), "none");
        assert_eq!(ask("/", &[("host", "localhost"), ("host", "localhost")]), Err(BadHost::Unclear), "two");
        assert_eq!(ask("http://evil.example/", &[("host", "localhost")]), Err(BadHost::Unclear), "two by the target");
        assert_eq!(ask("http://localhost/", &[("host", "localhost:80")]), Err(BadHost::Unclear));
    }

    /// W2: where a request comes from.
    #[test]
    fn w2_origins() {
        use Origin::{Foreign, Own, Unsaid};
        let of = |host: &str, all: &[(&'static str, &str)]| Origin::of(&headers(all), &host.parse().unwrap());
        let (plain, tls) = (Own { tls: false }, Own { tls: true });
        for (host, origin, expected) in [
            ("localhost:8150", "http://localhost:8150", plain),
            ("localhost:8150", "http://LOCALHOST:8150", plain),
            ("localhost:8150", "http://localhost", Foreign),
            ("localhost:8150", "http://localhost:8151", Foreign),
            ("localhost:8150", "http://127.0.0.1:8150", Foreign),
            ("localhost:8150", "null", Foreign),
            ("localhost:8150", "", Foreign),
            ("localhost:8150", "file://", Foreign),
            ("localhost:8150", "chrome-extension://localhost:8150", Foreign),
            ("localhost:8150", "http://a@localhost:8150", Foreign),
            ("localhost:8150", "http://localhost:8150.evil.example", Foreign),
            ("pbx.example.com", "https://pbx.example.com", tls),
            ("pbx.example.com:443", "https://pbx.example.com", tls),
            ("pbx.example.com:8443", "https://pbx.example.com:8443", tls),
            ("pbx.example.com", "https://pbx.example.com:8443", Foreign),
            ("pbx.example.com", "http://pbx.example.com", plain),
            ("pbx.example.com", "https://example.com", Foreign),
        ] {
            assert_eq!(of(host, &[("origin", origin)]), expected, "{origin} at {host}");
        }
        let own = ("origin", "http://localhost:8150");
        for (site, expected) in
            [("same-origin", plain), ("same-site", Foreign), ("cross-site", Foreign), ("none", Foreign), ("", Foreign)]
        {
            assert_eq!(of("localhost:8150", &[("sec-fetch-site", site)]), expected, "{site}");
            assert_eq!(of("localhost:8150", &[own, ("sec-fetch-site", site)]), expected, "{site} with the origin");
        }
        assert_eq!(of("localhost:8150", &[]), Unsaid);
        assert_eq!(of("localhost:8150", &[own, own]), Foreign, "two");
        let foreign = ("origin", "http://evil.example");
        assert_eq!(of("localhost:8150", &[foreign, ("sec-fetch-site", "same-origin")]), Foreign);
    }

    #[test]
    fn a_form_leads_back_to_its_page_and_to_no_other_host() {
        let of = |host: &str, referer: &str| page_of(&headers(&[("host", host), ("referer", referer)]));
        for (referer, page) in [
            ("http://localhost:8150/phones/00087D0A0001?page=2", Some("/phones/00087D0A0001?page=2")),
            ("http://localhost:8150/", Some("/")),
            ("http://localhost:8150", None),
            ("http://evil.example/phones", None),
            ("http://localhost:8150@evil.example/phones", None),
            ("http://localhost:8151/phones", None),
            ("javascript://localhost:8150/phones", None),
            ("/phones", None),
            ("", None),
        ] {
            assert_eq!(of("localhost:8150", referer).as_deref(), page, "{referer}");
        }
        // What it says may still lead elsewhere: that is for the next to see.
        let far = of("localhost:8150", "http://localhost:8150//evil.example").unwrap();
        assert_eq!((far.as_str(), own_path(&far)), ("//evil.example", None));
        assert_eq!(page_of(&headers(&[("host", "localhost:8150")])), None);
    }

    #[test]
    fn after_the_login_nobody_is_sent_elsewhere() {
        for own in ["/", "/phones/00087D0A0001", "/phones?q=%2F%2F&state=ok", "/a//b", "/@evil.example"] {
            assert_eq!(own_path(own), Some(own));
        }
        let long = format!("/{}", "a".repeat(1_024));
        for other in [
            "",
            "phones",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "http://evil.example",
            "/a b",
            "/a\nb",
            "/\t/evil.example",
            "javascript:alert(1)",
            "/ü",
            &long,
        ] {
            assert_eq!(own_path(other), None, "{other:?}");
        }
    }
}
