//! Names as a phone can show them: cleaned and shortened, never refused.
//!
//! Only for texts that people read. Numbers, digest names and secrets are carried exactly or not at all.

use crate::domain::Line;

use super::{Charset, Model};

impl Model {
    /// The caller name of a line as this model can carry it; the extension where nothing is left of the name.
    pub fn display_name(&self, line: &Line) -> String {
        self.shown(&line.display_name, self.limits.display_name, line)
    }

    /// The text beside the line's key as this model can carry it; the extension where nothing is left of it.
    pub fn label(&self, line: &Line) -> String {
        self.shown(&line.label, self.limits.label, line)
    }

    /// The text that stands for the whole phone: on legacy phones the label, on Java phones (which take 12 characters
    /// without blanks) the extension.
    pub fn phone_label(&self, line: &Line) -> String {
        match self.limits.charset {
            Charset::Ascii => self.shown(&line.label, self.limits.phone_label, line),
            Charset::Utf8 => clean(line.extension.as_str(), Charset::Utf8, self.limits.phone_label),
        }
    }

    fn shown(&self, text: &str, max: usize, line: &Line) -> String {
        let shown = clean(text, self.limits.charset, max);
        // The legacy parser takes this word for "not set", quoted or not.
        let unset = self.limits.charset == Charset::Ascii && shown == "UNPROVISIONED";
        if shown.is_empty() || unset { clean(line.extension.as_str(), self.limits.charset, max) } else { shown }
    }
}

/// Controls and white space become single blanks, directions are dropped, what the charset lacks is replaced, the
/// result has at most `max` characters and no blank at either end.
fn clean(text: &str, charset: Charset, max: usize) -> String {
    let mut clean = String::new();
    let mut kept = 0;
    let mut blank = false;
    'text: for c in text.chars() {
        if is_invisible(c) {
            continue;
        }
        if c.is_whitespace() || c.is_control() {
            blank = kept > 0;
            continue;
        }
        let mut utf8 = [0; 4];
        let parts: &str = match charset {
            Charset::Utf8 => c.encode_utf8(&mut utf8),
            Charset::Ascii => ascii(c, &mut utf8),
        };
        for part in parts.chars() {
            let room = max.saturating_sub(kept);
            if room == 0 || (blank && room < 2) {
                break 'text;
            }
            if std::mem::take(&mut blank) {
                clean.push(' ');
                kept += 1;
            }
            clean.push(part);
            kept += 1;
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Marks that steer direction or show nothing: in a name they only hide or turn what stands there. U+FFFE and U+FFFF
/// are no characters (XML 1.0 section 2.2).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The printable ASCII for a character, without what is markup to the phone's screens or ends a quoted value.
fn ascii(c: char, buffer: &mut [u8; 4]) -> &str {
    match c {
        '&' => "+",
        '<' => "(",
        '>' => ")",
        '"' => "'",
        '\\' => "/",
        ' '..='~' => c.encode_utf8(buffer),
        // Symbols and pictures: their English names would fill the display.
        '\u{2190}'..='\u{2bff}' | '\u{e000}'..='\u{f8ff}' | '\u{1f000}'.. => "?",
        _ => match deunicode::deunicode_char(c).map(str::trim) {
            Some(text) if text.bytes().all(|b| matches!(b, b' '..=b'~') && !b"&<>\"\\".contains(&b)) => text,
            _ => "?",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_for_each_charset() {
        for (text, ascii, utf8) in [
            ("Front desk", "Front desk", "Front desk"),
            ("R&D <1>", "R+D (1)", "R&D <1>"),
            ("Zo\u{eb} M\u{fc}ller", "Zoe Muller", "Zo\u{eb} M\u{fc}ller"),
            ("Bob\" \nproxy1_address: evil", "Bob' proxy1_address: evil", "Bob\" proxy1_address: evil"),
            ("a\tb\r\n\0c", "a b c", "a b c"),
            ("  padded\u{a0} ", "padded", "padded"),
            ("x\u{202e}txt.exe", "xtxt.exe", "xtxt.exe"),
            ("Tea \u{1f375}", "Tea ?", "Tea \u{1f375}"),
            ("back\\slash", "back/slash", "back\\slash"),
            ("]]>", "]])", "]]>"),
            ("\u{1}\u{fffe}", "", ""),
            ("", "", ""),
        ] {
            assert_eq!(clean(text, Charset::Ascii, 31), ascii, "{text:?}");
            assert_eq!(clean(text, Charset::Utf8, 31), utf8, "{text:?}");
        }
    }

    #[test]
    fn a_cut_falls_between_characters_and_leaves_no_blank() {
        assert_eq!(clean("abc def", Charset::Ascii, 4), "abc");
        assert_eq!(clean(&"\u{e9}".repeat(500), Charset::Utf8, 30), "\u{e9}".repeat(30));
        assert_eq!(clean("Stra\u{df}e", Charset::Ascii, 5), "Stras");
        assert_eq!(clean("x", Charset::Ascii, 0), "");
    }
}
