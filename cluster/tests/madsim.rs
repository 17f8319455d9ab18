//! Strategies under madsim, judged by the oracles of the simulator: `make madsim`. Planted bugs are hunted in `bugs.rs`.
#![cfg(madsim)]

use cutline_algorithms::STRATEGIES;
use cutline_cluster::job::Job;
use cutline_cluster::simulated::{Plan, Report, run};
use cutline_scenarios::library_files::{LIBRARY, resolve};
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::Contender;

const MAIN: [&str; 4] = ["stop-the-world", "aligned", "unaligned", "async-incremental"];

fn prepared(scenario: &str, overrides: &[&str]) -> Prepared {
    let source = resolve(scenario).expect("a scenario");
    Prepared::load(&source, overrides, 1).expect("a job")
}

fn job(prepared: &Prepared, strategy: &str) -> Job {
    let contender = Contender::named(strategy).expect("a strategy");
    let topology = prepared.topology_under(contender.guarantee);
    Job { topology, cut: contender.cut, snapshot: contender.snapshot }
}

#[track_caller]
fn passes(report: &Report, about: &str) {
    assert_eq!(report.objection(), None, "{about}: {report:?}");
}

/// How often each happened over some seeds: without that a pass says little.
#[derive(Debug, Default)]
struct Met {
    restarts: u32,
    restored: usize,
}

fn rough(scenario: &str, overrides: &[&str], strategies: &[&str], seeds: std::ops::Range<u64>) {
    let prepared = prepared(scenario, overrides);
    for strategy in strategies {
        let (job, mut met) = (job(&prepared, strategy), Met::default());
        for seed in seeds.clone() {
            let report = run(&prepared, &job, Plan::ROUGH, seed);
            passes(&report, &format!("{scenario} under {strategy}, seed {seed}"));
            let outcome = report.outcome.expect("an outcome");
            met.restarts += outcome.attempts - 1;
            met.restored += outcome.restored.iter().flatten().count();
        }
        assert!(met.restarts > 0 && met.restored > 0, "{scenario} under {strategy}: {met:?}");
    }
}

#[test]
fn a_quiet_run_takes_checkpoints_and_fails_nowhere() {
    let prepared = prepared("wordcount", &[]);
    for strategy in MAIN {
        let report = run(&prepared, &job(&prepared, strategy), Plan::QUIET, 1);
        passes(&report, strategy);
        let outcome = report.outcome.expect("an outcome");
        assert!(outcome.completed >= 2 && outcome.attempts == 1, "{strategy}: {outcome:?}");
    }
}

#[test]
fn the_main_strategies_count_words_through_faults() {
    rough("wordcount", &["input.text.kind.text.rate=100/s"], &MAIN, 0..seeds());
}

#[test]
fn the_main_strategies_join_through_faults() {
    rough("nexmark-q3", &[], &MAIN, 0..seeds());
}

/// The whole state is written beside the log all the time, and stays when the checkpoint is given up that first refers to it.
#[test]
fn a_log_that_is_cut_off_all_the_time_is_restored_through_faults() {
    let often =
        ["state.changelog.periodic-materialize.interval=100ms", "execution.checkpointing.interval=150ms"];
    rough("visits", &often, &["changelog"], 0..seeds());
}

/// `SEEDS` says how many seeds a test takes.
fn seeds() -> u64 {
    std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(4)
}

#[test]
fn the_other_strategies_count_words_through_faults() {
    let others = STRATEGIES.iter().map(|strategy| strategy.name).filter(|name| !MAIN.contains(name));
    let others: Vec<&str> = others.collect();
    let often = ["input.text.kind.text.rate=100/s", "execution.checkpointing.interval=200ms"];
    rough("wordcount", &often, &others, 0..seeds());
}

#[test]
fn a_seed_gives_one_run_and_another_seed_another() {
    let prepared = prepared("wordcount", &["input.text.kind.text.rate=100/s"]);
    let job = job(&prepared, "unaligned");
    let outcome = |seed| run(&prepared, &job, Plan::ROUGH, seed).outcome.expect("an outcome");
    let (first, again, other) = (outcome(3), outcome(3), outcome(4));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

/// Every job of the library, but for the one that is long on purpose, under a strategy of each kind.
#[test]
fn the_jobs_of_the_library_pass() {
    for (name, _) in LIBRARY.iter().filter(|(name, _)| *name != "pipe") {
        let prepared = prepared(name, &[]);
        for strategy in ["aligned", "unaligned", "chandy-lamport", "communication-induced"] {
            let cycles = Contender::named(strategy).expect("a strategy").cycles;
            if cycles || !prepared.is_cyclic() {
                passes(
                    &run(&prepared, &job(&prepared, strategy), Plan::ROUGH, 0),
                    &format!("{name} under {strategy}"),
                );
            }
        }
    }
}
