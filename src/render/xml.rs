//! Text in an XML file: all five special characters escaped by name, characters outside XML 1.0 dropped.
//!
//! By name and not by number, since the parsers of these phones are known to read the five names only.

use std::fmt::{self, Write as _};

use bytes::Bytes;

/// Text content or an attribute value in double quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Xml(String);

impl Xml {
    /// White space becomes blanks, what is no character of XML 1.0 (section 2.2) is dropped.
    pub(super) fn new(text: &str) -> Self {
        let kept = |c: &char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        let blank = |c: char| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c };
        Self(text.chars().filter(kept).map(blank).collect())
    }
}

impl fmt::Display for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&apos;"),
            c => f.write_char(c),
        })
    }
}

/// The whole file; templates lose their last line end.
pub(super) fn whole(mut text: String) -> Bytes {
    text.push('\n');
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        for (text, xml) in [
            ("R&D <1>", "R&amp;D &lt;1&gt;"),
            ("]]>", "]]&gt;"),
            ("&#10;&lol;", "&amp;#10;&amp;lol;"),
            ("\"it's\"", "&quot;it&apos;s&quot;"),
            ("a\nb\u{0}\u{fffe}\u{1b}c", "a bc"),
            ("Zo\u{eb} \u{1f375}", "Zo\u{eb} \u{1f375}"),
        ] {
            assert_eq!(Xml::new(text).to_string(), xml);
        }
    }
}
