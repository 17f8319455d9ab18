//! The bench `explore`: forks per second, each judged by every oracle, on the scenario `tiny`; and the bare loop beside it.
//!
//! A run of a row tries every single fault on the run: each task and each node crashes after each event, each write fails, each
//! message is lost. Forks that meet in one state are gone through once, but for the rows that say otherwise. `cargo bench -p cutline-benches --bench explore` measures each row by itself, and then all of them in turn, which is
//! the figure to quote.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, SamplingMode, Throughput};
use cutline_benches::engine::prepare;
use cutline_benches::fork_limit;
use cutline_scenarios::explore::{Explorer, Memory, Pass, Unwatched, Victims};
use cutline_scenarios::prepare::Prepared;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// The seed of every run.
const SEED: u64 = 1;
/// Rounds of the comparison in turn.
const ROUNDS: usize = 15;

fn explorer<'a>(prepared: &'a Prepared, strategy: &str) -> Explorer<'a> {
    let strategy = cutline_algorithms::find(strategy).expect("a strategy of the table");
    Explorer::new(prepared, strategy.into(), SEED, Arc::default(), &Victims::ALL)
}

/// One exploration: how many forks it had.
fn explore(explorer: &Explorer<'_>, threads: &ThreadPool) -> u64 {
    let found = threads.install(|| explorer.explore(Pass::Single, u64::MAX, &Unwatched));
    assert!(found.violations.is_empty(), "the speed of a wrong run means nothing: {:?}", found.violations);
    found.forks()
}

fn threads(number: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(number).build().expect("threads")
}

fn main() {
    let compares = std::env::args().skip(1).collect::<Vec<_>>() == ["--bench"];
    let prepared = prepare("tiny", &[], SEED);
    let all = [
        ("aligned", Memory::Used),
        ("unaligned", Memory::Used),
        ("communication-induced", Memory::Used),
        ("aligned, every fork", Memory::Unused),
    ];
    let explorers = all.map(|(name, memory)| {
        let strategy = name.split(',').next().unwrap_or_default();
        (name, explorer(&prepared, strategy).with_memory(memory))
    });
    let [one, two] = [1, 2].map(threads);
    let mut rows: Vec<(String, Box<dyn FnMut() -> u64 + '_>)> =
        vec![("limit, 1 thread".to_owned(), Box::new(|| fork_limit::forks(black_box(SEED))))];
    for (name, explorer) in &explorers {
        for (number, threads) in [(1, &one), (2, &two)] {
            let name = format!("{name}, {number} thread{}", if number == 1 { "" } else { "s" });
            rows.push((name, Box::new(move || explore(explorer, threads))));
        }
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("explore");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, run) in &mut rows {
        group.throughput(Throughput::Elements(run()));
        group.bench_function(name.as_str(), |bencher| bencher.iter(&mut *run));
    }
    group.finish();
    criterion.final_summary();
    if compares {
        let mut best = vec![f64::INFINITY; rows.len()];
        let mut times = vec![Vec::new(); rows.len()];
        for _ in 0..ROUNDS {
            for (at, (_, run)) in rows.iter_mut().enumerate() {
                let start = Instant::now();
                let forks = run();
                let time = start.elapsed().as_secs_f64() / forks as f64;
                best[at] = best[at].min(time);
                times[at].push(time);
            }
        }
        println!("{:32}  {:>10}  {:>10}  {:>10}", "", "us/fork", "forks/s", "best");
        for (at, (name, _)) in rows.iter().enumerate() {
            times[at].sort_by(f64::total_cmp);
            let median = times[at][ROUNDS / 2];
            println!("{name:32}  {:10.2}  {:10.0}  {:10.0}", median * 1e6, 1.0 / median, 1.0 / best[at]);
        }
        println!("the median and the best of {ROUNDS} rounds measured in turn");
    }
}
