//! The SQL form: what it means, where errors point, and that no text makes it panic.

use super::NESTING_MAX;
use crate::Kind;
use crate::query::testing::{Rng, schema};
use crate::query::{Case, Expr, Literal, NamedExpr, Pattern, Predicate, column};
use crate::value::Value;

fn parse(text: &str) -> Predicate {
    Predicate::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn number(text: &str) -> Literal {
    Literal::Number(text.to_owned())
}

#[test]
fn every_form_makes_its_tree() {
    let a = || column("a");
    let null = || Literal::Value(Value::Null);
    let cases = [
        ("a = 1", a().eq(number("1"))),
        ("a == 'x'", a().eq("x")),
        ("1 < a", a().gt(number("1"))),
        ("-1.5e3 >= a", a().le(number("-1.5e3"))),
        ("a <> + 2", a().ne(number("2"))),
        ("a != NULL", a().ne(null())),
        ("true = a", a().eq(true)),
        ("a", a().is_true()),
        ("not a", a().is_true().not()),
        ("NOT NOT a", a().is_true()),
        ("a is null", a().is_null()),
        ("a IS NOT NULL", a().is_not_null()),
        ("a in ('x', 2, null)", {
            a().in_values([Literal::Text("x".to_owned()), number("2"), null()])
        }),
        ("a not in ()", a().in_values(Vec::<Literal>::new()).not()),
        ("a between 1 and 2 and b", {
            a().between(number("1"), number("2")).and(column("b").is_true())
        }),
        ("a not between 1 and 2", a().between(number("1"), number("2")).not()),
        ("a or b and not c = 1", {
            let c = column("c").eq(number("1")).not();
            a().is_true().or(column("b").is_true().and(c))
        }),
        ("(a or b) and c", { a().is_true().or(column("b").is_true()).and(column("c").is_true()) }),
        ("\"odd \"\"name\" = 'it''s'", column("odd \"name").eq("it's")),
        ("TRUE", Predicate::all()),
        ("a like 'x%'", a().like("x%")),
        ("a NOT LIKE 'it''s'", a().like("it's").not()),
        ("a ilike '_' ESCAPE ''''", {
            a().matches_pattern(Pattern::like("_", Case::Folded).escaped_by('\''))
        }),
        ("a match '*x'", a().matches("*x")),
        ("a not glob '?'", a().matches_case("?").not()),
        ("a regexp '^x'", a().regexp("^x")),
        ("a ~ '^x'", a().regexp("^x")),
        ("a !~* 'x'", a().matches_pattern(Pattern::regexp("x", Case::Folded)).not()),
        ("a = X'00fF'", a().eq(vec![0_u8, 255])),
        ("x = x''", column("x").eq(Vec::<u8>::new())),
        ("like like 'x' and match", column("like").like("x").and(column("match").is_true())),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text), expected, "{text}");
        assert_eq!(parse(&expected.to_string()), expected, "{expected}");
    }
}

#[test]
fn errors_point_at_their_place() {
    let cases = [
        ("", 1, "expected a column, a value, NOT or \"(\", found the end"),
        ("a >", 4, "expected a value, found the end"),
        ("a = b", 5, "expected a value, found the column \"b\""),
        ("1 = 2", 5, "one side of a comparison must be a column"),
        ("1", 1, "a value alone is no condition: compare a column with it"),
        ("a = 1 b", 7, "expected AND, OR or the end, found \"b\""),
        ("a like x", 8, "expected a pattern in single quotes, found \"x\""),
        ("a ~ 5", 5, "expected a pattern in single quotes, found \"5\""),
        ("a like 'x' escape 'yz'", 19, "the escape must be one character"),
        ("a glob 'x' escape 'y'", 12, "expected AND, OR or the end, found \"escape\""),
        ("(a = 1", 7, "expected \")\", found the end"),
        ("a in (1 2)", 9, "expected \",\" or \")\", found \"2\""),
        ("a in 1", 6, "expected \"(\", found \"1\""),
        ("a between 1 or 2", 13, "expected AND, found \"or\""),
        ("a is 5", 6, "expected NULL, TRUE or FALSE, found \"5\""),
        ("a not 5", 7, "expected IN, BETWEEN, LIKE or another test, found \"5\""),
        ("a = - )", 7, "expected a value after the sign, found \")\""),
        ("1 is null", 1, "a test must be of a column"),
        (
            "a = b + 1",
            7,
            "a predicate compares columns with values: arithmetic, functions and CASE are for jobs",
        ),
        ("a = 'x", 5, "no closing ' for this one"),
        ("é = 1;", 6, "unexpected character ';'"),
        ("and", 1, "expected a column, a value, NOT or \"(\", found \"and\""),
    ];
    for (text, position, message) in cases {
        let error = Predicate::parse(text).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        let shown = error.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], format!("position {position}: {message}"), "{text}");
        let caret = lines[2].chars().position(|c| c == '^');
        assert_eq!(caret, Some(position + 1), "{shown}");
    }
}

#[test]
fn the_deepest_text_allowed_still_binds_and_one_deeper_is_refused() {
    let nested = |depth: usize| {
        let open = "not (flag or flag and ".repeat(depth);
        format!("{open}flag{}", ")".repeat(depth))
    };
    let deepest = parse(&nested(NESTING_MAX));
    assert!(deepest.bind(&schema()).is_ok());
    assert!(Predicate::parse(&nested(NESTING_MAX + 1)).is_err());
    for hostile in ["(", "not ", "a and ", "a or (", "a in ("] {
        let _ = Predicate::parse(&hostile.repeat(100_000));
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let pieces = [
        "id", "small", "name", "\"na", "me\"", "'", "''", "'x'", "(", ")", ",", "=", "<>", "<",
        "-", "1", "1.5", ".", "e9", "1e-400", "null", "true", "and", "or", "not", "in", "is",
        "between", "like", "~", "escape", "match", " ", "\n", "\t", "é", "😀", "\0", ";", "\\",
        "--", "\u{2028}",
    ];
    let schema = schema();
    let mut parsed = 0;
    for seed in 0..20_000 {
        let mut rng = Rng::seeded(seed);
        let count = rng.below(14);
        let glue = if rng.chance(70) { " " } else { "" };
        let text: Vec<&str> = (0..count).map(|_| rng.pick(&pieces)).collect();
        if let Ok(predicate) = Predicate::parse(&text.join(glue)) {
            parsed += 1;
            let _ = predicate.bind(&schema);
            assert_eq!(parse(&predicate.to_string()).to_string(), predicate.to_string());
        }
        let noise: Vec<u8> = (0..rng.below(40)).map(|_| rng.next() as u8).collect();
        let _ = Predicate::parse(&String::from_utf8_lossy(&noise));
    }
    assert!(parsed > 100, "only {parsed} texts were sound");
}

fn expr(text: &str) -> Expr {
    Expr::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn expressions_are_written_back_as_they_bind() {
    let cases = [
        ("a+b*c-d", "a + b * c - d"),
        ("(a+b)*c", "(a + b) * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("a||b||'x'", "a || b || 'x'"),
        ("- a * -3 % 2", "-a * -3 % 2"),
        ("- - 3", "3"),
        ("-(3)", "-(3)"),
        ("a-1", "a - 1"),
        ("not a + 1 > b", "NOT a + 1 > b"),
        ("(a or b) and c is not null", "(a OR b) AND c IS NOT NULL"),
        ("a + 1 between b and c * 2 and d", "a + 1 BETWEEN b AND c * 2 AND d"),
        ("LOWER(x) not in (y, 'z')", "lower(x) NOT IN (y, 'z')"),
        ("x not like 'a%'", "x NOT LIKE 'a%'"),
        ("x not regexp 'a' or x !~* 'b'", "x !~ 'a' OR x !~* 'b'"),
        ("now()", "now()"),
        (
            "case when a > 1 then 'x' when b then NULL else c||'y' end",
            "CASE WHEN a > 1 THEN 'x' WHEN b THEN NULL ELSE c || 'y' END",
        ),
        ("case x when 1 then 2 end + 1", "CASE x WHEN 1 THEN 2 END + 1"),
        ("cast(a as Numeric(10, 2)) + cast('1' as int)", {
            "CAST(a AS decimal(10,2)) + CAST('1' AS int32)"
        }),
        // Names that are words of the language elsewhere.
        ("case + cast - end", "case + cast - end"),
        ("case = 1 and like like 'x'", "case = 1 AND like LIKE 'x'"),
        ("\"or\" is true", "\"or\" IS TRUE"),
    ];
    for (text, written) in cases {
        let parsed = expr(text);
        assert_eq!(parsed.to_string(), written, "{text}");
        assert_eq!(expr(written), parsed, "{text}");
    }
}

#[test]
fn faults_in_expressions_point_at_their_place() {
    let cases = [
        ("a +", 4, "expected a value, found the end"),
        ("a b", 3, "expected AND, OR or the end, found \"b\""),
        ("f(a", 4, "expected \",\" or \")\", found the end"),
        ("cast(a as colour)", 11, "unknown type \"colour\""),
        ("cast(a int)", 8, "expected AS and a type, found \"int\""),
        ("case when a then", 17, "expected a column, a value, NOT or \"(\", found the end"),
        ("case when a 1", 13, "expected THEN, found \"1\""),
        ("case when a then 1", 19, "expected WHEN, ELSE or END, found the end"),
    ];
    for (text, position, message) in cases {
        let shown = Expr::parse(text).unwrap_err().to_string();
        assert!(shown.starts_with(&format!("position {position}: {message}")), "{text}: {shown}");
    }
    let error = NamedExpr::parse("a + b AS").unwrap_err().to_string();
    assert!(error.starts_with("position 9: expected the result's name"), "{error}");
    assert_eq!(NamedExpr::parse("a + b as \"the sum\"").unwrap().name.unwrap(), "the sum");
}

#[test]
fn no_expression_is_deeper_than_a_stack_bears() {
    let sum = |terms: usize| format!("a{}", " + a".repeat(terms));
    assert!(Expr::parse(&sum(900)).is_ok());
    assert!(Expr::parse(&sum(1_000)).unwrap_err().to_string().contains("1000 levels"));
    for hostile in ["-", "- (", "f(", "case when ", "case ", "cast(", "a || (", "a in (b, "] {
        let _ = Expr::parse(&hostile.repeat(100_000));
    }
}

#[test]
fn columns_are_listed_once_and_can_be_replaced() {
    let parsed = expr("a + b * coalesce(a, \"c d\")");
    assert_eq!(parsed.columns(), ["a", "b", "c d"]);
    let replaced = parsed.substituted(&|name| (name == "b").then(|| expr("x - 1")));
    assert_eq!(replaced.to_string(), "a + (x - 1) * coalesce(a, \"c d\")");
}
