//! The bench `short`: whole verdicts per second of small runs, worlds used again.
//!
//! A run is the `pipe` of 2,500 records with a checkpoint every 10 ms and two crashes, each at an instant drawn uniformly from
//! one life of the job: deploy, run, crash, notice, cancel, restore, replay, twice; and every oracle at the end. The forks
//! that restore every checkpoint are measured beside it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, Throughput};
use cutline_benches::engine::{Engine, OPTIONS, crashes};
use cutline_scenarios::record::{Class, RunRecord};
use cutline_scenarios::run::Options;
use cutline_sim::faults::FaultPlan;
use cutline_sim::random;

const OVERRIDES: [&str; 2] = ["input.keys.kind.keys.count=2500", "execution.checkpointing.interval=10ms"];
/// Runs of each thread in the comparison.
const RUNS: usize = 500;
/// The tasks of the first operator are sources; one of the others crashes.
const SOURCES: u32 = 4;

/// A seed, and what goes wrong in its run.
type Planned = (u64, Arc<FaultPlan>);

/// Plans of two crashes, both of which strike a running job.
fn plans(wanted: usize) -> Vec<Planned> {
    let mut engine = Engine::new("pipe", &OVERRIDES, 7);
    (0..).filter_map(|seed| plan(&mut engine, seed)).take(wanted).collect()
}

/// The second crash comes between the redeployment and the end that the run would have without it; `None` if one of the two
/// comes to nothing, for the task had finished.
fn plan(engine: &mut Engine, seed: u64) -> Option<Planned> {
    let options = Options { metrics: true, ..OPTIONS };
    let drawn = |n: u64, below: u64| random::below(random::draw(n, seed), below);
    let tasks = u64::from(engine.tasks() - SOURCES);
    let task = |n: u64| SOURCES + drawn(n, tasks) as u32;
    let calm = engine.run(seed, &Arc::default(), &options);
    let first = (drawn(1, calm.duration), task(2));
    let once = engine.run(seed, &crashes(&[first]), &options);
    let again = once.restores.first()?.began;
    let second = (again + drawn(3, once.duration - again), task(4));
    let plan = crashes(&[first, second]);
    let restores = engine.run(seed, &plan, &options).restores;
    (restores.len() == 2).then_some((seed, plan))
}

fn run(engine: &mut Engine, (seed, plan): &Planned, options: &Options) -> RunRecord {
    let record = engine.run(*seed, plan, options);
    assert_eq!(record.class(), Class::Pass, "seed {seed}: {:?}", record.verdicts);
    record
}

/// Runs per second of so many threads together, each with worlds of its own.
fn rate(plans: &[Planned], threads: usize, options: &Options) -> f64 {
    let mut engines: Vec<_> = (0..threads).map(|_| Engine::new("pipe", &OVERRIDES, 7)).collect();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (engine, plans) in engines.iter_mut().zip(plans.chunks(RUNS)) {
            scope.spawn(move || plans.iter().for_each(|plan| drop(black_box(run(engine, plan, options)))));
        }
    });
    (threads * RUNS) as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let compares = std::env::args().skip(1).collect::<Vec<_>>() == ["--bench"];
    let plans = plans(if compares { 2 * RUNS } else { 20 });
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("short");
    group.throughput(Throughput::Elements(1));
    let forks = Options { forks: Some(true), ..OPTIONS };
    for (name, options) in [("two crashes", OPTIONS), ("two crashes, every checkpoint restored", forks)] {
        let mut engine = Engine::new("pipe", &OVERRIDES, 7);
        let mut plans = plans.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(run(&mut engine, plans.next().expect("a plan"), &options)));
        });
    }
    group.finish();
    criterion.final_summary();
    if compares {
        let mut engine = Engine::new("pipe", &OVERRIDES, 7);
        let steps: u64 = plans.iter().map(|plan| run(&mut engine, plan, &OPTIONS).steps).sum();
        println!("a run has {} steps", steps / plans.len() as u64);
        for threads in [1, 2] {
            println!(
                "{threads} threads: {:.0} runs/s, with forks {:.0}",
                rate(&plans, threads, &OPTIONS),
                rate(&plans, threads, &forks)
            );
        }
    }
}
