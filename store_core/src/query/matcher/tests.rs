//! Compiled patterns against a naive matcher, their errors and their limits.

use super::{Compiled, PATTERN_BYTES_MAX, after_prefix, compile};
use crate::Kind;
use crate::query::testing::{Rng, fits_glob};
use crate::query::{Case, Pattern};
use crate::value::fold;

fn matches(pattern: &Pattern, text: &str) -> bool {
    match compile(pattern).unwrap() {
        Compiled::Never => false,
        Compiled::Always => true,
        Compiled::Exactly(only) => only == text,
        Compiled::Matcher(matcher) => matcher.matches(text),
    }
}

fn found(pattern: &Pattern, texts: &[&str]) -> Vec<bool> {
    texts.iter().map(|text| matches(pattern, text)).collect()
}

#[test]
fn compiled_globs_agree_with_a_naive_matcher() {
    let pieces = [
        "a", "b", "A", "k", "\u{212A}", "é", "É", "ß", "*", "**", "?", "[", "]", "-", "\\",
        "[a-c]", "[c-a]", "[é]", "\n", ".", "^", "$", "(", "+", "😀",
    ];
    let texts = ["a", "b", "A", "K", "k", "é", "É", "ẞ", "-", "]", "\\", "\n", ".", "^", "😀", "["];
    let mut matched = 0;
    for seed in 0..5_000 {
        let mut rng = Rng::seeded(seed);
        let glob: String = (0..rng.below(7)).map(|_| rng.pick(&pieces)).collect();
        let exact = Pattern::glob(&*glob, Case::Sensitive);
        let folded = Pattern::glob(&*glob, Case::Folded);
        for _ in 0..4 {
            let text: String = (0..rng.below(5)).map(|_| rng.pick(&texts)).collect();
            let expected = fits_glob(&glob, &text);
            matched += usize::from(expected);
            assert_eq!(matches(&exact, &text), expected, "{glob:?} {text:?}");
            // Folding a set's ends makes another set unless both are letters of one case.
            if !glob.contains('[') {
                let expected = fits_glob(&fold(&glob), &fold(&text));
                assert_eq!(matches(&folded, &text), expected, "{glob:?} {text:?} folded");
            }
        }
    }
    assert!(matched > 500, "only {matched} texts matched: the test says little");
}

#[test]
fn sets_ignore_case_too() {
    let pattern = Pattern::glob("[a-c]x", Case::Folded);
    assert_eq!(found(&pattern, &["ax", "BX", "dx", "Cx"]), [true, true, false, true]);
    let kelvin = Pattern::glob("[k]", Case::Folded);
    assert_eq!(found(&kelvin, &["K", "\u{212A}", "l"]), [true, true, false]);
}

#[test]
fn like_knows_two_wildcards_and_an_escape() {
    let like = |text: &str| Pattern::like(text, Case::Sensitive);
    assert_eq!(
        found(&like("a_c%"), &["abc", "aéc", "abbc", "abc\nd", "Abc"]),
        [true, true, false, true, false]
    );
    assert_eq!(
        found(&like("100!%").escaped_by('!'), &["100%", "100!", "1000"]),
        [true, false, false]
    );
    assert_eq!(found(&like("a\\%"), &["a\\", "a\\b", "a%"]), [true, true, false]);
    assert_eq!(found(&like("[a]*?"), &["[a]*?", "a"]), [true, false]);
    assert_eq!(
        found(&Pattern::like("ÉT_%", Case::Folded), &["été", "Éta", "ét"]),
        [true, true, false]
    );
    assert_eq!(found(&like("%"), &["", "x"]), [true, true]);
    assert_eq!(found(&like(""), &["", "x"]), [true, false]);
}

#[test]
fn a_regular_expression_is_found_anywhere() {
    let regexp = |text: &str| Pattern::regexp(text, Case::Sensitive);
    assert_eq!(found(&regexp("b+"), &["abbc", "ac"]), [true, false]);
    assert_eq!(found(&regexp("^N[0-9]{2,5}$"), &["N123", "xN123", "N1"]), [true, false, false]);
    assert_eq!(found(&regexp("a.c"), &["a\nc", "abc"]), [false, true]);
    assert_eq!(
        found(&Pattern::regexp("^straße$", Case::Folded), &["STRAẞE", "strasse"]),
        [true, false]
    );
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let message = |pattern: &Pattern| {
        let error = compile(pattern).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    assert_eq!(
        message(&Pattern::regexp("é(b", Case::Sensitive)),
        "regular expression: position 2: unclosed group\n  é(b\n   ^"
    );
    assert!(message(&Pattern::regexp("a\\1", Case::Sensitive)).contains("backreferences"));
    assert!(message(&Pattern::regexp("(?=a)", Case::Sensitive)).contains("look-around"));
    assert!(message(&Pattern::regexp("\\p{Nope}", Case::Sensitive)).contains("position 1"));
    let dangling = Pattern::like("ab!", Case::Sensitive).escaped_by('!');
    assert!(message(&dangling).starts_with("LIKE pattern: position 3: nothing follows"));
    let large = message(&Pattern::regexp("\\w{1000}", Case::Sensitive));
    assert!(large.contains(&format!("more than {} KiB", PATTERN_BYTES_MAX >> 10)), "{large}");
    let deep = "(".repeat(10_000) + &")".repeat(10_000);
    assert!(message(&Pattern::regexp(deep, Case::Sensitive)).contains("nest"));
}

/// A matcher that backtracks would take longer than the age of the world.
#[test]
fn hostile_patterns_take_time_linear_in_the_text() {
    let text = "a".repeat(20_000);
    assert!(!matches(&Pattern::glob("*a".repeat(200) + "b", Case::Sensitive), &text));
    assert!(!matches(&Pattern::like("%a".repeat(200) + "b", Case::Folded), &text));
    assert!(!matches(&Pattern::regexp("(a*)*(a+)+b$", Case::Sensitive), &text));
}

#[test]
fn the_first_text_after_a_prefix() {
    for (prefix, after) in [
        ("ab", Some("ac")),
        ("a\u{7F}", Some("a\u{80}")),
        ("a\u{D7FF}", Some("a\u{E000}")),
        ("a\u{10FFFF}", Some("b")),
        ("\u{10FFFF}", None),
        ("", None),
    ] {
        assert_eq!(after_prefix(prefix).as_deref(), after, "{prefix:?}");
    }
}
