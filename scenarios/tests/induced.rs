//! What checkpoints of a task's own cost in a job: the log, forced checkpoints, the piggyback; and how it shows in the record of a run.

use std::sync::Arc;

use cutline_algorithms::find;
use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, LocalCheckpoints, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner, Watcher};
use cutline_sim::event::Event;
use cutline_sim::faults::FaultPlan;
use cutline_sim::ids::TaskId;
use cutline_sim::time::Time;

const HMNR: &str = "communication-induced";
const BCS: &str = "communication-induced-bcs";

/// Sums with a checkpoint every 100 ms, every subtask on a node of its own.
const OFTEN: &[&str] = &[
    "input.numbers.kind.numbers.count=2000",
    "taskmanager.numberOfTaskSlots=1",
    "execution.checkpointing.interval=100ms",
    "execution.buffer-timeout.interval=5ms",
];

fn prepare() -> Prepared {
    job("sum-even-odd", OFTEN)
}

fn job(name: &str, overrides: &[&str]) -> Prepared {
    Prepared::load(&resolve(name).expect("a scenario"), overrides, 7)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn run(prepared: &Prepared, strategy: &str, plan: FaultPlan, watch: Option<Watcher<'_>>) -> RunRecord {
    let contender = Contender::from(find(strategy).expect("a strategy"));
    let options = Options { forks: Some(false), detail: watch.is_some(), ..Options::default() };
    let record = Runner::new(prepared, contender).run(3, &Arc::new(plan), &options, watch);
    assert_eq!(record.class(), Class::Pass, "{strategy}: {:?}", record.verdicts);
    record
}

fn local(record: &RunRecord) -> LocalCheckpoints {
    record.local.expect("tasks take checkpoints on their own")
}

/// Every record, watermark and end carries one tag: with the index one word, with the clocks as many as there are tasks, one
/// more, and two sets.
#[test]
fn the_piggyback_is_linear_in_the_number_of_tasks() {
    let prepared = prepare();
    let all = prepared.topology().tasks.len() as u64;
    let piggybacked =
        |strategy| local(&run(&prepared, strategy, FaultPlan::default(), None)).piggybacked_bytes;
    let items = piggybacked(BCS) / 4;
    assert!(items > 4000, "{items}");
    assert_eq!(piggybacked(HMNR), items * 4 * (1 + all + 2 * all.div_ceil(32)));
    assert_eq!(piggybacked("uncoordinated"), 0);
}

/// A forced checkpoint is taken before what forced it is delivered, and the delivery waits for its synchronous part.
#[test]
fn what_forces_a_checkpoint_is_delivered_after_it() {
    let prepared = prepare();
    let sync = prepared.topology().config.snapshot.sync;
    for strategy in [HMNR, BCS] {
        let tasks = prepared.topology().tasks.len() as u32;
        let mut forced_at: Vec<Option<Time>> = vec![None; tasks as usize];
        let mut waited = 0;
        let mut watch = |_: &_, events: &[cutline_sim::event::Stamped]| {
            for event in events {
                let Some(TaskId(task)) = event.origin.as_task() else { continue };
                match event.event {
                    Event::SnapshotForced { .. } => forced_at[task as usize] = Some(event.time),
                    Event::Record { .. } => {
                        if let Some(forced) = forced_at[task as usize].take() {
                            assert!(event.time >= forced + sync, "{strategy}: {} and {forced}", event.time);
                            waited += 1;
                        }
                    }
                    _ => {}
                }
            }
        };
        let record = run(&prepared, strategy, FaultPlan::default(), Some(&mut watch));
        assert!(waited > 2, "{strategy}: {waited} deliveries after a forced checkpoint");
        assert!(local(&record).forced >= waited && local(&record).forced < local(&record).taken);
    }
}

/// On a slow wire the words of a tag take the time that they need.
#[test]
fn a_piggyback_takes_time_on_the_wire() {
    let prepared = job(
        "nexmark-q1",
        &[
            "input.events.kind.nexmark.events=1000",
            "taskmanager.numberOfTaskSlots=1",
            "cluster.nodes=20",
            "cluster.slot-sharing=false",
            "cluster.network.bandwidth=400 KiB/s",
            // Every record travels alone; else a tag would also fill the buffer sooner.
            "execution.buffer-timeout.interval=0s",
        ],
    );
    let latency = |strategy| run(&prepared, strategy, FaultPlan::default(), None).latency.p50;
    let (alone, bcs, hmnr) = (latency("uncoordinated"), latency(BCS), latency(HMNR));
    assert!(alone < bcs && bcs < hmnr, "{alone}, {bcs}, {hmnr} ns");
}

/// A record says how far a recovery went back. Here no channel is part of a cycle, so nothing topples: no task goes back by more
/// checkpoints than were taken since the last line was looked for.
#[test]
fn a_recovery_says_how_far_it_went_back() {
    let prepared = prepare();
    let profile = faults::resolve("crashes").expect("a profile");
    for strategy in ["uncoordinated", HMNR, BCS] {
        let (mut recoveries, mut deepest) = (0, 0);
        for seed in 0..20 {
            let plan = faults::draw(&profile, prepared.topology(), prepared.duration(), seed);
            let record = run(&prepared, strategy, plan, None);
            let local = local(&record);
            assert!(local.log_bytes > 0 && local.useless < local.taken, "{local:?}");
            for restore in &record.restores {
                let rollback = restore.rollback.expect("of tasks that take checkpoints on their own");
                assert!(rollback.deepest <= rollback.total && rollback.age <= restore.crashed, "{restore:?}");
                (recoveries, deepest) = (recoveries + 1, rollback.deepest.max(deepest));
            }
        }
        assert!(recoveries > 20 && (1..20).contains(&deepest), "{strategy}: {recoveries}, {deepest}");
    }
}

/// A task that has finished takes no checkpoint any more, although its clock goes on: it would say that the task had not ended.
#[test]
fn who_has_finished_takes_no_checkpoint() {
    // Words take so long to count that the sources are done long before the rest.
    let prepared = job(
        "wordcount",
        &[
            "input.text.kind.text.rate=5000/s",
            "job.operator.count.service=1ms",
            "execution.checkpointing.interval=50ms",
        ],
    );
    for strategy in ["uncoordinated", HMNR, BCS] {
        let (mut finished, mut taken_since) = (std::collections::BTreeSet::new(), 0);
        let mut watch = |_: &_, events: &[cutline_sim::event::Stamped]| {
            for event in events {
                match event.event {
                    Event::TaskFinished => drop(finished.insert(event.origin)),
                    Event::SnapshotTaken { .. } if finished.contains(&event.origin) => panic!("{event:?}"),
                    Event::SnapshotTaken { .. } => taken_since += usize::from(!finished.is_empty()),
                    _ => {}
                }
            }
        };
        run(&prepared, strategy, FaultPlan::default(), Some(&mut watch));
        assert!(taken_since > 5, "{strategy}: {taken_since} checkpoints of others after a task had finished");
    }
}
