//! Histories of random transactions over lists, recorded from many threads, and a checker that
//! finds what no snapshots or no serial order explain.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod by_hand;
mod check;
mod graph;
mod orders;
mod record;
