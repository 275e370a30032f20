//! Clients that each commit one row after another and wait for the acknowledgement.

use super::latency::Latencies;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a client does: its commits' numbers come one by one, and it returns when that is durable.
pub type Client<'a> = Box<dyn FnMut(u64) + Send + 'a>;

/// Somebody to whom clients can be attached.
pub trait Engine {
    fn name(&self) -> &'static str;
    /// A client of this number.
    fn client(&self, number: u64) -> Client<'_>;
}

/// What a run gave.
pub struct Run {
    pub commits: u64,
    pub seconds: f64,
    pub latencies: Latencies,
}

impl Run {
    pub fn rate(&self) -> f64 {
        self.commits as f64 / self.seconds
    }
}

/// Runs so many clients for a time.
pub fn run(engine: &dyn Engine, clients: usize, span: Duration) -> Run {
    let stop = AtomicBool::new(false);
    run_until(engine, clients, &stop, |started| {
        std::thread::sleep(span.saturating_sub(started.elapsed()));
    })
}

/// Runs them while `work` does.
pub fn run_until(
    engine: &dyn Engine,
    clients: usize,
    stop: &AtomicBool,
    work: impl FnOnce(Instant),
) -> Run {
    let begin = Barrier::new(clients + 1);
    let made: Vec<Client<'_>> = (0..clients as u64).map(|number| engine.client(number)).collect();
    std::thread::scope(|scope| {
        let (begin, stop) = (&begin, &stop);
        let one = |mut client: Client<'_>| {
            let mut latencies = Latencies::default();
            begin.wait();
            for number in 0.. {
                let from = Instant::now();
                client(number);
                latencies.add(from.elapsed());
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            latencies
        };
        let threads: Vec<_> =
            made.into_iter().map(|client| scope.spawn(move || one(client))).collect();
        begin.wait();
        let from = Instant::now();
        work(from);
        stop.store(true, Ordering::Relaxed);
        let seconds = from.elapsed().as_secs_f64();
        let mut latencies = Latencies::default();
        for thread in threads {
            latencies.merge(&thread.join().expect("a client works"));
        }
        Run { commits: latencies.count(), seconds, latencies }
    })
}
