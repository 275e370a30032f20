//! Loss of power, failing syncs, full disks, killed processes, damaged bytes (I6, I7, I16).
//!
//! After each the store must be a prefix of the commit order that contains every acknowledged
//! commit, made of whole transactions only.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod backup;
mod damage;
mod faults;
mod golden;
mod history;
mod incremental;
mod kill;
mod levels;
mod many;
mod opening;
mod power;
mod processes;
mod salvage;
mod sequences;
mod space;
mod steps;
mod strace;
mod syncs;
