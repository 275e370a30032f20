//! Drawing: a small generator of random bits, and choices by weight in one look-up.

/// `SplitMix64` (Steele, Lea, Flood 2014): a counter and a mixing function, integers only, so that
/// every machine draws the same.
pub struct Bits(u64);

impl Bits {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

/// Bits that choose from a [`Ranked`].
pub const CHOICE_BITS: u32 = 12;

/// Chooses one of up to 256 things, the first most often: the weight of rank `r` is 1 / (r + `flat`).
pub struct Ranked([u8; 1 << CHOICE_BITS]);

impl Ranked {
    pub fn new(things: usize, flat: u64) -> Self {
        const ONE: u64 = 1 << 40;
        assert!((1..=256).contains(&things), "a rank fits in a byte");
        let weight = |rank: usize| ONE / (rank as u64 + flat);
        let all: u64 = (0..things).map(weight).sum();
        let mut places = [0; 1 << CHOICE_BITS];
        let (mut rank, mut up_to) = (0, weight(0));
        for (place, chosen) in places.iter_mut().enumerate() {
            while u128::from(up_to) << CHOICE_BITS <= place as u128 * u128::from(all) {
                rank += 1;
                up_to += weight(rank);
            }
            *chosen = rank as u8;
        }
        Self(places)
    }

    pub fn choose(&self, bits: u64) -> usize {
        usize::from(self.0[bits as usize % self.0.len()])
    }
}
