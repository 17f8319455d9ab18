//! The machine under real strategies: what must hold whatever the job does.

use std::sync::Arc;

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{CheckpointEnd, CheckpointMode, Class, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::event::{Event, Stamped};
use cutline_sim::faults::{Fault, FaultPlan, NodeCrash, Planned, Point, SlowLink, TaskCrash, When};
use cutline_sim::ids::{NodeId, TaskId};
use cutline_sim::protocol::AbortReason;
use cutline_sim::time::{MILLISECOND, SECOND};
use cutline_sim::world::{Outcome, World};

/// A word count that lasts two virtual seconds, over remote channels.
const WORDS: &[&str] = &[
    "input.text.kind.text.rate=250/s",
    "execution.checkpointing.interval=200ms",
    "execution.checkpointing.tolerable-failed-checkpoints=100",
    "taskmanager.numberOfTaskSlots=1",
    "cluster.nodes=3",
    "heartbeat.timeout=1500ms",
];

fn prepare(name: &str, overrides: &[&str]) -> Prepared {
    Prepared::load(&resolve(name).expect("a scenario"), overrides, 7)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn contenders() -> impl Iterator<Item = Contender> {
    STRATEGIES.iter().map(Contender::from)
}

fn drawn(prepared: &Prepared, profile: &str, seed: u64) -> Arc<FaultPlan> {
    let profile = faults::resolve(profile).expect("a profile");
    Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed))
}

fn crash(when: When, task: u32) -> Planned {
    Planned { when, fault: Fault::TaskCrash(TaskCrash { task: Some(TaskId(task)) }) }
}

fn plan(faults: Vec<Planned>) -> Arc<FaultPlan> {
    Arc::new(FaultPlan { faults, heal: 60 * SECOND })
}

fn clean(record: &RunRecord) {
    assert_eq!(record.class(), Class::Pass, "{} {:?} {:?}", record.strategy, record.plan, record.verdicts);
    assert_eq!(record.outcome, Outcome::Finished);
}

/// Batching is an optimisation with a proof: a task that runs ahead does nothing that it would not have done in order.
#[test]
fn lookahead_changes_nothing_observable() {
    for (name, overrides) in [
        ("wordcount", WORDS),
        ("nexmark-q8", &["input.events.kind.nexmark.events=3000"][..]),
        // Full buffers, few credits, a limited wire.
        (
            "pipe",
            &[
                "input.keys.kind.keys.count=3000",
                "execution.checkpointing.interval=20ms",
                "taskmanager.network.memory.buffers-per-channel=1",
                "taskmanager.network.memory.floating-buffers-per-gate=2",
                "job.operator.stage-5.service=60us",
                "cluster.network.bandwidth=1 MiB/s",
            ][..],
        ),
        // Buffers that are flushed by a timer.
        (
            "pipe",
            &[
                "input.keys.kind.keys.count=3000",
                "execution.checkpointing.interval=20ms",
                "execution.buffer-timeout.interval=3ms",
                "taskmanager.memory.segment-size=100 B",
            ][..],
        ),
    ] {
        let prepared = prepare(name, overrides);
        for contender in contenders() {
            let mut runner = Runner::new(&prepared, contender);
            for seed in 0..12 {
                let plan = drawn(&prepared, if seed % 2 == 0 { "everything" } else { "crashes" }, seed);
                let options = Options { forks: Some(false), ..Options::default() };
                let ahead = runner.run(seed, &plan, &options, None);
                clean(&ahead);
                let in_order = runner.run(seed, &plan, &Options { lookahead: false, ..options }, None);
                assert_eq!(ahead, in_order, "{name} under {} with seed {seed}", contender.name);
            }
        }
    }
}

/// A world that was used before is, once reset, as good as new; and so is one that another was cloned into.
#[test]
fn a_used_world_equals_a_new_one() {
    let prepared = prepare("wordcount", WORDS);
    for contender in contenders() {
        let new = |seed| {
            Runner::new(&prepared, contender).run(
                seed,
                &drawn(&prepared, "everything", seed),
                &Options::default(),
                None,
            )
        };
        let mut used = Runner::new(&prepared, contender);
        for seed in [3, 1, 4, 1, 5] {
            let again = used.run(seed, &drawn(&prepared, "everything", seed), &Options::default(), None);
            assert_eq!(again, new(seed), "{} with seed {seed}", contender.name);
        }
    }
}

/// Runs on other threads, at the same time, are the same runs.
#[test]
fn threads_do_not_matter() {
    let prepared = prepare("wordcount", WORDS);
    let digests = || -> Vec<String> {
        contenders()
            .flat_map(|contender| {
                let mut runner = Runner::new(&prepared, contender);
                let run = |seed| {
                    runner.run(seed, &drawn(&prepared, "everything", seed), &Options::default(), None).digest
                };
                (0..6).map(run).collect::<Vec<_>>()
            })
            .collect()
    };
    let alone = digests();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(digests)).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("a thread that runs"), alone);
        }
    });
}

/// A fork taken in the middle goes on exactly as its original; also when it is cloned into a world that was used.
#[test]
fn a_fork_goes_on_as_its_original() {
    let prepared = prepare("wordcount", WORDS);
    for contender in contenders() {
        let mut world = World::new(Arc::clone(prepared.topology()), &contender.cut, contender.snapshot);
        let mut fork = world.clone();
        fork.begin(99, drawn(&prepared, "crashes", 1));
        fork.run(&mut |_, _| {});
        world.begin(5, drawn(&prepared, "crashes", 2));
        let mut forked = 0;
        let mut digests = Vec::new();
        world.run(&mut |world, events| {
            if forked < 20
                && events
                    .iter()
                    .any(|event| matches!(event.event, Event::AckSent { .. } | Event::Restoring { .. }))
            {
                forked += 1;
                fork.clone_from(world);
                fork.run(&mut |_, _| {});
                let mut second = world.clone();
                second.run(&mut |_, _| {});
                digests.push((fork.digest(), second.digest()));
            }
        });
        assert!(forked > 5, "{} gave {forked} forks", contender.name);
        for digest in digests {
            assert_eq!(digest, (world.digest(), world.digest()), "{}", contender.name);
        }
    }
}

#[test]
fn every_scenario_is_right_without_faults_and_with_all_of_them() {
    for name in ["wordcount", "nexmark-q1", "nexmark-q3", "nexmark-q8", "nexmark-q12", "sum-even-odd"] {
        let overrides: &[&str] = match name {
            "wordcount" => WORDS,
            "sum-even-odd" => &["input.numbers.kind.numbers.count=4000"],
            _ => &["input.events.kind.nexmark.events=4000"],
        };
        let prepared = prepare(name, overrides);
        for contender in contenders() {
            let mut runner = Runner::new(&prepared, contender);
            for (profile, seed) in [
                ("none", 0),
                ("everything", 1),
                ("everything", 2),
                ("crashes", 3),
                ("messages", 4),
                ("storage", 5),
            ] {
                let record = runner.run(seed, &drawn(&prepared, profile, seed), &Options::default(), None);
                clean(&record);
                let done =
                    |c: &&cutline_scenarios::record::CheckpointRecord| c.end == CheckpointEnd::Completed;
                assert!(
                    record.checkpoints.iter().filter(done).count() > 0,
                    "{name}: no checkpoint completed"
                );
            }
        }
    }
}

/// A crash at each protocol point, of the task concerned and of others, once and twice.
#[test]
fn a_crash_at_any_protocol_point_is_survived() {
    let prepared = prepare("wordcount", WORDS);
    for contender in contenders() {
        let mut runner = Runner::new(&prepared, contender);
        let mut struck = Vec::new();
        for point in Point::ALL {
            for (nth, task) in [(1, 0), (2, 3), (4, 7)] {
                // A recovery has to be brought about first; the crash comes late enough not to be the one that counts.
                let recovery = Point::RECOVERY.contains(&point);
                let mut faults = vec![crash(When::Point(point, nth), task)];
                if point == Point::Cancelled {
                    // There is no task to crash at that moment.
                    faults[0].fault = Fault::NodeCrash(NodeCrash { node: NodeId(task % 2) });
                }
                if recovery {
                    faults.extend([900, 1_300].map(|ms| crash(When::At(ms * MILLISECOND), 4)));
                }
                let mut at_point = false;
                let mut point_seen = 0;
                let record = runner.run(
                    u64::from(nth),
                    &plan(faults),
                    &Options::default(),
                    Some(&mut |_, events| {
                        for event in events {
                            let crash =
                                matches!(event.event, Event::TaskCrashed { .. } | Event::NodeCrashed { .. });
                            at_point |= crash && event.time == point_seen + 1;
                            point_seen = if point.is(&event.event) { event.time } else { point_seen };
                        }
                    }),
                );
                clean(&record);
                if at_point {
                    struck.push(point);
                }
            }
        }
        // Where tasks take checkpoints on their own nothing is aligned.
        let aligns = !runner.world().logs_sent();
        for point in Point::ALL.into_iter().filter(|&point| aligns || point != Point::AlignmentStarted) {
            assert!(struck.contains(&point), "no crash ever struck at {point:?} under {}", contender.name);
        }
    }
}

/// The keys of checkpointing do what they say.
#[test]
fn the_keys_of_checkpointing_work() {
    let run = |overrides: &[&str]| {
        let all: Vec<&str> = WORDS.iter().chain(overrides).copied().collect();
        let prepared = prepare("wordcount", &all);
        let aligned = cutline_algorithms::find("aligned").expect("aligned");
        let record =
            Runner::new(&prepared, Contender::from(aligned)).run(1, &plan(vec![]), &Options::default(), None);
        clean(&record);
        record
    };
    let gaps = |record: &RunRecord| -> Vec<u64> {
        record.checkpoints.windows(2).map(|pair| pair[1].triggered - pair[0].triggered).collect()
    };
    let plain = run(&[]);
    assert!(gaps(&plain)[..8].iter().all(|&gap| gap == 200 * MILLISECOND), "{:?}", gaps(&plain));
    let dense = run(&["execution.checkpointing.interval=50ms"]);
    assert!(dense.checkpoints.len() > 2 * plain.checkpoints.len());
    let paused = run(&["execution.checkpointing.interval=50ms", "execution.checkpointing.min-pause=300ms"]);
    for pair in paused.checkpoints.windows(2) {
        assert!(pair[1].triggered >= pair[0].triggered + pair[0].duration + 300 * MILLISECOND);
    }
    let slow = &["execution.checkpointing.interval=20ms", "cluster.store.latency=100ms"];
    let overlapping = |record: &RunRecord| {
        record
            .checkpoints
            .windows(2)
            .filter(|pair| pair[1].triggered < pair[0].triggered + pair[0].duration)
            .count()
    };
    assert_eq!(overlapping(&run(slow)), 0);
    assert!(
        overlapping(&run(&[slow[0], slow[1], "execution.checkpointing.max-concurrent-checkpoints=3"])) > 0
    );
    let counted = run(&["execution.checkpointing.interval=0s", "trigger.every-records=100"]);
    assert!(counted.checkpoints.len() >= 5, "{}", counted.checkpoints.len());
    let marked = run(&["execution.checkpointing.interval=0s", "trigger.at=[\"500ms\", \"1s\"]"]);
    assert!((3..=9).contains(&marked.checkpoints.len()), "{:?}", marked.checkpoints);
}

/// A checkpoint that cannot finish in time is aborted; too many of them in a row fail the job over, and it still ends.
#[test]
fn a_checkpoint_that_takes_too_long_is_aborted() {
    let mut overrides = WORDS.to_vec();
    overrides.push("execution.checkpointing.timeout=10ms");
    overrides.push("cluster.store.latency=8ms");
    let prepared = prepare("wordcount", &overrides);
    let aligned = cutline_algorithms::find("aligned").expect("aligned");
    let mut runner = Runner::new(&prepared, Contender::from(aligned));
    let record = runner.run(1, &plan(vec![]), &Options { forks: Some(false), ..Options::default() }, None);
    assert_eq!(record.class(), Class::Stall, "nothing can ever complete: {:?}", record.verdicts);
    let expired = |c: &&cutline_scenarios::record::CheckpointRecord| {
        c.end == CheckpointEnd::Aborted(AbortReason::Expired)
    };
    assert!(record.checkpoints.iter().filter(expired).count() > 5);
}

/// A crash that waited for the very event at which a fork is made does not strike the fork.
#[test]
fn a_fork_that_fails_over_has_no_further_fault() {
    let prepared = prepare("wordcount", WORDS);
    for contender in contenders() {
        let mut world = World::new(Arc::clone(prepared.topology()), &contender.cut, contender.snapshot);
        world.begin(1, plan(vec![crash(When::Point(Point::Completed, 2), 3)]));
        let (mut forks, mut crashed) = (0, false);
        world.run(&mut |world, events| {
            crashed |= events.iter().any(|event| matches!(event.event, Event::TaskCrashed { .. }));
            if events.iter().any(|event| matches!(event.event, Event::CheckpointCompleted { .. })) {
                let mut fork = world.clone();
                fork.fail_over();
                forks += 1;
                let outcome = fork.run(&mut |_, events| {
                    let crash = |event: &Stamped| matches!(event.event, Event::TaskCrashed { .. });
                    assert!(!events.iter().any(crash), "a crash in fork {forks}");
                });
                assert_eq!(outcome, Outcome::Finished);
            }
        });
        assert!(crashed && forks > 3, "{forks} forks");
    }
}

/// What a task has written for a checkpoint that was given up meanwhile does not stay in the store; nor does a checkpoint of its own
/// that lies before the newest line, and those never expire.
#[test]
fn snapshots_of_no_use_are_deleted() {
    let mut overrides = WORDS.to_vec();
    overrides.extend(["execution.checkpointing.interval=20ms", "execution.checkpointing.timeout=10ms"]);
    overrides.extend(["cluster.store.latency=30ms", "bounds.time=2s"]);
    let prepared = prepare("wordcount", &overrides);
    for contender in contenders() {
        let mut runner = Runner::new(&prepared, contender);
        let record = runner.run(1, &plan(vec![]), &Options::default(), None);
        let expected = match record.local {
            None => record.aborted() > 30,
            Some(local) => record.aborted() == 0 && local.taken > 200,
        };
        assert!(expected && record.restores.is_empty(), "{:?}, {:?}", record.local, record.checkpoints);
        // One checkpoint in flight, and what is about to be deleted of some before it.
        let tasks = prepared.topology().tasks.len();
        assert!(runner.world().store().len() <= 4 * tasks, "{} snapshots", runner.world().store().len());
    }
}

/// Barriers that do not block: oracles expect no more than is promised, and the record says how often something counted twice. A
/// job that promises more under the same strategy does not keep it.
#[test]
fn at_least_once_counts_some_records_twice_and_says_so() {
    let strategy = cutline_algorithms::find("at-least-once").expect("at-least-once");
    let run = |mode: &[&str], seed: u64| {
        let overrides = [WORDS, &["execution.buffer-timeout.interval=5ms"], mode].concat();
        let prepared = prepare("wordcount", &overrides);
        // One of the two ways into a counter is much longer, so the barrier on the other one is early.
        let slow = Fault::SlowLink(SlowLink { from: NodeId(0), to: NodeId(1), by: 40 * MILLISECOND });
        let slow = Planned { when: When::Between(0, 3 * SECOND), fault: slow };
        let plan = plan(vec![slow, crash(When::At(1_100 * MILLISECOND), 4)]);
        Runner::new(&prepared, Contender::from(strategy)).run(seed, &plan, &Options::default(), None)
    };
    let mut repeated = 0;
    for seed in 0..10 {
        let record = run(&[], seed);
        clean(&record);
        assert_eq!(record.mode, CheckpointMode::AtLeastOnce);
        // Each count goes to the sink at once.
        let at = |operator: &str| record.counted_again.iter().find(|more| more.operator == operator);
        let sink = record.sink_records - 17_408;
        assert_eq!(at("count").map_or(0, |more| more.records), sink, "{:?}", record.counted_again);
        repeated += u32::from(sink > 0);
        let promised = run(&["execution.checkpointing.mode=EXACTLY_ONCE"], seed);
        let fails =
            |oracle: &str| promised.verdicts.iter().any(|it| it.oracle == oracle && it.verdict.is_fail());
        assert_eq!(
            (fails("state"), promised.class()),
            (sink > 0, if sink > 0 { Class::Safety } else { Class::Pass })
        );
    }
    assert!(repeated > 2, "ten crashes, and {repeated} times a record twice: then it was not tested");
}
