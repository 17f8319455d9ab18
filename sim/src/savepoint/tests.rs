mod in_flight;

use std::collections::BTreeSet;

use super::*;
use crate::channel::Position;
use crate::config::Config;
use crate::erased::{Protocol, machines};
use crate::external::{Reply, Request, TransactionId};
use crate::graph::{EdgeSpec, JobGraph, OperatorSpec, ServiceTime, Ship};
use crate::ids::CheckpointId;
use crate::input::{Entry, Input};
use crate::operator::{Context, Operator};
use crate::protocol::{
    CoordinatorCut, CoordinatorEffects, CoordinatorEvent, InputSet, JobCtx, SnapshotMethod, TaskCtx, TaskCut,
    TaskEffects, TaskEvent,
};
use crate::record::Record;
use crate::state::{ENTRY_BYTES, KeyedState, Slot, Timer, group_owner, key_group};
use crate::time::NEVER;

const GROUPS: u32 = 128;

/// Ten records in each split.
struct Tens(u32);

impl Input for Tens {
    fn splits(&self) -> u32 {
        self.0
    }

    fn start(&self, split: u32) -> u64 {
        u64::from(split) * 100
    }

    fn read(&self, split: u32, offset: u64) -> Option<Entry> {
        let left = offset < self.start(split) + 10;
        left.then_some(Entry { record: Record::default(), next: offset + 1 })
    }
}

struct Idle;

impl Operator for Idle {
    fn on_record(&self, _: u32, _: &Record, _: &mut Context<'_>) {}
}

/// Machines that do nothing; `N` makes types of them.
#[derive(Debug, Clone, Hash)]
struct Still<const N: u8>;

impl<const N: u8> TaskCut for Still<N> {
    type Durable = u8;

    fn new(_: &TaskCtx<'_>, _: u8) -> Self {
        Still
    }

    fn durable(&self) -> u8 {
        N
    }

    fn on(&mut self, _: &TaskCtx<'_>, _: TaskEvent, _: &mut TaskEffects) {}
}

impl<const N: u8> CoordinatorCut for Still<N> {
    fn new(_: &JobCtx<'_>) -> Self {
        Still
    }

    fn on(&mut self, _: &JobCtx<'_>, _: CoordinatorEvent, _: &mut CoordinatorEffects) {}
}

fn world<const N: u8>(topology: &Arc<Topology>) -> World {
    let cut = |job: &JobCtx<'_>| -> Box<dyn Protocol> { machines::<Still<N>, Still<N>>(job) };
    World::new(Arc::clone(topology), &cut, SnapshotMethod::FullAsync)
}

fn source(splits: u32) -> Role {
    Role::Source(Arc::new(Tens(splits)))
}

fn transform() -> Role {
    Role::Transform(Arc::new(Idle))
}

const SINK: Role = Role::Sink(SinkMode::Transactional);

fn operator((uid, role, parallelism): &(&str, Role, u32)) -> OperatorSpec {
    OperatorSpec {
        uid: (*uid).to_owned(),
        role: role.clone(),
        parallelism: *parallelism,
        does: String::new(),
        service: ServiceTime::default(),
        state_bytes: 0,
        entry_bytes: ENTRY_BYTES,
    }
}

/// A chain of operators: a uid, a role, a parallelism.
fn chain_with(groups: u32, operators: &[(&str, Role, u32)]) -> Arc<Topology> {
    let mut graph = JobGraph::new();
    let mut before = None;
    for node in operators {
        let node = graph.add_node(operator(node));
        if let Some(before) = before {
            graph.add_edge(before, node, EdgeSpec { ship: Ship::Hash, port: 0, feedback: false });
        }
        before = Some(node);
    }
    topology(groups, graph)
}

fn topology(groups: u32, graph: JobGraph) -> Arc<Topology> {
    let mut config = Config::default();
    config.cluster.nodes = 4;
    config.cluster.max_parallelism = groups;
    Arc::new(Topology::new(graph, config).unwrap_or_else(|error| panic!("{error}")))
}

fn chain(operators: &[(&str, Role, u32)]) -> Arc<Topology> {
    chain_with(GROUPS, operators)
}

/// A source with four splits, `count` and a sink, all with this parallelism.
fn job(parallelism: u32) -> Arc<Topology> {
    chain(&[
        ("source", source(4), parallelism),
        ("count", transform(), parallelism),
        ("sink", SINK, parallelism),
    ])
}

fn snapshot() -> TaskSnapshot {
    TaskSnapshot {
        task: TaskId(0),
        attempt: Attempt(2),
        id: CheckpointId(7),
        state: KeyedState::default(),
        parts: Vec::new(),
        splits: Vec::new(),
        watermark: 0,
        marked: 0,
        pending: Vec::new(),
        turns: vec![3],
        received: Vec::new(),
        sent: Vec::new(),
        captured: Vec::new(),
        unsent: Vec::new(),
        in_flight: 0,
        logged: Vec::new(),
        logged_bytes: 0,
        ended_inputs: InputSet::default(),
        ended: false,
        detection: None,
        records: 0,
        lineages: 0,
        durable: vec![9],
        bytes: 0,
        written: 0,
    }
}

/// Operators in the order of a chain: uid, kind, snapshots.
fn savepoint(external: External, operators: Vec<(&str, Kind, Vec<TaskSnapshot>)>) -> Savepoint {
    let mut first = 0;
    let operators = operators.into_iter().map(|(uid, kind, snapshots)| {
        let saved = SavedOperator {
            uid: uid.to_owned(),
            kind,
            does: String::new(),
            read: BTreeMap::new(),
            first: TaskId(first),
            subtasks: snapshots.into_iter().map(|snapshot| Some(Arc::new(snapshot))).collect(),
        };
        first += saved.parallelism();
        SavedOperator { read: inputs::read(&Tens(4), &saved.splits()), ..saved }
    });
    let operators: Vec<SavedOperator> = operators.collect();
    let saved = Saved {
        id: CheckpointId(7),
        attempt: Attempt(3),
        key_groups: GROUPS,
        edges: job(operators[0].parallelism()).edges.clone(),
        operators,
        external,
        is_whole: true,
    };
    Savepoint { saved: Arc::new(saved), allow_non_restored_state: false }
}

/// What the tasks of an operator start from.
fn bases<'a>(world: &'a World, uid: &str) -> Vec<Option<&'a TaskSnapshot>> {
    let topology = world.topology();
    let mine = |task: &TaskId| topology.operators[topology.tasks[task.index()].operator.index()].uid == uid;
    let tasks = (0..topology.tasks.len() as u32).map(TaskId).filter(mine);
    tasks.map(|task| world.base(task)).collect()
}

fn started<const N: u8>(topology: &Arc<Topology>, savepoint: &Savepoint) -> World {
    let mut world = world::<N>(topology);
    world.start_from(savepoint).unwrap_or_else(|error| panic!("{error}"));
    world
}

/// A start with the whole job; nothing of note in it but what `edit` puts there.
fn saved_job(parallelism: u32, edit: impl Fn(&str, u32, &mut TaskSnapshot)) -> Savepoint {
    let operator = |uid: &'static str, kind| {
        let snapshots = (0..parallelism).map(|subtask| {
            let mut snapshot = snapshot();
            if kind == Kind::Source {
                let mine = (0..4).filter(|split| split % parallelism == subtask);
                let at = |split| SplitPosition {
                    split,
                    offset: u64::from(split) * 100 + 5,
                    event_time: 5,
                    ended: false,
                };
                snapshot.splits = mine.map(at).collect();
            }
            edit(uid, subtask, &mut snapshot);
            snapshot
        });
        (uid, kind, snapshots.collect())
    };
    let operators = vec![
        operator("source", Kind::Source),
        operator("count", Kind::Transform),
        operator("sink", Kind::Sink(SinkMode::Transactional)),
    ];
    savepoint(External::default(), operators)
}

fn keys(state: &KeyedState) -> Vec<u64> {
    let keys = state.values().map(|(key, _)| key);
    let keys = keys.chain(state.all_entries().map(|(slot, _)| slot.key));
    keys.chain(state.timers().map(|timer| timer.key)).collect()
}

#[test]
fn every_key_group_goes_to_its_owner_with_values_maps_and_timers() {
    let mut whole = KeyedState::default();
    for key in 0..1000 {
        whole.set_value(key, 1);
        whole.set_entry(Slot { key, map: 1, slot: 2 }, 3);
        whole.set_timer(Timer { time: 4, key, slot: 5 });
    }
    let groups: BTreeSet<u32> = (0..1000).map(|key| key_group(key, GROUPS)).collect();
    assert_eq!(groups.len() as u32, GROUPS, "every key group has a key");
    let owner = |key, parallelism| group_owner(key_group(key, GROUPS), GROUPS, parallelism);
    for (p, q) in (1..=7).flat_map(|p| (1..=7).map(move |q| (p, q))) {
        let savepoint = saved_job(p, |uid, subtask, snapshot| {
            if uid == "count" {
                snapshot.state.absorb(&whole, |key| owner(key, p) == subtask);
            }
        });
        let world = started::<0>(&job(q), &savepoint);
        let mut sum = 0u64;
        for (subtask, base) in (0..).zip(bases(&world, "count")) {
            let state = &base.expect("a base").state;
            assert!(keys(state).iter().all(|&key| owner(key, q) == subtask), "{p} to {q}");
            sum = sum.wrapping_add(state.fingerprint());
        }
        assert_eq!(sum, whole.fingerprint(), "{p} to {q}: something was lost");
    }
}

#[test]
fn splits_transactions_and_sums_are_dealt_out_by_number() {
    let savepoint = saved_job(3, |uid, subtask, snapshot| {
        snapshot.records = 10 + u64::from(subtask);
        snapshot.lineages = u64::MAX - u64::from(subtask);
        if uid == "source" {
            (snapshot.watermark, snapshot.marked) = (u64::from(100 - subtask), subtask as usize);
        }
        if uid == "sink" {
            let name =
                |id| TransactionId { task: TaskId(6 + subtask), id: CheckpointId(id), attempt: Attempt(1) };
            snapshot.pending = vec![name(6 + u64::from(subtask)), name(7)];
        }
    });
    let world = started::<0>(&job(2), &savepoint);
    let sources = bases(&world, "source");
    let splits = |at: usize| -> Vec<(u32, u64)> {
        sources[at].expect("a base").splits.iter().map(|at| (at.split, at.offset)).collect()
    };
    assert_eq!((splits(0), splits(1)), (vec![(0, 5), (2, 205)], vec![(1, 105), (3, 305)]));
    let progress: Vec<_> = sources.iter().flatten().map(|base| (base.watermark, base.marked)).collect();
    assert_eq!(
        progress,
        [(98, 2), (99, 1)],
        "the least watermark and the most marked records of those who had the splits"
    );
    let sums: Vec<_> =
        bases(&world, "count").into_iter().flatten().map(|base| (base.records, base.lineages)).collect();
    assert_eq!(sums, [(22, u64::MAX.wrapping_add(u64::MAX - 2)), (11, u64::MAX - 1)]);
    let pending: Vec<Vec<_>> = bases(&world, "sink")
        .into_iter()
        .flatten()
        .map(|base| base.pending.iter().map(|name| (name.task.0, name.id.0)).collect())
        .collect();
    assert_eq!(pending, [vec![(4, 6), (4, 7), (4, 8)], vec![(5, 7)]], "by their new names, each once");
}

#[test]
fn who_gets_anything_of_a_file_reads_it_whole() {
    let savepoint = saved_job(3, |uid, subtask, snapshot| {
        snapshot.bytes = [100, 10, 1][subtask as usize];
        if uid == "sink" && subtask == 2 {
            let name = TransactionId { task: TaskId(8), id: CheckpointId(7), attempt: Attempt(1) };
            snapshot.pending = vec![name];
        }
    });
    let bytes = |q, uid: &str| -> Vec<u64> {
        let world = started::<0>(&job(q), &savepoint);
        bases(&world, uid).into_iter().flatten().map(|base| base.bytes).collect()
    };
    assert_eq!(bytes(1, "count"), [111]);
    assert_eq!(bytes(2, "count"), [110, 11], "the middle one is read by both");
    assert_eq!(bytes(2, "sink"), [111, 11], "the transaction of the last subtask goes to the first");
    assert_eq!(bytes(3, "count"), [100, 10, 1]);
    assert_eq!(bytes(3, "source"), [100, 10, 1]);
    // Splits 0 and 3 were with the first of three; with four each has its own, and the key groups are read besides.
    assert_eq!(bytes(4, "source"), [100, 110, 11, 101]);
}

#[test]
fn an_operator_has_ended_when_all_of_it_and_all_before_it_has() {
    // So many subtasks have ended; so many sources have read all they had.
    let at_the_end = |ended: u32, read: u32| {
        saved_job(3, move |_, subtask, snapshot| {
            snapshot.ended = subtask < ended;
            for at in snapshot.splits.iter_mut().filter(|_| subtask < read) {
                (at.offset, at.ended) = (u64::from(at.split) * 100 + 10, true);
            }
        })
    };
    let ended = |topology: &Arc<Topology>, savepoint: &Savepoint| -> Vec<(bool, u32)> {
        let world = started::<0>(topology, savepoint);
        let tasks = (0..topology.tasks.len() as u32).map(TaskId);
        tasks
            .map(|task| world.base(task).map_or((false, 0), |base| (base.ended, base.ended_inputs.len())))
            .collect()
    };
    assert_eq!(
        ended(&job(2), &at_the_end(3, 3)),
        [(true, 0), (true, 0), (true, 2), (true, 2), (true, 2), (true, 2)]
    );
    assert_eq!(ended(&job(3), &at_the_end(2, 2)), [(false, 0); 9], "one source still reads");
    assert_eq!(ended(&job(3), &at_the_end(2, 3)), [(false, 0); 9], "one source has not sent its end");
    let grown = chain(&[("source", source(5), 2), ("count", transform(), 2), ("sink", SINK, 2)]);
    assert_eq!(ended(&grown, &at_the_end(3, 3)), [(false, 0); 6], "there is one more split to read");
    let longer = chain(&[
        ("source", source(4), 1),
        ("new", transform(), 1),
        ("count", transform(), 1),
        ("sink", SINK, 1),
    ]);
    let half = [(true, 0), (false, 0), (false, 0), (false, 0)];
    assert_eq!(ended(&longer, &at_the_end(3, 3)), half, "a new operator has not ended");
}

#[test]
fn machines_begin_anew() {
    let savepoint = saved_job(2, |_, _, _| {});
    for world in [started::<0>(&job(2), &savepoint), started::<0>(&job(1), &savepoint)] {
        assert!(bases(&world, "count").iter().flatten().all(|base| base.durable.is_empty()));
    }
}

#[test]
fn ids_and_attempts_go_on_and_turns_begin_anew() {
    let world = started::<0>(&job(2), &saved_job(2, |_, _, _| {}));
    assert_eq!((world.attempt(), world.first_attempt()), (Attempt(4), Attempt(4)));
    assert_eq!(world.coordinator.first_checkpoint, CheckpointId(8));
    assert!(bases(&world, "count").iter().flatten().all(|base| base.turns == [0]));
    assert!(bases(&world, "sink").iter().flatten().all(|base| base.turns.is_empty()));
}

#[test]
fn what_cannot_be_handed_out_is_refused_and_changes_nothing() {
    let stateful = saved_job(2, |_, _, snapshot| snapshot.bytes = 1);
    let refused = |topology: &Arc<Topology>, savepoint: &Savepoint| {
        let mut world = world::<0>(topology);
        let error = world.start_from(savepoint).expect_err("a refusal");
        assert!(world.base.iter().all(Option::is_none) && world.attempt() == Attempt(1));
        error.to_string()
    };
    let full = |count, sink| [("source", source(4), 1), (count, transform(), 1), ("sink", sink, 1)];
    let groups = refused(&chain_with(64, &full("count", SINK)), &stateful);
    assert!(groups.contains("has 128 key groups and the job has 64"), "{groups}");
    let renamed = chain(&full("renamed", SINK));
    let orphan = refused(&renamed, &stateful);
    assert!(orphan.contains("state of operator `count`, which the job does not have"), "{orphan}");
    let kind = refused(&chain(&full("count", Role::Sink(SinkMode::Plain))), &stateful);
    assert_eq!(
        kind,
        "`sink` was a transactional sink in the savepoint and is a plain sink in the job: give it a new uid"
    );
    let splits = chain(&[("source", source(3), 1), ("count", transform(), 1), ("sink", SINK, 1)]);
    let splits = refused(&splits, &stateful);
    assert!(splits.contains("in split 3, and its input has 3 splits"), "{splits}");
    let world = started::<0>(&renamed, &stateful.clone().allow_non_restored_state());
    assert!(bases(&world, "source")[0].is_some(), "the others keep theirs");
    assert!(bases(&world, "renamed")[0].is_none(), "a new operator starts from nothing");
}

#[test]
fn an_operator_without_state_may_go() {
    let stateless = saved_job(2, |_, _, _| {});
    let shorter = chain(&[("source", source(4), 1), ("sink", SINK, 1)]);
    assert_eq!(world::<0>(&shorter).start_from(&stateless), Ok(()));
    let pending = saved_job(2, |uid, _, snapshot| {
        let name = TransactionId { task: TaskId(4), id: CheckpointId(7), attempt: Attempt(1) };
        snapshot.pending.extend((uid == "sink").then_some(name));
    });
    let other = chain(&[("source", source(4), 1), ("count", transform(), 1), ("other", SINK, 1)]);
    let refused = Err(RestoreError::NonRestoredState("sink".to_owned()));
    assert_eq!(world::<0>(&other).start_from(&pending), refused, "what it had not committed would be lost");
}

// The external system.

fn record(value: i64) -> Record {
    Record { value, ..Record::default() }
}

fn name(task: u32, id: u64, attempt: u32) -> TransactionId {
    TransactionId { task: TaskId(task), id: CheckpointId(id), attempt: Attempt(attempt) }
}

fn values(records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| record.value).collect()
}

/// Two sink tasks, 2 and 3, that have committed checkpoint 6, prepared 7, and 8 behind the savepoint.
fn outside() -> External {
    let mut external = External::new(1);
    for task in [2, 3] {
        for id in [6, 7, 8] {
            let records = Arc::new(vec![record(i64::from(task) * 10 + id as i64)]);
            let transaction = name(task, id, 3);
            external.handle(Request::Prepare { transaction, records, opened: 0 }, 0, true);
        }
        external.handle(Request::Commit(TaskId(task), Attempt(3), vec![name(task, 6, 3)]), 0, true);
    }
    external
}

fn visible(external: &External, task: u32) -> Vec<i64> {
    external.committed(TaskId(task)).flat_map(|(_, records)| values(records)).collect()
}

#[test]
fn what_is_pending_is_committed_and_what_came_behind_it_is_not() {
    let pending: BTreeSet<_> = [name(2, 7, 3), name(3, 7, 3)].into();
    let mut new = outside().hand_over(|_| Some((TaskId(1), TaskId(1))), &pending, 1);
    assert_eq!(visible(&new, 1), [26, 36], "what was visible stays so");
    let stale = new.handle(Request::Begin(TaskId(1), Attempt(2), vec![]), 0, true);
    assert_eq!(stale, Reply::Fenced, "who was refused before is refused now");
    let all = vec![name(1, 7, 3), name(1, 8, 3)];
    let done = new.handle(Request::Begin(TaskId(1), Attempt(4), all), 0, true);
    let wanted = Reply::Done { committed: vec![name(1, 7, 3)], expired: vec![] };
    assert_eq!(done, wanted, "two of one name are one; 8 is gone");
    assert_eq!(visible(&new, 1), [26, 36, 27, 37]);
    let apart = outside().hand_over(|task| Some((TaskId(task.0 - 2), TaskId(0))), &pending, 1);
    assert_eq!((visible(&apart, 0), visible(&apart, 1)), (vec![26], vec![36]));
    let gone = outside().hand_over(|_| None, &pending, 1);
    assert_eq!(visible(&gone, 2), [], "nobody reads the sinks that the job does not have");
}

#[test]
fn a_log_comes_before_whatever_the_new_job_writes() {
    let mut external = External::default();
    external.write(TaskId(3), record(2));
    external.write(TaskId(2), record(1));
    let mut new = external.hand_over(|task| Some((TaskId(task.0 - 1), TaskId(1))), &BTreeSet::new(), 1);
    new.write(TaskId(1), record(3));
    new.write(TaskId(2), record(4));
    assert_eq!((values(new.log(TaskId(1))), values(new.log(TaskId(2)))), (vec![1, 2, 3], vec![4]));
}
