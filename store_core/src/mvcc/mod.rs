//! Versions of rows and who may see them.
//!
//! ```text
//! timeline   next ──► finished ring ──► published          watermark ◄── registered snapshots
//! slot       [ begin | owner, chain | key … | newest committed payload … ]
//!                             └─► node [ begin | next | payload … ] ─► node …   older versions
//! ```

pub(crate) mod chain;
mod registry;
pub(crate) mod timeline;

pub(crate) use chain::Versions;
pub(crate) use timeline::{Timeline, Timestamp};
