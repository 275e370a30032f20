//! Random bytes, biased towards the special ones: no panic, every row accounted for, and the same
//! outcome whatever the buffer.

use super::*;

struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn bytes(&mut self) -> Vec<u8> {
        const SPECIAL: &[u8] = b"\t\t,,\n\n\n\r\"\"\\\\N01-.TZ:\0\xff\xef\xbb\xbf";
        let len = self.below(120);
        let byte = |_| match self.below(8) {
            0 => self.below(256) as u8,
            _ => SPECIAL[self.below(SPECIAL.len() as u64) as usize],
        };
        (0..len).map(byte).collect()
    }
}

fn dialect(nth: u64) -> IngestOptions {
    let mut options = if nth.is_multiple_of(3) { csv() } else { tsv() };
    if nth % 3 == 1 {
        options.escape = Escape::Backslash;
    }
    options.on_error = OnError::Skip;
    options.nulls = vec!["NA".to_owned()];
    options.batch_rows = 3;
    options
}

#[test]
fn no_bytes_panic_and_rows_are_conserved() {
    const COLUMNS: [&str; 4] = [
        "t text",
        "i int, t text",
        "a text, b bytes, c double",
        "d date, s timestamp, b bool, n int16, f real",
    ];
    let mut chance = Chance(0x5eed_1234);
    for round in 0..20_000 {
        let bytes = chance.bytes();
        let columns = COLUMNS[(round % 4) as usize];
        let mut small = dialect(round);
        small.header = round % 5 == 0;
        let (first, first_sink) = run(&bytes, columns, &mut small);
        let mut large = dialect(round);
        (large.header, large.buffer_bytes) = (small.header, 4096);
        let (second, second_sink) = run(&bytes, columns, &mut large);
        assert_eq!(first_sink.committed, second_sink.committed, "round {round}: {bytes:?}");
        match (first, second) {
            (Ok(first), Ok(second)) => assert_eq!(first, second, "round {round}: {bytes:?}"),
            (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string()),
            other => panic!("round {round}: {bytes:?}: {other:?}"),
        }
    }
}

#[test]
fn what_is_inferred_loads() {
    let mut chance = Chance(0xfeed);
    for round in 0..5_000 {
        let bytes = chance.bytes();
        let mut options = dialect(round);
        options.header = round % 2 == 0;
        options.infer_bytes = 1 + chance.below(200) as usize;
        let mut source = source(&bytes);
        let Ok(schema) = infer_schema(&mut source, "t", &options) else { continue };
        let mut sink = Memory::default();
        if let Ok(report) = load(source, &schema, &mut options, &mut sink) {
            assert_eq!(report.rows_in, report.rows_loaded + report.rows_rejected);
            assert!(report.bytes == bytes.len() as u64, "round {round}: {bytes:?}");
        }
    }
}
