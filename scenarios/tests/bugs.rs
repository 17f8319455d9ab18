//! Every planted bug is caught by the oracle that must catch it, within a stated number of seeds, in the words in which it
//! should be; and under the same scenario, faults and seeds the correct strategy is clean by every oracle.
//!
//! `cargo test --test bugs -- --nocapture` prints the table: bug, oracle, seeds needed, the other oracles that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use Faults::{Hand, Profile};
use cutline_algorithms::bugs::{self, BUGS};
use cutline_scenarios::faults;
use cutline_scenarios::inputs::Texts;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{OracleVerdict, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::spec::load;
use cutline_sim::faults::{
    DoubledMessages, Fault, FaultPlan, LostMessages, Planned, Point, ReorderedMessages, SlowTask, TaskCrash,
    When,
};
use cutline_sim::ids::TaskId;
use cutline_sim::oracles::{ROWS, Verdict};
use cutline_sim::time::{MILLISECOND, SECOND, Time};

/// Where a bug is looked for.
struct Hunt {
    bug: &'static str,
    /// The scenario's name and its overrides,
    scenario: &'static [&'static str],
    /// and more overrides.
    and: &'static [&'static str],
    faults: Faults,
    /// So many seeds must be enough.
    seeds: u64,
}

/// The faults of a hunt.
#[derive(Clone, Copy)]
enum Faults {
    /// Drawn from a profile.
    Profile(&'static str),
    /// Made by hand, for the job as it is and its duration; what is random in them comes from the seed of the run.
    Hand(fn(&Prepared, u64) -> Vec<Planned>),
}

/// A fork and two sums: 2 sources, 2 + 2 filters, 2 sums, 2 sinks; 2 s of virtual time. Every subtask of an operator has a
/// node of its own, and a buffer takes so random a time that barriers arrive apart.
const SUMS: &[&str] = &[
    "sum-even-odd",
    "input.numbers.kind.numbers.count=2000",
    "input.numbers.kind.numbers.rate=\"500/s\"",
    "cluster.network.latency-jitter=\"5ms\"",
    "cluster.network.control-jitter=\"3ms\"",
    "taskmanager.numberOfTaskSlots=1",
    "execution.buffer-timeout.interval=\"5ms\"",
    "execution.checkpointing.interval=\"150ms\"",
    "execution.checkpointing.timeout=\"2s\"",
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "execution.checkpointing.num-retained=3",
    "heartbeat.interval=\"50ms\"",
    "heartbeat.timeout=\"200ms\"",
    "restart-strategy.fixed-delay.delay=\"20ms\"",
    "cluster.costs.node-downtime=\"100ms\"",
    "bounds.heal=\"20s\"",
];

/// Words: one source, 2 tokenizers, 2 counters, 2 sinks. Small buffers, so a blocked input soon stops the source; a
/// checkpoint that takes longer than 100 ms is given up.
const WORDS: &[&str] = &[
    "wordcount",
    "input.text.kind.text.rate=\"1000/s\"",
    "input.text.kind.text.splits=1",
    "job.operator.source.parallelism=1",
    "taskmanager.numberOfTaskSlots=1",
    "taskmanager.memory.segment-size=\"64\"",
    "taskmanager.network.memory.buffers-per-channel=1",
    "taskmanager.network.memory.floating-buffers-per-gate=0",
    "execution.checkpointing.interval=\"100ms\"",
    "execution.checkpointing.timeout=\"100ms\"",
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "bounds.heal=\"20s\"",
];

/// The sums with three splits for two sources, so that one source has twice as much to read and ends long after the other.
const UNEVEN: &[&str] = &["input.numbers.kind.numbers.splits=3", "job.operator.source.service=\"1500us\""];

const HUNTS: &[Hunt] = &[
    hunt("no-block", SUMS, &[], Profile("crashes"), 200),
    hunt("late-snapshot", SUMS, &[], Profile("crashes"), 200),
    hunt("commit-on-snapshot", SUMS, &[], Profile("crashes"), 200),
    hunt("forget-last-commit", SUMS, &[], Profile("none"), 1),
    hunt("no-drain", SUMS, &[], Profile("none"), 20),
    hunt("first-barrier", SUMS, &[], Profile("none"), 20),
    hunt("count-acks", SUMS, &[], Hand(doubled_messages), 200),
    hunt("ack-before-durable", SUMS, &[], Profile("storage"), 200),
    hunt("mixed-line", SUMS, &[], Profile("crashes"), 200),
    hunt("early-resume", SUMS, &[], Profile("crashes"), 200),
    hunt("stale-ack", SUMS, &[], Hand(crash_and_late_messages), 200),
    hunt("string-order", SUMS, &[], Profile("crashes"), 200),
    hunt("ended-inputs-count", SUMS, UNEVEN, Profile("none"), 1),
    hunt("abort-not-forwarded", WORDS, &[], Hand(lost_aborts), 200),
    hunt("forget-trigger", SUMS, &[], Profile("messages"), 200),
    hunt("global-counter", SUMS, &[], Profile("none"), 1),
    hunt("hash-order", SUMS, &[], Profile("none"), 1),
];

const fn hunt(
    bug: &'static str,
    scenario: &'static [&'static str],
    and: &'static [&'static str],
    faults: Faults,
    seeds: u64,
) -> Hunt {
    Hunt { bug, scenario, and, faults, seeds }
}

fn between(from: Time, until: Time, fault: Fault) -> Planned {
    Planned { when: When::Between(from, until), fault }
}

/// Messages come twice all the time, and some come late: so an acknowledgement is doubled while another is missing.
fn doubled_messages(_: &Prepared, _: u64) -> Vec<Planned> {
    let doubled = Fault::DoubledMessages(DoubledMessages { per_mille: 300 });
    vec![between(0, 2 * SECOND, doubled)]
}

/// A task crashes when it has acknowledged, and messages are overtaken by others, those of the next attempt too.
fn crash_and_late_messages(_: &Prepared, seed: u64) -> Vec<Planned> {
    let crash = Fault::TaskCrash(TaskCrash { task: None });
    let late = ReorderedMessages { per_mille: 300, by: 300 * MILLISECOND };
    vec![
        Planned { when: When::Point(Point::AckSent, 10 + seed as u32), fault: crash },
        between(0, 2 * SECOND, Fault::ReorderedMessages(late)),
    ]
}

/// One tokenizer is slow, so its barriers queue until their checkpoint has expired; and messages are lost, some of those
/// that say so among them.
fn lost_aborts(prepared: &Prepared, _: u64) -> Vec<Planned> {
    let topology = prepared.topology();
    let tasks = (0..topology.tasks.len() as u32).map(TaskId);
    let tokenizer = tasks.filter(|&task| topology.task_name(task).contains("tokenizer")).last();
    let task = tokenizer.expect("a tokenizer");
    vec![
        between(100 * MILLISECOND, SECOND, Fault::SlowTask(SlowTask { task, factor: 500 })),
        between(100 * MILLISECOND, SECOND, Fault::LostMessages(LostMessages { per_mille: 300 })),
    ]
}

/// What a verdict of this oracle must name: the checkpoint where it is about one, and a task or a channel.
fn names_what_it_should(oracle: &str, proof: &str) -> bool {
    let says = |parts: &[&str]| parts.iter().all(|part| proof.contains(part));
    match oracle {
        "state" => says(&["Operator ", "records in the history that counts"]),
        "ledger" => says(&["Readers of sink ", "lineage 0x"]),
        "cut" => says(&["Let c be checkpoint ", "On the channel ", " -> ", " is the record with key "]),
        "restore" => says(&["Let c be checkpoint ", "by the oracle `"]),
        "order" => says(&["from the channel ", " -> ", "lineage 0x"]),
        "fencing" => says(&["checkpoint ", "attempt "]) || says(&["what ", " had said in attempt "]),
        "liveness" => says(&["heckpoint ", "The tasks were: "]),
        "determinism" => says(&["part at event ", " by ", "the second "]),
        _ => false,
    }
}

impl Hunt {
    fn prepare(&self) -> Prepared {
        let (name, overrides) = self.scenario.split_first().expect("a scenario has a name");
        let overrides: Vec<String> = overrides.iter().chain(self.and).map(|&text| text.to_owned()).collect();
        let source = resolve(name).unwrap_or_else(|error| panic!("{error}"));
        let scenario = load(&source, &overrides).unwrap_or_else(|error| panic!("{error}"));
        Prepared::new(&scenario, 1, &mut Texts::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn plan(&self, prepared: &Prepared, seed: u64) -> Arc<FaultPlan> {
        let duration = prepared.duration();
        Arc::new(match self.faults {
            Profile(name) => {
                let profile = faults::resolve(name).unwrap_or_else(|error| panic!("{error}"));
                faults::draw(&profile, prepared.topology(), duration, seed)
            }
            Hand(make) => FaultPlan { faults: make(prepared, seed), heal: duration.max(2 * SECOND) },
        })
    }

    /// Runs until the oracle that must catch the bug has caught it.
    fn run(&self) {
        let bug = bugs::find(self.bug).expect("a bug");
        let of = cutline_algorithms::find(bug.of).expect("a strategy");
        let prepared = self.prepare();
        let options = Options {
            forks: Some(bug.caught_by == "restore"),
            check_determinism: bug.caught_by == "determinism",
            metrics: false,
            ..Options::default()
        };
        let mut correct = Runner::new(&prepared, Contender::from(of));
        let mut mutant = Runner::new(&prepared, Contender::from(bug));
        let mut others = BTreeSet::new();
        for seed in 0..self.seeds {
            let plan = self.plan(&prepared, seed);
            let clean = correct.run(seed, &plan, &options, None);
            assert!(failures(&clean).is_empty(), "{} of {}: {clean:#?}", bug.of, bug.name);
            let record = mutant.run(seed, &plan, &options, None);
            let mut failures = failures(&record);
            let proof = failures.remove(bug.caught_by);
            others.extend(failures.into_keys());
            if let Some(proof) = proof {
                let others: Vec<String> = others.into_iter().collect();
                let (name, oracle, seeds) = (bug.name, bug.caught_by, seed + 1);
                println!("{name:20} {oracle:12} {seeds:3}  {}", others.join(", "));
                println!("    {proof}");
                assert!(names_what_it_should(bug.caught_by, &proof), "{name}: {proof}");
                return;
            }
        }
        panic!("{} was not caught by {} in {} seeds, but by {others:?}", bug.name, bug.caught_by, self.seeds);
    }
}

/// The oracles that failed, and their proofs.
fn failures(record: &RunRecord) -> BTreeMap<String, String> {
    let proof = |verdict: &OracleVerdict| match &verdict.verdict {
        Verdict::Fail(proof) => Some((verdict.oracle.clone(), proof.clone())),
        Verdict::Pass | Verdict::Unknown(_) => None,
    };
    record.verdicts.iter().filter_map(proof).collect()
}

/// A test for each oracle, so that they run side by side.
macro_rules! oracles {
    ($($test:ident $oracle:literal)*) => {
        $(#[test]
        fn $test() {
            let mine = |hunt: &&Hunt| bugs::find(hunt.bug).is_some_and(|bug| bug.caught_by == $oracle);
            HUNTS.iter().filter(mine).for_each(Hunt::run);
        })*

        #[test]
        fn every_bug_is_hunted() {
            let hunted: Vec<&str> = HUNTS.iter().map(|hunt| hunt.bug).collect();
            assert_eq!(hunted, BUGS.iter().map(|bug| bug.name).collect::<Vec<_>>());
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
    liveness_catches_its_bugs "liveness"
    determinism_catches_its_bugs "determinism"
}
