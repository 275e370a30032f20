//! A job's phases in order, with the memory of each.

use super::order::{Requirement, order_children};

/// One pipeline of a job: sources, streaming operators, and a breaker or a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// What plans call it.
    pub name: String,
    /// Positions of the phases whose results it reads. Each phase is read by one other at most.
    pub inputs: Vec<usize>,
    /// What its scans, streaming operators and its sink hold.
    pub streaming: u64,
    /// What reading its inputs' results holds: last merges, a join's build side.
    pub sources: u64,
    /// The least its breaker works with.
    pub breaker_min: u64,
    /// What its breaker can use at most: more changes nothing.
    pub breaker_max: u64,
    /// What it keeps after it has run, until its reader has.
    pub residual: u64,
}

/// An order of a job's phases within a cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Positions of the phases, the first to run first.
    pub order: Vec<usize>,
    /// For each phase, by position: what its breaker is given.
    pub breaker: Vec<u64>,
    /// For each phase, by position: the most bytes of the job while it runs, the base included.
    pub peaks: Vec<u64>,
    /// The most of them all.
    pub peak: u64,
    /// The smallest cap that this job works with.
    pub min_cap: u64,
}

/// Why there is no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The cap is too small.
    TooSmall {
        /// The smallest that works.
        min_cap: u64,
    },
    /// The phases are no forest: one reads itself, or two read the same.
    NoTree,
}

impl Phase {
    fn least(&self) -> u64 {
        self.streaming.saturating_add(self.sources).saturating_add(self.breaker_min)
    }
}

/// Orders the phases and gives each breaker what the cap leaves.
///
/// `base` is what the process holds beside the phases all the time, the directory of segments
/// included.
///
/// ```
/// use store_core::te::{Phase, Refused, schedule};
/// let sort = Phase { name: "sort".into(), streaming: 10, breaker_min: 20, breaker_max: u64::MAX, residual: 1, ..Phase::default() };
/// let write = Phase { name: "write".into(), inputs: vec![0], streaming: 5, sources: 15, ..Phase::default() };
/// let phases = [sort, write];
/// let planned = schedule(&phases, 100, 180).unwrap();
/// assert_eq!((planned.order, planned.breaker, planned.peak), (vec![0, 1], vec![70, 0], 180));
/// assert_eq!(schedule(&phases, 100, 129), Err(Refused::TooSmall { min_cap: 130 }));
/// ```
pub fn schedule(phases: &[Phase], base: u64, cap: u64) -> Result<Schedule, Refused> {
    let order = postorder(phases)?;
    let kept = kept_before(phases, &order);
    let least =
        |phase: usize| base.saturating_add(kept[phase]).saturating_add(phases[phase].least());
    let min_cap = order.iter().map(|phase| least(*phase)).max().unwrap_or(base);
    if min_cap > cap {
        return Err(Refused::TooSmall { min_cap });
    }
    let (mut breaker, mut peaks) = (vec![0; phases.len()], vec![0; phases.len()]);
    for (at, phase) in phases.iter().enumerate() {
        let surplus = cap - least(at);
        let most = phase.breaker_max.max(phase.breaker_min);
        breaker[at] = phase.breaker_min.saturating_add(surplus).min(most);
        peaks[at] = least(at) - phase.breaker_min + breaker[at];
    }
    let peak = peaks.iter().max().copied().unwrap_or(base);
    Ok(Schedule { order, breaker, peaks, peak, min_cap })
}

/// Children before parents, in the order of the smallest peak.
fn postorder(phases: &[Phase]) -> Result<Vec<usize>, Refused> {
    let mut readers = vec![0_u32; phases.len()];
    for input in phases.iter().flat_map(|phase| &phase.inputs) {
        *readers.get_mut(*input).ok_or(Refused::NoTree)? += 1;
    }
    if readers.iter().any(|readers| *readers > 1) {
        return Err(Refused::NoTree);
    }
    // Bottom up: what a phase and all below it ask for.
    let mut below: Vec<Option<(Requirement, Vec<usize>)>> = vec![None; phases.len()];
    let mut order = Vec::with_capacity(phases.len());
    let mut left: Vec<usize> = (0..phases.len()).collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|at| {
            let inputs: Option<Vec<_>> =
                phases[*at].inputs.iter().map(|input| below[*input].clone()).collect();
            let Some(inputs) = inputs else { return true };
            below[*at] = Some(join(&phases[*at], *at, &inputs));
            false
        });
        if left.len() == before {
            return Err(Refused::NoTree);
        }
    }
    let roots: Vec<usize> = (0..phases.len()).filter(|at| readers[*at] == 0).collect();
    let trees: Vec<(Requirement, Vec<usize>)> =
        roots.iter().filter_map(|root| below[*root].clone()).collect();
    let asked: Vec<Requirement> = trees.iter().map(|(asked, _)| *asked).collect();
    for tree in order_children(&asked) {
        order.extend_from_slice(&trees[tree].1);
    }
    Ok(order)
}

/// A phase on top of its inputs: what they ask for together, and the order.
fn join(
    phase: &Phase,
    at: usize,
    inputs: &[(Requirement, Vec<usize>)],
) -> (Requirement, Vec<usize>) {
    let asked: Vec<Requirement> = inputs.iter().map(|(asked, _)| *asked).collect();
    let (mut kept, mut peak, mut order) = (0_u64, 0_u64, Vec::new());
    for child in order_children(&asked) {
        peak = peak.max(kept.saturating_add(asked[child].peak));
        kept = kept.saturating_add(asked[child].residual);
        order.extend_from_slice(&inputs[child].1);
    }
    order.push(at);
    let peak = peak.max(kept.saturating_add(phase.least()));
    (Requirement { peak, residual: phase.residual }, order)
}

/// For each phase, what the phases before it still keep when it runs: its inputs' residuals, which it
/// reads, among them.
fn kept_before(phases: &[Phase], order: &[usize]) -> Vec<u64> {
    let mut kept = vec![0; phases.len()];
    let mut now = 0_u64;
    for at in order {
        kept[*at] = now;
        let read = phases[*at].inputs.iter().map(|input| phases[*input].residual);
        now = now.saturating_sub(read.fold(0, u64::saturating_add));
        now = now.saturating_add(phases[*at].residual);
    }
    kept
}
