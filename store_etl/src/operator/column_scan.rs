//! Files that have columns of their own into batches, one file after another.

use super::{Digests, InputDigest, Operator, Shared};
use crate::batch::{Batch, Field};
use crate::format::columnar::RowGroups;
use crate::job::{InputFile, ScanPlan, open_columns, places};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use store_core::mem::Reservation;
use store_core::{Error, Result};

/// A scan of such files.
pub(crate) struct ColumnScan {
    plan: Arc<ScanPlan>,
    step: usize,
    shared: Shared,
    batch: Batch,
    files: std::vec::IntoIter<InputFile>,
    open: Option<Open>,
    rows_before: u64,
    _held: Reservation,
}

/// The file at hand.
struct Open {
    name: String,
    digest: Arc<InputDigest>,
    rows: Box<dyn RowGroups>,
    /// Bytes of the file, and the part of it that was told as read.
    bytes: u64,
    told: u64,
    /// Rows it has, if that is known, and rows it gave.
    count: u64,
    given: u64,
}

impl ColumnScan {
    pub fn new(
        plan: &Arc<ScanPlan>,
        fields: &[Field],
        step: usize,
        shared: &Shared,
    ) -> Result<Self> {
        let limits = shared.limits();
        let pages = plan.columnar.as_ref().map_or(0, |known| known.bytes);
        // The batch, and what is on its way to it.
        let held = limits.resident_bytes(fields.len()) + 2 * limits.bytes + pages;
        Ok(Self {
            plan: Arc::clone(plan),
            step,
            shared: shared.clone(),
            batch: Batch::new(fields),
            files: plan.files.clone().into_iter(),
            open: None,
            rows_before: 0,
            _held: shared.holder.reserve(held)?,
        })
    }

    /// Opens the next file; false if there is none.
    fn open_next(&mut self) -> Result<bool> {
        let Some(file) = self.files.next() else { return Ok(false) };
        let Some(known) = &self.plan.columnar else { return Ok(false) };
        let Some(sizes) = &known.sizes else { return Ok(false) };
        let name = file.name();
        let open = open_columns(self.plan.format, &file)?;
        let digest = note(&self.shared.digests, &name, open.footer_bytes());
        let count = open.rows().unwrap_or(0);
        let places = places(&self.plan, &open, &name)?;
        let rows = open.rows_of(&places, sizes, &known.comparisons);
        let rows = rows.map_err(|error| error.at(&name))?;
        let [groups, skipped, rows_skipped] = rows.groups();
        digest.groups.store(groups, Relaxed);
        digest.groups_skipped.store(skipped, Relaxed);
        let counts = &self.shared.counts.steps[self.step];
        counts.took(rows_skipped);
        counts.filtered(rows_skipped);
        self.rows_before = 0;
        let bytes = file.bytes.unwrap_or(0);
        self.open = Some(Open { name, digest, rows, bytes, told: 0, count, given: rows_skipped });
        Ok(true)
    }
}

/// Notes a file that is read; its digest is that of its footer.
fn note(digests: &Digests, name: &str, footer: &[u8]) -> Arc<InputDigest> {
    let digest = InputDigest::of_footer(name, footer);
    digests.lock().push(Arc::clone(&digest));
    digest
}

impl Open {
    /// Tells how far it is, in bytes of the file.
    fn tell(&mut self, rows: usize, shared: &Shared) {
        self.given += rows as u64;
        let part = if rows == 0 {
            self.bytes
        } else {
            let share = u128::from(self.given) * u128::from(self.bytes);
            (share / u128::from(self.count.max(self.given).max(1))) as u64
        };
        let part = if self.count == 0 && rows > 0 { self.told } else { part };
        let more = part.saturating_sub(self.told);
        self.told += more;
        shared.counts.source_bytes.fetch_add(more, Relaxed);
        shared.counts.bytes.fetch_add(more, Relaxed);
        self.digest.bytes.fetch_add(more, Relaxed);
        shared.counts.scanned.fetch_add(rows as u64, Relaxed);
    }
}

impl Operator for ColumnScan {
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.shared.tick()?;
            self.batch.clear();
            if self.open.is_none() && !self.open_next()? {
                return Ok(false);
            }
            let Some(open) = &mut self.open else { return Ok(false) };
            let limits = self.shared.limits();
            let filled = open.rows.fill(&mut self.batch, limits);
            let rows = filled.map_err(|error: Error| {
                let place = format!("{}, behind row {}", open.name, self.rows_before);
                error.at(place)
            })?;
            open.tell(rows, &self.shared);
            let counts = &self.shared.counts.steps[self.step];
            counts.took(rows as u64);
            counts.gave(rows as u64);
            self.rows_before += rows as u64;
            if rows > 0 {
                return Ok(true);
            }
            open.digest.whole.store(true, Relaxed);
            self.open = None;
        }
    }

    fn batch(&self) -> &Batch {
        &self.batch
    }
}
