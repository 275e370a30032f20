//! What leaves memory: runs on disk, sorts over them, the place they lie in, and the memory that a whole
//! process takes for it.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod cap;
mod damage;
mod lines;
mod place;
mod sorts;

/// Numbers that look random, the same for a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % limit
    }
}
