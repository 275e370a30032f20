//! Time, interleaved rounds, medians, and the lines that are printed.

use rustix::time::{ClockId, clock_gettime};

/// Interleaved rounds; the first warms up and is not counted.
pub const ROUNDS: usize = 6;

/// Seconds of a clock.
fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Runs the work; its CPU seconds, all threads together, and what it gave.
pub fn cpu_seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = seconds(ClockId::ProcessCPUTime);
    let result = work();
    (seconds(ClockId::ProcessCPUTime) - before, result)
}

/// CPU seconds of this thread until now.
pub fn thread_seconds() -> f64 {
    seconds(ClockId::ThreadCPUTime)
}

/// The median, the least and the most.
pub fn median(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

/// Which time decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// CPU time of the process.
    Cpu,
    Wall,
}

/// Somebody who does the work: returns a number that must be `answer` where one is known.
pub struct Contender<'a> {
    pub name: &'static str,
    pub operations: usize,
    pub answer: Option<i64>,
    pub run: Box<dyn FnMut(usize) -> i64 + 'a>,
    /// Least ratio of ours to this one that is good enough.
    pub gate: Option<f64>,
    /// Done after each run, on nobody's time.
    pub after: Box<dyn FnMut() + 'a>,
    /// The CPU seconds of the last run, if another process did it.
    pub elsewhere: Option<Box<dyn Fn() -> f64 + 'a>>,
}

impl<'a> Contender<'a> {
    pub fn new(
        name: &'static str,
        operations: usize,
        answer: Option<i64>,
        run: impl FnMut(usize) -> i64 + 'a,
    ) -> Self {
        let (run, after) = (Box::new(run), Box::new(|| ()));
        Self { name, operations, answer, run, gate: None, after, elsewhere: None }
    }

    /// Work whose result is looked at elsewhere.
    pub fn doing(name: &'static str, operations: usize, mut run: impl FnMut(usize) + 'a) -> Self {
        let run = move |round| {
            run(round);
            0
        };
        Self::new(name, operations, None, run)
    }

    pub fn gate(mut self, least: f64) -> Self {
        self.gate = Some(least);
        self
    }

    pub fn elsewhere(mut self, seconds: impl Fn() -> f64 + 'a) -> Self {
        self.elsewhere = Some(Box::new(seconds));
        self
    }

    pub fn after(mut self, work: impl FnMut() + 'a) -> Self {
        self.after = Box::new(work);
        self
    }
}

/// Seconds per operation of one run, CPU and wall.
#[derive(Clone, Copy)]
struct Spent {
    cpu: f64,
    wall: f64,
}

impl Spent {
    fn by(self, clock: Clock) -> f64 {
        match clock {
            Clock::Cpu => self.cpu,
            Clock::Wall => self.wall,
        }
    }
}

fn run_once(who: &mut Contender<'_>, round: usize) -> Spent {
    let begun = std::time::Instant::now();
    let (cpu, answer) = cpu_seconds(|| (who.run)(round));
    let wall = begun.elapsed().as_secs_f64();
    let cpu = who.elsewhere.as_ref().map_or(cpu, |seconds| seconds());
    if let Some(wanted) = who.answer {
        assert_eq!(answer, wanted, "{} gives another answer", who.name);
    }
    (who.after)();
    let operations = who.operations as f64;
    Spent { cpu: cpu / operations, wall: wall / operations }
}

/// Runs all in turn, each round beginning with another one, and prints how many times as fast the
/// first is as each of the others.
pub fn compare(what: &str, clock: Clock, mut all: Vec<Contender<'_>>) {
    let mut spent: Vec<Vec<Spent>> = vec![Vec::new(); all.len()];
    for round in 0..ROUNDS {
        for turn in 0..all.len() {
            let who = (turn + round) % all.len();
            let once = run_once(&mut all[who], round);
            if round > 0 {
                spent[who].push(once);
            }
        }
    }
    let rate = |who: usize, clock: Clock| {
        let mut rates: Vec<f64> = spent[who].iter().map(|once| 1e-6 / once.by(clock)).collect();
        median(&mut rates).0
    };
    let ratio = |who: usize, clock: Clock| {
        let pairs = spent[who].iter().zip(&spent[0]);
        let mut ratios: Vec<f64> = pairs.map(|(them, us)| them.by(clock) / us.by(clock)).collect();
        median(&mut ratios)
    };
    let said = if clock == Clock::Wall { ", wall" } else { "" };
    println!("{what}{said}: {} {:.3} M/s", all[0].name, rate(0, clock));
    for (who, contender) in all.iter().enumerate().skip(1) {
        let found = ratio(who, clock);
        let other = if clock == Clock::Cpu && what.contains("2 threads") {
            format!(", wall {:.2} x", ratio(who, Clock::Wall).0)
        } else {
            String::new()
        };
        println!(
            "    {:<20} {:7.3} M/s {}{other}",
            contender.name,
            rate(who, clock),
            verdict(found, contender.gate)
        );
    }
}

/// A ratio beside its gate.
pub fn verdict((ratio, least, most): (f64, f64, f64), gate: Option<f64>) -> String {
    let gate = match gate {
        None => "shown".to_owned(),
        Some(gate) if ratio < gate => format!("gate {gate} x   MISSED"),
        Some(gate) => format!("gate {gate} x"),
    };
    format!("{ratio:6.2} x ({least:.2} to {most:.2}), {gate}")
}

/// Cuts the work in two threads' halves and adds their answers.
pub fn in_two(operations: usize, work: impl Fn(std::ops::Range<usize>) -> i64 + Sync) -> i64 {
    let middle = operations / 2;
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(middle..operations));
        work(0..middle) + other.join().expect("the other half is done")
    })
}
