//! Rows made from a seed, and what jobs should make of them, by the plainest means.

use std::cmp::Ordering;
use std::fmt::Write;

/// A row: each cell may be NULL.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: i64,
    pub group: Option<String>,
    pub amount: Option<i64>,
    pub note: Option<String>,
}

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }
}

/// Rows with ties, NULLs, quotes, line ends and long texts.
pub fn rows(seed: u64, count: usize) -> Vec<Row> {
    let mut random = Random(seed | 1);
    let notes = ["", "plain", "two\nlines", "say \"hi\"", "a,b", "süß 😀", "tab\there"];
    (0..count)
        .map(|nth| Row {
            id: nth as i64,
            group: (random.below(10) > 0).then(|| format!("g{}", random.below(50))),
            amount: (random.below(7) > 0).then(|| random.below(2000) as i64 - 1000),
            note: (random.below(9) > 0).then(|| {
                let note = notes[random.below(7) as usize].to_owned();
                if random.below(200) == 0 { note + &"x".repeat(3000) } else { note }
            }),
        })
        .collect()
}

/// CSV in which NULL is `NA`.
pub fn csv(rows: &[Row]) -> String {
    let mut out = String::from("id,group,amount,note\n");
    for row in rows {
        let text = |cell: Option<&String>| {
            cell.map_or("NA".to_owned(), |text| format!("\"{}\"", text.replace('"', "\"\"")))
        };
        let amount = row.amount.map_or("NA".to_owned(), |amount| amount.to_string());
        let _ = writeln!(
            out,
            "{},{},{amount},{}",
            row.id,
            text(row.group.as_ref()),
            text(row.note.as_ref())
        );
    }
    out
}

/// NULLs last, whichever way the values run.
pub fn order<T: Ord>(a: Option<&T>, b: Option<&T>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

/// A row as JSON lines have it.
pub fn json(row: &Row) -> String {
    let value = serde_json::json!({
        "id": row.id, "group": row.group, "amount": row.amount, "note": row.note,
    });
    let cell = |name: &str| format!("\"{name}\":{}", value[name]);
    format!("{{{},{},{},{}}}", cell("id"), cell("group"), cell("amount"), cell("note"))
}
