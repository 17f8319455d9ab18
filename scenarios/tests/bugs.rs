//! Every planted bug is caught by the oracle that must catch it, within a stated number of seeds, in the words in which it
//! should be; and under the same scenario, faults and seeds the correct strategy is clean by every oracle.
//!
//! `cargo test -p cutline-scenarios --test scenarios bugs:: -- --nocapture` prints the table: bug, oracle, seeds needed, how often,
//! the other oracles that failed and how often, and the first proof.

use std::collections::BTreeMap;

use cutline_algorithms::bugs;
use cutline_scenarios::hunts::{HUNTS, Hunt, OTHER_HUNTS};
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{OracleVerdict, RunRecord};
use cutline_scenarios::zoo::{Chase, Pair};
use cutline_sim::faults::Fault;
use cutline_sim::oracles::{ROWS, Verdict, cut};
use cutline_sim::time::SECOND;

/// So many seeds are run in any case: under all of them the correct strategy must be clean.
const SEEDS: u64 = 20;

/// What a verdict of this oracle must name: the checkpoint where it is about one, and a task or a channel.
fn names_what_it_should(oracle: &str, proof: &str) -> bool {
    let says = |parts: &[&str]| parts.iter().all(|part| proof.contains(part));
    match oracle {
        "state" => {
            says(&["Operator ", "the failure-free run"])
                || says(&["stood at offset ", "But the savepoint, checkpoint ", "has it at offset "])
        }
        "ledger" => says(&["Readers of sink ", "lineage 0x"]),
        "cut" => {
            says(&["Let c be checkpoint ", "On the channel ", " -> ", " is the record with key "])
                || says(&["Let c be checkpoint ", "The snapshot of ", " is not in the store"])
        }
        "restore" => says(&["Let c be checkpoint ", "by the oracle `"]),
        "order" => says(&["from the channel ", " -> ", "lineage 0x"]),
        "fencing" => says(&["checkpoint ", "attempt "]) || says(&["what ", " had said in attempt "]),
        "store" => says(&["heckpoint ", "the store "]),
        "zigzag" => says(&["Let c be checkpoint ", "So no consistent line contains c"]),
        "liveness" => says(&["heckpoint ", "The tasks were: "]),
        "determinism" => says(&["part at event ", " by ", "the second "]),
        _ => false,
    }
}

/// Runs seeds until the oracle that must catch the bug has caught it, and at least [`SEEDS`] of them.
fn run(hunt: &Hunt) {
    let (bug, oracle) = (hunt.bug(), hunt.oracle());
    let prepared = hunt.prepare().unwrap_or_else(|error| panic!("{error}"));
    let mut chase = Chase::new(hunt, &prepared).unwrap_or_else(|error| panic!("{error}"));
    let mut first = None;
    let mut failed = BTreeMap::<String, u64>::new();
    let mut runs = 0;
    while runs < SEEDS || (first.is_none() && runs < hunt.budget) {
        let Pair { correct, mutant } = chase.run(runs).unwrap_or_else(|error| panic!("{error}"));
        assert!(failures(&correct).is_empty(), "{} of {}: {correct:#?}", bug.of, bug.name);
        assert!(correct.duration < 10 * SECOND, "{} needs all its time: {}", bug.name, correct.duration);
        let mut failures = failures(&mutant);
        runs += 1;
        failures.keys().for_each(|oracle| *failed.entry(oracle.clone()).or_default() += 1);
        if let Some(proof) = failures.remove(oracle) {
            assert!(names_what_it_should(oracle, &proof), "{}: {proof}", bug.name);
            first.get_or_insert((runs, proof));
        }
    }
    let Some((seeds, proof)) = first.filter(|&(seeds, _)| seeds <= hunt.budget) else {
        panic!("{} was not caught by {}: of {runs} seeds {failed:?}", bug.name, oracle);
    };
    let often = failed.remove(oracle).unwrap_or_default();
    let others: Vec<String> = failed.iter().map(|(oracle, seeds)| format!("{oracle} {seeds}")).collect();
    println!(
        "{:20} {:12} after {seeds:3}, in {often:3} of {runs:3} seeds; others: {}\n    {proof}",
        bug.name,
        oracle,
        others.join(", ")
    );
}

/// The oracles that failed, and their proofs.
fn failures(record: &RunRecord) -> BTreeMap<String, String> {
    let proof = |verdict: &OracleVerdict| match &verdict.verdict {
        Verdict::Fail(proof) => Some((verdict.oracle.clone(), proof.clone())),
        Verdict::Pass | Verdict::Unknown(_) => None,
    };
    record.verdicts.iter().filter_map(proof).collect()
}

/// A torn cut shows before anything is restored from it: `cut` catches its bugs in runs without a crash, but for the one that
/// is about what follows a restore.
#[test]
fn cut_needs_no_crash() {
    let crashes = |hunt: &Hunt| {
        let prepared = hunt.prepare().expect("a job");
        let plans = (0..hunt.budget).map(|seed| hunt.plan(&prepared, seed).expect("a plan"));
        let is_crash = |fault: &Fault| matches!(fault, Fault::TaskCrash(_) | Fault::NodeCrash(_));
        plans.into_iter().any(|plan| plan.faults.iter().any(|planned| is_crash(&planned.fault)))
    };
    let by_cut = HUNTS.iter().chain(OTHER_HUNTS).filter(|hunt| hunt.oracle() == cut::NAME);
    let crashing: Vec<&str> = by_cut.filter(|hunt| crashes(hunt)).map(|hunt| hunt.bug).collect();
    assert_eq!(crashing, ["restored-uncaptured"]);
}

/// The job of a hunt with 8 subtasks of every operator, on 9 nodes; there is something to read for each source.
fn wide(hunt: &Hunt) -> Prepared {
    let narrow = hunt.prepare().unwrap_or_else(|error| panic!("{error}"));
    let operators = narrow.topology().operators.iter();
    let mut more: Vec<String> =
        operators.map(|operator| format!("job.operator.{}.parallelism=8", operator.uid)).collect();
    more.push("cluster.nodes=9".to_owned());
    let input = match narrow.name() {
        "wordcount" => "text.kind.text",
        "nexmark-q1" => "events.kind.nexmark",
        "visits" => "visits.kind.events",
        "components" => "edges.kind.events",
        "tiny" => "keys.kind.keys",
        _ => "numbers.kind.numbers",
    };
    more.push(format!("input.{input}.splits=8"));
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    hunt.prepare_with(&more).unwrap_or_else(|error| panic!("{error}"))
}

/// What is right and wrong with two subtasks is so with eight: every oracle catches a bug of its own within 10 seeds, and the correct
/// strategy is clean in each of these runs.
#[test]
fn every_oracle_catches_a_bug_of_wide_jobs() {
    for row in ROWS {
        let mut hunts = HUNTS.iter().chain(OTHER_HUNTS).filter(|hunt| hunt.oracle() == row.name);
        assert!(hunts.any(|hunt| catches_wide(hunt, 10)), "{} catches nothing", row.name);
    }
}

fn catches_wide(hunt: &Hunt, seeds: u64) -> bool {
    let prepared = wide(hunt);
    let bug = hunt.bug();
    let mut chase = Chase::new(hunt, &prepared).unwrap_or_else(|error| panic!("{error}"));
    (0..seeds).any(|seed| {
        let Pair { correct, mutant } = chase.run(seed).unwrap_or_else(|error| panic!("{error}"));
        assert!(failures(&correct).is_empty(), "{} of {}: {correct:#?}", bug.of, bug.name);
        let proof = failures(&mutant).remove(hunt.oracle());
        proof.is_some_and(|proof| names_what_it_should(hunt.oracle(), &proof))
    })
}

/// A test for each oracle, so that they run side by side.
macro_rules! oracles {
    ($($test:ident $oracle:literal)*) => {
        $(#[test]
        fn $test() {
            HUNTS.iter().chain(OTHER_HUNTS).filter(|hunt| hunt.oracle() == $oracle).for_each(run);
        })*

        #[test]
        fn every_bug_is_hunted() {
            let hunted: Vec<&str> = HUNTS.iter().map(|hunt| hunt.bug).collect();
            assert_eq!(hunted, bugs::all().map(|bug| bug.name).collect::<Vec<_>>());
            assert_eq!([$($oracle),*].as_slice(), ROWS.iter().map(|row| row.name).collect::<Vec<_>>());
        }
    };
}

oracles! {
    state_catches_its_bugs "state"
    ledger_catches_its_bugs "ledger"
    cut_catches_its_bugs "cut"
    restore_catches_its_bugs "restore"
    order_catches_its_bugs "order"
    fencing_catches_its_bugs "fencing"
    store_catches_its_bugs "store"
    zigzag_catches_its_bugs "zigzag"
    liveness_catches_its_bugs "liveness"
    determinism_catches_its_bugs "determinism"
}
