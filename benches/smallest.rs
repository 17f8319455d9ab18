//! The bench `smallest`: crash-tested runs per minute of the smallest pipe, which is what a sweep is made of.
//!
//! A run is the `pipe` of 250 records, 8 hops each, with 16 keys per task, one checkpoint on its way and one crash of a task at an
//! instant drawn uniformly from the life of the job, and every oracle at the end. Measured are runs in worlds that are used again,
//! on one core and on all; and what `cutline sweep` makes of it, where every seed has another input, and a row is written down.
//! Beside them stands what the hops alone would take in the bare loop of `limit`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, Throughput};
use cutline_benches::engine::{Engine, OPTIONS, crashes};
use cutline_benches::limit;
use cutline_scenarios::record::Class;
use cutline_scenarios::sweep::manifest::{Asked, AskedScenario, AskedText};
use cutline_scenarios::sweep::partition::Partition;
use cutline_scenarios::sweep::seeds::Seeds;
use cutline_scenarios::sweep::{Control, work};
use cutline_scenarios::{capsule::CapsuleOptions, faults, library_files};
use cutline_sim::faults::FaultPlan;
use cutline_sim::random;

const OVERRIDES: [&str; 11] = [
    "input.keys.kind.keys.count=250",
    "input.keys.kind.keys.keys=16",
    "job.operator.stage-1.does.counter.keys=16",
    "job.operator.stage-2.does.counter.keys=16",
    "job.operator.stage-3.does.counter.keys=16",
    "job.operator.stage-4.does.counter.keys=16",
    "job.operator.stage-5.does.counter.keys=16",
    "job.operator.stage-6.does.counter.keys=16",
    "job.operator.stage-7.does.counter.keys=16",
    "job.operator.stage-8.does.counter.keys=16",
    "execution.checkpointing.interval=3ms",
];
/// Runs of each thread in the comparison.
const RUNS: u64 = 4_000;

/// A seed, and what goes wrong in its run.
type Planned = (u64, Arc<FaultPlan>);

/// A crash at any instant of the run that there would be without it.
fn plans(count: u64) -> Vec<Planned> {
    let mut engine = Engine::new("pipe", &OVERRIDES, 7);
    let tasks = u64::from(engine.tasks());
    let drawn = |n: u64, seed: u64, below: u64| random::below(random::draw(n, seed), below);
    let plan = |seed: u64| {
        let calm = engine.run(seed, &Arc::default(), &OPTIONS);
        let task = drawn(2, seed, tasks) as u32;
        (seed, crashes(&[(drawn(1, seed, calm.duration), task)]))
    };
    (0..count).map(plan).collect()
}

fn run(engine: &mut Engine, (seed, plan): &Planned) -> u64 {
    let record = engine.run(*seed, plan, &OPTIONS);
    assert_eq!(record.class(), Class::Pass, "seed {seed}: {:?}", record.verdicts);
    record.steps
}

/// Runs per second of so many threads together, each with worlds of its own.
fn rate(plans: &[Planned], threads: usize) -> f64 {
    let mut engines: Vec<_> = (0..threads).map(|_| Engine::new("pipe", &OVERRIDES, 7)).collect();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (engine, plans) in engines.iter_mut().zip(plans.chunks(plans.len() / threads)) {
            scope.spawn(move || black_box(plans.iter().map(|plan| run(engine, plan)).sum::<u64>()));
        }
    });
    plans.len() as f64 / start.elapsed().as_secs_f64()
}

/// Runs per second of a sweep on so many threads, rows included.
fn sweep(threads: usize) -> f64 {
    let pipe = library_files::resolve("pipe").unwrap_or_else(|error| panic!("{error}"));
    let crashes = faults::text("crashes").unwrap_or_else(|error| panic!("{error}"));
    let mut asked = Asked {
        scenarios: vec![AskedScenario {
            asked: "pipe".to_owned(),
            text: AskedText::new(&pipe),
            overrides: OVERRIDES.map(str::to_owned).to_vec(),
        }],
        input: None,
        files: Vec::new(),
        strategies: vec!["aligned".to_owned()],
        faults: vec![AskedText::new(&crashes)],
        seeds: format!("0..{RUNS}").parse::<Seeds>().unwrap_or_else(|error| panic!("{error}")),
        options: CapsuleOptions { forks: Some(false), check_determinism: false, lookahead: true },
        regressions: Vec::new(),
    };
    let sweep = asked.sweep().unwrap_or_else(|error| panic!("{error}"));
    let (start, mut bytes) = (Instant::now(), 0);
    let done = work(&sweep, Partition::WHOLE, threads, &Control::default(), &|_| true, |done| {
        assert_eq!(done.row.row.class, Class::Pass);
        bytes += done.row.to_csv().unwrap_or_else(|error| panic!("{error}")).len();
    });
    done.unwrap_or_else(|error| panic!("{error}"));
    black_box(bytes);
    RUNS as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let compares = std::env::args().skip(1).collect::<Vec<_>>() == ["--bench"];
    let plans = plans(if compares { RUNS } else { 20 });
    let mut engine = Engine::new("pipe", &OVERRIDES, 7);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("smallest");
    group.throughput(Throughput::Elements(1));
    let mut next = plans.iter().cycle();
    group.bench_function("one crash", |bencher| {
        bencher.iter(|| black_box(run(&mut engine, next.next().expect("a plan"))));
    });
    group.finish();
    criterion.final_summary();
    if compares {
        let (mut steps, mut hops, mut completed, mut restored) = (0, 0, 0, 0);
        let options = cutline_scenarios::run::Options { metrics: true, ..OPTIONS };
        for (seed, plan) in &plans {
            let record = engine.run(*seed, plan, &options);
            steps += record.steps;
            hops += engine.hops();
            completed += u64::from(record.completed().next().is_some());
            restored += u64::from(record.restores.iter().any(|restore| restore.checkpoint.is_some()));
        }
        let runs = plans.len() as u64;
        println!(
            "a run has {} steps and {} hops in the history that counts; of 100 runs a checkpoint completes in {}, and {} go back to one",
            steps / runs,
            hops / runs,
            100 * completed / runs,
            100 * restored / runs
        );
        for threads in [1, 2] {
            let rate = rate(&plans, threads);
            println!("{threads} threads: {rate:.0} runs/s, {:.0} a minute", 60.0 * rate);
            let rate = sweep(threads);
            println!("{threads} threads, as a sweep: {rate:.0} runs/s, {:.0} a minute", 60.0 * rate);
        }
        let start = Instant::now();
        black_box(limit::window(7));
        let hop = start.elapsed().as_nanos() as f64 / limit::HOPS as f64;
        let limit = 1e9 / (hop * steps as f64 / runs as f64);
        println!(
            "the limit: {hop:.1} ns a hop; as many hops as a run has steps: {limit:.0} runs/s, {:.0} a minute",
            60.0 * limit
        );
    }
}
