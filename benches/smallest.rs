//! The bench `smallest`: crash-tested runs per minute of the smallest pipe, which is what a sweep is made of.
//!
//! A run is the scenario `pipe` with 250 records, 8 hops each, 16 keys per task, a checkpoint in the middle and one crash of a task at an
//! instant drawn uniformly from the life of the job, and every oracle at the end. It comes in two shapes: one task per stage
//! (9 tasks, 8 channels), and four (36 tasks, 128 channels), where the control plane costs as much as the records. Measured
//! are runs in worlds that are used again, on one core and on all; and what `cutline sweep` makes of it, where every seed has
//! another input, and a row is written down. Beside them stands what the hops alone would take in the bare loop of `limit`.

use std::hint::black_box;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use criterion::{Criterion, Throughput};
use cutline_benches::engine::{Engine, OPTIONS, crashes};
use cutline_benches::limit;
use cutline_scenarios::record::Class;
use cutline_scenarios::run::Contender;
use cutline_scenarios::sweep::manifest::{Asked, AskedScenario, AskedText};
use cutline_scenarios::sweep::partition::Partition;
use cutline_scenarios::sweep::seeds::Seeds;
use cutline_scenarios::sweep::{Control, work};
use cutline_scenarios::{capsule::CapsuleOptions, faults, library_files};
use cutline_sim::faults::FaultPlan;
use cutline_sim::random;

/// How many tasks each stage has.
struct Shape {
    name: &'static str,
    parallelism: u32,
    /// So that a run has one checkpoint in its middle, beside that of its end.
    interval: &'static str,
}

const SHAPES: [Shape; 2] = [
    Shape { name: "one task per stage", parallelism: 1, interval: "10ms" },
    Shape { name: "four tasks per stage", parallelism: 4, interval: "5ms" },
];
const STAGES: u32 = 8;
/// Keys of each task.
const KEYS: u32 = 16;

impl Shape {
    fn overrides(&self) -> Vec<String> {
        let Shape { parallelism, interval, .. } = self;
        let keys = KEYS * parallelism;
        let mut overrides = vec![
            "input.keys.kind.keys.count=250".to_owned(),
            format!("input.keys.kind.keys.keys={keys}"),
            format!("input.keys.kind.keys.splits={parallelism}"),
            format!("job.operator.source.parallelism={parallelism}"),
            format!("cluster.nodes={}", (STAGES + 1) * parallelism),
            format!("execution.checkpointing.interval={interval}"),
        ];
        for stage in 1..=STAGES {
            overrides.push(format!("job.operator.stage-{stage}.parallelism={parallelism}"));
            overrides.push(format!("job.operator.stage-{stage}.does.counter.keys={keys}"));
        }
        overrides
    }

    fn engine(&self) -> Engine {
        let overrides = self.overrides();
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        Engine::new("pipe", &overrides, 7)
    }
}

/// Runs of a lap of the comparison, laps of a round, and rounds.
const RUNS: u64 = 4_000;
const LAPS: usize = 4;
const ROUNDS: usize = 7;

/// A seed, and what goes wrong in its run.
type Planned = (u64, Arc<FaultPlan>);

/// A crash at any instant of the run that there would be without it.
fn plans(shape: &Shape, count: u64) -> Vec<Planned> {
    let mut engine = shape.engine();
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

/// Runs per second of so many threads together, each with worlds of its own that were used before.
fn rate(shape: &Shape, plans: &[Planned], threads: usize) -> f64 {
    let (gate, (ready, all_ready)) = (Mutex::new(()), channel());
    let time = std::thread::scope(|scope| {
        let closed = gate.lock();
        for part in plans.chunks(plans.len() / threads) {
            let (ready, gate) = (ready.clone(), &gate);
            scope.spawn(move || {
                let mut engine = shape.engine();
                let mut lap = || black_box(part).iter().map(|plan| run(&mut engine, plan)).sum::<u64>();
                lap();
                drop((ready.send(()), ready));
                drop(gate.lock());
                black_box((0..LAPS).map(|_| lap()).sum::<u64>())
            });
        }
        drop(ready);
        (0..threads).for_each(|_| all_ready.recv().expect("a thread that works"));
        drop(closed);
        Instant::now()
    });
    (LAPS * plans.len()) as f64 / time.elapsed().as_secs_f64()
}

/// Runs per second of a sweep on so many threads, rows included.
fn sweep(shape: &Shape, threads: usize) -> f64 {
    let pipe = library_files::resolve("pipe").unwrap_or_else(|error| panic!("{error}"));
    let crashes = faults::text("crashes").unwrap_or_else(|error| panic!("{error}"));
    let mut asked = Asked {
        scenarios: vec![AskedScenario {
            asked: "pipe".to_owned(),
            text: AskedText::new(&pipe),
            overrides: shape.overrides(),
        }],
        input: None,
        files: Vec::new(),
        strategies: vec!["aligned".to_owned()],
        faults: vec![AskedText::new(&crashes)],
        seeds: format!("0..{RUNS}").parse::<Seeds>().unwrap_or_else(|error| panic!("{error}")),
        options: CapsuleOptions { forks: Some(false), check_determinism: false, lookahead: true },
        regressions: Vec::new(),
    };
    let sweep = asked.sweep(&Contender::named).unwrap_or_else(|error| panic!("{error}"));
    let (start, mut bytes) = (Instant::now(), 0);
    let done = work(&sweep, Partition::WHOLE, threads, &Control::default(), &|_| true, |done| {
        assert_eq!(done.row.row.class, Class::Pass);
        bytes += done.row.to_csv().unwrap_or_else(|error| panic!("{error}")).len();
    });
    done.unwrap_or_else(|error| panic!("{error}"));
    black_box(bytes);
    RUNS as f64 / start.elapsed().as_secs_f64()
}

/// What the runs of a shape are like, and how many of them there are in a minute.
fn compare(shape: &Shape, plans: &[Planned]) {
    let mut engine = shape.engine();
    let (mut steps, mut hops, mut completed, mut restored) = (0, 0, 0, 0);
    let options = cutline_scenarios::run::Options { metrics: true, ..OPTIONS };
    for (seed, plan) in plans {
        let record = engine.run(*seed, plan, &options);
        steps += record.steps;
        hops += engine.hops();
        completed += u64::from(record.completed().next().is_some());
        restored += u64::from(record.restores.iter().any(|restore| restore.checkpoint.is_some()));
    }
    let runs = plans.len() as u64;
    println!(
        "{}: a run has {} steps and {} hops in the history that counts; of 100 runs a checkpoint completes in {}, and {} go back to one",
        shape.name,
        steps / runs,
        hops / runs,
        100 * completed / runs,
        100 * restored / runs
    );
    let limit = || {
        let start = Instant::now();
        black_box(limit::window(7));
        let hop = start.elapsed().as_secs_f64() / limit::HOPS as f64;
        runs as f64 / (hop * steps as f64)
    };
    let rows: [(&str, &dyn Fn() -> f64); 5] = [
        ("1 thread", &|| rate(shape, plans, 1)),
        ("2 threads", &|| rate(shape, plans, 2)),
        ("1 thread, as a sweep", &|| sweep(shape, 1)),
        ("2 threads, as a sweep", &|| sweep(shape, 2)),
        ("limit: as many hops as a run has steps", &limit),
    ];
    let mut rates = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        rates.iter_mut().zip(&rows).for_each(|(rates, (_, rate))| rates.push(rate()));
    }
    println!("{:40}  {:>8}  {:>10}  {:>10}", "", "runs/s", "a minute", "best");
    for ((name, _), mut rates) in rows.iter().zip(rates) {
        rates.sort_by(f64::total_cmp);
        let (median, best) = (rates[ROUNDS / 2], rates[ROUNDS - 1]);
        println!("{name:40}  {median:8.0}  {:10.0}  {:10.0}", 60.0 * median, 60.0 * best);
    }
    println!("the median and the best of {ROUNDS} rounds measured in turn");
}

fn main() {
    let compares = std::env::args().skip(1).collect::<Vec<_>>() == ["--bench"];
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("smallest");
    group.throughput(Throughput::Elements(1));
    let plans = SHAPES.map(|shape| (plans(&shape, if compares { RUNS } else { 20 }), shape));
    for (plans, shape) in &plans {
        let (mut engine, mut next) = (shape.engine(), plans.iter().cycle());
        group.bench_function(shape.name, |bencher| {
            bencher.iter(|| black_box(run(&mut engine, next.next().expect("a plan"))));
        });
    }
    group.finish();
    criterion.final_summary();
    if compares {
        plans.iter().for_each(|(plans, shape)| compare(shape, plans));
    }
}
