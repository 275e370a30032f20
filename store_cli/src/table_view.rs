//! Rows drawn as a table for people.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use std::io::Write;
use store_core::{Error, Result, ValueRef};
use store_etl::format::{RowWriter, write_readable};

/// Rows drawn at once: a longer result comes as several tables, so that memory stays bounded.
const ROWS_DRAWN: usize = 1000;

/// Draws rows; widths follow the terminal's if there is one.
pub struct TableWriter<W: Write> {
    out: W,
    null: String,
    names: Vec<String>,
    table: Table,
    rows: usize,
    drawn: bool,
}

impl<W: Write> TableWriter<W> {
    /// A writer that shows NULL as this text.
    pub fn new(out: W, null: Option<&str>) -> Self {
        let null = null.unwrap_or("NULL").to_owned();
        Self { out, null, names: Vec::new(), table: Table::new(), rows: 0, drawn: false }
    }

    fn begin(&mut self) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(self.names.iter().map(|name| Cell::new(printable(name))));
        (self.table, self.rows, self.drawn) = (table, 0, false);
    }

    fn draw(&mut self) -> Result<()> {
        self.drawn = true;
        writeln!(self.out, "{}", self.table).map_err(|error| Error::io("output", error))
    }

    fn cell(&self, value: ValueRef<'_>) -> Cell {
        if value.is_null() {
            return Cell::new(&self.null);
        }
        let mut text = Vec::new();
        write_readable(value, &mut text);
        let cell = Cell::new(printable(&String::from_utf8_lossy(&text)));
        match value {
            ValueRef::Int(_)
            | ValueRef::Float32(_)
            | ValueRef::Float64(_)
            | ValueRef::Decimal(..) => cell.set_alignment(CellAlignment::Right),
            _ => cell,
        }
    }
}

impl<W: Write> RowWriter for TableWriter<W> {
    fn header(&mut self, names: &[&str]) -> Result<()> {
        self.names = names.iter().map(|name| (*name).to_owned()).collect();
        self.begin();
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        if self.rows == ROWS_DRAWN {
            self.draw()?;
            self.begin();
        }
        self.rows += 1;
        let row: Vec<Cell> = cells.iter().map(|cell| self.cell(*cell)).collect();
        self.table.add_row(row);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if !self.drawn {
            self.draw()?;
        }
        self.out.flush().map_err(|error| Error::io("output", error))
    }
}

/// The text with control characters escaped: data must not steer a terminal.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_cannot_steer_the_terminal() {
        let mut out = Vec::new();
        let mut writer = TableWriter::new(&mut out, None);
        writer.header(&["name", "n"]).unwrap();
        writer.row(&["\u{1b}[31mred\n".into(), ValueRef::Null]).unwrap();
        writer.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\\u{1b}[31mred\\n"), "{text}");
        assert!(text.contains("NULL"), "{text}");
    }

    #[test]
    fn a_long_result_comes_as_several_tables() {
        let mut out = Vec::new();
        let mut writer = TableWriter::new(&mut out, None);
        writer.header(&["number"]).unwrap();
        for number in 0..=ROWS_DRAWN as i64 {
            writer.row(&[number.into()]).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap().matches("number").count(), 2);
    }
}
