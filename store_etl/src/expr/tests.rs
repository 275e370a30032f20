//! What expressions come to, by hand and beside an evaluator that goes row by row.

mod naive;
mod random;

use super::*;
use crate::batch::{Batch, Field};
use store_core::ValueRef;
use store_core::query::Expr;
use store_core::value::parse_value;

/// The columns of every test.
fn fields() -> Vec<Field> {
    let columns = [
        ("i", "int64"),
        ("j", "int32"),
        ("s", "int16"),
        ("f", "float64"),
        ("g", "float32"),
        ("d", "decimal(10,2)"),
        ("w", "decimal(38,4)"),
        ("t", "text"),
        ("u", "text"),
        ("b", "bool"),
        ("day", "date"),
        ("at", "timestamp"),
    ];
    columns.map(|(name, ty)| Field::new(name, Type::from_name(ty).unwrap())).into()
}

/// A row: texts of the columns, `-` for NULL.
fn push(batch: &mut Batch, cells: [&str; 12]) {
    let fields = fields();
    let cells: Vec<ValueRef<'_>> = cells
        .iter()
        .zip(&fields)
        .map(|(text, field)| match *text {
            "-" => ValueRef::Null,
            text => parse_value(text.as_bytes(), field.ty).unwrap(),
        })
        .collect();
    batch.push_row(&cells).unwrap();
}

fn two_rows() -> Batch {
    let mut batch = Batch::new(&fields());
    push(
        &mut batch,
        [
            "7",
            "-3",
            "2",
            "0.5",
            "1.5",
            "12.34",
            "99.0001",
            "süß Öl",
            "",
            "true",
            "2024-02-29",
            "2024-12-30T10:20:30.5Z",
        ],
    );
    push(&mut batch, ["-"; 12]);
    batch
}

fn run(text: &str, batch: &Batch) -> Result<(Type, Vec<String>), String> {
    let expr = Expr::parse(text).map_err(|error| error.to_string())?;
    let bound = bind(&expr, &fields(), text).map_err(|error| error.to_string())?;
    let column = Evaluation::new(1 << 20).column(&bound, batch).map_err(|fault| match fault {
        Fault::Row { row, error } => format!("row {row}: {error}"),
        Fault::Room => "room".to_owned(),
        Fault::Failed(error) => error.to_string(),
    })?;
    assert_eq!((column.len(), column.ty()), (batch.rows(), bound.ty), "{text}");
    let shown = |row| match column.get(row) {
        ValueRef::Null => "NULL".to_owned(),
        cell => cell.to_string(),
    };
    if !bound.nullable {
        assert!(
            column.valid().is_none_or(crate::batch::Bitmap::is_full),
            "{text} is told never NULL"
        );
    }
    Ok((bound.ty, (0..batch.rows()).map(shown).collect()))
}

#[track_caller]
fn check(text: &str, ty: &str, first: &str, second: &str) {
    let (found, rows) = run(text, &two_rows()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(
        (found.to_string().as_str(), rows[0].as_str(), rows[1].as_str()),
        (ty, first, second),
        "{text}"
    );
}

#[test]
fn numbers_keep_their_kind() {
    check("i + j * s", "int64", "1", "NULL");
    check("i % 4 - -j", "int64", "0", "NULL");
    check("i / s", "float64", "3.5", "NULL");
    check("f * 3", "float64", "1.5", "NULL");
    check("g + 0.1", "float64", "1.6", "NULL");
    check("d + 1", "decimal(22,2)", "13.34", "NULL");
    check("d * 1.5", "decimal(12,3)", "18.510", "NULL");
    check("d % 5", "decimal(21,2)", "2.34", "NULL");
    check("w - d", "decimal(38,4)", "86.6601", "NULL");
    check("-d", "decimal(10,2)", "-12.34", "NULL");
    check("1.5 + 1", "decimal(21,1)", "2.5", "2.5");
    check("1e3", "float64", "1000.0", "1000.0");
    check("day + 1", "date", "2024-03-01", "NULL");
    check("1 + day - 2", "date", "2024-02-28", "NULL");
    check("day - '2024-01-01'", "int64", "59", "NULL");
}

#[test]
fn conditions_have_three_values() {
    check("i > 6.5 and d <= 12.34", "bool", "true", "NULL");
    check("i is null or b", "bool", "true", "true");
    check("b and false", "bool", "false", "false");
    check("not (b and true)", "bool", "false", "NULL");
    check("b is not true", "bool", "false", "true");
    check("i in (1, 7.0, null)", "bool", "true", "NULL");
    check("i not in (1, 2)", "bool", "true", "NULL");
    check("i not in (1, null)", "bool", "NULL", "NULL");
    check("i in ()", "bool", "false", "false");
    check("i in (s + 5, 1)", "bool", "true", "NULL");
    check("f between 0.5 and 0.5", "bool", "true", "NULL");
    check("at >= '2024-12-30' and day = '2024-02-29'", "bool", "true", "NULL");
    check("at > day", "bool", "true", "NULL");
    check("t like 's_ß%' and t !~ '^x'", "bool", "true", "NULL");
    check("g = 1.5", "bool", "true", "NULL");
    check("null = null", "bool", "NULL", "NULL");
    check("u = ''", "bool", "true", "NULL");
}

#[test]
fn branches_are_asked_for_their_rows_only() {
    check("case when i > 100 then 1 / (i - i) else 2 end", "float64", "2.0", "2.0");
    check("i = i or 1 / (i - 7) > 0", "bool", "true", "NULL");
    check("i != 7 and i % (i - 7) = 0", "bool", "false", "NULL");
    check("coalesce(d, w, 5)", "decimal(38,4)", "12.3400", "5.0000");
    check("coalesce(t, u, 'x')", "text", "süß Öl", "x");
    check("case t when 'a' then 1 when 'süß Öl' then d end", "decimal(10,2)", "12.34", "NULL");
    check("nullif(i, 7)", "int64", "NULL", "NULL");
    check("case when b then null else 'x' end", "text", "NULL", "x");
    for text in ["case when b then i % (i - 7) end", "coalesce(i % (i - 7), 1)"] {
        assert_eq!(run(text, &two_rows()).unwrap_err(), "row 0: 7 % 0: division by zero");
    }
}

#[test]
fn text_and_time_functions() {
    check("upper(t) || '-' || lower('ÄB')", "text", "SÜSS ÖL-äb", "NULL");
    check("length(t)", "int64", "6", "NULL");
    check("substr(t, 2, 2)", "text", "üß", "NULL");
    check("concat(t, i, null, b)", "text", "süß Öl7true", "");
    check("trim('xxaxx', 'x') || ltrim('  a ') || rtrim(' a ')", "text", "aa  a", "aa  a");
    check("replace(t, 'ß', 'ss')", "text", "süss Öl", "NULL");
    check("split_part(t, ' ', -1)", "text", "Öl", "NULL");
    check("regexp(t, 'Öl$')", "bool", "true", "NULL");
    check("regexp_replace(t, '(.)ß', '${1}ss')", "text", "süss Öl", "NULL");
    check("regexp_extract(t, '(\\w+) (\\w+)', 2)", "text", "Öl", "NULL");
    check("regexp_extract(t, 'q')", "text", "NULL", "NULL");
    check("date_trunc('week', at)", "timestamp", "2024-12-30T00:00:00Z", "NULL");
    check("date_trunc('month', day)", "date", "2024-02-01", "NULL");
    check("date_trunc('hour', at)", "timestamp", "2024-12-30T10:00:00Z", "NULL");
    check(
        "date_trunc('week', '2024-12-29')",
        "timestamp",
        "2024-12-23T00:00:00Z",
        "2024-12-23T00:00:00Z",
    );
    check("date_part('week', at) * 100 + date_part('isodow', at)", "int64", "101", "NULL");
    check("date_part('millisecond', at)", "int64", "30500", "NULL");
    check("date_part('epoch', day)", "float64", "1709164800.0", "NULL");
    check("to_timestamp(1.5)", "timestamp", "1970-01-01T00:00:01.5Z", "1970-01-01T00:00:01.5Z");
    check("to_timestamp(day)", "timestamp", "2024-02-29T00:00:00Z", "NULL");
}

#[test]
fn casts_and_rounding() {
    check("cast(f + 1 as int)", "int32", "2", "NULL");
    check("cast(-d as decimal(3,0))", "decimal(3,0)", "-12", "NULL");
    check("cast('12' as int16) + cast(b as int64)", "int64", "13", "NULL");
    check("cast(at as date)", "date", "2024-12-30", "NULL");
    check("cast(d as text)", "text", "12.34", "NULL");
    check("cast(t as bytes) is null", "bool", "false", "true");
    check("round(d, 1)", "decimal(10,1)", "12.3", "NULL");
    check("round(2.5) + round(-2.5) + floor(-0.5) + ceil(0.5)", "decimal(5,0)", "0", "0");
    check("round(i, -1)", "int64", "10", "NULL");
    check("round(1234.567e0, 2)", "float64", "1234.57", "1234.57");
    check("abs(j) + abs(-f)", "float64", "3.5", "NULL");
}

#[test]
fn what_does_not_fit_is_an_error_of_its_row() {
    let mut batch = two_rows();
    push(
        &mut batch,
        [
            "9223372036854775807",
            "2147483647",
            "-32768",
            "nan",
            "-0.0",
            "99999999.99",
            "9999999999999999999999999999999999.9999",
            "x",
            "y",
            "false",
            "9999-12-31",
            "9999-12-31T23:59:59Z",
        ],
    );
    for (text, error) in [
        ("i + 1", "row 2: 9223372036854775807 + 1 is out of range for int64"),
        ("-(-i - 2)", "row 2: -9223372036854775807 - 2 is out of range for int64"),
        ("abs(-i - 1)", "row 2: abs(-9223372036854775808) is out of range for int64"),
        (
            "w * 10",
            "row 2: 9999999999999999999999999999999999.9999 * 10 is out of range for decimal(38,4)",
        ),
        (
            "w + 0.0001",
            "row 2: 9999999999999999999999999999999999.9999 + 0.0001 is out of range for decimal(38,4)",
        ),
        ("cast(i as int32)", "row 2: 9223372036854775807 is out of range for int32"),
        ("cast(d as decimal(3,1))", "row 2: 99999999.99 is out of range for decimal(3,1)"),
        ("cast(t as int64)", "row 0: \"süß Öl\" is not an int64"),
        ("cast(f as int64)", "row 2: nan is out of range for int64"),
        (
            "day + 9223372036854775807",
            "row 0: 2024-02-29 + 9223372036854775807 is out of range for date",
        ),
        ("i % 0", "row 0: 7 % 0: division by zero"),
        ("d / 0", "row 0: 12.34 / 0: division by zero"),
        ("to_timestamp(i)", "row 2: 9223372036854775807 seconds is no timestamp"),
    ] {
        assert_eq!(run(text, &batch).unwrap_err(), error, "{text}");
    }
    let rows = run("f / 0", &batch).unwrap().1;
    assert_eq!(rows, ["inf", "NULL", "nan"]);
    assert_eq!(run("f > 1e300 and f = f", &batch).unwrap().1, ["false", "NULL", "true"]);
    assert_eq!(run("g = 0 and g >= 0", &batch).unwrap().1, ["false", "NULL", "true"]);
}

#[test]
fn wrong_types_are_refused_at_their_place() {
    for (text, error) in [
        ("i + t", "position 3: no operator + for int64 and text"),
        ("i = t", "position 3: cannot compare int64 and text: write CAST(… AS …)"),
        ("i = 'x'", "position 3: \"x\" is not an int64"),
        ("colour > 1", "position 1: no column \"colour\": there are i, j, s"),
        ("t and b", "position 1: a text is no condition"),
        ("frob(i)", "position 1: no function \"frob\": there are abs, ceil"),
        ("substr(t)", "position 1: must be substr(text, start[, length])"),
        ("lower(i)", "position 1: lower(text): a text is wanted here, not an int64"),
        (
            "date_trunc('fortnight', at)",
            "position 1: date_trunc('unit', date or timestamp): no unit",
        ),
        (
            "date_trunc('hour', day)",
            "position 1: date_trunc('unit', date or timestamp): a date has no hour",
        ),
        ("regexp(t, '(')", "position 1: regexp(text, 'expression'): regular expression"),
        ("regexp(t, u)", "position 1: regexp(text, 'expression'): the expression must be text"),
        ("cast(day as int64)", "position 1: cannot make an int64 of a date"),
        ("t like 'x' escape 'yz'", "position 19: the escape must be one character"),
        (
            "case when b then 1 else t end",
            "position 1: cannot give, in branches of one CASE, text and int64",
        ),
    ] {
        let found = run(text, &two_rows()).unwrap_err();
        assert!(found.starts_with(error), "{text}: {found}");
    }
}

#[test]
fn text_that_outgrows_its_room_is_told() {
    let text = "replace(t, 's', 'ssssssssssssssssssssssssssssssssssssssssssssssss')";
    let bound = bind(&Expr::parse(text).unwrap(), &fields(), text).unwrap();
    let fault = Evaluation::new(40).column(&bound, &two_rows()).unwrap_err();
    assert!(matches!(fault, Fault::Room));
}

#[test]
fn constants_are_computed_once_and_faults_wait_for_a_row() {
    let text = "1 + 2 * 3 > 5 or i % 0 = 1";
    let bound = bind(&Expr::parse(text).unwrap(), &fields(), text).unwrap();
    assert!(matches!(&bound.node, Node::Or(list) if list[0].as_constant() == Some(&true.into())));
    let failed = run("case when b is null then 1 % 0 else 5 end", &two_rows());
    assert_eq!(failed.unwrap_err(), "row 1: 1 % 0: division by zero");
    check("case when i is null then 5 else 6 end", "int64", "6", "5");
}
