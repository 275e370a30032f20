//! What of the unsynced changes a crash leaves: the choices, and who makes them.

/// Disks write this much at once or not at all.
const SECTOR_BYTES: usize = 512;
/// Larger ones.
const LARGE_SECTOR_BYTES: usize = 4096;

/// Chooses what survives a crash.
pub trait Decide {
    /// Any number below `choices`, which is at least 1.
    fn pick(&mut self, choices: usize) -> usize;

    /// How much is written at once or not at all.
    fn sector_bytes(&mut self) -> usize;

    /// Changes of names survive up to one of them, not any of them.
    fn journals_names(&mut self) -> bool {
        false
    }

    /// Notices may survive.
    fn keeps_notices(&mut self) -> bool {
        false
    }

    /// The changes of another file come.
    fn next_file(&mut self) {}

    /// Whether the next change survives.
    fn survives(&mut self) -> bool {
        self.pick(2) == 0
    }
}

/// Choices by a seed. All, nothing, or a mixture survive of a file: the corners are the likeliest to
/// hide a bug.
#[derive(Clone, Debug)]
pub struct Seeded {
    state: u64,
    keep_of_8: usize,
}

impl Seeded {
    /// The same choices for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed, keep_of_8: 4 }
    }
}

impl Decide for Seeded {
    /// splitmix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
    fn pick(&mut self, choices: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % choices as u64) as usize
    }

    fn sector_bytes(&mut self) -> usize {
        [SECTOR_BYTES, LARGE_SECTOR_BYTES][self.pick(2)]
    }

    fn journals_names(&mut self) -> bool {
        self.pick(2) == 0
    }

    fn keeps_notices(&mut self) -> bool {
        true
    }

    fn next_file(&mut self) {
        self.keep_of_8 = [0, 8, 1, 4, 7][self.pick(5)];
    }

    fn survives(&mut self) -> bool {
        self.pick(8) < self.keep_of_8
    }
}

/// Every legal outcome, one after the other, with sectors of one size: counts through all sequences of choices.
#[derive(Clone, Debug)]
pub struct Each {
    sector_bytes: usize,
    /// What was chosen of how many, first choice first.
    path: Vec<(usize, usize)>,
    at: usize,
}

impl Each {
    /// Begins with the outcome in which everything survives. Sectors are of so many bytes.
    pub const fn new(sector_bytes: usize) -> Self {
        Self { sector_bytes, path: Vec::new(), at: 0 }
    }

    /// Goes on to the next outcome; false if there is none.
    pub fn advance(&mut self) -> bool {
        self.path.truncate(self.at);
        self.at = 0;
        while let Some((chosen, choices)) = self.path.pop() {
            if chosen + 1 < choices {
                self.path.push((chosen + 1, choices));
                return true;
            }
        }
        false
    }
}

impl Decide for Each {
    fn pick(&mut self, choices: usize) -> usize {
        if self.at == self.path.len() {
            self.path.push((0, choices));
        }
        let (chosen, before) = self.path[self.at];
        assert_eq!(before, choices, "the same device was crashed in the same state");
        self.at += 1;
        chosen
    }

    fn sector_bytes(&mut self) -> usize {
        self.sector_bytes
    }
}
