//! Schemas guessed from the first block.

use super::*;

fn inferred(bytes: &[u8], options: &IngestOptions) -> Result<String> {
    let mut source = source(bytes);
    Ok(infer_schema(&mut source, "t", options)?.to_string())
}

#[test]
fn types_are_the_narrowest_that_hold_every_value() {
    let mut options = csv();
    options.header = true;
    options.nulls = vec!["NA".to_owned()];
    let text = "b,i,f,d,s,t,e,zip,big,mix\n\
                true,1,1,2013-01-01,2013-01-01,x,,07030,1,1\n\
                NA,NA,NA,NA,NA,NA,NA,NA,NA,NA\n\
                FALSE,-5,2.5,2013-12-31,2013-01-01T10:00:00Z,1,,10001,99999999999999999999,a\n";
    assert_eq!(
        inferred(text.as_bytes(), &options).unwrap(),
        "b bool, i int64, f float64, d date, s timestamp, t text, e text, zip text, big text, mix text"
    );
}

#[test]
fn names_are_the_headers_made_unique_or_numbered() {
    let mut options = tsv();
    assert_eq!(inferred(b"1\tx\n", &options).unwrap(), "c1 int64, c2 text");
    options.header = true;
    assert_eq!(inferred(b"a\ta\t\n", &options).unwrap(), "a text, a_2 text, c3 text");
    assert!(inferred(b"", &options).unwrap_err().to_string().contains("is empty"));
}

#[test]
fn the_guess_sees_the_whole_block_and_no_half_row() {
    let mut options = tsv();
    options.infer_bytes = 20;
    // The block ends within the fifth row; its visible part "1x" would make the column text.
    assert_eq!(inferred(b"1111\n2222\n3333\n444\n1x\n", &options).unwrap(), "c1 int64");
    assert_eq!(inferred(b"1111\n2222\n3333\nx\n5\n", &options).unwrap(), "c1 text");
    options.infer_rows = 2;
    assert_eq!(inferred(b"1111\n2222\nx\n", &options).unwrap(), "c1 int64");
    // A first row longer than the block makes the block grow.
    options.infer_bytes = 1;
    assert_eq!(inferred(b"\"long row\"\t2013-01-01\n", &options).unwrap(), "c1 text, c2 date");
}

#[test]
fn inference_loses_no_byte_and_gives_its_memory_back() {
    let budget = crate::mem::MemoryBudget::new(1 << 20);
    for infer_bytes in [1, 3, 7, 8, 64] {
        let mut options = csv();
        options.header = true;
        options.infer_bytes = infer_bytes;
        options.memory = Some(budget.holder("ingest"));
        let mut source = source(b"\xef\xbb\xbfi,t\n1,\"a\nb\"\n2,c\n");
        let schema = infer_schema(&mut source, "t", &options).unwrap();
        assert_eq!(schema.to_string(), "i int64, t text");
        let mut sink = Memory::default();
        load(source, &schema, &mut options, &mut sink).unwrap();
        assert_eq!(sink.rows(), [["1", "a\nb"], ["2", "c"]]);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn a_row_without_end_stops_inference_too() {
    let mut options = tsv();
    (options.infer_bytes, options.row_bytes_max) = (64, 1 << 10);
    let mut source = Source::from_reader("long", Endless(1 << 20)).unwrap();
    let error = infer_schema(&mut source, "t", &options).unwrap_err();
    assert!(error.to_string().starts_with("long:1: the record is longer"), "{error}");
}
