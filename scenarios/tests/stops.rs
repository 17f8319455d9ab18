//! What the user asks of a running job: a savepoint, to stop with one (suspended or drained), and to be cancelled. Under every strategy
//! and under faults every oracle is content, and what is left behind is what a new job can go on from.

use std::sync::Arc;

use cutline_algorithms::{STRATEGIES, Strategy};
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::{Prepared, StartError};
use cutline_scenarios::record::{Class, Outcome, RunRecord, Verdict};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::event::{Event, Stamped};
use cutline_sim::faults::{Fault, FaultPlan, Planned, Point, TaskCrash, When};
use cutline_sim::graph::{Role, SinkMode};
use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::savepoint::{RestoreError, Savepoint};
use cutline_sim::time::{MILLISECOND, SECOND};
use cutline_sim::world::World;

const SAVEPOINT: &[&str] = &["savepoint.at=450ms"];
const SUSPEND: &[&str] = &["savepoint.at=450ms", "savepoint.then=suspend"];
const DRAIN: &[&str] = &["savepoint.at=450ms", "savepoint.then=drain"];
const CANCEL: &[&str] = &["cancel.at=450ms"];
const RETAIN: &[&str] =
    &["cancel.at=450ms", "execution.checkpointing.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION"];
const ORDERS: [&[&str]; 5] = [SAVEPOINT, SUSPEND, DRAIN, CANCEL, RETAIN];

const PROFILES: [&str; 5] = ["none", "crashes", "messages", "storage", "everything"];

/// A word count of a second, whose failures are noticed soon.
const WORDS: &[&str] = &[
    "execution.checkpointing.interval=150ms",
    "execution.checkpointing.timeout=2s",
    "execution.checkpointing.tolerable-failed-checkpoints=100",
    "heartbeat.interval=50ms",
    "heartbeat.timeout=250ms",
    "restart-strategy.fixed-delay.delay=50ms",
    "cluster.costs.node-downtime=100ms",
];

fn prepare(name: &str, overrides: &[&[&str]]) -> Prepared {
    Prepared::load(&resolve(name).expect("a scenario"), &overrides.concat(), 7)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn drawn(prepared: &Prepared, profile: &str, seed: u64) -> Arc<FaultPlan> {
    let profile = faults::resolve(profile).expect("a profile");
    Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed))
}

fn verdict(record: &RunRecord, oracle: &str) -> Verdict {
    record.verdicts.iter().find(|it| it.oracle == oracle).expect("an oracle").verdict.clone()
}

fn unforked() -> Options {
    Options { forks: Some(false), ..Options::default() }
}

/// How often what was asked for came about, and how often tasks were lost while it was under way.
#[derive(Debug, Default)]
struct Seen {
    runs: u32,
    done: u32,
    disturbed: u32,
    missed: u32,
}

/// How many records the transactional sinks had handled at a checkpoint; `None` if there are others.
fn covered_by_savepoint(runner: &Runner<'_>, id: CheckpointId) -> Option<u64> {
    let (topology, store) = (runner.world().topology(), runner.world().store());
    let manifest = store.manifest(id).expect("it is retained");
    let mut covered = 0;
    for (task, handle) in (0..).map(TaskId).zip(manifest.iter()) {
        match topology.role(task) {
            Role::Sink(SinkMode::Transactional) => {
                covered += store.get(handle.expect("a snapshot")).expect("an object").records;
            }
            Role::Sink(_) => return None,
            Role::Source(_) | Role::Transform(_) => {}
        }
    }
    Some(covered)
}

/// Nothing is wrong; and what is left is what was asked for.
fn check(runner: &Runner<'_>, record: &RunRecord, order: &[&str], what: &str, seen: &mut Seen) {
    let wrong: Vec<_> = record.verdicts.iter().filter(|it| it.verdict.is_fail()).collect();
    assert!(record.class() == Class::Pass, "{what}: {:?} {wrong:#?}\n{:#?}", record.outcome, record.plan);
    let (life, store) = (&record.life, runner.world().store());
    let taken = life.savepoint.as_ref().and_then(|savepoint| savepoint.taken.as_ref());
    assert_eq!(life.retained.len(), store.completed().count(), "{what}");
    seen.runs += 1;
    let done = match record.outcome {
        Outcome::Finished => order == SAVEPOINT && taken.is_some(),
        Outcome::Suspended => {
            let taken = taken.expect("a savepoint");
            assert!(order == SUSPEND && life.retained.last() == Some(&taken.path), "{what}: {life:?}");
            let (covered, visible) = (covered_by_savepoint(runner, taken.id), record.sink_records);
            assert!(
                covered.is_none_or(|covered| covered == visible),
                "{what}: {covered:?} and {visible} records"
            );
            true
        }
        Outcome::Drained => {
            assert!(order == DRAIN && taken.is_some(), "{what}: {life:?}");
            true
        }
        Outcome::Cancelled => {
            assert_eq!(
                (order == CANCEL || order == RETAIN, life.cancelled),
                (true, Some(450 * MILLISECOND)),
                "{what}"
            );
            assert!(order == RETAIN || store.is_empty(), "{what}: {} objects are left", store.len());
            assert_eq!(store.unreferenced().count(), 0, "{what}");
            let newest = record.completed().last().map(|newest| newest.id);
            assert_eq!(store.completed().next_back(), newest.filter(|_| order == RETAIN), "{what}");
            true
        }
        Outcome::Failed | Outcome::Exceeded(_) => unreachable!("{what}"),
    };
    let offered = runner.taken().map(|savepoint| savepoint.id());
    let kept = store.completed().next_back().filter(|_| record.outcome == Outcome::Cancelled);
    assert_eq!(offered, taken.map(|taken| taken.id).or(kept), "{what}");
    seen.done += u32::from(done);
    seen.missed += u32::from(!done);
    let under_way = |at: u64| at >= 450 * MILLISECOND && taken.is_none_or(|taken| at <= taken.at);
    seen.disturbed += u32::from(record.restores.iter().any(|restore| under_way(restore.began)));
}

fn try_all(
    name: &str,
    overrides: &[&[&str]],
    strategies: &[&Strategy],
    profiles: &[&str],
    seeds: u64,
) -> Seen {
    let mut all = Seen::default();
    for order in ORDERS {
        let prepared = prepare(name, &[overrides, &[order]].concat());
        let mut seen = Seen::default();
        for strategy in strategies {
            let mut runner = Runner::new(&prepared, Contender::from(*strategy));
            for (at, profile) in (0..).zip(profiles) {
                for seed in at * 100..at * 100 + seeds {
                    let plan = drawn(&prepared, profile, seed);
                    let options = Options { forks: Some(seed == 400), ..unforked() };
                    let record = runner.run(seed, &plan, &options, None);
                    let what = format!("{name} {order:?} under {}, {profile}, seed {seed}", strategy.name);
                    let missed = seen.missed;
                    check(&runner, &record, order, &what, &mut seen);
                    assert!(*profile != "none" || seen.missed == missed, "{what}: {:?}", record.life);
                }
            }
        }
        println!("{name} {order:?}: {seen:?}");
        assert!(seen.done * 4 > seen.runs * 3, "{name} {order:?}: {seen:?}");
        all.disturbed += seen.disturbed;
        all.runs += seen.runs;
    }
    all
}

fn strategies(cycles: bool) -> Vec<&'static Strategy> {
    STRATEGIES.iter().filter(|strategy| strategy.cycles || !cycles).collect()
}

#[test]
fn a_word_count_stops_as_it_is_told() {
    let seen = try_all("wordcount", &[WORDS], &strategies(false), &PROFILES, 2);
    assert!(seen.disturbed * 20 > seen.runs, "{seen:?}");
}

#[test]
fn sinks_that_write_as_they_go_show_what_they_promise() {
    for sink in ["plain", "idempotent"] {
        let sink = format!("job.operator.sink.does.sink={sink}");
        try_all("wordcount", &[WORDS, &[&sink]], &strategies(false), &["crashes", "everything"], 2);
    }
}

#[test]
fn windows_stop_as_they_are_told() {
    let short = [
        "input.events.kind.nexmark.events=4000",
        "input.events.kind.nexmark.rate=2000/s",
        "job.operator.count.does.tumbling-window.size=150ms",
        "execution.checkpointing.interval=100ms",
    ];
    try_all("nexmark-q12", &[WORDS, &short], &strategies(false), &["none", "crashes", "everything"], 2);
}

#[test]
fn a_loop_stops_as_it_is_told() {
    try_all("collatz", &[WORDS], &strategies(true), &PROFILES, 3);
}

/// Without a periodic checkpoint the savepoint is the first one of all.
#[test]
fn a_savepoint_needs_no_interval() {
    let none = ["execution.checkpointing.interval=0s"];
    try_all("wordcount", &[WORDS, &none], &strategies(false), &["none", "everything"], 2);
}

/// A task that runs ahead does nothing that it would not have done in order, and nothing of it is in the savepoint; and used worlds
/// are as good as new ones.
#[test]
fn neither_lookahead_nor_used_worlds_matter() {
    for (order, sink) in ORDERS.into_iter().zip(["plain", "transactional", "plain", "plain", "transactional"])
    {
        let sink = format!("job.operator.sink.does.sink={sink}");
        let prepared = prepare("wordcount", &[WORDS, &[&sink], order]);
        for strategy in STRATEGIES {
            let mut used = Runner::new(&prepared, Contender::from(strategy));
            for seed in 0..3 {
                let plan = drawn(&prepared, ["everything", "crashes", "none"][seed as usize], seed);
                let ahead = used.run(seed, &plan, &unforked(), None);
                let mut new = Runner::new(&prepared, Contender::from(strategy));
                let in_order = new.run(seed, &plan, &Options { lookahead: false, ..unforked() }, None);
                let what = format!("{order:?} under {} with seed {seed}", strategy.name);
                assert_eq!(ahead, in_order, "{what}");
                if seed == 0 && order != DRAIN {
                    let digests =
                        [&used, &new].map(|runner| runner.taken().map(|taken| goes_on(&prepared, taken)));
                    assert_eq!(digests[0], digests[1], "{what}");
                }
            }
        }
    }
}

/// The digest of a run from a savepoint with nothing asked of it.
fn goes_on(prepared: &Prepared, savepoint: &Savepoint) -> u128 {
    let aligned = &STRATEGIES[0];
    let mut world = World::new(Arc::clone(prepared.topology()), &aligned.cut, aligned.snapshot);
    world.forget_orders();
    world.start_from(savepoint).expect("a start");
    world.begin(1, Arc::default());
    world.run(&mut |_, _| {});
    world.digest()
}

/// From the moment when a source has stopped it reads nothing more in that attempt.
#[test]
fn a_source_that_has_stopped_reads_nothing_more() {
    for order in [SUSPEND, DRAIN] {
        let prepared = prepare("wordcount", &[WORDS, order]);
        for strategy in STRATEGIES {
            let mut runner = Runner::new(&prepared, Contender::from(strategy));
            let mut stopped = [false; 2];
            let (mut stops, mut wrong) = (0, 0);
            let options = Options { lookahead: false, detail: true, ..unforked() };
            let mut watch = |_: &World, events: &[Stamped]| {
                for stamped in events {
                    let source = stamped.origin.as_task().filter(|task| task.index() < 2);
                    match (stamped.event, source) {
                        (Event::SourceStopped { .. }, Some(source)) => {
                            stopped[source.index()] = true;
                            stops += 1;
                        }
                        (Event::TaskRunning { .. }, Some(source)) => stopped[source.index()] = false,
                        (Event::Record { .. }, Some(source)) => wrong += i32::from(stopped[source.index()]),
                        _ => {}
                    }
                }
            };
            runner.run(3, &drawn(&prepared, "crashes", 3), &options, Some(&mut watch));
            assert!(stops >= 2 && wrong == 0, "{order:?} under {}: {stops} stops", strategy.name);
        }
    }
}

/// A job goes on from where it was suspended, at another parallelism, and from there once more.
#[test]
fn a_suspended_job_goes_on_elsewhere() {
    let at = |parallelism: u32, orders: &[&str]| {
        let set: Vec<String> = ["source", "tokenizer", "count", "sink"]
            .map(|uid| format!("job.operator.{uid}.parallelism={parallelism}"))
            .to_vec();
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        prepare("wordcount", &[WORDS, &set, &["cluster.nodes=4"], orders])
    };
    let jobs = [at(2, SUSPEND), at(3, &["savepoint.at=300ms", "savepoint.then=suspend"]), at(1, &[])];
    let aligned = Contender::from(&STRATEGIES[0]);
    let mut savepoint = None;
    for (job, outcome) in jobs.iter().zip([Outcome::Suspended, Outcome::Suspended, Outcome::Finished]) {
        let started = savepoint.as_ref().map(|savepoint| job.start_from(savepoint).expect("a start"));
        assert!(started.iter().all(|job| job.start().is_some_and(|start| start.is_whole())));
        let mut runner = Runner::new(started.as_ref().unwrap_or(job), aligned);
        let record = runner.run(5, &drawn(job, "crashes", 5), &Options::default(), None);
        assert_eq!((record.class(), record.outcome), (Class::Pass, outcome), "{:#?}", record.verdicts);
        savepoint = runner.taken().cloned();
    }
    assert!(savepoint.is_none(), "nothing was asked of the last one");
}

#[test]
fn a_drained_job_does_not_go_on_unless_nothing_was_left() {
    let drain = |at: &str| {
        let at = format!("savepoint.at={at}");
        let prepared = prepare("wordcount", &[WORDS, &[&at, "savepoint.then=drain"]]);
        let mut runner = Runner::new(&prepared, Contender::from(&STRATEGIES[0]));
        let record = runner.run(1, &Arc::default(), &Options::default(), None);
        assert_eq!((record.class(), record.outcome), (Class::Pass, Outcome::Drained));
        let savepoint = runner.taken().expect("a savepoint").clone();
        (record.source_records, prepared.start_from(&savepoint).map(|_| ()))
    };
    let (early, refused) = drain("300ms");
    assert_eq!(refused, Err(StartError::Restore(RestoreError::Drained("source".to_owned()))));
    let error = refused.expect_err("an error").to_string();
    assert!(
        error.contains("source `source` had more to read") && error.contains("without draining"),
        "{error}"
    );
    let whole = prepare("wordcount", &[WORDS]);
    let end = whole.duration() / MILLISECOND + 2;
    let (all, goes_on) = drain(&format!("{end}ms"));
    assert_eq!(goes_on, Ok(()));
    assert!(early < all, "{early} and {all} records");
}

/// A drain that is given up may have shown what no other end gives: a window that was cut off. Where a sink writes as it goes nobody can
/// take that back: the ledger knows where the sources had ended then, and takes that and nothing else.
#[test]
fn what_was_written_of_a_drain_that_was_given_up_is_known() {
    let windows = [
        "input.events.kind.nexmark.events=4000",
        "input.events.kind.nexmark.rate=2000/s",
        "job.operator.count.does.tumbling-window.size=150ms",
        "job.operator.sink.does.sink=plain",
    ];
    let prepared = prepare("nexmark-q12", &[WORDS, &windows, DRAIN]);
    let run = |contender| {
        // The windows have fired, and the last checkpoint is under way.
        let crash = |at: u64| Planned {
            when: When::At(at * MILLISECOND),
            fault: Fault::TaskCrash(TaskCrash { task: Some(TaskId(4)) }),
        };
        let plan = Arc::new(FaultPlan { faults: vec![crash(455)], heal: 2 * SECOND });
        let record = Runner::new(&prepared, contender).run(1, &plan, &Options::default(), None);
        assert_eq!(record.outcome, Outcome::Drained);
        (record.class(), verdict(&record, "ledger"))
    };
    let (class, ledger) = run(Contender::from(&STRATEGIES[0]));
    assert_eq!((class, ledger), (Class::Pass, Verdict::Pass));
}

/// Tasks are lost at each point of a stop: it begins anew, and ends.
#[test]
fn a_stop_survives_crashes_at_its_points() {
    for order in [SUSPEND, DRAIN] {
        let prepared = prepare("wordcount", &[WORDS, order]);
        for strategy in STRATEGIES {
            let mut runner = Runner::new(&prepared, Contender::from(strategy));
            let mut seen = Seen::default();
            for (point, nth) in [
                (Point::Triggered, 4),
                (Point::SnapshotTaken, 27),
                (Point::AckSent, 30),
                (Point::MetadataSent, 4),
                (Point::Completed, 4),
                (Point::CommitSent, 8),
                (Point::Committed, 7),
            ] {
                let crash = Fault::TaskCrash(TaskCrash { task: Some(TaskId(nth % 8)) });
                let plan = FaultPlan {
                    faults: vec![Planned { when: When::Point(point, nth), fault: crash }],
                    heal: 2 * SECOND,
                };
                let record = runner.run(2, &Arc::new(plan), &unforked(), None);
                let what = format!("{order:?} under {}, {point:?} {nth}", strategy.name);
                check(&runner, &record, order, &what, &mut seen);
            }
            assert_eq!(seen.missed, 0, "{order:?} under {}", strategy.name);
        }
    }
}

/// Whoever goes on from a savepoint and never comes to its end stalls: it has done nothing wrong. Here it takes its sinks longer to write
/// what is left than a transaction may be open, and without checkpoints in between no restart helps. The same of a fork.
#[test]
fn a_job_that_goes_on_and_stalls_is_a_stall() {
    let short = [
        "savepoint.at=200ms",
        "savepoint.then=suspend",
        "execution.checkpointing.interval=0s",
        "cluster.external.transaction-timeout=300ms",
        "job.operator.source.service=3600us",
        "restart-strategy.fixed-delay.attempts=3",
        "bounds.heal=20s",
    ];
    let prepared = prepare("wordcount", &[WORDS, &short]);
    for (strategy, forks) in [("aligned", false), ("unaligned", true)] {
        let contender = Contender::from(cutline_algorithms::find(strategy).expect("a strategy"));
        let options = Options { forks: Some(forks), ..Options::default() };
        let record = Runner::new(&prepared, contender).run(1, &Arc::default(), &options, None);
        let what = format!("{strategy}: {:#?}", record.verdicts);
        assert_eq!((record.outcome, record.class()), (Outcome::Suspended, Class::Stall), "{what}");
        let Verdict::Fail(proof) = verdict(&record, "liveness") else { panic!("{what}") };
        for (begins, is_said) in
            [("Let s be the savepoint of checkpoint", true), ("Let c be checkpoint", forks)]
        {
            assert_eq!(proof.contains(begins), is_said, "{what}");
        }
        let ends = [" It did not come to its end: At ", "The tasks were: "]
            .map(|words| proof.matches(words).count());
        assert_eq!(ends, [1 + usize::from(forks); 2], "{what}");
        for (oracle, is_open) in [("state", true), ("ledger", true), ("restore", forks)] {
            let says = "does not come to its end";
            let verdict = verdict(&record, oracle);
            assert!(!verdict.is_fail(), "{what}");
            let is = matches!(&verdict, Verdict::Unknown(why) if why.contains(says));
            assert_eq!(is, is_open, "{oracle}, {what}");
        }
    }
}

/// What was asked for too late is said to be missed, and changes nothing.
#[test]
fn what_is_asked_for_after_the_end_is_missed() {
    let aligned = Contender::from(&STRATEGIES[0]);
    let run = |set: &[&str]| {
        let prepared = prepare("wordcount", &[WORDS, set]);
        Runner::new(&prepared, aligned).run(1, &Arc::default(), &Options::default(), None)
    };
    let plain = run(&[]);
    let late = run(&["savepoint.at=1h", "savepoint.then=suspend", "cancel.at=2h"]);
    assert_eq!((late.outcome, &late.digest), (Outcome::Finished, &plain.digest));
    let savepoint = late.life.savepoint.expect("a savepoint was asked for");
    assert_eq!((savepoint.asked, savepoint.taken), (None, None));
    assert_eq!((plain.life.savepoint, late.life.cancelled), (None, None));
}

/// A savepoint and a cancellation: what is cancelled first is not saved, and what is saved first is.
#[test]
fn a_job_that_is_saved_may_be_cancelled() {
    let run = |savepoint: u64, cancel: u64, then: &str| {
        let set = [
            format!("savepoint.at={savepoint}ms"),
            format!("savepoint.then={then}"),
            format!("cancel.at={cancel}ms"),
        ];
        let prepared = prepare("wordcount", &[WORDS, &set.each_ref().map(String::as_str)]);
        let mut runner = Runner::new(&prepared, Contender::from(&STRATEGIES[0]));
        let record = runner.run(1, &Arc::default(), &Options::default(), None);
        assert_eq!(record.class(), Class::Pass, "{:#?}", record.verdicts);
        (record.outcome, runner.taken().is_some(), record.life.retained.len())
    };
    assert_eq!(run(300, 500, "run"), (Outcome::Cancelled, true, 0), "the savepoint is the user's");
    assert_eq!(run(500, 300, "run"), (Outcome::Cancelled, false, 0));
    assert_eq!(run(300, 301, "suspend"), (Outcome::Cancelled, false, 0));
    assert_eq!(run(300, 301, "drain"), (Outcome::Cancelled, false, 0));
    assert_eq!(run(300, 900, "suspend"), (Outcome::Suspended, true, 1));
    assert_eq!(run(300, 0, "run"), (Outcome::Cancelled, false, 0), "before it was ever deployed");
}

/// Checkpoints may follow each other faster than the savepoint is noted: what is noted is one of them, whole.
#[test]
fn a_savepoint_is_one_checkpoint_and_not_half_of_two() {
    let concurrent = [
        "savepoint.at=503ms",
        "input.numbers.kind.numbers.count=2000",
        "input.numbers.kind.numbers.rate=1000/s",
        "execution.checkpointing.interval=2ms",
        "execution.checkpointing.max-concurrent-checkpoints=20",
        "cluster.network.control-latency=30ms",
    ];
    let prepared = prepare("sum-even-odd", &[&concurrent]);
    let contender = Contender::from(cutline_algorithms::find("aligned").expect("a strategy"));
    let record = Runner::new(&prepared, contender).run(7, &Arc::default(), &unforked(), None);
    assert_eq!(record.class(), Class::Pass, "{:?}", record.verdicts);
    let taken = record.life.savepoint.and_then(|savepoint| savepoint.taken).expect("a savepoint");
    let checkpoint = record.checkpoints.iter().find(|it| it.id == taken.id).expect("a checkpoint");
    assert!(checkpoint.triggered >= 503 * MILLISECOND, "{checkpoint:?}");
    assert_eq!(taken.at, checkpoint.triggered + checkpoint.duration, "{taken:?} {checkpoint:?}");
    assert_eq!(taken.size, checkpoint.full_checkpoint_data_size, "{taken:?} {checkpoint:?}");
}

/// A sink that writes as it goes may have been further on than where a drained job ends, if tasks went back in between. Nobody can take
/// that back, and it is no offence of the strategy; to lose something or to count it twice is one as ever.
#[test]
fn what_was_written_before_a_drained_job_went_back_is_known() {
    for sink in ["plain", "idempotent"] {
        let sink = format!("job.operator.sink.does.sink={sink}");
        let drain =
            ["savepoint.at=1200ms", "savepoint.then=drain", "execution.checkpointing.mode=EXACTLY_ONCE"];
        let prepared = prepare("skewed", &[&drain, &[&sink]]);
        let (mut twice, mut back) = (0, 0);
        for seed in 0..12 {
            let plan = drawn(&prepared, "crashes", seed);
            let run = |name: &str| {
                let contender = Contender::from(cutline_algorithms::find(name).expect("a strategy"));
                Runner::new(&prepared, contender).run(seed, &plan, &unforked(), None)
            };
            let record = run("aligned");
            assert_eq!(record.class(), Class::Pass, "seed {seed}: {:#?}", record.verdicts);
            assert_eq!(verdict(&record, "ledger"), Verdict::Pass, "{sink}, seed {seed}");
            back += record.restores.len();
            let record = run("at-least-once");
            twice += u32::from(verdict(&record, "ledger").is_fail());
        }
        assert!(twice > 0 && back > 4, "{sink}: {twice} {back}");
    }
}
