//! A number for what a row of a table looks like.

use super::Schema;
use xxhash_rust::xxh3::xxh3_64;

impl Schema {
    /// A number for the columns (name, type, notnull, in order) and the key: equal for tables whose
    /// rows look alike, in every version of the store and on every machine.
    ///
    /// The table's name, defaults, properties and indexes do not count, nor does a hidden key but as
    /// the lack of one.
    ///
    /// ```
    /// use store_core::Schema;
    /// let hash = |columns| Ok::<_, store_core::Error>(Schema::parse("flights", columns)?.hash());
    /// assert_eq!(hash("id int64 key, at date")?, hash("id int64 key, at date default null index")?);
    /// assert_ne!(hash("id int64 key, at date")?, hash("id int64 key, at date notnull")?);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn hash(&self) -> u64 {
        // Lengths first, so that no two schemas have the same bytes.
        let mut bytes = Vec::new();
        let mut put = |text: &str| {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        };
        for column in self.visible_columns() {
            put(&column.name);
            put(&column.ty.to_string());
            put(if column.notnull { "notnull" } else { "" });
        }
        put("key");
        if !self.has_hidden_key() {
            self.key.iter().for_each(|column| put(&self.columns[*column].name));
        }
        xxh3_64(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(columns: &str) -> u64 {
        Schema::parse("t", columns).unwrap().hash()
    }

    #[test]
    fn a_schema_has_the_same_number_for_ever() {
        assert_eq!(hash("id int64 key, at date"), 5_948_700_741_500_621_439);
    }

    #[test]
    fn every_difference_between_rows_counts_and_nothing_else() {
        let shapes = [
            "a int64 key, b date, c text",
            "a int64, b date, c text",
            "a int64, b date key, c text",
            "a int64 notnull, b date key, c text",
            "a int64, b date, c text, key(a, b)",
            "a int64, b date, c text, key(b, a)",
            "a int32 key, b date, c text",
            "a int64 key, b date notnull, c text",
            "a int64 key, c text, b date",
            "a int64 key, b date, d text",
            "a int64 key, b date",
        ];
        let mut hashes = shapes.map(hash).to_vec();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), shapes.len());
        let same = "a int64 key notnull, b date index, c text default 'x' property p 'q'";
        assert_eq!(hash(same), hash(shapes[0]));
    }
}
