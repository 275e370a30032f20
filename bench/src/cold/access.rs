//! What it costs that some of the rows asked for are cold.

use super::{ROUNDS, loaded};
use crate::keys::Random;
use crate::measure::{cpu_seconds, median, verdict};
use crate::rows;
use store_core::query::{Predicate, column};
use store_core::{Store, Table, Value, ValueRef};

const READS: usize = 100_000;
const TXNS: usize = 5_000;
const UPDATES_OF_TXN: usize = 10;
/// Of a thousand accesses, how many are to rows in memory; the first is what the others are held against.
const HOT: [u64; 4] = [1000, 990, 950, 800];
/// Least of all in memory when 99 % of the accesses are to rows in memory.
const READ_GATE: f64 = 0.4;
const UPDATE_GATE: f64 = 0.85;

/// The older half of the flights is frozen, the newer in memory.
struct Halves {
    store: Store,
    table: Table,
    ids: Vec<String>,
    is_old: Predicate,
}

impl Halves {
    /// Positions of flights, so many in a thousand of them in memory; cold ones come once at most.
    fn draw(&self, count: usize, hot: u64, seed: u64) -> Vec<usize> {
        let mut random = Random(seed);
        let half = self.ids.len() / 2;
        let mut cold = random.next() as usize % half;
        let mut one = |_| {
            if random.next() % 1000 < hot {
                return half + random.next() as usize % half;
            }
            cold = (cold + 7_919) % half;
            cold
        };
        (0..count).map(&mut one).collect()
    }

    fn read(&self, picks: &[usize]) {
        let snapshot = self.store.snapshot().expect("a snapshot opens");
        for pick in picks {
            let row = self.table.get(&snapshot, &[ValueRef::Text(&self.ids[*pick])]);
            std::hint::black_box(row.expect("a key of the right shape").expect("the row is there"));
        }
    }

    fn update(&self, picks: &[usize], round: i64) {
        for few in picks.chunks(UPDATES_OF_TXN) {
            let changes = [("altitude", (round * 100).into()), ("gs", 400_i64.into())];
            let update = |txn: &mut store_core::Txn| {
                few.iter().try_for_each(|pick| {
                    let key = [ValueRef::Text(&self.ids[*pick])];
                    self.table.update(txn, &key, &changes).map(|found| assert!(found))
                })
            };
            self.store.write(update).expect("room, and nobody else");
        }
    }

    /// Rows that were written are in memory again: back with them.
    fn freeze(&self) {
        self.table.freeze(&self.is_old, |_| true).expect("room on the disk");
    }
}

pub fn run_part(rows: usize) {
    let (_place, store, table) = loaded("access", rows);
    let flights: Vec<_> = rows::flights(rows).collect();
    let middle = flights[rows / 2].updated_at * 1_000_000;
    let ids = flights.iter().map(|flight| flight.id.as_str().to_owned()).collect();
    let is_old = column("updated_at").lt(Value::Timestamp(middle));
    let halves = Halves { store, table, ids, is_old };
    halves.freeze();
    let stats = halves.table.stats();
    println!(
        "{rows} flights, {} of them in {} segments; operations a second of one thread",
        stats.cold_rows, stats.cold_segments
    );
    compare("reads", READS, READ_GATE, |hot, round| {
        let picks = halves.draw(READS, hot, round as u64);
        cpu_seconds(|| halves.read(&picks)).0
    });
    compare("transactions of ten updates", TXNS, UPDATE_GATE, |hot, round| {
        let picks = halves.draw(TXNS * UPDATES_OF_TXN, hot, round as u64);
        let seconds = cpu_seconds(|| halves.update(&picks, round as i64)).0;
        halves.freeze();
        seconds
    });
    println!("    {} segments in the end", halves.table.stats().cold_segments);
}

/// Runs all shares in turn, and prints each beside the first.
fn compare(what: &str, count: usize, gate: f64, mut run: impl FnMut(u64, usize) -> f64) {
    let mut seconds = vec![Vec::new(); HOT.len()];
    for round in 0..=ROUNDS {
        for turn in 0..HOT.len() {
            let at = (turn + round) % HOT.len();
            let spent = run(HOT[at], round);
            if round > 0 {
                seconds[at].push(spent);
            }
        }
    }
    println!("{what}, rows in memory");
    for (at, hot) in HOT.iter().enumerate() {
        let ratios = seconds[at].iter().zip(&seconds[0]).map(|(this, all)| all / this);
        let ratio = median(&mut ratios.collect::<Vec<_>>());
        let rate = count as f64 / median(&mut seconds[at].clone()).0;
        let gate = (*hot == 990).then_some(gate);
        println!("    {:5.1} %  {rate:10.0} /s  {}", *hot as f64 / 10.0, verdict(ratio, gate));
    }
}
