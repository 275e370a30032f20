//! Filters against the naive evaluator, three-valued logic by table, bounds by property.

use crate::Kind;
use crate::query::testing::{NAMES, Rng, random_predicate, random_row, schema, truth};
use crate::query::{ColumnBounds, ColumnName, Filter, Literal, Predicate, ValueRange, column};
use crate::value::{Value, ValueRef};

fn bind(text: &str) -> Filter {
    Predicate::parse(text).unwrap().bind(&schema()).unwrap()
}

/// A row whose `small` and `flag` are set and whose other columns are NULL.
fn row(small: Value, flag: Value) -> Vec<Value> {
    let mut row = vec![Value::Null; NAMES.len()];
    (row[1], row[5]) = (small, flag);
    row
}

#[test]
fn a_filter_agrees_with_the_naive_evaluator() {
    let schema = schema();
    for seed in 0..400 {
        let mut rng = Rng::seeded(seed);
        let predicate = random_predicate(&mut rng, 4);
        let filter = predicate.bind(&schema).unwrap();
        let again = Predicate::parse(&predicate.to_string());
        for _ in 0..60 {
            let row = random_row(&mut rng);
            let expected = truth(&predicate, &row) == Some(true);
            assert_eq!(filter.matches(&row[..]), expected, "{predicate} on {row:?}");
            let Ok(again) = &again else { panic!("{predicate}: {again:?}") };
            let again = again.bind(&schema).unwrap();
            assert_eq!(again.matches(&row[..]), expected, "reread {predicate} on {row:?}");
        }
    }
}

#[test]
fn a_matching_row_lies_inside_every_bound() {
    let schema = schema();
    let mut matched = 0;
    for seed in 0..600 {
        let mut rng = Rng::seeded(seed);
        let parts = (0..3).map(|_| random_predicate(&mut rng, 1)).collect();
        let filter = Predicate::And(parts).bind(&schema).unwrap();
        let bounds: Vec<_> = (0..NAMES.len()).map(|at| filter.bounds(at)).collect();
        for _ in 0..60 {
            let row = random_row(&mut rng);
            if !filter.matches(&row[..]) {
                continue;
            }
            matched += 1;
            assert!(!filter.is_never());
            for (cell, bounds) in row.iter().zip(&bounds) {
                assert!(
                    bounds.contains(cell.as_ref()),
                    "{cell:?} outside {bounds:?} of {filter:?}"
                );
            }
        }
    }
    assert!(matched > 1000, "only {matched} rows matched: the test says little");
}

#[test]
fn logic_is_three_valued() {
    let values = [Some(true), Some(false), None];
    let literal = |truth: Option<bool>| match truth {
        Some(true) => column("small").eq(1),
        Some(false) => column("small").eq(2),
        None => column("flag").eq(true),
    };
    let row = row(Value::Int(1), Value::Null);
    let outcome = |predicate: &Predicate| {
        let holds = |p: &Predicate| p.bind(&schema()).unwrap().matches(&row[..]);
        match (holds(predicate), holds(&predicate.clone().not())) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
            (true, true) => panic!("{predicate} is true and false"),
        }
    };
    for a in values {
        assert_eq!(outcome(&literal(a).not()), a.map(|a| !a));
        for b in values {
            let and = if a == Some(false) || b == Some(false) { Some(false) } else { a.and(b) };
            let or = if a == Some(true) || b == Some(true) { Some(true) } else { a.and(b) };
            let or = if a.is_some() && b.is_some() { or } else { or.filter(|or| *or) };
            assert_eq!(outcome(&literal(a).and(literal(b))), and, "{a:?} AND {b:?}");
            assert_eq!(outcome(&literal(a).or(literal(b))), or, "{a:?} OR {b:?}");
        }
    }
}

#[test]
fn null_matches_only_its_own_tests() {
    let null = row(Value::Null, Value::Null);
    for text in [
        "small = NULL",
        "small != NULL",
        "small != 3",
        "NOT small IN (1)",
        "NOT flag",
        "small NOT BETWEEN 1 AND 2",
        "flag IS TRUE",
        "small IN (1, NULL)",
    ] {
        assert!(!bind(text).matches(&null[..]), "{text}");
    }
    for text in
        ["small IS NULL", "NOT small IS NOT NULL", "flag IS NOT TRUE", "small NOT IN ()", "TRUE"]
    {
        assert!(bind(text).matches(&null[..]), "{text}");
    }
    let one = row(Value::Int(1), Value::Bool(true));
    assert!(!bind("small NOT IN (2, NULL)").matches(&one[..]));
    assert!(bind("small IN (1, NULL)").matches(&one[..]));
}

#[test]
fn nan_is_the_greatest_number_and_equals_itself() {
    let nan = |op: fn(ColumnName, f64) -> Predicate, value: f64| {
        let mut row = vec![Value::Null; NAMES.len()];
        row[2] = Value::Float64(f64::NAN);
        op(column("price"), value).bind(&schema()).unwrap().matches(&row[..])
    };
    assert!(nan(ColumnName::gt, f64::INFINITY));
    assert!(nan(ColumnName::eq, f64::NAN));
    assert!(!nan(ColumnName::le, 1.0));
}

#[test]
fn a_number_between_two_integers_compares_exactly() {
    let found = |text: &str| {
        let filter = bind(text);
        (-3..=3)
            .filter(|n| filter.matches(&row(Value::Int(*n), Value::Null)[..]))
            .collect::<Vec<_>>()
    };
    assert_eq!(found("small > 1.5"), [2, 3]);
    assert_eq!(found("small <= -1.5"), [-3, -2]);
    assert_eq!(found("small = 1.5"), [0_i64; 0]);
    assert_eq!(found("small != 1.5"), [-3, -2, -1, 0, 1, 2, 3]);
    assert_eq!(found("small < 1e30 and small > -99999"), [-3, -2, -1, 0, 1, 2, 3]);
    assert_eq!(found("small in (1, 1.5, 2.0)"), [1, 2]);
    assert_eq!(found("not small between -0.5 and 2.5"), [-3, -2, -1, 3]);
}

#[test]
fn a_value_of_the_wrong_type_fails_the_whole_call() {
    let fault = |predicate: Predicate| {
        let error = predicate.or(column("id").eq(1)).bind(&schema()).unwrap_err();
        assert_eq!(error.kind(), Kind::Type);
        assert_eq!(error.details()[0], "t");
        error.to_string()
    };
    assert!(fault(column("small").lt("abc")).starts_with("column \"small\": "));
    assert!(fault(column("small").eq(70_000)).contains("70000 is out of range for int16"));
    assert!(fault(column("name").eq(5)).starts_with("column \"name\": "));
    assert!(fault(Predicate::parse("name > 5").unwrap()).contains("number 5"));
    assert!(fault(column("name").is_true()).contains("neither true nor false"));
    let number = Literal::Number("12x".to_owned());
    assert!(fault(column("small").eq(number)).contains("12x"));
    let unknown = column("nowhere").is_null().bind(&schema()).unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
}

/// The ranges as mathematicians write them, and NULL.
fn shown(bounds: &ColumnBounds<'_>) -> String {
    let plain = |value: &Value| match value {
        Value::Text(text) => format!("{text:?}"),
        value => value.as_ref().to_string(),
    };
    let range = |range: &ValueRange<'_>| {
        let low = range.low.as_ref().map_or("(".to_owned(), |(value, inside)| {
            format!("{}{}", if *inside { '[' } else { '(' }, plain(value))
        });
        let high = range.high.as_ref().map_or(")".to_owned(), |(value, inside)| {
            format!("{}{}", plain(value), if *inside { ']' } else { ')' })
        });
        format!("{low},{high}")
    };
    let null = bounds.null.then(|| "NULL".to_owned());
    bounds.ranges.iter().map(range).chain(null).collect::<Vec<_>>().join(" ")
}

#[test]
fn bounds_are_what_is_left_of_the_column() {
    for (text, expected) in [
        ("small > 1 and small >= 2 and small <= 9 and small < 9 and name = 'x'", "[2,9)"),
        ("not (small < 4 or small > 4)", "[4,4]"),
        ("(small = 7 or small in (3, 1)) and small < 7", "[1,1] [3,3]"),
        ("small = 1 and small = 2", ""),
        ("small > 2 and small <= 2", ""),
        ("small in (1, 2) and small in (3, 4)", ""),
        ("small is null and small != 2", ""),
        ("small is null", "NULL"),
        ("small = 1 or name = 'x'", "(,) NULL"),
        ("small < 3 or small between 7 and 9 or small is null", "(,3) [7,9] NULL"),
        ("small < 3 or small >= 3", "(,)"),
        ("small < 3 or small > 3", "(,3) (3,)"),
        ("small != 3 and small not in (1, 5)", "(,1) (1,3) (3,5) (5,)"),
        ("(small < 5 and name = 'x') or small = 9", "(,5) [9,9]"),
        ("(small < 5 or small > 8) and (small > 3 or small < 1)", "(,1) (3,5) (8,)"),
        ("false or small = 2", "[2,2]"),
    ] {
        assert_eq!(shown(&bind(text).bounds(1)), expected, "{text}");
    }
    assert_eq!(bind("small in (4)").bounds(1).equal(), Some(&Value::Int(4)));
    assert_eq!(bind("small in (4, 2)").bounds(1).points().map(|points| points.len()), Some(2));
    assert!(!bind("small = 1 or name = 'x'").bounds(1).is_bounded());
    assert!(bind("small = 1 and small = 2").bounds(1).is_never());
}

#[test]
fn a_pattern_bounds_the_text_by_its_beginning() {
    for (text, plain, folded) in [
        ("name glob 'ab*'", r#"["ab","ac")"#, r#"["ab","ac")"#),
        ("name glob 'Ab?*'", r#"["Ab","Ac")"#, r#"["ab","ac")"#),
        ("name match 'Ab*'", "(,)", r#"["ab","ac")"#),
        ("name match 'AB'", "(,)", r#"["ab","ab"]"#),
        ("name match '12ab'", r#"["12","13")"#, r#"["12ab","12ab"]"#),
        ("name match '12'", r#"["12","12"]"#, r#"["12","12"]"#),
        ("name glob 'AB'", r#"["AB","AB"]"#, r#"["ab","ab"]"#),
        (
            "name like 'a\u{D7FF}%'",
            "[\"a\\u{d7ff}\",\"a\\u{e000}\")",
            "[\"a\\u{d7ff}\",\"a\\u{e000}\")",
        ),
        ("name like '\u{10FFFF}%'", "[\"\\u{10ffff}\",)", "[\"\\u{10ffff}\",)"),
        ("name not like 'ab%'", "(,)", "(,)"),
        ("name like '%ab'", "(,)", "(,)"),
        ("name ~ '^ab+c'", r#"["a","b")"#, r#"["a","b")"#),
        ("name ~ '^a|b'", "(,)", "(,)"),
        ("name ~ '(?m)^a'", "(,)", "(,)"),
        ("name ~ '(?i)^a'", "(,)", "(,)"),
        ("name ~* '^1a'", r#"["1","2")"#, r#"["1a","1b")"#),
        ("name in ('B', 'b', 'a')", r#"["B","B"] ["a","a"] ["b","b"]"#, r#"["a","a"] ["b","b"]"#),
        ("name < 'B'", r#"(,"B")"#, "(,)"),
        ("name != 'B'", r#"(,"B") ("B",)"#, "(,)"),
        ("name is null or name match 'x'", "(,) NULL", r#"["x","x"] NULL"#),
    ] {
        let filter = bind(text);
        assert_eq!(shown(&filter.bounds(4)), plain, "{text}");
        assert_eq!(shown(&filter.folded_bounds(4)), folded, "{text} folded");
    }
}

#[test]
fn a_key_is_fixed_by_equality_under_and_only() {
    assert_eq!(bind("id = 5 and small > 1").key_equality(&[0]), Some(vec![Value::Int(5)]));
    assert_eq!(bind("id = 5 or small > 1").key_equality(&[0]), None);
    assert_eq!(bind("id in (5)").key_equality(&[0, 1]), None);
    let zero = column("price").eq(-0.0).bind(&schema()).unwrap().key_equality(&[2]);
    assert!(matches!(zero.as_deref(), Some([Value::Float64(zero)]) if zero.is_sign_positive()));
}

#[test]
fn columns_are_listed_once() {
    assert_eq!(bind("price > 1 or (id = 2 and price is null)").columns(), [0, 2]);
    assert!(Filter::all().is_all() && bind("true").is_all());
    assert!(bind("false and name = 'x'").is_never());
    assert!(Filter::all().matches(&[ValueRef::Null][..]));
}

#[test]
fn a_tree_too_deep_is_refused() {
    let mut predicate = column("id").eq(1);
    for _ in 0..1000 {
        predicate = predicate.not();
    }
    assert_eq!(predicate.bind(&schema()).unwrap_err().kind(), Kind::Invalid);
}
