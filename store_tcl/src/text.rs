//! Tcl's strings: UTF-8 but for NUL, which is `C0 80`, and, in 8.6, for characters beyond U+FFFF,
//! which are two surrogates of three bytes each (CESU-8).
//!
//! Plain text is both and costs one check; everything else is rewritten.

use crate::stubs::is_tcl9;
use std::borrow::Cow;

/// Text as this Tcl holds it; has no NUL byte.
pub fn encode(text: &str) -> Cow<'_, [u8]> {
    encode_for(text, is_tcl9())
}

fn encode_for(text: &str, is_9: bool) -> Cow<'_, [u8]> {
    let differs = |byte: &u8| *byte == 0 || (*byte >= 0xF0 && !is_9);
    if !text.as_bytes().iter().any(differs) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 2);
    for char in text.chars() {
        if char == '\0' {
            out.extend([0xC0, 0x80]);
        } else if char > '\u{FFFF}' && !is_9 {
            for unit in char.encode_utf16(&mut [0; 2]) {
                out.extend(three_bytes(*unit));
            }
        } else {
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Cow::Owned(out)
}

fn three_bytes(unit: u16) -> [u8; 3] {
    [0xE0 | (unit >> 12) as u8, 0x80 | (unit >> 6 & 0x3F) as u8, 0x80 | (unit & 0x3F) as u8]
}

/// Text from a Tcl string; `None` if it has a lone surrogate.
pub fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Cow::Borrowed(text));
    }
    let mut text = String::with_capacity(bytes.len());
    let mut high = None;
    for unit in Units(bytes) {
        match (high.take(), unit?) {
            (None, low @ 0xDC00..=0xDFFF) => return lone(low),
            (None, surrogate @ 0xD800..=0xDBFF) => high = Some(surrogate),
            (None, unit) => text.push(char::from_u32(unit)?),
            (Some(high), low @ 0xDC00..=0xDFFF) => {
                let value = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                text.push(char::from_u32(value)?);
            }
            (Some(high), _) => return lone(high),
        }
    }
    if high.is_some() { None } else { Some(Cow::Owned(text)) }
}

fn lone<T>(_surrogate: u32) -> Option<T> {
    None
}

/// The bytes that a Tcl string's characters stand for; `None` if one is beyond U+00FF.
pub fn decode_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_ascii() {
        return Some(bytes.to_vec());
    }
    let mut out = Vec::with_capacity(bytes.len());
    for unit in Units(bytes) {
        out.push(u8::try_from(unit?).ok()?);
    }
    Some(out)
}

/// The code points of a Tcl string, surrogates one by one; `None` where the bytes are no string.
struct Units<'a>(&'a [u8]);

impl Iterator for Units<'_> {
    type Item = Option<u32>;

    fn next(&mut self) -> Option<Option<u32>> {
        let (first, rest) = self.0.split_first()?;
        let (lead, follow) = match first {
            0..=0x7F => (u32::from(*first), 0),
            0xC0..=0xDF => (u32::from(first & 0x1F), 1),
            0xE0..=0xEF => (u32::from(first & 0x0F), 2),
            0xF0..=0xF7 => (u32::from(first & 0x07), 3),
            _ => return Some(None),
        };
        if rest.len() < follow || rest[..follow].iter().any(|byte| byte & 0xC0 != 0x80) {
            self.0 = &[];
            return Some(None);
        }
        let (follow, rest) = rest.split_at(follow);
        self.0 = rest;
        Some(Some(follow.iter().fold(lead, |unit, byte| unit << 6 | u32::from(byte & 0x3F))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        for text in ["", "KAUS", "ü€"] {
            assert!(matches!(encode_for(text, false), Cow::Borrowed(_)));
            assert!(matches!(decode(text.as_bytes()), Some(Cow::Borrowed(_))));
        }
        assert!(matches!(encode_for("😀", true), Cow::Borrowed(_)));
    }

    #[test]
    fn nul_and_emoji_come_back() {
        assert_eq!(*encode_for("a\0b", true), *b"a\xC0\x80b");
        assert_eq!(*encode_for("😀", false), *b"\xED\xA0\xBD\xED\xB8\x80");
        for text in ["a\0b", "😀", "x😀y\0ü", "\u{10FFFF}"] {
            for is_9 in [false, true] {
                assert_eq!(decode(&encode_for(text, is_9)).unwrap(), text);
            }
        }
    }

    #[test]
    fn lone_surrogates_and_broken_bytes_are_refused() {
        for bytes in [
            &b"\xED\xA0\xBD"[..],
            b"\xED\xB8\x80",
            b"\xED\xA0\xBDx",
            b"a\xC3",
            b"\x80",
            b"\xE2\x82",
        ] {
            assert_eq!(decode(bytes), None);
        }
    }

    #[test]
    fn bytes_are_characters_up_to_ff() {
        let all: Vec<u8> = (0..=255).collect();
        let text: String = all.iter().map(|byte| char::from(*byte)).collect();
        assert_eq!(decode_bytes(&encode_for(&text, false)), Some(all));
        assert_eq!(decode_bytes("Ł".as_bytes()), None);
    }
}
