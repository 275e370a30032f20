//! Loss of power, failing syncs, full disks, killed processes, damaged bytes (I6, I7, I16).
//!
//! After each the store must be a prefix of the commit order that contains every acknowledged
//! commit, made of whole transactions only.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod damage;
mod history;
mod kill;
mod levels;
mod power;
mod space;
mod syncs;
