//! Small inputs with a known answer, and what damage does.

use super::*;

fn texts(rows: &[(&str, Option<&str>)]) -> Rows {
    let cell = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    rows.iter().map(|(key, text)| vec![Value::from(*key), cell(*text)]).collect()
}

fn key_and_text() -> [Field; 2] {
    [Field::new("k", Type::Text), Field::new("t", Type::Text)]
}

#[test]
fn texts_are_joined_in_the_order_of_input() {
    let rows = texts(&[
        ("b", Some("3")),
        ("a", Some("2")),
        ("b", None),
        ("a", Some("1")),
        ("b", Some("")),
        ("c", None),
        ("b", Some("3")),
    ]);
    let calls = [
        Call::new(Function::StringAgg, Some(1), "all").separated_by("; "),
        Call::new(Function::First, Some(1), "first"),
        Call::new(Function::Last, Some(1), "last"),
        Call::new(table(Of::Count), Some(1), "n"),
    ];
    let how = How::within(1 << 20);
    let (found, _) = aggregate(&key_and_text(), &[0], &calls, &rows, how).unwrap();
    let expected =
        [r#""a" "2; 1" "2" "1" 2"#, r#""b" "3; ; 3" "3" "3" 3"#, r#""c" NULL NULL NULL 0"#];
    assert_eq!(sorted(&found), expected.map(String::from));
}

#[test]
fn null_is_a_group_of_its_own() {
    let keys = [None, Some("NULL"), Some(""), None, Some("\0"), Some("")];
    let rows: Rows = keys.map(|key| vec![key.map_or(Value::Null, Value::from)]).to_vec();
    let input = [Field::new("k", Type::Text)];
    let count = [Call::new(table(Of::Count), None, "n")];
    let (found, _) = aggregate(&input, &[0], &count, &rows, How::within(1 << 20)).unwrap();
    let mut expected = ["NULL 2", "\"NULL\" 1", "\"\" 2", "\"\\0\" 1"].map(String::from);
    expected.sort();
    assert_eq!(sorted(&found), expected);
}

#[test]
fn keys_that_begin_one_another_stay_apart() {
    let rows = texts(&[("a", Some("bc")), ("ab", Some("c")), ("", Some("abc")), ("abc", Some(""))]);
    let count = [Call::new(table(Of::Count), None, "n")];
    let (found, _) =
        aggregate(&key_and_text(), &[0, 1], &count, &rows, How::within(1 << 20)).unwrap();
    assert_eq!(found.len(), 4);
    let joined = [Call::new(Function::StringAgg, Some(1), "all")];
    let (found, _) =
        aggregate(&key_and_text(), &[0], &joined, &rows, How::within(1 << 20)).unwrap();
    assert_eq!(found.len(), 4);
}

#[test]
fn empty_input_is_one_row_without_keys_and_none_with() {
    let calls = [
        Call::new(table(Of::Count), None, "n"),
        Call::new(table(Of::Max), Some(1), "max"),
        Call::new(table(Of::CountDistinct), Some(1), "d"),
    ];
    let how = How::within(1 << 20);
    let (found, _) = aggregate(&key_and_text(), &[], &calls, &[], how).unwrap();
    assert_eq!(sorted(&found), ["0 NULL 0"]);
    assert!(aggregate(&key_and_text(), &[0], &calls, &[], how).unwrap().0.is_empty());
    let (found, _) = aggregate(&key_and_text(), &[], &calls[..1], &[], how).unwrap();
    assert_eq!(sorted(&found), ["0"]);
    assert!(aggregate(&key_and_text(), &[0], &calls[..1], &[], how).unwrap().0.is_empty());
}

#[test]
fn what_cannot_be_had_is_refused_by_name() {
    let bind =
        |calls: Vec<Call>| Aggregation::bind(&key_and_text(), &[0], calls).unwrap_err().to_string();
    let sum = Call::new(table(Of::Sum), Some(1), "s");
    assert!(bind(vec![sum]).contains("sum(t) needs numbers"));
    let none = Call::new(table(Of::Sum), None, "s");
    assert!(bind(vec![none]).contains("sum is of a column"));
    let twice = Call::new(table(Of::Count), None, "k");
    assert!(bind(vec![twice]).contains("two results are called \"k\""));
    assert!(Function::from_name("mode").unwrap_err().to_string().contains("string_agg"));
    assert_eq!(Function::from_name("STRING_AGG").unwrap(), Function::StringAgg);
    assert_eq!(Function::from_name("mean").unwrap(), table(Of::Avg));
}

#[test]
fn a_text_that_grows_beyond_a_row_is_an_error() {
    let rows: Rows = (0..ROW).map(|_| vec![Value::from("k"), Value::from("tt")]).collect();
    let calls = [Call::new(Function::StringAgg, Some(1), "all")];
    let error = aggregate(&key_and_text(), &[0], &calls, &rows, How::within(1 << 20)).unwrap_err();
    assert_eq!(error.kind(), Kind::OverBudget);
    assert!(error.to_string().contains("STRING_AGG"), "{error}");
}

fn many_groups() -> Rows {
    (0..30_000).map(|nth: i64| vec![Value::Int(nth)]).collect()
}

/// Aggregates many groups in little memory and lets a test change files between input and output.
fn spilled(change: impl Fn(&std::path::Path)) -> Result<usize> {
    let place = tempfile::tempdir().unwrap();
    let input = [Field::new("k", Type::Int64)];
    let plan = Aggregation::bind(&input, &[0], vec![Call::new(table(Of::Count), None, "n")])?;
    let mut out = Batch::new(plan.fields());
    let options = HashOptions::within(250 << 10, 100);
    let spill = Spill::new(place.path(), None)?;
    let holder = MemoryBudget::new(250 << 10).holder("job");
    let mut aggregator = Aggregator::new(plan, options, Some(spill), &holder)?;
    for some in many_groups().chunks(1000) {
        let mut batch = Batch::new(&input);
        for row in some {
            batch.push_row(&[row[0].as_ref()])?;
        }
        aggregator.push(&batch)?;
    }
    let directory = std::fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("run-") {
            change(&path);
        }
    }
    let mut groups = aggregator.finish()?;
    let limits = Limits { rows: 1000, bytes: 100_000, row_bytes: 100 };
    let mut count = 0;
    let found = loop {
        out.clear();
        match groups.next(&mut out, &limits) {
            Ok(more) => count += out.rows() * usize::from(more || !out.is_empty()),
            Err(error) => break Err(error),
        }
        if out.is_empty() {
            break Ok(count);
        }
    };
    drop(groups);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    found
}

#[test]
fn a_flipped_bit_in_a_page_that_was_put_aside_is_an_error() {
    assert_eq!(spilled(|_| ()).unwrap(), 30_000);
    for at in [48, 60, 100, 120, 200, 5000] {
        let flip = |path: &std::path::Path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes[at] ^= 4;
            std::fs::write(path, bytes).unwrap();
        };
        let error = spilled(flip).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "at {at}: {error}");
    }
    let cut = |path: &std::path::Path| {
        let len = std::fs::metadata(path).unwrap().len();
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len / 2).unwrap();
    };
    assert_eq!(spilled(cut).unwrap_err().kind(), Kind::Corrupt);
}

#[test]
fn without_a_place_to_spill_to_too_many_groups_are_over_budget() {
    let input = [Field::new("k", Type::Int64)];
    let plan = Aggregation::bind(&input, &[0], Vec::new()).unwrap();
    let options = HashOptions::within(250 << 10, 100);
    let holder = MemoryBudget::new(250 << 10).holder("job");
    let mut aggregator = Aggregator::new(plan, options, None, &holder).unwrap();
    let mut batch = Batch::new(&input);
    for row in many_groups() {
        batch.push_row(&[row[0].as_ref()]).unwrap();
    }
    let error = aggregator.push(&batch).unwrap_err();
    assert_eq!(error.kind(), Kind::OverBudget);
    assert!(error.to_string().contains("spill directory"), "{error}");
}
