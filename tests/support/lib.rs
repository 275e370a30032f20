//! What the tests share: devices that fail on purpose, random numbers, rows and their checks.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

pub mod gate;
pub mod interrupt;
pub mod memory;
pub mod random;
pub mod rows;
pub mod sealed;
pub mod sim_device;
