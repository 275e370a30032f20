//! Small inputs with a known answer, and what damage does.

use super::*;

fn int_sides() -> ([Field; 2], [Field; 2]) {
    (
        [Field::new("k", Type::Int64), Field::new("l", Type::Int64)],
        [Field::new("k", Type::Int64), Field::new("r", Type::Int64)],
    )
}

fn ints(rows: &[(Option<i64>, i64)]) -> Rows {
    let cell = |value: Option<i64>| value.map_or(Value::Null, Value::Int);
    rows.iter().map(|(key, value)| vec![cell(*key), Value::Int(*value)]).collect()
}

fn small(kind: JoinKind, left: &Rows, right: &Rows) -> Vec<String> {
    let sides = int_sides();
    let how = How {
        left: &sides.0,
        right: &sides.1,
        on: &[(0, 0)],
        kind,
        memory: 1 << 20,
        batch: 2,
        hash_mask: u64::MAX,
    };
    sorted(&join(how, left, right).unwrap().0)
}

#[test]
fn null_equals_nothing() {
    let left = ints(&[(None, 1), (Some(5), 2), (Some(6), 3)]);
    let right = ints(&[(None, 10), (Some(5), 20), (Some(5), 21), (Some(7), 30)]);
    let of = |kind| small(kind, &left, &right);
    assert_eq!(of(JoinKind::Inner), ["5 2 20", "5 2 21"]);
    assert_eq!(of(JoinKind::Left), ["5 2 20", "5 2 21", "6 3 NULL", "NULL 1 NULL"]);
    assert_eq!(of(JoinKind::Right), ["5 2 20", "5 2 21", "7 NULL 30", "NULL NULL 10"]);
    let full = ["5 2 20", "5 2 21", "6 3 NULL", "7 NULL 30", "NULL 1 NULL", "NULL NULL 10"];
    assert_eq!(of(JoinKind::Full), full);
    assert_eq!(of(JoinKind::Semi), ["5 2"]);
    assert_eq!(of(JoinKind::Anti), ["6 3", "NULL 1"]);
    let nulls = ints(&[(None, 1), (None, 2)]);
    assert!(small(JoinKind::Inner, &nulls, &nulls).is_empty());
    assert_eq!(small(JoinKind::Anti, &nulls, &nulls), ["NULL 1", "NULL 2"]);
}

#[test]
fn numbers_of_different_widths_are_compared_as_numbers() {
    let left = [Field::new("a", Type::Int16), Field::new("x", Type::Float32)];
    let right = [Field::new("b", Type::Int64), Field::new("y", Type::Float64)];
    let rows = |float: fn(f64) -> Value| -> Rows {
        vec![vec![Value::Int(-3), float(-0.0)], vec![Value::Int(4), float(f64::NAN)]]
    };
    let how = How {
        left: &left,
        right: &right,
        on: &[(0, 0), (1, 1)],
        kind: JoinKind::Inner,
        memory: 1 << 20,
        batch: 10,
        hash_mask: u64::MAX,
    };
    let mut other = rows(Value::Float64);
    other[0][1] = Value::Float64(0.0);
    let found = join(how, &rows(|value| Value::Float32(value as f32)), &other).unwrap().0;
    // Each side's own value comes out.
    assert_eq!(sorted(&found), ["-3 -0.0 -3 0.0", "4 nan 4 NaN"]);
}

#[test]
fn columns_of_both_sides_have_names_of_their_own() {
    let left = [Field::new("id", Type::Int64), Field::new("v", Type::Text)];
    let right = [Field::new("key", Type::Int64), Field::new("v", Type::Text)];
    let names = |kind, prefix| -> Result<Vec<String>> {
        let plan = Join::bind(&left, &right, &[(0, 0)], kind, prefix)?;
        Ok(plan.fields().iter().map(|field| field.name.clone()).collect())
    };
    let error = names(JoinKind::Inner, None).unwrap_err();
    assert!(error.to_string().contains("both sides of the join have a column \"v\""), "{error}");
    assert_eq!(names(JoinKind::Inner, Some("r_")).unwrap(), ["id", "v", "key", "r_v"]);
    assert_eq!(names(JoinKind::Semi, None).unwrap(), ["id", "v"]);
    assert!(names(JoinKind::Inner, Some("")).is_err());
    let plan = Join::bind(&left, &left[..1], &[(0, 0)], JoinKind::Right, None).unwrap();
    assert_eq!(plan.fields().len(), 2);
    assert!(plan.fields()[1].nullable);
    let text = [Field::new("id", Type::Text)];
    let error = Join::bind(&left, &text, &[(0, 0)], JoinKind::Inner, None).unwrap_err();
    assert!(error.to_string().contains("CAST one of them"), "{error}");
    assert!(Join::bind(&left, &right, &[], JoinKind::Inner, None).is_err());
    assert_eq!(JoinKind::from_name("ANTI").unwrap(), JoinKind::Anti);
    assert!(JoinKind::from_name("outer").unwrap_err().to_string().contains("inner, left"));
}

#[test]
fn too_little_memory_is_refused_with_what_is_enough() {
    let sides = int_sides();
    let how = How {
        left: &sides.0,
        right: &sides.1,
        on: &[(0, 0)],
        kind: JoinKind::Full,
        memory: 10 << 10,
        batch: 500,
        hash_mask: u64::MAX,
    };
    let error = join(how, &[], &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::OverBudget);
    let least: usize = error.details()[0].parse().unwrap();
    assert!(join(How { memory: least - 1, ..how }, &[], &[]).is_err());
    let rows: Rows = (0..9000).map(|nth| vec![Value::Int(nth), Value::Int(-nth)]).collect();
    for memory in [least, least + 5000, least + 200_000] {
        let (found, _) = join(How { memory, ..how }, &rows[2000..], &rows[..8000]).unwrap();
        assert_eq!(found.len(), 9000);
    }
}

/// Joins in little memory and lets a test change files between both inputs.
fn spilled(change: impl Fn(&std::path::Path)) -> Result<usize> {
    let place = tempfile::tempdir().unwrap();
    let (left, right) = int_sides();
    let rows: Rows = (0..20_000).map(|nth| vec![Value::Int(nth), Value::Int(nth)]).collect();
    let plan = Join::bind(&left, &right, &[(0, 0)], JoinKind::Inner, None)?;
    let mut out = Batch::new(plan.fields());
    let options = HashOptions::within(150 << 10, 100);
    let spill = Spill::new(place.path(), None)?;
    let holder = MemoryBudget::new(150 << 10).holder("job");
    let mut build = JoinBuild::new(plan, options, Some(spill), &holder)?;
    build.push(&batch_of(&right, &rows))?;
    let mut joined = build.finish()?;
    let directory = std::fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("run-") {
            change(&path);
        }
    }
    let limits = Limits { rows: 1000, bytes: 100_000, row_bytes: 100 };
    let batch = batch_of(&left, &rows);
    let mut run = || -> Result<usize> {
        let mut count = 0;
        joined.begin(&batch);
        while joined.next(&batch, &mut out, &limits)? {
            count += out.rows();
            out.clear();
        }
        while joined.rest(&mut out, &limits)? {
            count += out.rows();
            out.clear();
        }
        Ok(count + out.rows())
    };
    let found = run();
    drop(joined);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    found
}

#[test]
fn a_flipped_bit_in_a_page_that_was_put_aside_is_an_error() {
    assert_eq!(spilled(|_| ()).unwrap(), 20_000);
    for at in [48, 60, 100, 120, 200, 5000] {
        let flip = |path: &std::path::Path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes[at] ^= 32;
            std::fs::write(path, bytes).unwrap();
        };
        assert_eq!(spilled(flip).unwrap_err().kind(), Kind::Corrupt, "at {at}");
    }
}
