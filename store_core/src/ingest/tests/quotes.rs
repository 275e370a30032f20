//! Quoted records against a reader that looks at one byte after the other.

use super::*;

/// Records of fields; none if a quoted field never ends or has text behind it.
fn plain(text: &[u8]) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let mut fields = Vec::new();
        loop {
            let mut field = Vec::new();
            if text.get(at) == Some(&b'"') {
                at += 1;
                loop {
                    match (text.get(at)?, text.get(at + 1)) {
                        (b'"', Some(b'"')) => {
                            field.push(b'"');
                            at += 2;
                        }
                        (b'"', _) => break,
                        (byte, _) => {
                            field.push(*byte);
                            at += 1;
                        }
                    }
                }
                at += 1;
                if !matches!(text.get(at), None | Some(b',' | b'\n')) {
                    return None;
                }
            } else {
                while !matches!(text.get(at), None | Some(b',' | b'\n')) {
                    field.push(text[at]);
                    at += 1;
                }
            }
            fields.push(field);
            at += 1;
            if text.get(at - 1) != Some(&b',') {
                break;
            }
        }
        records.push(fields);
    }
    Some(records)
}

/// The same by the scanner; none for what it calls an error.
fn scanned(text: &[u8], buffer_bytes: usize) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut options = IngestOptions::new(Format::Csv);
    options.buffer_bytes = buffer_bytes;
    let source = Source::from_reader("in", std::io::Cursor::new(text.to_vec())).unwrap();
    let mut records = Records::new(source, &options).unwrap();
    let mut all = Vec::new();
    while records.next().ok()? {
        if records.fault().is_some() {
            return None;
        }
        all.push((0..records.count()).map(|nth| records.value(nth).to_vec()).collect());
    }
    Some(all)
}

#[test]
fn quoted_records_are_those_of_a_walk_byte_by_byte() {
    let mut state = 9_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let (mut sound, mut faulty) = (0, 0);
    for round in 0..40_000 {
        // Mostly a few bytes; sometimes several masks of 64.
        let len = draw(if round % 20 == 0 { 400 } else { 12 });
        let kinds = 3 + draw(6);
        let text: Vec<u8> = (0..len).map(|_| b"\"a,\nb\",x\""[draw(kinds)]).collect();
        let expected = plain(&text);
        let found = scanned(&text, 16 + draw(3) * 24);
        assert_eq!(found, expected, "{}", text.escape_ascii());
        if expected.is_some() { sound += 1 } else { faulty += 1 }
    }
    assert!(sound > 10_000 && faulty > 1_000, "{sound} {faulty}");
}
