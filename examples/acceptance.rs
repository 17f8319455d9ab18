//! The acceptance sweep: `make sweep`, or `cargo run --release --example acceptance -- 1000 200`.
//!
//! So many seeds of the word count, and so many of every query and of the sums, under the fault profile `crashes` with every
//! strategy, and a fifth of them under each other profile: all oracles must be content, every completed checkpoint restored
//! in a fork. Then every planted bug over the same runs until one fails, with determinism checked for the bugs that are
//! about it.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cutline_algorithms::STRATEGIES;
use cutline_algorithms::bugs::BUGS;
use cutline_scenarios::faults;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::load;

const SCENARIOS: [&str; 6] =
    ["wordcount", "nexmark-q1", "nexmark-q3", "nexmark-q8", "nexmark-q12", "sum-even-odd"];
/// The first is swept in full, the others with a fifth of the seeds.
const PROFILES: [&str; 5] = ["crashes", "messages", "storage", "network", "all"];
const THREADS: u64 = 2;

fn prepare(name: &str) -> Prepared {
    // Two bugs are about choosing among retained checkpoints.
    let overrides = ["execution.checkpointing.num-retained=3".to_owned()];
    let text = resolve(name).unwrap_or_else(|error| panic!("{error}"));
    let scenario = load(&text, &overrides).unwrap_or_else(|error| panic!("{error}"));
    Prepared::new(&scenario, 7, &mut Texts::new(".")).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs seeds, on all threads, until one fails; how many were run, and the record of the smallest that failed.
fn sweep(
    prepared: &Prepared,
    contender: Contender,
    profile: &str,
    seeds: u64,
    determinism: bool,
) -> (u64, Option<RunRecord>) {
    let profile = faults::resolve(profile).unwrap_or_else(|error| panic!("{error}"));
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let options = Options { forks: Some(true), check_determinism: determinism, ..Options::default() };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut runner = Runner::new(prepared, contender);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || seed > failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let plan =
                        Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
                    if runner.run(seed, &plan, &options, None).class() != Class::Pass {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let seed = failed.into_inner();
    if seed == u64::MAX {
        return (seeds, None);
    }
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    (seed + 1, Some(Runner::new(prepared, contender).run(seed, &plan, &options, None)))
}

fn objections(record: &RunRecord) -> String {
    let failed = record.verdicts.iter().filter(|verdict| verdict.verdict.is_fail());
    failed.map(|verdict| verdict.oracle.as_str()).collect::<Vec<_>>().join(", ")
}

/// How many seeds of a profile: the first in full, the others with a fifth.
fn share(profile: &str, seeds: u64) -> u64 {
    if profile == PROFILES[0] { seeds } else { seeds.div_ceil(5) }
}

/// The correct strategies; true if all are clean.
fn strategies(seeds: impl Fn(&str) -> u64) -> bool {
    let mut clean = true;
    for name in SCENARIOS {
        let prepared = prepare(name);
        for (strategy, profile) in
            STRATEGIES.iter().flat_map(|strategy| PROFILES.map(|profile| (strategy, profile)))
        {
            let start = Instant::now();
            let (runs, failure) =
                sweep(&prepared, Contender::from(strategy), profile, share(profile, seeds(name)), false);
            let verdict =
                failure.as_ref().map_or("pass".to_owned(), |record| format!("FAIL: {}", objections(record)));
            println!(
                "{name:14} {:16} {profile:10} {runs:5} seeds  {verdict}  ({:.1} s)",
                strategy.name,
                start.elapsed().as_secs_f64()
            );
            clean &= failure.is_none();
        }
    }
    clean
}

/// The planted bugs: where each is caught. One that needs a job of its own is caught by its hunt, in the tests of the
/// crate `scenarios`.
fn bugs(seeds: impl Fn(&str) -> u64) {
    let scenarios: Vec<(&str, Prepared)> = SCENARIOS.iter().map(|&name| (name, prepare(name))).collect();
    for bug in BUGS {
        let determinism = bug.caught_by == "determinism";
        let caught = PROFILES.iter().find_map(|profile| {
            scenarios.iter().find_map(|(name, prepared)| {
                let seeds = if determinism { 5 } else { share(profile, seeds(name)) };
                let (runs, failure) = sweep(prepared, Contender::from(bug), profile, seeds, determinism);
                let (seed, by) = (runs - 1, failure.as_ref().map(objections)?);
                Some(format!("caught in {name} under {profile} at seed {seed} by {by}"))
            })
        });
        let caught =
            caught.unwrap_or_else(|| "not caught by these jobs: see its hunt in scenarios/tests".to_owned());
        println!("{:20} {caught}", bug.name);
    }
}

fn main() -> ExitCode {
    let arguments: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (words, others) =
        (arguments.first().copied().unwrap_or(1000), arguments.get(1).copied().unwrap_or(200));
    let seeds = |name: &str| if name == "wordcount" { words } else { others };
    let clean = strategies(seeds);
    bugs(seeds);
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
