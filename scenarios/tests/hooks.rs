//! The life of an operator in the machine: each hook is called when its doc says, and what it does survives restores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cutline_algorithms::STRATEGIES;
use cutline_scenarios::faults;
use cutline_scenarios::inputs::{InputKind, Texts};
use cutline_sim::config::Config;
use cutline_sim::event::{Event, Origin};
use cutline_sim::graph::{EdgeSpec, JobGraph, OperatorSpec, Role, ServiceTime, Ship, SinkMode};
use cutline_sim::ids::{OperatorId, TaskId};
use cutline_sim::operator::{Context, Operator};
use cutline_sim::operator_state::BroadcastState;
use cutline_sim::oracles::ledger::Ledger;
use cutline_sim::oracles::reference::interpret;
use cutline_sim::oracles::state::State;
use cutline_sim::oracles::{Oracle, Verdict};
use cutline_sim::record::{Record, key_lineage};
use cutline_sim::state::{ENTRY_BYTES, KeyedState, Slot};
use cutline_sim::time::{MILLISECOND, NEVER, Time};
use cutline_sim::topology::Topology;
use cutline_sim::world::{Outcome, World};

/// How often a hook was called.
#[derive(Default)]
struct Times(AtomicU64);

impl Times {
    fn more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Sums per key and sends the sums at the end. Records wait in the list as they came; a snapshot adds up those of one key, so
/// that it is small.
#[derive(Default)]
struct Sums {
    opened: Times,
    restored: Times,
    snapshots: Times,
    closed: Times,
    /// The largest list that was left by a snapshot, and found by a restore.
    largest: [AtomicU64; 2],
}

/// In the broadcast state: that it was opened, and the watermark of the last record.
const OPENED: Slot = Slot { key: 0, map: 0, slot: 0 };
const WATERMARK: Slot = Slot { key: 0, map: 1, slot: 0 };

impl Sums {
    fn measure(&self, at: usize, state: &KeyedState) {
        self.largest[at].fetch_max(state.list.elements().len() as u64, Ordering::Relaxed);
    }
}

impl Operator for Sums {
    fn on_open(&self, state: &mut BroadcastState) {
        self.opened.more();
        assert_eq!(state.set_entry(OPENED, 1), None, "opened twice");
    }

    fn on_restore(&self, state: &mut KeyedState) {
        self.restored.more();
        assert_eq!(state.broadcast.entry(OPENED), Some(1), "what was there at the snapshot is there now");
        self.measure(1, state);
    }

    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        assert_eq!(cx.state.broadcast.entry(OPENED), Some(1), "opened before the first record");
        let before = cx.state.broadcast.set_entry(WATERMARK, cx.watermark as i64).unwrap_or(0);
        assert!(before <= cx.watermark as i64, "the watermark went back from {before} to {}", cx.watermark);
        cx.state.list.push(*record);
    }

    fn on_snapshot(&self, state: &mut KeyedState, _watermark: Time) {
        self.snapshots.more();
        let mut sums: Vec<Record> = state.list.drain().collect();
        sums.sort_by_key(|record| record.key);
        sums.dedup_by(|next, sum| {
            let same = next.key == sum.key;
            sum.value += if same { next.value } else { 0 };
            same
        });
        sums.into_iter().for_each(|sum| state.list.push(sum));
        self.measure(0, state);
    }

    fn on_close(&self, cx: &mut Context<'_>) {
        self.closed.more();
        self.on_snapshot(cx.state, NEVER);
        cx.state.broadcast.retain(|slot, _| slot == OPENED);
        let sums = cx.state.list.drain();
        cx.out.extend(sums.map(|sum| Record {
            lineage: key_lineage(sum.key, 0),
            event_time: NEVER,
            size: 24,
            ..sum
        }));
    }
}

const SUBTASKS: u32 = 3;
const KEYS: u64 = 20;

/// Two sources, three subtasks that sum, a sink for each, one node for all that stands side by side.
fn job(operator: Arc<Sums>) -> JobGraph {
    let events: InputKind = toml::from_str(&format!(
        "events = {{ count = 1200, keys = {KEYS}, values = 100, rate = \"500/s\", splits = 2 }}"
    ))
    .expect("a kind of input");
    let input = events.build(1, &mut Texts::default()).expect("an input").input;
    let mut graph = JobGraph::new();
    let mut add = |uid: &str, role, parallelism| {
        let service = ServiceTime { record: 10_000, ..ServiceTime::default() };
        graph.add_node(OperatorSpec {
            uid: uid.to_owned(),
            role,
            parallelism,
            does: String::new(),
            service,
            state_bytes: 0,
            entry_bytes: ENTRY_BYTES,
        })
    };
    let source = add("source", Role::Source(input), 2);
    let sums = add("sums", Role::Transform(operator), SUBTASKS);
    let sink = add("sink", Role::Sink(SinkMode::Transactional), SUBTASKS);
    for (from, to, ship) in [(source, sums, Ship::Hash), (sums, sink, Ship::Forward)] {
        graph.add_edge(from, to, EdgeSpec { ship, port: 0, feedback: false });
    }
    graph
}

#[test]
fn hooks_are_called_once_per_life_and_snapshot_and_results_are_the_same() {
    let operator = Arc::new(Sums::default());
    let graph = job(Arc::clone(&operator));
    let reference = interpret(&graph, 1_000_000).expect("a reference");
    assert_eq!((operator.opened.take(), operator.closed.take()), (1, 1));
    assert_eq!(
        (operator.snapshots.take(), operator.restored.take()),
        (1, 0),
        "closing is like a snapshot here"
    );
    let mut config = Config::default();
    config.checkpointing.interval = 100 * MILLISECOND;
    config.checkpointing.tolerable_failed = 1000;
    config.recovery.heartbeat_interval = 100 * MILLISECOND;
    config.recovery.heartbeat_timeout = 500 * MILLISECOND;
    let topology = Arc::new(Topology::new(graph, config).expect("a topology"));
    let profile = faults::resolve("crashes").expect("a profile");
    let (mut afresh, mut again) = (0, 0);
    for strategy in STRATEGIES {
        let new = World::new(Arc::clone(&topology), &strategy.cut, strategy.snapshot);
        for seed in 0..15 {
            let mut world = new.clone();
            let plan = Arc::new(faults::draw(&profile, &topology, 1200 * MILLISECOND, seed));
            let (mut starts, mut taken, mut line) = ([0, 0], 0, None);
            let tasks = (0..topology.tasks.len() as u32).map(TaskId);
            let sums = tasks.filter(|task| topology.tasks[task.index()].operator == OperatorId(1));
            world.begin(seed, plan);
            let outcome = world.run(&mut |_, events| {
                for event in events {
                    let task = sums.clone().any(|task| event.origin == Origin::task(task));
                    match event.event {
                        Event::Restoring { checkpoint, .. } => line = checkpoint,
                        Event::TaskRunning { .. } if task => starts[usize::from(line.is_some())] += 1,
                        Event::SnapshotTaken { .. } if task => taken += 1,
                        _ => {}
                    }
                }
            });
            let of = format!("{} with seed {seed}", strategy.name);
            assert_eq!(outcome, Outcome::Finished, "{of}");
            assert_eq!(State::new(&reference).verdict(&world, outcome), Verdict::Pass, "{of}");
            assert_eq!(Ledger::new(&reference).verdict(&world, outcome), Verdict::Pass, "{of}");
            assert_eq!([operator.opened.take(), operator.restored.take()], starts, "{of}");
            let closed = operator.closed.take();
            assert!(closed >= u64::from(SUBTASKS), "{of}: closed {closed} times");
            assert_eq!(operator.snapshots.take(), taken + closed, "{of}");
            (afresh, again) = (afresh + starts[0], again + starts[1]);
        }
    }
    assert!(afresh > 100 && again > 30, "{afresh} starts afresh, {again} restores: too few to mean anything");
    let largest = operator.largest.each_ref().map(|largest| largest.load(Ordering::Relaxed));
    assert!(largest.iter().all(|&largest| (5..=KEYS).contains(&largest)), "{largest:?}");
}
