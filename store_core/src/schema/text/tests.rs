use super::*;
use crate::error::Kind;

fn round_trip(text: &str) -> Schema {
    let schema = Schema::parse("t", text).unwrap();
    let printed = schema.to_string();
    assert_eq!(Schema::parse("t", &printed).unwrap(), schema, "{printed}");
    schema
}

#[test]
fn the_form_of_the_command_line() {
    let text = "id int64 key, name text index, alt int32 notnull default 0, code text unique";
    let schema = round_trip(text);
    assert_eq!(schema.to_string(), text);
    assert_eq!((schema.key.as_slice(), schema.indexes.len()), ([0].as_slice(), 2));
    assert!(schema.indexes[1].unique && !schema.indexes[0].unique);
    assert_eq!(schema.columns[2].default, Some(Value::Int(0)));
}

#[test]
fn clauses_name_several_columns_before_or_after_them() {
    let schema = round_trip("key(b, a), a int, b varchar, unique(a,b), INDEX (b), c date index");
    assert_eq!(schema.key, [1, 0]);
    let lists: Vec<_> = schema.indexes.iter().map(|index| index.columns.clone()).collect();
    assert_eq!(lists, [vec![2], vec![0, 1], vec![1]]);
    assert_eq!(
        schema.to_string(),
        "a int32, b text, c date index, key(b, a), unique(a, b), index(b)"
    );
}

#[test]
fn an_index_may_have_a_name_of_its_own() {
    let text = "a int32, b text index, index by_a(a), unique \"by both\"(b, a)";
    let schema = round_trip(text);
    assert_eq!(schema.to_string(), text);
    let names: Vec<&str> = schema.indexes.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(names, ["b", "by_a", "by both"]);
    assert_eq!(schema.index("by_a").unwrap().columns, [0]);
    assert_eq!(schema.index("a").unwrap_err().kind(), Kind::NotFound);
    let text = "a text, index \"a b\"(a), unique lower(a) nocase";
    let schema = round_trip(text);
    assert_eq!(schema.to_string(), text);
    assert!(schema.index("lower").unwrap().nocase && !schema.index("a b").unwrap().nocase);
    let column = round_trip("index decimal(10,2), unique decimal (4,1), a int, index decimal(a)");
    assert_eq!((column.visible_len(), column.indexes[0].name.as_str()), (3, "decimal"));
    for wrong in [
        "a int, key k(a)",
        "a int, index k(a) nocase",
        "a int, index x/y(a)",
        "a int index, b int, index a(b)",
    ] {
        assert_eq!(Schema::parse("t", wrong).unwrap_err().kind(), Kind::Invalid, "{wrong}");
    }
}

#[test]
fn names_and_defaults_may_be_quoted() {
    let schema = round_trip(
        "\"the key\" text key, key int default -5, t text default 'it''s, (so)' property unit 'ft', \
         d timestamp default 2013-01-01T10:00:00Z, f double default inf, b blob default x'00ff', \
         \"it's\" bool default yes, n int16 default NULL, q int default '7', e text default '', k text default key",
    );
    assert_eq!(schema.columns[2].default, Some(Value::from("it's, (so)")));
    assert_eq!(schema.columns[5].default, Some(Value::Bytes(vec![0, 255])));
    assert_eq!(schema.columns[7].default, Some(Value::Null));
    assert_eq!(schema.columns[9].default, Some(Value::from("")));
    assert_eq!(schema.key, [0]);
    assert!(round_trip("a int").has_hidden_key());
}

#[test]
fn decimals_name_their_digits_and_addresses_have_defaults() {
    let schema = round_trip(
        "price decimal(10, 2) index default -1.50, n NUMERIC (5), d decimal notnull default 0, \
         a inet default 2001:db8::1, m mac default 08-00-2b-01-02-03, key(a, price)",
    );
    assert_eq!(
        schema.to_string(),
        "price decimal(10,2) index default -1.50, n decimal(5,0), d decimal(18,3) notnull default \
         0.000, a inet default 2001:db8::1, m mac default 08:00:2b:01:02:03, key(a, price)"
    );
}

#[test]
fn a_builders_schema_prints_and_reads_back() {
    let schema = Schema::builder("t")
        .column("a b", Type::Text)
        .property("x y", "it's")
        .column("c", Type::Int32)
        .index()
        .unique()
        .index_of(&["c", "a b"], false)
        .key_of(&["c", "a b"])
        .build()
        .unwrap();
    assert_eq!(Schema::parse("t", &schema.to_string()).unwrap(), schema);
}

#[test]
fn an_index_may_ignore_case_beside_one_that_does_not() {
    let text = "a text index, b text unique nocase, c int32, index(a) nocase, unique(c, a) nocase";
    let schema = Schema::parse("t", text).unwrap();
    let shown = |at: usize| (schema.indexes[at].name.as_str(), schema.indexes[at].nocase);
    assert_eq!([shown(0), shown(1)], [("a", false), ("b nocase", true)]);
    assert_eq!([shown(2), shown(3)], [("a nocase", true), ("c+a nocase", true)]);
    assert_eq!(schema.to_string(), text);
    let again = Schema::parse("t", "a text, index(a), INDEX(a) NOCASE, index(a) nocase").unwrap();
    assert_eq!(again.indexes.len(), 2);
}

#[test]
fn errors_name_the_clause() {
    for (text, expected) in [
        ("a int, b frob", "schema clause \"b frob\": unknown type \"frob\""),
        ("a int not null", "unknown option \"not\""),
        ("a", "column \"a\" has no type"),
        ("a int default", "default needs a value"),
        ("a int default abc", "default \"abc\" is not an int32"),
        ("a int16 default 70000", "default 70000 is out of range for int16"),
        ("a text default 'x", "a single quote is not closed"),
        ("\"a int", "a double quote is not closed"),
        ("a int,", "schema clause 2 is empty"),
        ("", "schema clause 1 is empty"),
        ("a varchar(20)", "bad type \"varchar(20)\": text has no digits to choose"),
        ("a decimal(40,2)", "bad type \"decimal(40,2)\": must be decimal(PRECISION,SCALE)"),
        ("a decimal(10,2", "a parenthesis is not closed"),
        ("a decimal('x')", "unexpected 'x' in a type"),
        ("a decimal(1 0)", "unexpected \"0\" in a type"),
        ("a decimal(4,2) default 1.005", "default 1.005 has more digits after the point"),
        ("a inet default localhost", "default \"localhost\" is not an inet"),
        ("a int, key(a", "list of column names"),
        ("a int, key()", "list of column names"),
        ("a int, key(a b)", "separated by commas"),
        ("a int, index(a) x", "unexpected \"x\" after the list"),
        ("a int index nocase", "an index over \"a\" cannot be nocase: int32 is not text"),
        ("a text nocase", "nocase belongs behind index or unique"),
        ("a text, key(a) nocase", "a key cannot be nocase"),
        ("a int, frob(a)", "a list belongs to key, index or unique"),
        ("a int, key(b)", "no column \"b\""),
        ("a int key, b int, key(b)", "the key is named twice"),
        ("key(b), a int key, b int", "the key is named twice"),
        ("key(a), key(b), a int, b int", "the key is named twice"),
        ("a int, a int", "named twice"),
        ("a bytes default x'0'", "is not hexadecimal"),
        ("a int property b", "property needs a name and a value"),
    ] {
        let error = Schema::parse("t", text).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}
