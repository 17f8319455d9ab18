//! The acceptance sweep: `make sweep`, or `cargo run --release --example acceptance -- 1000 200`, perhaps with names of strategies
//! behind that: then only those are swept.
//!
//! So many seeds of the word count, and so many of every query, of the sums, and of the word count with each other sink,
//! under the fault profile `crashes` with every strategy, and a fifth of them under each other profile: all oracles must be
//! content, every completed checkpoint restored in a fork. Each is the run of `cutline run JOB --seed N --forks`, its input
//! drawn from that seed too; of a run that fails that command is printed. Then every planted bug: over the same runs under
//! `crashes`, with three checkpoints retained (two bugs are about choosing one), until one fails, with determinism checked for
//! the bugs that are about it; and, if none does (some need a job or faults of their own), over the runs of its hunt. Every
//! bug must be caught.

#[path = "shared/pool.rs"]
mod pool;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use cutline_algorithms::bugs::{self, Bug};
use cutline_algorithms::{STRATEGIES, Strategy};
use cutline_scenarios::faults;
use cutline_scenarios::hunts::HUNTS;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::{Scenario, load};
use cutline_sim::oracles::determinism;

/// Scenarios of the library, some with another sink.
const SCENARIOS: [(&str, &[&str]); 8] = [
    ("wordcount", &[]),
    ("wordcount", &["job.operator.sink.does.sink=idempotent"]),
    ("wordcount", &["job.operator.sink.does.sink=plain"]),
    ("nexmark-q1", &[]),
    ("nexmark-q3", &[]),
    ("nexmark-q8", &[]),
    ("nexmark-q12", &[]),
    ("sum-even-odd", &[]),
];
/// The first is swept in full, the others with a fifth of the seeds.
const PROFILES: [&str; 6] = ["crashes", "messages", "storage", "network", "sinks", "everything"];

/// Two bugs are about choosing among retained checkpoints.
const RETAINED: &str = "execution.checkpointing.num-retained=3";

/// A job to sweep.
struct Job {
    /// The scenario's name and its overrides, as `cutline run` takes them.
    command: String,
    scenario: Scenario,
    /// The same with [`RETAINED`], for bugs.
    retaining: Scenario,
    /// So many seeds of the first profile.
    seeds: u64,
}

/// The jobs: so many seeds of the word count as it is, and so many of each other job.
fn jobs(words: u64, others: u64) -> Vec<Job> {
    let read = |name: &str, overrides: Vec<String>| {
        let text = resolve(name).unwrap_or_else(|error| panic!("{error}"));
        load(&text, &overrides).unwrap_or_else(|error| panic!("{error}"))
    };
    let owned = |overrides: &[&str]| overrides.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let job = |&(name, overrides): &(&str, &[&str])| Job {
        command: overrides.iter().fold(name.to_owned(), |command, set| format!("{command} --set {set}")),
        scenario: read(name, owned(overrides)),
        retaining: read(name, owned(&[overrides, &[RETAINED]].concat())),
        seeds: if name == "wordcount" && overrides.is_empty() { words } else { others },
    };
    SCENARIOS.iter().map(job).collect()
}

/// Runs seeds, on all cores, until one fails; how many were run, and the record of the smallest that failed.
fn sweep(run: &(dyn Fn(u64) -> RunRecord + Sync), seeds: u64) -> (u64, Option<RunRecord>) {
    let mut first: Option<(u64, RunRecord)> = None;
    pool::each(pool::cores(), seeds, run, |seed, record| {
        if record.class() != Class::Pass && first.as_ref().is_none_or(|&(smallest, _)| seed < smallest) {
            first = Some((seed, record));
        }
        first.is_none()
    });
    first.map_or((seeds, None), |(seed, record)| (seed + 1, Some(record)))
}

/// Sweeps a scenario under a profile, with every completed checkpoint restored in a fork.
fn sweep_job(
    scenario: &Scenario,
    contender: Contender,
    profile: &str,
    seeds: u64,
    check_determinism: bool,
) -> (u64, Option<RunRecord>) {
    let profile = faults::resolve(profile).unwrap_or_else(|error| panic!("{error}"));
    let options = Options { forks: Some(true), check_determinism, ..Options::default() };
    let run = |seed| {
        let prepared = Prepared::new(scenario, seed, &mut Texts::new("."));
        let prepared = prepared.unwrap_or_else(|error| panic!("{error}"));
        let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
        Runner::new(&prepared, contender).run(seed, &plan, &options, None)
    };
    sweep(&run, seeds)
}

fn objections(record: &RunRecord) -> String {
    let failed = record.verdicts.iter().filter(|verdict| verdict.verdict.is_fail());
    failed.map(|verdict| verdict.oracle.as_str()).collect::<Vec<_>>().join(", ")
}

/// The correct strategies; true if all are clean.
fn strategies(jobs: &[Job], asked: &[&Strategy]) -> bool {
    let mut clean = true;
    for job in jobs {
        for (strategy, profile) in
            asked.iter().flat_map(|&strategy| PROFILES.map(|profile| (strategy, profile)))
        {
            let start = Instant::now();
            let seeds = if profile == PROFILES[0] { job.seeds } else { job.seeds.div_ceil(5) };
            let (runs, failure) = sweep_job(&job.scenario, Contender::from(strategy), profile, seeds, false);
            let name = strategy.name;
            let verdict = failure.as_ref().map_or("pass".to_owned(), |record| {
                let seed = runs - 1;
                let objections = objections(record);
                let command = &job.command;
                format!(
                    "FAIL: {objections}: cutline run {command} --strategy {name} --faults {profile} --seed {seed} --forks"
                )
            });
            let seconds = start.elapsed().as_secs_f64();
            println!("{:58} {name:16} {profile:10} {runs:5} seeds  {verdict}  ({seconds:.1} s)", job.command);
            clean &= failure.is_none();
        }
    }
    clean
}

/// Where a bug is caught, at which seed and by which oracles.
fn catch(bug: &Bug, jobs: &[Job]) -> Option<String> {
    let caught = |(runs, failure): (u64, Option<RunRecord>), place: String| {
        Some(format!("caught in {place} at seed {} by {}", runs - 1, objections(&failure?)))
    };
    let is_about_determinism = bug.caught_by == determinism::NAME;
    let in_a_job = |job: &Job| {
        let seeds = if is_about_determinism { job.seeds.min(5) } else { job.seeds };
        let swept = sweep_job(&job.retaining, Contender::from(bug), PROFILES[0], seeds, is_about_determinism);
        caught(swept, format!("{} under {}", job.command, PROFILES[0]))
    };
    jobs.iter().find_map(in_a_job).or_else(|| {
        let hunt = HUNTS.iter().find(|hunt| hunt.bug == bug.name)?;
        let prepared = hunt.prepare().unwrap_or_else(|error| panic!("{error}"));
        let plan = |seed| hunt.plan(&prepared, seed).unwrap_or_else(|error| panic!("{error}"));
        let run =
            |seed| Runner::new(&prepared, Contender::from(bug)).run(seed, &plan(seed), &hunt.options(), None);
        let swept = sweep(&run, hunt.budget);
        caught(swept, format!("its hunt in {}", prepared.name()))
    })
}

/// The planted bugs; true if all are caught.
fn bugs(jobs: &[Job]) -> bool {
    let mut all = true;
    for bug in bugs::all() {
        let start = Instant::now();
        let caught = catch(bug, jobs);
        all &= caught.is_some();
        let verdict = caught.unwrap_or_else(|| "NOT CAUGHT".to_owned());
        println!("{:20} {verdict}  ({:.1} s)", bug.name, start.elapsed().as_secs_f64());
    }
    all
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| arguments.get(at).map_or(Ok(default), |text| text.parse::<u64>());
    let (Ok(words), Ok(others)) = (number(0, 1000), number(1, 200)) else {
        eprintln!("usage: acceptance [SEEDS OF WORDCOUNT] [SEEDS OF EACH OTHER JOB] [STRATEGY...]");
        return ExitCode::from(2);
    };
    let names = arguments.get(2..).unwrap_or_default();
    if let Some(name) = names.iter().find(|name| cutline_algorithms::find(name).is_none()) {
        eprintln!("there is no strategy `{name}`: see `cutline list strategies`");
        return ExitCode::from(2);
    }
    let is_asked = |of: &&Strategy| names.is_empty() || names.iter().any(|name| name == of.name);
    let asked: Vec<&Strategy> = STRATEGIES.iter().filter(is_asked).collect();
    let jobs = jobs(words, others);
    let (clean, caught) = (strategies(&jobs, &asked), bugs(&jobs));
    if clean && caught { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
