//! Changes of the schema, as the log has them.

use crate::codec;
use crate::error::Result;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::schema::{Column, Index, Schema};
use crate::txn::Engine;
use crate::wal::{HashedPayload, RecordKind, Wait};
use bincode::{Decode, Encode};

/// One change.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) enum SchemaRecord {
    /// A new table.
    Table { id: u32, schema: Schema },
    /// A new index, which holds every row of its table by now.
    Index { table: u32, index: Index },
    /// An index, by its number, that is no more.
    DropIndex { table: u32, index: u32 },
    /// A new column: the rows are those of another table from now on, with its default.
    AddColumn { table: u32, becomes: u32, column: Column },
    /// A column, by its number, that is no more; the same.
    DropColumn { table: u32, becomes: u32, column: u32 },
    /// A table that is no more.
    DropTable { table: u32 },
}

impl SchemaRecord {
    /// The table whose readers must not commit as if nothing had happened.
    fn concerns(&self) -> Option<u32> {
        match self {
            Self::Table { .. } | Self::Index { .. } | Self::DropIndex { .. } => None,
            Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::DropTable { table } => Some(*table),
        }
    }
}

/// Makes a change: logs it, and once it is durable applies it, at its timestamp, and publishes it.
/// Every snapshot that reads the timestamp given, or a later one, has been taken after it was
/// applied. Without a log it is a commit without rows.
///
/// After an error nothing was applied, unless the log is poisoned: then nothing after it can be
/// published either.
pub(crate) fn log_change(
    engine: &Engine,
    record: &SchemaRecord,
    apply: impl FnOnce(Timestamp),
) -> Result<Timestamp> {
    let timeline = &engine.timeline;
    let Some(log) = engine.log() else {
        let at = timeline.take();
        engine.sequencer.enter_change(at, record.concerns(), timeline);
        apply(at);
        timeline.publish(at)?;
        return Ok(at);
    };
    let mut payload = Vec::new();
    codec::encode(record, &mut payload)?;
    let hashed = HashedPayload::new(&payload);
    let appended =
        log.wal.append(RecordKind::Schema, &hashed, Wait::Writer, || timeline.take().0)?;
    let at = Timestamp(appended.timestamp);
    engine.sequencer.enter_change(at, record.concerns(), timeline);
    let skipped = planted::bug("schema_change_not_synced");
    let durable = if skipped { Ok(()) } else { log.wal.wait_durable(appended.end) };
    if durable.is_err() {
        timeline.give_up();
    }
    durable?;
    apply(at);
    timeline.publish(at)?;
    Ok(at)
}

/// Publishes a timestamp of its own: every snapshot that reads it, or a later one, has been taken
/// after this call began.
pub(crate) fn tick(engine: &Engine) -> Result<Timestamp> {
    let at = engine.timeline.take();
    engine.sequencer.enter_change(at, None, &engine.timeline);
    engine.timeline.publish(at)?;
    Ok(at)
}
