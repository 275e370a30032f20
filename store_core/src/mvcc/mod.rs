//! Versions of rows and who may see them.
//!
//! ```text
//! timeline   next ──► finished ring ──► published          watermark ◄── registered snapshots
//! slot       [ begin | owner, chain | key … | newest committed payload … ]
//!                             └─► node [ begin | next | payload … ] ─► node …   older versions
//! ```

pub(crate) mod chain;
pub(crate) mod images;
mod left_pages;
pub(crate) mod live;
mod nodes;
mod present;
mod prune;
mod registry;
mod retire;
mod seat;
pub(crate) mod timeline;

pub(crate) use chain::{SlotWords, Versions, Walk};
pub(crate) use images::{Columns, Look, Scan};
pub(crate) use live::LiveSnapshots;
pub(crate) use present::Present;
pub(crate) use prune::{FreeNodes, Pruned};
pub(crate) use timeline::{Moment, Timeline, Timestamp};
