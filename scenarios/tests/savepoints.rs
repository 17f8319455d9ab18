//! Savepoints as files: whatever strategy has written one, every other goes on from it as from memory, at any parallelism; and
//! a job that has changed is held to what a failure-free run makes of the savepoint.

mod broken;
mod changed;
mod reordered;

use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::capsule::Program;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::{ScenarioText, resolve};
use cutline_scenarios::prepare::{Prepared, StartError};
use cutline_scenarios::record::{Class, RunRecord, Verdict};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::savepoint_file::{Provenance, SavepointFile};
use cutline_sim::faults::{FailedCommits, Fault, FaultPlan, Planned, When};
use cutline_sim::ids::TaskId;
use cutline_sim::protocol::SnapshotMethod;
use cutline_sim::savepoint::{RestoreError, Savepoint};
use cutline_sim::time::SECOND;

/// What is lost is noticed soon.
const SOON: &[&str] = &[
    "execution.checkpointing.tolerable-failed-checkpoints=1000",
    "execution.checkpointing.timeout=2s",
    "heartbeat.interval=50ms",
    "heartbeat.timeout=200ms",
    "restart-strategy.fixed-delay.delay=20ms",
    "cluster.nodes=6",
    "cluster.costs.node-downtime=100ms",
    "bounds.heal=20s",
];

fn prepare(source: &ScenarioText, seed: u64, overrides: &[&str]) -> Prepared {
    let overrides = [SOON, overrides].concat();
    Prepared::load(source, &overrides, seed).unwrap_or_else(|error| panic!("{error}"))
}

fn library(name: &str, overrides: &[&str]) -> Prepared {
    prepare(&resolve(name).unwrap_or_else(|error| panic!("{error}")), 1, overrides)
}

fn inline(text: &str, overrides: &[&str]) -> Prepared {
    prepare(&ScenarioText::new("inline.toml", text), 1, overrides)
}

fn strategy(name: &str) -> Contender {
    Contender::from(STRATEGIES.iter().find(|it| it.name == name).expect("a strategy"))
}

fn crashes(prepared: &Prepared, seed: u64) -> Arc<FaultPlan> {
    let profile = faults::resolve("crashes").expect("a profile");
    Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed))
}

/// A savepoint as a file has it.
fn text(savepoint: &Savepoint) -> String {
    let provenance = Provenance {
        program: Program { version: "0.1.0".to_owned(), commit: None },
        scenario: "a job".to_owned(),
        strategy: "a strategy".to_owned(),
        seed: 1,
    };
    SavepointFile { provenance, savepoint: savepoint.clone() }.to_json().expect("a text")
}

/// The savepoint, written into a file and read from it.
fn through_a_file(savepoint: &Savepoint) -> Savepoint {
    let file = SavepointFile::from_json(text(savepoint).as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(file.savepoint.form(), savepoint.form());
    file.savepoint
}

/// The savepoint of a checkpoint in a run; `None` if there are not so many.
fn take(prepared: &Prepared, contender: Contender, plan: &Arc<FaultPlan>, nth: u64) -> Option<Savepoint> {
    let savepoint = Runner::new(prepared, contender).savepoint(1, plan, nth)?;
    Some(through_a_file(&savepoint))
}

/// Runs a job from a savepoint, with crashes.
fn go_on(prepared: &Prepared, savepoint: &Savepoint, contender: Contender, seed: u64) -> RunRecord {
    let started = prepared.start_from(savepoint).unwrap_or_else(|error| panic!("{error}"));
    let options = Options { forks: Some(seed.is_multiple_of(4)), ..Options::default() };
    Runner::new(&started, contender).run(seed, &crashes(prepared, seed), &options, None)
}

fn verdict<'a>(record: &'a RunRecord, oracle: &str) -> &'a Verdict {
    &record.verdicts.iter().find(|it| it.oracle == oracle).expect("an oracle").verdict
}

/// Nothing is wrong, and what matters has been judged.
#[track_caller]
fn passes(record: &RunRecord, what: &str) {
    let wrong: Vec<_> = record.verdicts.iter().filter(|it| it.verdict.is_fail()).collect();
    assert!(record.class() == Class::Pass, "{what}: {wrong:#?}\n{:#?}", record.plan);
    for oracle in ["state", "ledger"] {
        assert_eq!(verdict(record, oracle), &Verdict::Pass, "{what}: {oracle}");
    }
}

const WORDS: &[&str] = &["execution.checkpointing.interval=60ms", "input.text.kind.text.splits=3"];
/// Timers, watermarks, windows.
const VISITS: &[&str] = &[
    "input.visits.kind.events.count=600",
    "execution.checkpointing.interval=100ms",
    "cluster.network.latency-jitter=3ms",
];

const PAYMENTS: &[&str] = &["input.payments.kind.events.count=800", "execution.checkpointing.interval=100ms"];

/// From a file as from memory: the same run, to the last event.
#[test]
fn a_file_holds_all_that_memory_does() {
    let kinds_of_state = inline(broken::HELD_AND_RULED, &[]);
    let fraud = library("fraud", PAYMENTS);
    let jobs = [library("wordcount", WORDS), library("visits", VISITS), fraud, kinds_of_state];
    let options = Options { forks: Some(false), ..Options::default() };
    let mut compared = 0;
    for (job, seed) in jobs.iter().zip(1..) {
        for strategy in STRATEGIES {
            let contender = Contender::from(strategy);
            let plan = crashes(job, seed);
            let Some(savepoint) = Runner::new(job, contender).savepoint(seed, &plan, 3) else { continue };
            let run = |savepoint: &Savepoint| {
                let started = job.start_from(savepoint).unwrap_or_else(|error| panic!("{error}"));
                Runner::new(&started, contender).run(seed + 1, &plan, &options, None)
            };
            let (memory, file) = (run(&savepoint), run(&through_a_file(&savepoint)));
            assert_eq!(memory, file, "{} under {}", job.name(), strategy.name);
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

/// Every strategy writes, and every other goes on, at the same parallelism: what was in flight goes with it.
#[test]
fn every_strategy_goes_on_from_a_savepoint_of_every_other() {
    let jobs = [library("wordcount", WORDS), library("visits", VISITS)];
    let (mut moves, mut in_flight, mut restores) = (0, 0, 0);
    for (job, seed) in jobs.iter().zip(3..) {
        for writer in STRATEGIES {
            let Some(savepoint) = take(job, writer.into(), &crashes(job, seed), 3) else { continue };
            in_flight += usize::from(text(&savepoint).contains("{\"record\":"));
            for reader in STRATEGIES {
                let what = format!("{} from {} to {}", job.name(), writer.name, reader.name);
                let record = go_on(job, &savepoint, reader.into(), seed + moves);
                // Torn cuts leave records late, and then windows cannot be judged.
                let is_torn = writer.name == "at-least-once";
                match is_torn && verdict(&record, "state") != &Verdict::Pass {
                    true => assert_eq!(record.class(), Class::Pass, "{what}: {:#?}", record.verdicts),
                    false => passes(&record, &what),
                }
                let whole = record.started_from.as_ref().is_some_and(|start| start.judged_whole);
                assert_eq!(whole, !is_torn, "{what}");
                restores += record.restores.len();
                moves += 1;
            }
        }
    }
    let all = STRATEGIES.len() as u64;
    assert!(moves > all * all && in_flight > 4 && restores > 40, "{moves} {in_flight} {restores}");
}

/// Up and down, with every snapshot method on both sides.
#[test]
fn jobs_change_their_size_and_their_backend() {
    let at = |parallelism: u32| {
        let uids = ["source", "tokenizer", "count", "sink"];
        let sizes = uids.map(|uid| format!("job.operator.{uid}.parallelism={parallelism}"));
        let sizes: Vec<&str> = WORDS.iter().copied().chain(sizes.iter().map(String::as_str)).collect();
        let words = library("wordcount", &sizes);
        let uids = ["source", "sessions", "sink"];
        let sizes = uids.map(|uid| format!("job.operator.{uid}.parallelism={parallelism}"));
        let sizes: Vec<&str> = VISITS.iter().copied().chain(sizes.iter().map(String::as_str)).collect();
        [words, library("visits", &sizes)]
    };
    let sizes = [1, 2, 3, 5].map(at);
    let mut moves = 0;
    for job in [0, 1] {
        for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))) {
            let methods = SnapshotMethod::ALL;
            let [write, read] = [moves, moves / 3].map(|at| methods[at as usize % methods.len()]);
            let over = |snapshot, name| Contender { snapshot, ..strategy(name) };
            let Some(savepoint) =
                take(&sizes[from][job], over(write, "aligned"), &crashes(&sizes[from][job], moves), 2)
            else {
                continue;
            };
            let what = format!("job {job}, {from} to {to}, {write:?} to {read:?}");
            for reader in ["unaligned", "uncoordinated"] {
                let record = go_on(&sizes[to][job], &savepoint, over(read, reader), moves);
                passes(&record, &what);
                assert!(record.started_from.as_ref().is_some_and(|start| start.judged_whole), "{what}");
            }
            moves += 1;
        }
    }
    assert!(moves > 28, "{moves}");
}

/// The former job had counted its checkpoints to ten or more, and left a commit to be made, which fails at first. The tasks of this one count
/// their own from one: its sink ends with a smaller number, and waits for that commit all the same.
#[test]
fn a_sink_waits_for_what_the_former_job_left_to_be_committed() {
    let often =
        ["execution.checkpointing.interval=2ms", "execution.checkpointing.max-concurrent-checkpoints=20"];
    let before = library("tiny", &often);
    let savepoint = take(&before, strategy("aligned"), &Arc::default(), 10).expect("a tenth checkpoint");
    let after = library("tiny", &["execution.checkpointing.interval=20ms"]);
    let started = after.start_from(&savepoint).unwrap_or_else(|error| panic!("{error}"));
    let fault = Fault::FailedCommits(FailedCommits { per_mille: 1000 });
    let faults = vec![Planned { when: When::Between(0, SECOND / 100), fault }];
    let plan = Arc::new(FaultPlan { faults, heal: SECOND });
    for name in ["uncoordinated", "communication-induced", "aligned"] {
        let mut runner = Runner::new(&started, strategy(name));
        for seed in 0..6 {
            let record = runner.run(seed, &plan, &Options::default(), None);
            passes(&record, &format!("{name} under seed {seed}"));
            assert!(record.commits_failed > 0 && record.duration > SECOND / 2, "{name} under seed {seed}");
        }
    }
}
