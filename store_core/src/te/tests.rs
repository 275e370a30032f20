//! Schedules against brute force.

use super::*;

struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % limit
    }
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(count - 1) {
        for at in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(at, count - 1);
            all.push(longer);
        }
    }
    all
}

#[test]
fn the_order_of_children_is_the_best_of_all() {
    let mut draw = Draw(3);
    for _ in 0..2000 {
        let children: Vec<Requirement> = (0..=draw.below(6))
            .map(|_| {
                let peak = draw.below(40);
                Requirement { peak, residual: draw.below(peak + 1) }
            })
            .collect();
        let peak_of = |order: &[usize]| {
            peak_in_order(&order.iter().map(|at| children[*at]).collect::<Vec<_>>())
        };
        let best = permutations(children.len()).iter().map(|order| peak_of(order)).min();
        assert_eq!(Some(peak_of(&order_children(&children))), best, "{children:?}");
    }
}

/// A random forest: each phase is read by a later one or by none.
fn random_phases(draw: &mut Draw) -> Vec<Phase> {
    let count = 1 + draw.below(7) as usize;
    let mut phases: Vec<Phase> = (0..count)
        .map(|nth| Phase {
            name: format!("p{nth}"),
            inputs: Vec::new(),
            streaming: draw.below(20),
            sources: draw.below(20),
            breaker_min: draw.below(30),
            breaker_max: draw.below(200),
            residual: draw.below(25),
        })
        .collect();
    for child in 0..count - 1 {
        if draw.below(8) > 0 {
            let parent = child + 1 + draw.below((count - child - 1) as u64) as usize;
            phases[parent].inputs.push(child);
        }
    }
    phases
}

/// What the phases hold at each step of an order, from the definition.
fn moments(phases: &[Phase], order: &[usize], held: impl Fn(usize) -> u64) -> Option<Vec<u64>> {
    let mut live: Vec<usize> = Vec::new();
    let mut moments = Vec::new();
    for at in order {
        if !phases[*at].inputs.iter().all(|input| live.contains(input)) {
            return None;
        }
        moments.push(live.iter().map(|done| phases[*done].residual).sum::<u64>() + held(*at));
        live.retain(|done| !phases[*at].inputs.contains(done));
        live.push(*at);
    }
    Some(moments)
}

/// True if every subtree is finished before another one begins.
fn is_postorder(phases: &[Phase], order: &[usize]) -> bool {
    fn collect(phases: &[Phase], at: usize, all: &mut Vec<usize>) {
        all.push(at);
        phases[at].inputs.iter().for_each(|input| collect(phases, *input, all));
    }
    order.iter().enumerate().all(|(place, at)| {
        let mut tree = Vec::new();
        collect(phases, *at, &mut tree);
        place + 1 >= tree.len()
            && order[place + 1 - tree.len()..=place].iter().all(|part| tree.contains(part))
    })
}

#[test]
fn every_schedule_is_valid_and_within_the_cap_or_refused_with_the_smallest_cap() {
    let mut draw = Draw(5);
    let (mut planned, mut refused) = (0, 0);
    for _ in 0..4000 {
        let phases = random_phases(&mut draw);
        let (base, cap) = (draw.below(20), draw.below(260));
        match schedule(&phases, base, cap) {
            Ok(found) => {
                planned += 1;
                let held = |at: usize| {
                    base + phases[at].streaming + phases[at].sources + found.breaker[at]
                };
                let moments = moments(&phases, &found.order, held).expect("inputs come first");
                let by_phase: Vec<u64> = found.order.iter().map(|at| found.peaks[*at]).collect();
                assert_eq!(moments, by_phase);
                assert_eq!(moments.iter().max(), Some(&found.peak));
                assert!(found.peak <= cap);
                for (phase, given) in phases.iter().zip(&found.breaker) {
                    assert!(*given >= phase.breaker_min, "{phase:?} is given {given}");
                }
            }
            Err(Refused::TooSmall { min_cap }) => {
                refused += 1;
                assert!(min_cap > cap);
                assert!(schedule(&phases, base, min_cap).is_ok());
                assert_eq!(
                    schedule(&phases, base, min_cap - 1),
                    Err(Refused::TooSmall { min_cap })
                );
            }
            Err(Refused::NoTree) => panic!("{phases:?} is a forest"),
        }
    }
    assert!(planned > 500 && refused > 500, "{planned} {refused}");
}

#[test]
fn the_smallest_cap_is_that_of_the_best_postorder() {
    let mut draw = Draw(7);
    for _ in 0..400 {
        let phases = random_phases(&mut draw);
        let least = |at: usize| phases[at].streaming + phases[at].sources + phases[at].breaker_min;
        let best = permutations(phases.len())
            .iter()
            .filter(|order| is_postorder(&phases, order))
            .filter_map(|order| moments(&phases, order, least))
            .filter_map(|moments| moments.into_iter().max())
            .min();
        let found = schedule(&phases, 0, u64::MAX).expect("any cap does");
        assert_eq!(Some(found.min_cap), best, "{phases:?}");
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    let reads = |inputs: Vec<usize>| Phase { inputs, ..Phase::default() };
    for phases in [
        vec![reads(vec![0])],
        vec![reads(vec![1]), reads(vec![0])],
        vec![reads(vec![]), reads(vec![0]), reads(vec![0])],
        vec![reads(vec![4])],
    ] {
        assert_eq!(schedule(&phases, 0, 100), Err(Refused::NoTree), "{phases:?}");
    }
}

/// Bytes of the cheapest tree over runs whose order does not matter (Huffman).
fn huffman(mut runs: Vec<u64>, fan_in: usize) -> u64 {
    let mut bytes = 0;
    while runs.len() > fan_in {
        let width = (runs.len() - 2) % (fan_in - 1) + 2;
        runs.sort_unstable();
        let merged = runs.drain(..width).sum();
        bytes += merged;
        runs.push(merged);
    }
    bytes
}

#[test]
fn neighbours_cost_little_more_than_huffmans_tree_when_runs_are_equal() {
    for fan_in in 2..9 {
        for count in 1..120 {
            let runs = vec![1000; count];
            let cost = merge_cost(&runs, fan_in);
            let least = huffman(runs, fan_in);
            assert!(cost.bytes * 100 <= least * 115, "{count} by {fan_in}: {cost:?} {least}");
            assert_eq!(cost.merges == 0, count <= fan_in);
        }
    }
}

#[test]
fn a_pattern_ends_in_one_merge_that_is_full() {
    let mut draw = Draw(11);
    for _ in 0..500 {
        let fan_in = 2 + draw.below(7) as usize;
        let mut runs: Vec<u64> = (0..draw.below(60)).map(|_| 1 + draw.below(90)).collect();
        let all: u64 = runs.iter().sum();
        while let Some(chosen) = next_merge(&runs, fan_in) {
            assert!((2..=fan_in).contains(&chosen.len()) && chosen.end <= runs.len());
            let merged = runs[chosen.clone()].iter().sum();
            runs.splice(chosen, [merged]);
            assert!(runs.len() != fan_in || next_merge(&runs, fan_in).is_none());
            assert_eq!(runs.len().saturating_sub(1) % (fan_in - 1), 0);
        }
        assert_eq!(runs.iter().sum::<u64>(), all);
    }
}

fn costs(threads: u64) -> SortCosts {
    SortCosts {
        writer: |page| page,
        scratch: |_| 0,
        run: 128,
        source: 300,
        block_extra: 40,
        entry: 16,
        unpack: 0,
        run_file: 104,
        block_header: 40,
        threads,
        thread: 5000,
    }
}

#[test]
fn a_sort_is_planned_within_its_memory_or_refused_with_the_smallest() {
    let mut draw = Draw(13);
    for _ in 0..3000 {
        let bits = 10 + draw.below(20);
        let memory = draw.below(1 << bits);
        let input = (draw.below(2) == 0).then(|| SortInput {
            rows: draw.below(1 << 24),
            bytes: draw.below(1 << 34),
            longest: draw.below(2000),
        });
        let costs = costs(1 + draw.below(4));
        match SortPlan::choose(memory, &costs, input) {
            Ok(plan) => {
                assert!(plan.memory <= memory && plan.fan_in >= 2, "{plan:?}");
                let merge = plan.fan_in * (plan.page + 40);
                assert!(merge <= plan.arena && plan.arena >= 4 * plan.page, "{plan:?}");
                assert!(2 * (plan.record_max + 40) <= plan.arena, "{plan:?}");
                let parts = plan.part * costs.threads;
                assert!(parts <= plan.arena && plan.part >= plan.page, "{plan:?}");
            }
            Err(SortRefused { memory_min }) => {
                assert!(memory_min > memory);
                assert!(SortPlan::choose(memory_min, &costs, input).is_ok(), "{memory_min}");
                assert!(SortPlan::choose(memory_min - 4096, &costs, input).is_err());
            }
        }
    }
}

#[test]
fn more_memory_never_costs_more() {
    let mut draw = Draw(17);
    for _ in 0..400 {
        let bits = 20 + draw.below(18);
        let bytes = draw.below(1 << bits);
        let input = SortInput { rows: bytes / 80, bytes, longest: 200 };
        let (mut levels, mut spilled) = (u32::MAX, u64::MAX);
        let costs = costs(1 + draw.below(4));
        for step in 0..40 {
            let memory = (200 << 10) + (1_u64 << 16) * (1 << (step / 4)) * (4 + step % 4) / 4;
            let plan = SortPlan::choose(memory, &costs, Some(input)).unwrap();
            assert!(plan.levels(input) <= levels, "{memory}: {plan:?}");
            let now = plan.spill_bytes(input);
            assert!(now / 100 <= spilled / 95, "{memory}: {now} {spilled} {plan:?}");
            assert!(now >= if plan.runs(input) > 0 { bytes } else { 0 });
            (levels, spilled) = (plan.levels(input), now);
        }
    }
}

#[test]
fn two_passes_suffice_for_the_square_of_the_memory() {
    for memory in [1 << 20, 16 << 20, 64 << 20] {
        let plan = SortPlan::choose(memory, &costs(1), None).unwrap();
        let most = plan.one_merge_max() / 100 * 95;
        let input = SortInput { rows: most / 100, bytes: most / 100 * 84, longest: 84 };
        assert_eq!(plan.levels(input), 1, "{plan:?}");
        let input = SortInput { rows: 2 * input.rows, bytes: 2 * input.bytes, longest: 84 };
        assert_eq!(plan.levels(input), 2, "{plan:?}");
        let input = SortInput { rows: plan.arena / 100, bytes: plan.arena / 100 * 84, longest: 84 };
        assert_eq!((plan.levels(input), plan.spill_bytes(input)), (0, 0), "{plan:?}");
    }
}
