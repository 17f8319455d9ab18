//! Lines of tasks' own checkpoints in jobs with loops: how far a failure topples them, what a line says of the end of a loop, and what
//! becomes of tasks whose snapshots take all their time.

use std::fmt::Write;
use std::sync::Arc;

use cutline_algorithms::{STRATEGIES, Strategy, find};
use cutline_scenarios::faults;
use cutline_scenarios::library_files::{ScenarioText, resolve};
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{Class, RunRecord};
use cutline_scenarios::run::{Contender, Options, Runner, Watcher};
use cutline_sim::channel::Item;
use cutline_sim::event::{Event, Stamped};
use cutline_sim::faults::{Fault, FaultPlan, Planned, TaskCrash, When};
use cutline_sim::ids::{ChannelId, TaskId};
use cutline_sim::protocol::Handle;
use cutline_sim::snapshot::TaskSnapshot;
use cutline_sim::time::{MILLISECOND, Time};
use cutline_sim::world::World;

const ALONE: [&str; 3] = ["uncoordinated", "communication-induced", "communication-induced-bcs"];

fn prepare(text: &ScenarioText, overrides: &[&str]) -> Prepared {
    Prepared::load(text, overrides, 7).unwrap_or_else(|error| panic!("{error}"))
}

/// A crash of a task of this operator at an instant, if there is to be one.
fn crash(prepared: &Prepared, at: Option<(&str, Time)>) -> Arc<FaultPlan> {
    let planned = at.map(|(operator, time)| {
        let task = Some(tasks(prepared, operator)[0]);
        Planned { when: When::At(time), fault: Fault::TaskCrash(TaskCrash { task }) }
    });
    let heal = at.map_or(0, |(_, time)| time + 1);
    Arc::new(FaultPlan { faults: planned.into_iter().collect(), heal })
}

fn tasks(prepared: &Prepared, operator: &str) -> Vec<TaskId> {
    let topology = prepared.topology();
    let mine = |task: &TaskId| {
        let info = &topology.tasks[task.index()];
        topology.operators[info.operator.index()].uid == operator
    };
    (0..topology.tasks.len() as u32).map(TaskId).filter(mine).collect()
}

fn run(
    prepared: &Prepared,
    strategy: &Strategy,
    (seed, plan): (u64, &Arc<FaultPlan>),
    forks: bool,
    watch: Option<Watcher<'_>>,
) -> RunRecord {
    let options = Options { forks: Some(forks), ..Options::default() };
    let record = Runner::new(prepared, Contender::from(strategy)).run(seed, plan, &options, watch);
    assert_eq!(record.class(), Class::Pass, "{}, seed {seed}: {:#?}", strategy.name, record.verdicts);
    record
}

/// What a restore found of the tasks in the loop.
#[derive(Debug, Default)]
struct Toppled {
    /// The number of the oldest of their checkpoints on the line, and of the records that it had handled.
    oldest: u64,
    records: u64,
    /// The most checkpoints that one of them had taken after the one on the line.
    deepest: u64,
}

/// A loop in which every walk goes from subtask to subtask and back, and tasks take checkpoints at their own times: between any two of
/// one task there is a record that has come from it and goes back to it.
fn topple(strategy: &str, at: Time) -> Toppled {
    let text = resolve("collatz").expect("a scenario");
    // Many walks at a time, for 1.5 s, and none of them waits in a buffer.
    let dense = [
        "input.numbers.kind.numbers.count=1200",
        "input.numbers.kind.numbers.rate=400/s",
        "execution.buffer-timeout.interval=1ms",
        "heartbeat.interval=50ms",
        "heartbeat.timeout=200ms",
    ];
    let prepared = prepare(&text, &dense);
    let looped = [tasks(&prepared, "step"), tasks(&prepared, "on")].concat();
    let mut newest = vec![0; prepared.topology().tasks.len()];
    let mut toppled = Toppled { oldest: u64::MAX, ..Toppled::default() };
    let mut restores = 0;
    let mut watch = |world: &World, events: &[Stamped]| {
        for event in events {
            match event.event {
                Event::Persisted { id, .. } if restores == 0 => {
                    newest[event.origin.as_task().expect("a task").index()] = id.0;
                }
                Event::Restoring { checkpoint: Some(id), attempt } if attempt > world.first_attempt() => {
                    restores += 1;
                    let manifest = world.store().manifest(id).expect("it is restored");
                    for &task in &looped {
                        let snapshot = snapshot(world, manifest[task.index()]);
                        if snapshot.id.0 < toppled.oldest {
                            (toppled.oldest, toppled.records) = (snapshot.id.0, snapshot.records);
                        }
                        toppled.deepest = toppled.deepest.max(newest[task.index()] - snapshot.id.0);
                    }
                }
                _ => {}
            }
        }
    };
    let plan = crash(&prepared, Some(("step", at)));
    let record = run(&prepared, find(strategy).expect("a strategy"), (5, &plan), false, Some(&mut watch));
    assert_eq!((restores, record.restores.len()), (1, 1), "{strategy}");
    let rollback = record.restores[0].rollback.expect("of tasks that take checkpoints on their own");
    assert!(rollback.deepest >= toppled.deepest, "{strategy}: {rollback:?}, {toppled:?}");
    toppled
}

fn snapshot(world: &World, handle: Option<Handle>) -> &TaskSnapshot {
    world.store().get(handle.expect("a snapshot")).expect("it is in the store")
}

/// A published fact: without forced checkpoints dense feedback topples everything to the initial state, however long the job has run;
/// with them a task goes back by as much as is taken between two lines.
#[test]
fn dense_feedback_topples_a_run_to_its_beginning_unless_checkpoints_are_forced() {
    let mut before = 0;
    for at in [600 * MILLISECOND, 1000 * MILLISECOND, 1400 * MILLISECOND] {
        let alone = topple("uncoordinated", at);
        assert_eq!((alone.oldest, alone.records), (1, 0), "{at}: {alone:?}");
        assert!(
            alone.deepest > before && alone.deepest * 220 * MILLISECOND > at - 220 * MILLISECOND,
            "{at}: {alone:?}"
        );
        before = alone.deepest;
        for strategy in ["communication-induced", "communication-induced-bcs"] {
            let induced = topple(strategy, at);
            assert!(induced.deepest <= 1 && induced.records > 100, "{at}, {strategy}: {induced:?}");
        }
    }
}

/// Whatever strikes, and however far tasks go back, the result is right.
#[test]
fn loops_survive_all_faults() {
    let prepared = prepare(&resolve("collatz").expect("a scenario"), &[]);
    let profile = faults::resolve("everything").expect("a profile");
    for strategy in ALONE {
        let strategy = find(strategy).expect("a strategy");
        let (mut restores, mut deepest) = (0, 0);
        for seed in 0..30 {
            let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
            let record = run(&prepared, strategy, (seed, &plan), false, None);
            restores += record.restores.len();
            let depths = record.restores.iter().filter_map(|restore| restore.rollback).map(|it| it.deepest);
            deepest = depths.max().unwrap_or(0).max(deepest);
        }
        assert!(restores > 20 && deepest > 0, "{}: {restores} restores, {deepest}", strategy.name);
    }
}

/// Numbers that are counted down around a loop in which everything takes turns: so where a record goes depends on how inputs interleave.
fn countdown(overrides: &[&str]) -> Prepared {
    let mut text = "name = \"countdown\"\nabout = \"Numbers are counted down around a loop.\"\n[input.numbers]\nkind = { numbers = \
                    { count = 60, rate = \"2000/s\", splits = 2 } }\n"
        .to_owned();
    let operators = [
        ("source", "{ source = \"numbers\" }", 2),
        ("step", "{ map = { add = -1 } }", 3),
        ("on", "{ filter = { min = 1 } }", 2),
        ("done", "{ filter = { max = 0 } }", 2),
        ("sink", "{ sink = \"transactional\" }", 2),
    ];
    for (uid, does, parallelism) in operators {
        let _ = writeln!(
            text,
            "[[job.operator]]\nuid = \"{uid}\"\ndoes = {does}\nparallelism = {parallelism}\nservice = \"20us\""
        );
    }
    let edges = [("source", "step"), ("step", "on"), ("on", "step"), ("step", "done"), ("done", "sink")];
    for (from, to) in edges {
        let feedback = from == "on";
        let _ = writeln!(
            text,
            "[[job.edge]]\nfrom = \"{from}\"\nto = \"{to}\"\nship = \"rebalance\"\nfeedback = {feedback}"
        );
    }
    let source = ScenarioText::new("countdown.toml", text);
    let base = [
        "cluster.nodes=4",
        "taskmanager.numberOfTaskSlots=1",
        "cluster.network.latency=1ms",
        "cluster.network.latency-jitter=2ms",
        "execution.buffer-timeout.interval=1ms",
    ];
    prepare(&source, &[&base, overrides].concat())
}

/// That a head of a loop has ended in a checkpoint says that the loop has: nothing is left in it, also where tasks take checkpoints at
/// very different times.
#[test]
fn a_head_has_ended_at_a_line_only_if_its_loop_has() {
    let prepared = countdown(&["execution.checkpointing.interval=100ms"]);
    let (heads, others) = (tasks(&prepared, "step"), tasks(&prepared, "on"));
    let is_inside = |world: &World, channel: ChannelId| {
        let to = world.topology().channels[channel.index()].to;
        heads.contains(&to) || others.contains(&to)
    };
    let is_record = |item: &Item| matches!(item, Item::Record(_));
    for strategy in STRATEGIES.iter().filter(|strategy| strategy.cycles) {
        let mut behind = 0;
        for seed in 0..20 {
            let mut watch = |world: &World, events: &[Stamped]| {
                for event in events {
                    let Event::CheckpointCompleted { id, .. } = event.event else { continue };
                    let Some(manifest) = world.store().manifest(id) else { continue };
                    let ended = heads.iter().any(|head| snapshot(world, manifest[head.index()]).ended);
                    if !ended {
                        continue;
                    }
                    behind += 1;
                    let of = format!("{}, seed {seed}, checkpoint {id}", strategy.name);
                    for (channel, items) in world.in_transit(manifest) {
                        assert!(
                            !is_inside(world, channel) || !items.iter().any(is_record),
                            "{of}: {items:?}"
                        );
                    }
                    for &task in heads.iter().chain(&others) {
                        let snapshot = snapshot(world, manifest[task.index()]);
                        let mut captured = snapshot.captured.iter().flat_map(|on| &on.items);
                        assert!(!captured.any(is_record), "{of}: {snapshot:?}");
                    }
                }
            };
            run(&prepared, strategy, (seed, &Arc::default()), true, Some(&mut watch));
        }
        assert!(behind >= 20, "{}: {behind} checkpoints behind the end of the loop", strategy.name);
    }
}

/// Snapshots that stop a task and take three times as long as the interval: it works between them.
#[test]
fn a_task_whose_snapshots_take_longer_than_its_interval_gets_on() {
    let slow = [
        "execution.checkpointing.snapshot=full-sync",
        "execution.checkpointing.interval=5ms",
        "cluster.store.latency=15ms",
    ];
    let text = resolve("sum-even-odd").expect("a scenario");
    let sums = prepare(&text, &[&slow[..], &["input.numbers.kind.numbers.count=100"]].concat());
    for prepared in [&sums, &countdown(&slow)] {
        for strategy in ALONE {
            let strategy = find(strategy).expect("a strategy");
            let record = run(prepared, strategy, (1, &Arc::default()), false, None);
            let taken = record.local.expect("tasks take checkpoints on their own").taken;
            assert!(taken > 50, "{}: {taken} checkpoints", strategy.name);
        }
    }
}
