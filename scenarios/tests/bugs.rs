//! Every planted bug is caught by the oracle that must catch it, within a stated number of seeds, in the words in which it
//! should be; and under the same scenario, faults and seeds the correct strategy is clean by every oracle.
//!
//! `cargo test --test bugs -- --nocapture` prints the table: bug, oracle, seeds needed, how often,
//! the other oracles that failed and how often, and the first proof.

use std::collections::BTreeMap;
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
    DelayedMessages, DoubledMessages, Fault, FaultPlan, LostMessages, Planned, Point, ReorderedMessages,
    TaskCrash, When,
};
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
    budget: u64,
}

/// So many seeds are run in any case: under all of them the correct strategy must be clean.
const SEEDS: u64 = 20;

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

/// Words: one source, 2 tokenizers, 2 counters, 2 sinks; 3 s of virtual time. Buffers are small, so an input that is blocked
/// for ever soon stops the source; and checkpoints are far apart, so it does before the next one could release the input.
const WORDS: &[&str] = &[
    "wordcount",
    "input.text.kind.text.rate=\"500/s\"",
    "input.text.kind.text.splits=1",
    "job.operator.source.parallelism=1",
    "taskmanager.numberOfTaskSlots=1",
    "taskmanager.memory.segment-size=\"64 B\"",
    "taskmanager.network.memory.buffers-per-channel=2",
    "taskmanager.network.memory.floating-buffers-per-gate=0",
    "execution.buffer-timeout.interval=\"1ms\"",
    "execution.checkpointing.interval=\"300ms\"",
    "execution.checkpointing.timeout=\"100ms\"",
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "bounds.heal=\"20s\"",
];

/// Bids that go straight to the sinks, so every transaction has results in it: with the sums, only the last one has.
const BIDS: &[&str] = &[
    "nexmark-q1",
    "input.events.kind.nexmark.events=2000",
    "input.events.kind.nexmark.rate=\"500/s\"",
    "taskmanager.numberOfTaskSlots=1",
    "execution.checkpointing.interval=\"150ms\"",
    "heartbeat.interval=\"50ms\"",
    "heartbeat.timeout=\"200ms\"",
    "restart-strategy.fixed-delay.delay=\"20ms\"",
    "cluster.costs.node-downtime=\"100ms\"",
    "bounds.heal=\"20s\"",
];

/// More than one checkpoint to choose from.
const RETAINED: &[&str] = &["execution.checkpointing.num-retained=3"];

/// A slow store and frequent checkpoints: one is always in flight, and waits for acknowledgements for long.
const SLOW: &[&str] = &["cluster.store.latency=\"60ms\"", "execution.checkpointing.interval=\"70ms\""];

/// The sums with three splits for two sources, so that one source has twice as much to read and ends long after the other.
const UNEVEN: &[&str] = &["input.numbers.kind.numbers.splits=3", "job.operator.source.service=\"1500us\""];

const HUNTS: &[Hunt] = &[
    hunt("no-block", SUMS, &[], Profile("crashes"), 200),
    hunt("late-snapshot", SUMS, &[], Profile("crashes"), 200),
    hunt("commit-on-snapshot", BIDS, &[], Profile("crashes"), 200),
    hunt("forget-last-commit", BIDS, &[], Profile("none"), 1),
    hunt("no-drain", SUMS, &[], Profile("none"), 20),
    hunt("first-barrier", SUMS, &[], Profile("none"), 20),
    hunt("count-acks", SUMS, &[], Hand(doubled_messages), 200),
    hunt("ack-before-durable", SUMS, &[], Profile("storage"), 200),
    hunt("mixed-line", SUMS, &[], Profile("crashes"), 200),
    hunt("early-resume", SUMS, &[], Profile("crashes"), 200),
    hunt("stale-ack", SUMS, SLOW, Hand(crash_and_late_messages), 200),
    hunt("string-order", BIDS, RETAINED, Profile("crashes"), 200),
    hunt("ended-inputs-count", SUMS, UNEVEN, Profile("none"), 1),
    hunt("abort-not-forwarded", WORDS, &[], Hand(late_and_lost_messages), 200),
    hunt("forget-trigger", SUMS, &[], Profile("messages"), 200),
    hunt("global-counter", SUMS, &[], Profile("none"), 1),
    hunt("hash-order", SUMS, &[], Profile("none"), 1),
];

const fn hunt(
    bug: &'static str,
    scenario: &'static [&'static str],
    and: &'static [&'static str],
    faults: Faults,
    budget: u64,
) -> Hunt {
    Hunt { bug, scenario, and, faults, budget }
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
    let late = ReorderedMessages { per_mille: 300, by: 400 * MILLISECOND };
    vec![
        Planned { when: When::Point(Point::AckSent, 10 + (seed % 40) as u32), fault: crash },
        between(0, 2 * SECOND, Fault::ReorderedMessages(late)),
    ]
}

/// Triggers come so late that their checkpoints have expired, and of the messages that say so some are lost: one tokenizer
/// knows, one does not and sends the barrier, and a counter waits for the other barrier.
fn late_and_lost_messages(_: &Prepared, _: u64) -> Vec<Planned> {
    let late = DelayedMessages { per_mille: 300, by: 300 * MILLISECOND };
    let lost = LostMessages { per_mille: 200 };
    vec![
        between(200 * MILLISECOND, 3 * SECOND, Fault::DelayedMessages(late)),
        between(200 * MILLISECOND, 3 * SECOND, Fault::LostMessages(lost)),
    ]
}

/// What a verdict of this oracle must name: the checkpoint where it is about one, and a task or a channel.
fn names_what_it_should(oracle: &str, proof: &str) -> bool {
    let says = |parts: &[&str]| parts.iter().all(|part| proof.contains(part));
    match oracle {
        "state" => says(&["Operator ", "the failure-free run"]),
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
            Hand(make) => FaultPlan { faults: make(prepared, seed), heal: duration.max(3 * SECOND) },
        })
    }

    /// Runs seeds until the oracle that must catch the bug has caught it, and at least [`SEEDS`] of them.
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
        let mut first = None;
        let mut failed = BTreeMap::<String, u64>::new();
        let mut runs = 0;
        while runs < SEEDS || (first.is_none() && runs < self.budget) {
            let plan = self.plan(&prepared, runs);
            let clean = correct.run(runs, &plan, &options, None);
            assert!(failures(&clean).is_empty(), "{} of {}: {clean:#?}", bug.of, bug.name);
            assert!(clean.duration < 10 * SECOND, "{} needs all its time: {}", bug.name, clean.duration);
            let mut failures = failures(&mutant.run(runs, &plan, &options, None));
            runs += 1;
            failures.keys().for_each(|oracle| *failed.entry(oracle.clone()).or_default() += 1);
            if let Some(proof) = failures.remove(bug.caught_by) {
                assert!(names_what_it_should(bug.caught_by, &proof), "{}: {proof}", bug.name);
                first.get_or_insert((runs, proof));
            }
        }
        let Some((seeds, proof)) = first.filter(|&(seeds, _)| seeds <= self.budget) else {
            panic!("{} was not caught by {}: of {runs} seeds {failed:?}", bug.name, bug.caught_by);
        };
        let often = failed.remove(bug.caught_by).unwrap_or_default();
        let others: Vec<String> = failed.iter().map(|(oracle, seeds)| format!("{oracle} {seeds}")).collect();
        println!(
            "{:20} {:12} after {seeds:3}, in {often:3} of {runs:3} seeds; others: {}\n    {proof}",
            bug.name,
            bug.caught_by,
            others.join(", ")
        );
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
