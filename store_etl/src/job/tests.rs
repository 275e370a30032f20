//! No text makes reading a job panic, and what is refused shows its place.

use super::Job;

const SOUND: &str = "memory: 64MB\nspill: { dir: /var/tmp, codec: zstd }\nsteps:\n  - scan:\n      source: \
                     \"in.tsv\"\n      schema:\n        - { name: \"ts\", type: timestamp, nullable: false }\n  - \
                     filter: { expr: \"ts > '2024-01-01'\" }\n    name: a\n  - project: { columns: [ts, { ts AS \
                     b }] }\n    input: a\n  - union: { with: [a] }\n  - limit: { rows: 5 }\n  - distinct:\n  - \
                     sink: { destination: '-' }\n";

#[test]
fn no_text_makes_reading_panic() {
    assert!(Job::from_yaml("job", SOUND).is_ok());
    let pieces = [
        "{", "}", "[", "]", ":", "- ", "\n", "  ", "'", "\"", "#", "&x", "*x", "!t", "|", ">", "%",
        "\t", "é", "\0", "?",
    ];
    let mut state = 7_u64;
    let mut below = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % most
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut text = SOUND.to_owned();
        for _ in 0..=below(3) {
            let mut at = below(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if below(2) == 0 {
                text.insert_str(at, pieces[below(pieces.len())]);
            } else {
                text.remove(at);
            }
        }
        match Job::from_yaml("job", &text) {
            Ok(job) => {
                read += 1;
                // Of the files none is there: refused, but no panic.
                let _ = job.validate(&crate::job::JobOptions::default());
                assert_eq!(job.plan_hash().len(), 16);
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().starts_with("job:"), "{error}");
            }
        }
    }
    assert!(read > 500 && refused > 500, "{read} read, {refused} refused");
    for hostile in ["[", "{ a: ", "- ", "? ", "&a [", "'", "a: |\n "] {
        let _ = Job::from_yaml("job", &hostile.repeat(20_000));
    }
}

#[test]
fn line_ends_of_two_bytes_and_a_byte_order_mark_are_no_fault() {
    let text = format!("\u{feff}{}", SOUND.replace('\n', "\r\n"));
    assert!(Job::from_yaml("job", &text).is_ok());
    let hash = |text: &str| Job::from_yaml("job", text).unwrap().plan_hash();
    assert_eq!(hash(&text), hash(SOUND));
}
