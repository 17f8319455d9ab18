//! The digests of runs, a line each: what `make determinism` compares between builds, processes and numbers of threads.
//!
//! `digests THREADS` runs every strategy on every job of the library, each with a snapshot method of its own, once under crashes
//! and once under all faults, and every planted bug on a job that most of them fail. It prints no time, no path, and nothing
//! else that a second process could not give.

use std::process::ExitCode;
use std::sync::Arc;

use cutline_algorithms::{STRATEGIES, bugs};
use cutline_scenarios::faults;
use cutline_scenarios::product::{JOBS, Job, Size, profile};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::oracles::determinism;
use cutline_sim::protocol::SnapshotMethod;
use rayon::prelude::*;

/// The seed of each run: one for each fault profile.
const SEEDS: [u64; 2] = [2, 3];
/// The job of the planted bugs.
const BUGGY: &str = "wordcount";

type Lines = Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>>;

/// Every strategy on a job, and every bug on one of them.
fn lines(job: &'static Job, seed: u64) -> Lines {
    let prepared = job.prepare(Size::Small, seed)?;
    let profile = faults::resolve(profile(seed))?;
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    let options = Options { forks: Some(false), ..Options::default() };
    // Each strategy meets all methods on one job or another.
    let first = JOBS.iter().position(|other| other.scenario == job.scenario).unwrap_or(0);
    let methods = SnapshotMethod::ALL.into_iter().cycle().skip(first);
    let strategies = STRATEGIES.iter().filter(|strategy| strategy.cycles || !prepared.is_cyclic());
    let strategies =
        strategies.zip(methods).map(|(strategy, snapshot)| Contender { snapshot, ..strategy.into() });
    // The one that has another digest each time is what this is to find.
    let bugs = bugs::all().filter(|bug| job.scenario == BUGGY && bug.caught_by != determinism::NAME);
    let bugs = bugs.map(Contender::from);
    let line = |contender: Contender| {
        let Contender { name, snapshot, .. } = contender;
        let record = Runner::new(&prepared, contender).run(seed, &plan, &options, None);
        format!("{} {name} {snapshot} {seed} {} {}", job.scenario, record.class().name(), record.digest)
    };
    Ok(strategies.chain(bugs).map(line).collect())
}

fn main() -> ExitCode {
    let threads = std::env::args().nth(1).and_then(|threads| threads.parse().ok());
    let pool = threads.map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build());
    let Some(Ok(pool)) = pool else {
        eprintln!("usage: digests THREADS");
        return ExitCode::from(2);
    };
    let runs: Vec<_> = JOBS.iter().flat_map(|job| SEEDS.map(|seed| (job, seed))).collect();
    let lines: Vec<Lines> = pool.install(|| runs.par_iter().map(|&(job, seed)| lines(job, seed)).collect());
    for lines in lines {
        match lines {
            Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
