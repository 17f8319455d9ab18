//! The bench `interleavings`: states per second of `explore --interleavings` on the scenario `dozen`, where the counter crashes, beside those of a
//! model checker (stateright) on a model of the same job. A state of ours is a whole cluster with coordinator, store and sinks, and every run
//! that ends is judged by every oracle; one of the model is what somebody would write down to check the protocol alone. Both go deep first,
//! count a state once, and are given up after so many (of which the checker counts those that it reaches again, too).
//!
//! `cargo bench -p cutline-benches --features checker --bench interleavings`.

mod checker;

use std::hint::black_box;
use std::time::Instant;

use checker::Job;
use criterion::{Criterion, SamplingMode, Throughput};
use cutline_benches::engine::prepare;
use cutline_scenarios::explore::interleavings::Interleavings;
use cutline_sim::faults::{Fault, TaskCrash};
use cutline_sim::ids::TaskId;
use stateright::{Checker, Model};

/// So many records, half of them in each source.
const RECORDS: u8 = 12;
/// After so many states it is enough.
const STATES: u64 = 20_000;
/// The counter, behind the two sources.
const COUNTER: TaskId = TaskId(2);
/// Rounds of the comparison in turn.
const ROUNDS: usize = 5;

fn check() -> u64 {
    let half = |from: u8| (from..RECORDS).step_by(2).map(|number| number % 3).collect();
    let job = Job { records: [half(0), half(1)], keys: 3, crashes: true };
    let checker = job.checker().target_state_count(STATES as usize).spawn_dfs().join();
    assert!(checker.discoveries().keys().all(|name| *name == "the end"), "{:?}", checker.discoveries());
    checker.unique_state_count() as u64
}

fn main() {
    let compares = std::env::args().skip(1).collect::<Vec<_>>() == ["--bench"];
    let prepared = prepare("dozen", &[], 1);
    let strategy = cutline_algorithms::find("aligned").expect("a strategy of the table");
    let all = Interleavings::new(&prepared, strategy.into(), 1).expect("a result without failures");
    let crash = Fault::TaskCrash(TaskCrash { task: Some(COUNTER) });
    let mut explore = || {
        let found = all.explore(Some(black_box(&crash)), STATES, &mut |_| false);
        assert!(found.violations.is_empty(), "the speed of a wrong run means nothing: {found:?}");
        found.states
    };
    let mut rows: [(&str, &mut dyn FnMut() -> u64); 2] =
        [("stateright", &mut || black_box(check())), ("explore", &mut explore)];
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("interleavings");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, run) in &mut rows {
        group.throughput(Throughput::Elements(run()));
        group.bench_function(*name, |bencher| bencher.iter(&mut **run));
    }
    group.finish();
    criterion.final_summary();
    if compares {
        println!("{:32}  {:>10}  {:>10}  {:>10}", "", "states", "seconds", "states/s");
        for (name, run) in &mut rows {
            let mut times: Vec<(f64, u64)> = Vec::new();
            for _ in 0..ROUNDS {
                let start = Instant::now();
                let states = run();
                times.push((start.elapsed().as_secs_f64(), states));
            }
            times.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (seconds, states) = times[ROUNDS / 2];
            println!("{name:32}  {states:10}  {seconds:10.3}  {:10.0}", states as f64 / seconds);
        }
        println!("the median of {ROUNDS} rounds");
    }
}
