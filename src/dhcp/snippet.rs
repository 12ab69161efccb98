//! `snippets.toml`: lines for the DHCP server that is there already.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A product's table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    title: String,
    place: String,
    text: String,
    source: String,
    verified: bool,
}

/// Lines for one product, with this installation's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// The product, as people know it.
    pub title: String,
    /// Where the text goes, and how it is made to count.
    pub place: String,
    /// The text.
    pub text: String,
    /// Who says that it is written so, by its tag in `docs/sources.md`.
    pub source: String,
    /// Whether it was tried on the real server.
    pub verified: bool,
}

static TEMPLATES: LazyLock<BTreeMap<String, Template>> = LazyLock::new(|| {
    // A file of the program itself: the tests read all of it.
    toml::from_str(include_str!("snippets.toml")).unwrap_or_default()
});

/// Names of the products.
pub fn products() -> impl Iterator<Item = &'static str> {
    TEMPLATES.keys().map(String::as_str)
}

/// The lines for a product; phones are told `servers`, in that order. `None` = no such product, or no address.
pub fn snippet(product: &str, servers: &[Ipv4Addr]) -> Option<Snippet> {
    let template = TEMPLATES.get(product)?;
    let first = servers.first()?.to_string();
    let joined = |by: &str| servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(by);
    let hex = servers.iter().map(|server| format!("{:08X}", server.to_bits())).collect::<Vec<_>>().concat();
    let values = [
        ("first", first),
        ("commas", joined(",")),
        ("comma_blanks", joined(", ")),
        ("blanks", joined(" ")),
        ("hex", hex),
    ];
    let fill = |text: &str| {
        let filled = |text: String, (name, value): &(&str, String)| text.replace(&format!("@{name}@"), value);
        values.iter().fold(text.to_owned(), filled)
    };
    Some(Snippet {
        title: template.title.clone(),
        place: template.place.clone(),
        text: fill(&template.text),
        source: template.source.clone(),
        verified: template.verified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(all: &[&str]) -> Vec<Ipv4Addr> {
        all.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn every_product_of_the_contract_is_there() {
        let names: Vec<&str> = products().collect();
        assert_eq!(names, ["dnsmasq", "ios", "isc", "kea", "mikrotik", "pfsense", "windows"]);
        for name in names {
            let made = snippet(name, &addresses(&["192.0.2.1", "198.51.100.7"])).unwrap();
            assert!(made.text.contains("192.0.2.1") && made.text.contains("150"), "{name}: {}", made.text);
            assert!(made.text.contains("66") || made.text.contains("TFTP") || made.text.contains("tftp"), "{name}");
            assert!(!made.text.contains('@'), "{name}: {}", made.text);
        }
        assert_eq!(snippet("nonsense", &addresses(&["192.0.2.1"])), None);
        assert_eq!(snippet("kea", &[]), None);
    }

    /// The how-to's figure for option 150 is byte-reversed [SEED1]; on the wire the address is in network order.
    #[test]
    fn hexadecimal_is_in_network_order() {
        let text = |all: &[&str]| snippet("mikrotik", &addresses(all)).unwrap().text;
        assert!(text(&["192.168.1.1"]).contains("value=0xC0A80101\n"));
        assert!(text(&["10.0.0.7", "10.0.0.8"]).contains("value=0x0A0000070A000008\n"));
    }

    #[test]
    fn more_than_one_server() {
        let text = |product| snippet(product, &addresses(&["192.0.2.1", "192.0.2.2"])).unwrap().text;
        assert!(text("kea").contains("\"192.0.2.1, 192.0.2.2\""));
        assert!(text("dnsmasq").contains("150,192.0.2.1,192.0.2.2\n"));
        assert!(text("ios").contains("option 150 ip 192.0.2.1 192.0.2.2\n"));
    }
}
