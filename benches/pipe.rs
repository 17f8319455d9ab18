//! The bench `pipe`: the engine against the limit, on one workload.
//!
//! `cargo bench -p cutline-benches --bench pipe` measures each row by itself, and then all of them in turn, which is the
//! figure to quote: see `ratios`.

use std::hint::black_box;

use criterion::{Criterion, SamplingMode, Throughput};
use cutline_benches::engine::Engine;
use cutline_benches::limit::{self, Outcome};
use cutline_benches::ratios::{Row, ratios};

/// The seed of every run.
const SEED: u64 = 7;
/// Rounds of the comparison in turn.
const ROUNDS: usize = 21;

/// One run of the workload.
type Run = Box<dyn FnMut() -> Outcome>;

/// What is measured: name and run. The first row of the comparison in turn is the bar that the engine is asked to reach
/// the half of.
fn rows() -> Vec<(&'static str, Run)> {
    let mut engine = Engine::new("pipe", &["execution.checkpointing.interval=100ms"], SEED);
    let mut scarce = Engine::new(
        "pipe",
        &["execution.checkpointing.interval=100ms", "taskmanager.network.memory.buffers-per-channel=8"],
        SEED,
    );
    vec![
        ("limit/two_events", Box::new(|| limit::two_events(black_box(SEED)))),
        ("limit/fused", Box::new(|| limit::fused(black_box(SEED)))),
        ("limit/window", Box::new(|| limit::window(black_box(SEED)))),
        ("engine/aligned", Box::new(move || engine.pipe(black_box(SEED)))),
        ("engine/aligned, 8 buffers", Box::new(move || scarce.pipe(black_box(SEED)))),
    ]
}

fn pipe(criterion: &mut Criterion, rows: &mut [(&'static str, Run)]) {
    let mut group = criterion.benchmark_group("pipe");
    group.sample_size(20).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(limit::HOPS));
    for (name, run) in rows {
        group.bench_function(*name, |bencher| bencher.iter(&mut *run));
    }
    group.finish();
}

/// Cargo says `--bench` when it wants figures; a name narrows the run down, and then there is nothing to compare.
fn wants_the_comparison() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments == ["--bench"]
}

fn main() {
    let mut rows = rows();
    let bar = limit::window(SEED);
    for (name, run) in &mut rows {
        assert!(run() == bar, "{name} computes other counters than the limit: its speed means nothing");
    }
    let mut criterion = Criterion::default().configure_from_args();
    pipe(&mut criterion, &mut rows);
    criterion.final_summary();
    if wants_the_comparison() {
        let mut rows: Vec<Row> = rows
            .into_iter()
            .map(|(name, mut run)| -> Row {
                (
                    name,
                    Box::new(move || {
                        black_box(run());
                    }),
                )
            })
            .collect();
        println!("{}", ratios(limit::HOPS, ROUNDS, &mut rows));
    }
}
