//! The mode netascii (RFC 1350 section 1, RFC 764): lines end with CR LF, a CR by itself is CR NUL.

use bytes::Bytes;

/// A text as netascii has it. Lines that end with CR LF already stay as they are.
pub(super) fn netascii(text: Bytes) -> Bytes {
    if !text.iter().any(|octet| matches!(octet, b'\n' | b'\r')) {
        return text;
    }
    let mut out = Vec::with_capacity(text.len() + text.iter().filter(|octet| matches!(octet, b'\n' | b'\r')).count());
    let mut octets = text.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' if octets.next_if_eq(&b'\n').is_some() => out.extend_from_slice(b"\r\n"),
            b'\r' => out.extend_from_slice(b"\r\0"),
            b'\n' => out.extend_from_slice(b"\r\n"),
            octet => out.push(octet),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a10_line_ends() {
        for (text, expected) in [
            (&b""[..], &b""[..]),
            (b"a", b"a"),
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"a\r\nb\n", b"a\r\nb\r\n"),
            (b"a\rb\r", b"a\r\0b\r\0"),
            (b"\r\r\n\n", b"\r\0\r\n\r\n"),
        ] {
            assert_eq!(netascii(Bytes::from_static(text)), expected, "{text:?}");
        }
    }
}
