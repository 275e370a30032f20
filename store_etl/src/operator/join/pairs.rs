//! From pairs to rows of the output.

use super::bind::{Join, NOWHERE, Side};
use super::dictionary::Dictionary;
use super::record::UNIT;
use super::walk::{ALONE, Walk};
use crate::batch::{Batch, Limits, fixed_bytes};
use crate::operator::key::long_of;
use store_core::Result;

/// Where the rows of a walk are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seekers<'b> {
    /// Left rows of a batch.
    Batch(&'b Batch),
    /// Records of this side in some bytes.
    Records(Side, &'b [u8]),
}

/// How full the output is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filling<'l> {
    limits: &'l Limits,
    bytes: usize,
    row: usize,
}

impl<'l> Filling<'l> {
    pub fn of(out: &Batch, limits: &'l Limits) -> Self {
        let row = out.columns().iter().map(|column| fixed_bytes(column.ty()) + 1).sum();
        Self { limits, bytes: out.data_bytes(), row }
    }

    pub const fn is_full(&self, rows: usize) -> bool {
        rows >= self.limits.rows || self.bytes >= self.limits.bytes
    }

    pub const fn add(&mut self, texts: usize) {
        self.bytes += self.row + texts;
    }
}

impl Join {
    /// Adds the waiting pairs to the output until it is full. Partners are records in `memory`.
    pub(super) fn take_pairs(
        &self,
        walk: &mut Walk,
        seekers: Seekers<'_>,
        memory: &[u8],
        dictionaries: &[Dictionary],
        out: &mut Batch,
        limits: &Limits,
    ) -> Result<()> {
        let before = out.rows();
        let mut filling = Filling::of(out, limits);
        let mut rows = before;
        let mut picked: Vec<u32> = Vec::new();
        while walk.taken < walk.pairs.len() && !filling.is_full(rows) {
            let (row, place) = walk.pairs[walk.taken];
            let partner = (place != ALONE).then_some((memory, place as usize * UNIT));
            let texts = match seekers {
                Seekers::Batch(batch) => {
                    picked.push(row);
                    let own: usize = self.left_texts(batch, row as usize);
                    own + self.push_right(partner, dictionaries, out)?
                }
                Seekers::Records(side, bytes) => {
                    let own = Some((bytes, row as usize));
                    let (left, right) =
                        if side == Side::Left { (own, partner) } else { (partner, own) };
                    self.push_both(left, right, dictionaries, out)?
                }
            };
            filling.add(texts);
            rows += 1;
            walk.taken += 1;
        }
        if let Seekers::Batch(batch) = seekers {
            // A joined row stands where the row that streamed by does.
            out.places.append_picked(&batch.places, &picked, before);
            for (from, to) in &self.left_out {
                out.columns_mut()[*to].append_picked(&batch.columns()[*from], &picked)?;
            }
        }
        out.set_rows(rows);
        Ok(())
    }

    fn left_texts(&self, batch: &Batch, row: usize) -> usize {
        let long = self.layout(Side::Left).payload.long_columns();
        long.map(|key| long_of(&batch.columns()[key.column], row).map_or(0, <[u8]>::len)).sum()
    }

    /// Adds the columns of a right row, or NULL, beside a left row; how many bytes of text they have.
    fn push_right(
        &self,
        right: Option<(&[u8], usize)>,
        dictionaries: &[Dictionary],
        out: &mut Batch,
    ) -> Result<usize> {
        if self.right_map.is_empty() {
            return Ok(0);
        }
        let columns = out.columns_mut();
        let Some((bytes, at)) = right else {
            for to in self.right_map.iter().filter(|to| **to != NOWHERE) {
                columns[*to].push_null()?;
            }
            return Ok(0);
        };
        let layout = self.layout(Side::Right);
        let parts = layout.parts(bytes, at)?;
        layout.read((&bytes[parts.payload], parts.left_out), dictionaries, &self.right_map, columns)
    }

    /// Adds a row of records, one of which may be missing.
    fn push_both(
        &self,
        left: Option<(&[u8], usize)>,
        right: Option<(&[u8], usize)>,
        dictionaries: &[Dictionary],
        out: &mut Batch,
    ) -> Result<usize> {
        let Some((bytes, at)) = left else {
            return right.map_or(Ok(0), |right| self.push_right_alone(right, dictionaries, out));
        };
        let layout = self.layout(Side::Left);
        let parts = layout.parts(bytes, at)?;
        let payload = (&bytes[parts.payload], parts.left_out);
        let own = layout.read(payload, &[], &self.left_map, out.columns_mut())?;
        Ok(own + self.push_right(right, dictionaries, out)?)
    }

    /// Adds a right row without a left one.
    fn push_right_alone(
        &self,
        (bytes, at): (&[u8], usize),
        dictionaries: &[Dictionary],
        out: &mut Batch,
    ) -> Result<usize> {
        let layout = self.layout(Side::Right);
        let parts = layout.parts(bytes, at)?;
        let columns = out.columns_mut();
        let payload = (&bytes[parts.payload], parts.left_out);
        let texts = layout.read(payload, dictionaries, &self.right_alone, columns)?;
        for to in self.left_map.iter().filter(|to| !self.right_alone.contains(to)) {
            columns[*to].push_null()?;
        }
        Ok(texts)
    }

    /// Adds a row of this side alone.
    pub(super) fn push_alone(
        &self,
        side: Side,
        record: (&[u8], usize),
        dictionaries: &[Dictionary],
        out: &mut Batch,
    ) -> Result<usize> {
        let rows = out.rows();
        let texts = match side {
            Side::Left => self.push_both(Some(record), None, dictionaries, out)?,
            Side::Right => self.push_right_alone(record, dictionaries, out)?,
        };
        out.set_rows(rows + 1);
        Ok(texts)
    }
}
