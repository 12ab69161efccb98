//! Text of strangers, fit to be shown: names that phones ask for, user agents, addresses.

use std::fmt::Write as _;

/// The octets as ASCII that steers no terminal, `\xNN` for all that is not; of the first `most` octets. What is fit
/// already stays as it is.
pub fn printable(octets: &[u8], most: usize) -> String {
    let mut shown = String::new();
    for octet in octets.iter().take(most) {
        match octet {
            b' '..=b'~' => shown.push(char::from(*octet)),
            // Writing to a String cannot fail.
            _ => drop(write!(shown, "\\x{octet:02x}")),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_and_twice_is_once() {
        for (octets, shown) in [
            (&b"SIPDefault.cnf"[..], "SIPDefault.cnf"),
            (b"a\n[x]\x1b[2J\xff", r"a\x0a[x]\x1b[2J\xff"),
            ("\u{e9}\\".as_bytes(), r"\xc3\xa9\"),
            (b"", ""),
        ] {
            assert_eq!(printable(octets, 128), shown);
            assert_eq!(printable(shown.as_bytes(), 128), shown);
        }
        assert_eq!(printable(&[b'x'; 900], 128).len(), 128);
    }
}
