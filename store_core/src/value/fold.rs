//! Unicode simple case folding: each character by itself, so prefixes stay prefixes.
//!
//! Two texts fold alike exactly when a regular expression of the one finds the other with case
//! ignored: both take the tables of `regex-syntax`. Characters that are equal without case form an
//! orbit (`K`, `k`, the Kelvin sign); its first one stands for all, in lower case if it is ASCII.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use std::borrow::Cow;
use std::sync::LazyLock;

/// No character from here on has a case.
const CASELESS_FROM: u32 = 0x2_0000;

/// Characters beyond ASCII that are not alone in their orbit, ascending, with what stands for them.
static ORBITS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let chars = (0x80..CASELESS_FROM).filter_map(char::from_u32);
    chars.filter_map(|char| Some((char, orbit_head(char)?))).collect()
});

/// What stands for the character, if its orbit has others.
fn orbit_head(char: char) -> Option<char> {
    let mut orbit = ClassUnicode::new([ClassUnicodeRange::new(char, char)]);
    orbit.case_fold_simple();
    let first = orbit.ranges().first()?;
    let alone = orbit.ranges().len() == 1 && first.start() == first.end();
    (!alone).then(|| first.start().to_ascii_lowercase())
}

fn known_head(char: char) -> Option<char> {
    let at = ORBITS.binary_search_by_key(&char, |known| known.0).ok()?;
    Some(ORBITS[at].1)
}

/// The text with its case folded; never longer than it was.
///
/// Costs a copy if anything changes; the first text that is not ASCII costs some milliseconds.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if upper { text.to_ascii_lowercase().into() } else { text.into() };
    }
    text.chars().map(fold_char).collect::<String>().into()
}

/// The character with its case folded.
fn fold_char(char: char) -> char {
    if char.is_ascii() { char.to_ascii_lowercase() } else { known_head(char).unwrap_or(char) }
}

/// What follows the folded lead in the text, if the text begins so without case.
pub(crate) fn strip_folded<'t>(text: &'t str, lead: &str) -> Option<&'t str> {
    if let Some((head, rest)) = text.split_at_checked(lead.len())
        && head.is_ascii()
        && lead.is_ascii()
    {
        return head.eq_ignore_ascii_case(lead).then_some(rest);
    }
    let mut chars = text.chars();
    lead.chars().all(|wanted| chars.next().map(fold_char) == Some(wanted)).then_some(chars.as_str())
}

/// True if the character is equal to no other without case.
pub(crate) fn is_caseless(char: char) -> bool {
    if char.is_ascii() { !char.is_ascii_alphabetic() } else { known_head(char).is_none() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_without_case_is_folded_alike() {
        for (text, folded) in [
            ("KAUS", "kaus"),
            ("kaus 12", "kaus 12"),
            ("\u{212A}elvin", "kelvin"),
            ("\u{17F}harp", "sharp"),
            ("ΣΊΣΥΦΟΣ", fold("σίσυφος").as_ref()),
            ("ς", fold("Σ").as_ref()),
            ("İı", "İı"), // a dotted and a dotless i have no simple folding
            ("ß", fold("ẞ").as_ref()),
            ("Straße", "straße"),
            ("日本", "日本"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
        assert!(is_caseless('7') && is_caseless('-') && is_caseless('日') && is_caseless('ı'));
        assert!(!is_caseless('k') && !is_caseless('K') && !is_caseless('é'));
    }

    #[test]
    fn a_lead_is_stripped_whatever_its_case() {
        for (text, lead, rest) in [
            ("KAus1", "kaus", Some("1")),
            ("\u{212A}aus", "kaus", Some("")),
            ("k\u{17F}é", "ks", Some("é")),
            ("Éa", "é", None), // not folded
            ("éa", &*fold("É"), Some("a")),
            ("ka", "kau", None),
            ("kä", "ka", None),
            ("", "", Some("")),
        ] {
            assert_eq!(strip_folded(text, lead), rest, "{text} {lead}");
        }
    }

    #[test]
    fn every_character_folds_as_a_regular_expression_ignores_case() {
        for char in ('\0'..=char::MAX).filter(|char| !char.is_ascii()) {
            let head = orbit_head(char);
            assert_eq!(known_head(char), head, "{char:?}");
            let text = char.to_string();
            let folded = fold(&text);
            assert!(folded.len() <= text.len(), "{char:?} grows");
            assert_eq!(fold(&folded), folded, "{char:?} folds twice");
            let mut orbit = ClassUnicode::new([ClassUnicodeRange::new(char, char)]);
            orbit.case_fold_simple();
            for other in orbit.iter().flat_map(|range| range.start()..=range.end()) {
                assert_eq!(fold(&other.to_string()), folded, "{char:?} {other:?}");
            }
        }
    }
}
