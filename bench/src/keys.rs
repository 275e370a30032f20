//! Keys in the order in which a workload asks for them.

use crate::rows::Id;

/// Keys of existing rows, in both forms that engines take.
pub struct Keys {
    /// Positions in the order of making.
    pub ranks: Vec<u32>,
    /// For maps.
    pub ids: Vec<Id>,
    /// For the store and SQLite; one after another in memory, like `ids`.
    pub texts: Vec<&'static str>,
}

/// How keys are drawn.
#[derive(Clone, Copy)]
pub enum Draw {
    Uniform,
    /// As YCSB does: zipf with 0.99, popular rows scattered over the table.
    Zipf,
}

impl Draw {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf 0.99",
        }
    }
}

/// A small generator, the same in each run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, limit: usize) -> u32 {
        ((u128::from(self.next()) * limit as u128) >> 64) as u32
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Zipf by Gray et al., "Quickly generating billion-record synthetic databases" (1994).
struct Zipf {
    items: f64,
    alpha: f64,
    zeta: f64,
    eta: f64,
    second: f64,
}

impl Zipf {
    fn new(items: usize, theta: f64) -> Self {
        let zeta: f64 = (1..=items).map(|rank| (rank as f64).powf(-theta)).sum();
        let second = 0.5_f64.powf(theta);
        let eta = (1.0 - (2.0 / items as f64).powf(1.0 - theta)) / (1.0 - (1.0 + second) / zeta);
        Self { items: items as f64, alpha: 1.0 / (1.0 - theta), zeta, eta, second }
    }

    fn next(&self, random: &mut Random) -> u64 {
        let unit = random.unit();
        let scaled = unit * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + self.second {
            return 1;
        }
        (self.items * (self.eta * unit - self.eta + 1.0).powf(self.alpha)) as u64
    }
}

impl Keys {
    /// Draws keys from all ids of the table.
    pub fn draw(all: &[Id], count: usize, draw: Draw, seed: u64) -> Self {
        let mut random = Random(seed);
        let ranks: Vec<u32> = match draw {
            Draw::Uniform => (0..count).map(|_| random.below(all.len())).collect(),
            Draw::Zipf => {
                let zipf = Zipf::new(all.len(), 0.99);
                let scatter = |popular: u64| Random(popular).below(all.len());
                (0..count).map(|_| scatter(zipf.next(&mut random))).collect()
            }
        };
        Self::of(all, ranks)
    }

    /// The keys of these rows.
    pub fn of(all: &[Id], ranks: Vec<u32>) -> Self {
        let ids: Vec<Id> = ranks.iter().map(|rank| all[*rank as usize]).collect();
        let length = |id: &Id| id.0.iter().position(|byte| *byte == 0).unwrap_or(id.0.len());
        let mut arena = String::new();
        for id in &ids {
            arena.push_str(std::str::from_utf8(&id.0[..length(id)]).expect("ASCII"));
        }
        // Kept until the process ends.
        let mut rest: &'static str = arena.leak();
        let mut texts = Vec::with_capacity(ids.len());
        for id in &ids {
            let (text, others) = rest.split_at(length(id));
            texts.push(text);
            rest = others;
        }
        Self { ranks, ids, texts }
    }

    pub fn len(&self) -> usize {
        self.ranks.len()
    }
}
