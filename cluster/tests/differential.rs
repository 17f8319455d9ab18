//! A small part of `make differential`: in the simulated machine, or with `make madsim` on madsim. Real processes need a program that they
//! are: `tests/cli/differential.rs`.

use cutline_algorithms::bugs;
use cutline_cluster::differential::{Cell, Digest, JOBS, Job, Ran, Row, Runtime};
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::{Contender, Options, Runner};

/// So many seeds of each cell.
#[cfg(madsim)]
const SEEDS: u64 = 1;
#[cfg(not(madsim))]
const SEEDS: u64 = 3;

#[cfg(madsim)]
fn run(cell: &Cell, prepared: &Prepared, seed: u64) -> (Runtime, Ran) {
    (Runtime::Madsim, cell.on_madsim(prepared, seed))
}

#[cfg(not(madsim))]
fn run(cell: &Cell, prepared: &Prepared, seed: u64) -> (Runtime, Ran) {
    (Runtime::Simulator, cell.simulate(prepared, seed).expect("a fault profile"))
}

fn job(name: &str) -> (&'static Job, Prepared) {
    let job = JOBS.iter().find(|job| job.name == name).expect("a job");
    (job, job.prepare().expect("a job"))
}

fn ends_as_the_reference(name: &str) {
    let (job, prepared) = job(name);
    let mut strategies = 0;
    for cell in Cell::of(job, &prepared) {
        let expected = cell.expected(&prepared);
        let mut row = Row::new(&cell, Runtime::Simulator, &expected);
        for seed in 0..SEEDS {
            let (runtime, ran) = run(&cell, &prepared, seed);
            row.runtime = runtime;
            row.add(seed, &ran, &expected);
        }
        assert!(row.passes(), "{row:?}");
        strategies += 1;
    }
    let able = if name == "walks" { 6 } else { 13 };
    assert_eq!(strategies, able, "all, or all that can do cycles");
}

#[test]
fn words_are_counted_as_by_the_reference() {
    ends_as_the_reference("words");
}

#[test]
fn a_join_gives_what_that_of_the_reference_gives() {
    ends_as_the_reference("join");
}

#[test]
fn sessions_are_those_of_the_reference() {
    ends_as_the_reference("sessions");
}

#[test]
fn sums_are_those_of_the_reference() {
    ends_as_the_reference("sums");
}

#[test]
fn walks_around_a_loop_are_those_of_the_reference() {
    ends_as_the_reference("walks");
}

#[test]
fn the_results_of_jobs_differ_and_hold_something() {
    let digests: Vec<Digest> = JOBS
        .iter()
        .map(|job| {
            let prepared = job.prepare().expect("a job");
            let visible: u64 = prepared.reference().operators.iter().map(|it| it.visible).sum();
            assert!(visible > 0, "{}: nothing would be seen", job.name);
            Digest::of_reference(prepared.reference(), prepared.topology())
        })
        .collect();
    for (at, one) in digests.iter().enumerate() {
        assert!(digests[at + 1..].iter().all(|other| one.ledger() != other.ledger()), "{}", JOBS[at].name);
    }
}

/// A bug shows in the digest of its run, whatever the oracles say of it.
fn shows(bug: &str, profile: &str) -> String {
    let (_, prepared) = job("words");
    let reference = prepared.reference();
    let expected = Digest::of_reference(reference, prepared.topology());
    let mut runner = Runner::new(&prepared, Contender::from(bugs::find(bug).expect("a bug")));
    let profile = cutline_scenarios::faults::resolve(profile).expect("a profile");
    let differs = (0..20).find_map(|seed| {
        let plan = cutline_scenarios::faults::draw(&profile, prepared.topology(), prepared.duration(), seed);
        runner.run(seed, &plan.into(), &Options::default(), None);
        Digest::of_ending(runner.world(), reference).differs_from(&expected)
    });
    differs.expect("a seed under which the bug shows")
}

#[test]
fn results_that_are_not_visible_have_another_digest() {
    assert!(shows("forget-last-commit", "none").contains("readers of `sink`"));
}

#[test]
fn a_state_that_was_not_restored_has_another_digest() {
    let differs = shows("ignored-tail", "crashes");
    assert!(differs.contains("`count`") || differs.contains("`sink`"), "{differs}");
}

const PAGE: &str = include_str!("../../docs/differential.md");

#[test]
fn the_page_has_a_row_of_every_job_and_strategy() {
    let mut rows: Vec<String> = Vec::new();
    for job in JOBS {
        let prepared = job.prepare().expect("a job");
        rows.extend(
            Cell::of(job, &prepared).map(|cell| format!("| {} | {} | ", job.name, cell.strategy.name)),
        );
    }
    let shown: Vec<&str> = PAGE.lines().filter(|line| line.ends_with(" | equal |")).collect();
    assert_eq!(shown.len(), rows.len(), "`make differential` prints the table of docs/differential.md");
    for (line, row) in shown.iter().zip(&rows) {
        assert!(line.starts_with(row), "{row} is to stand where docs/differential.md has {line}");
    }
}
