//! The bench `pipe`: the engine against the limit, on one workload.
//!
//! `cargo bench -p cutline-benches --bench pipe` measures each row by itself, and then all of them in turn, which is the
//! figure to quote: see `ratios`.

use std::hint::black_box;

use criterion::{Criterion, SamplingMode, Throughput};
use cutline_benches::limit::{self, Outcome};
use cutline_benches::ratios::{Row, ratios};

/// The seed of every run.
const SEED: u64 = 7;
/// Rounds of the comparison in turn.
const ROUNDS: usize = 21;

/// One run of the workload under a seed.
type Run = fn(u64) -> Outcome;

/// What is measured: name and run. The first row of the comparison in turn is the bar.
const ROWS: [(&str, Run); 3] = [
    ("limit/window", limit::window),
    ("limit/fused", limit::fused),
    ("limit/two_events", limit::two_events),
    // engine/...: the same workload through the simulator; it returns its counters, and `main` compares them.
];

fn pipe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipe");
    group.sample_size(20).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(limit::HOPS));
    for (name, run) in ROWS {
        group.bench_function(name, |bencher| bencher.iter(|| run(black_box(SEED))));
    }
    group.finish();
}

/// Cargo says `--bench` when it wants figures; a name narrows the run down, and then there is nothing to compare.
fn wants_the_comparison() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments == ["--bench"]
}

fn main() {
    let bar = limit::window(SEED);
    for (name, run) in ROWS {
        assert!(run(SEED) == bar, "{name} computes other counters than the limit: its speed means nothing");
    }
    let mut criterion = Criterion::default().configure_from_args();
    pipe(&mut criterion);
    criterion.final_summary();
    if wants_the_comparison() {
        let mut rows: Vec<Row> = ROWS
            .map(|(name, run)| -> Row {
                (
                    name,
                    Box::new(move || {
                        black_box(run(black_box(SEED)));
                    }),
                )
            })
            .into();
        println!("{}", ratios(limit::HOPS, ROUNDS, &mut rows));
    }
}
