use super::*;
struct Null;
impl RowSink for Null {
    fn begin(&mut self, _: &[usize]) -> Result<()> { Ok(()) }
    fn push(&mut self, cells: &[ValueRef<'_>]) -> Result<()> { std::hint::black_box(cells); Ok(()) }
    fn commit(&mut self) -> Result<()> { Ok(()) }
    fn rollback(&mut self) -> Result<()> { Ok(()) }
}
#[test]
fn speed() {
    let which = std::env::var("WHICH").unwrap_or_default();
    for _ in 0..4 {
    for path in ["/tmp/ingest-flights.tsv", "/tmp/shared/data/nycflights13/flights.tsv.gz", "/tmp/ingest-flights.csv"] {
        if !path.contains(&which) { continue }
        let csv = path.ends_with("csv");
        let mut options = IngestOptions::new(if csv {Format::Csv} else {Format::Tsv});
        options.header = true;
        options.nulls = vec!["NA".to_owned()];
        let Ok(mut source) = Source::open(path) else { continue };
        let t0 = std::time::Instant::now();
        let schema = infer_schema(&mut source, "flights", &options).unwrap();
        let t1 = t0.elapsed();
        let report = load(source, &schema, &mut options, &mut Null).unwrap();
        let t = t0.elapsed() - t1;
        println!("{path}: infer {t1:?} load {t:?} {:.0} MB/s {:.2} Mrows/s", report.bytes as f64/1e6/t.as_secs_f64(), report.rows_in as f64/1e6/t.as_secs_f64());
    }}
}
