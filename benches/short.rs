//! The bench `short`: whole verdicts per second of small runs, worlds used again.
//!
//! A run is the `pipe` of 2,500 records with a checkpoint every 10 ms and two crashes: deploy, run, crash, notice, cancel,
//! restore, replay, twice; and every oracle at the end. The forks that restore every checkpoint are measured beside it.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput};
use cutline_benches::engine::{Engine, OPTIONS, crashes};
use cutline_scenarios::record::Class;
use cutline_scenarios::run::Options;
use cutline_sim::time::MILLISECOND;

const OVERRIDES: [&str; 2] = ["input.keys.kind.keys.count=2500", "execution.checkpointing.interval=10ms"];
/// Runs of each thread in the comparison.
const RUNS: u64 = 500;

/// One run under a seed; the number of its restores.
fn run(engine: &mut Engine, seed: u64, options: &Options) -> usize {
    let task = |n: u64| 4 + (seed * 7 + n * 13) as u32 % (engine.tasks() - 4);
    let plan = crashes(&[(60 * MILLISECOND, task(1)), (1_090 * MILLISECOND, task(2))]);
    let record = engine.run(seed, &plan, options);
    assert_eq!(record.class(), Class::Pass, "seed {seed}: {:?}", record.verdicts);
    record.restores.len()
}

/// Runs per second of so many threads together, each with worlds of its own.
fn rate(threads: u64, options: &Options) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let mut engine = Engine::new("pipe", &OVERRIDES, 7);
                for seed in 0..RUNS {
                    black_box(run(&mut engine, thread * RUNS + seed, options));
                }
            });
        }
    });
    (threads * RUNS) as f64 / start.elapsed().as_secs_f64()
}

/// The bench is only worth its name if the crashes hit a job that has something to restore.
fn check() {
    let mut engine = Engine::new("pipe", &OVERRIDES, 7);
    for seed in 0..20 {
        let options = Options { metrics: true, ..OPTIONS };
        let restores = run(&mut engine, seed, &options);
        assert_eq!(restores, 2, "seed {seed}: both crashes must strike a running job");
    }
}

fn main() {
    check();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("short");
    group.throughput(Throughput::Elements(1));
    let forks = Options { forks: Some(true), ..OPTIONS };
    for (name, options) in [("two crashes", OPTIONS), ("two crashes, every checkpoint restored", forks)] {
        let mut engine = Engine::new("pipe", &OVERRIDES, 7);
        let mut seed = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                seed += 1;
                black_box(run(&mut engine, seed, &options))
            });
        });
    }
    group.finish();
    criterion.final_summary();
    if std::env::args().skip(1).collect::<Vec<_>>() == ["--bench"] {
        for threads in [1, 2] {
            println!(
                "{threads} threads: {:.0} runs/s, with forks {:.0}",
                rate(threads, &OPTIONS),
                rate(threads, &forks)
            );
        }
    }
}
