use std::sync::Arc;

use super::*;
use crate::graph::{EdgeSpec, OperatorSpec, ServiceTime, SinkMode};
use crate::input::{Entry, Input};
use crate::operator::Context;
use crate::operator_state::BroadcastState;
use crate::record::{derive_lineage, lineage_weight, origin, source_lineage};
use crate::state::{ENTRY_BYTES, Slot, Timer};
use crate::time::NEVER;

/// 0..count, dealt round robin over the splits; key = value % 7.
struct Numbers {
    count: u64,
    splits: u32,
}

impl Input for Numbers {
    fn splits(&self) -> u32 {
        self.splits
    }

    fn start(&self, split: u32) -> u64 {
        u64::from(split)
    }

    fn read(&self, _: u32, offset: u64) -> Option<Entry> {
        let record = Record {
            key: offset % 7,
            value: offset as i64,
            event_time: offset,
            size: 8,
            ..Record::default()
        };
        (offset < self.count).then(|| Entry { record, next: offset + u64::from(self.splits) })
    }
}

/// Sums per key and passes on; at the end it emits the sums.
struct Sum;

impl Operator for Sum {
    fn on_record(&self, _: u32, record: &Record, cx: &mut Context<'_>) {
        cx.state.add(record.key, record.value);
        cx.state.set_timer(Timer { time: NEVER, key: record.key, slot: 0 });
    }

    fn on_timer(&self, timer: Timer, cx: &mut Context<'_>) {
        let value = cx.state.value(timer.key).unwrap_or(0);
        cx.out.push(Record { lineage: timer.key, key: timer.key, value, ..Record::default() });
    }
}

/// Counts per key and emits every new count.
struct Count;

impl Operator for Count {
    fn on_record(&self, _: u32, record: &Record, cx: &mut Context<'_>) {
        let value = cx.state.add(record.key, 1);
        cx.out.push(Record { key: record.key, value, ..Record::default() });
    }

    fn is_ordered_per_key(&self) -> bool {
        true
    }
}

/// Passes on the records of one parity.
struct Parity(i64);

impl Operator for Parity {
    fn on_record(&self, _: u32, record: &Record, cx: &mut Context<'_>) {
        if record.value & 1 == self.0 {
            cx.out.push(Record { key: 0, ..*record });
        }
    }
}

/// Joins its two ports by key; the value tells the pair.
struct Join;

impl Operator for Join {
    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>) {
        cx.state.set_entry(Slot { key: record.key, map: port, slot: record.lineage }, record.value);
        for (_, other) in cx.state.entries(record.key, 1 - port) {
            let (left, right) = if port == 0 { (record.value, other) } else { (other, record.value) };
            cx.out.push(Record { key: record.key, value: left * 10_000 + right, ..Record::default() });
        }
    }
}

/// Halves a value and sends it round again, until it is 0.
struct Halve;

impl Operator for Halve {
    fn on_record(&self, _: u32, record: &Record, cx: &mut Context<'_>) {
        cx.state.add(record.key, 1);
        if record.value > 0 {
            let lineage = derive_lineage(record.lineage, 0);
            cx.out.push(Record { lineage, value: record.value / 2, ..*record });
        }
    }
}

/// Sends every record round for ever.
struct Spin;

impl Operator for Spin {
    fn on_record(&self, _: u32, record: &Record, cx: &mut Context<'_>) {
        cx.out.push(*record);
    }
}

fn spec(uid: &str, role: Role, parallelism: u32) -> OperatorSpec {
    OperatorSpec {
        uid: uid.to_owned(),
        role,
        parallelism,
        does: String::new(),
        service: ServiceTime::default(),
        state_bytes: 0,
        entry_bytes: ENTRY_BYTES,
    }
}

fn edge(ship: Ship, port: u32) -> EdgeSpec {
    EdgeSpec { ship, port, feedback: false }
}

fn numbers(graph: &mut JobGraph, uid: &str, count: u64, splits: u32) -> NodeIndex {
    graph.add_node(spec(uid, Role::Source(Arc::new(Numbers { count, splits })), 1))
}

fn transform(
    graph: &mut JobGraph,
    uid: &str,
    operator: impl Operator + 'static,
    parallelism: u32,
) -> NodeIndex {
    graph.add_node(spec(uid, Role::Transform(Arc::new(operator)), parallelism))
}

fn sink(graph: &mut JobGraph, uid: &str) -> NodeIndex {
    graph.add_node(spec(uid, Role::Sink(SinkMode::Plain), 1))
}

#[test]
fn even_and_odd_sums_come_out_whatever_the_number_of_splits() {
    let run = |splits| {
        let mut graph = JobGraph::new();
        let source = numbers(&mut graph, "numbers", 10_001, splits);
        let sink = sink(&mut graph, "sink");
        for (name, parity) in [("even", 0), ("odd", 1)] {
            let filter = transform(&mut graph, name, Parity(parity), 2);
            let sum = transform(&mut graph, &format!("{name}-sum"), Sum, 2);
            graph.add_edge(source, filter, edge(Ship::Rebalance, 0));
            graph.add_edge(filter, sum, edge(Ship::Hash, 0));
            graph.add_edge(sum, sink, edge(Ship::Rebalance, parity as u32));
        }
        let reference = interpret(&graph, 1_000_000).unwrap();
        let found = &reference.operators[sink.index()];
        assert_eq!(found.received, 2);
        let digest = interpret_with(&graph, 1_000_000, SinkRecords::Digest).unwrap();
        assert_eq!(digest.operators[sink.index()].records_fingerprint, found.records_fingerprint);
        assert!(digest.operators[sink.index()].records.is_empty());
        for (most, kept) in [(1, 0), (2, 2)] {
            let few = interpret_with(&graph, 1_000_000, SinkRecords::KeepUpTo(most)).unwrap();
            assert_eq!(few.operators[sink.index()].records_fingerprint, found.records_fingerprint);
            assert_eq!(few.operators[sink.index()].records.len(), kept);
        }
        found.records.iter().map(|record| record.value).collect::<Vec<_>>()
    };
    assert_eq!(run(1), [25_000_000, 25_005_000]);
    assert_eq!(run(1), run(3));
}

#[test]
fn a_join_equals_nested_loops() {
    let mut graph = JobGraph::new();
    let left = numbers(&mut graph, "left", 100, 2);
    let right = numbers(&mut graph, "right", 60, 3);
    let join = transform(&mut graph, "join", Join, 4);
    let sink = sink(&mut graph, "sink");
    graph.add_edge(left, join, edge(Ship::Hash, 0));
    graph.add_edge(right, join, edge(Ship::Hash, 1));
    graph.add_edge(join, sink, edge(Ship::Rebalance, 0));
    let reference = interpret(&graph, 1_000_000).unwrap();
    let mut expected: Vec<i64> =
        (0..100).flat_map(|l| (0..60).filter(move |r| l % 7 == r % 7).map(move |r| l * 10_000 + r)).collect();
    let mut found: Vec<i64> = reference.operators[sink.index()].records.iter().map(|r| r.value).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    let own = &reference.operators[join.index()];
    assert_eq!(own.received, 160);
    assert_eq!(own.state.len(), 160);
    assert_eq!(own.fingerprint, own.state.fingerprint());
    let weights = |operator: NodeIndex, splits: u32, count: u64, port: u32| {
        (0..count)
            .map(|n| source_lineage(origin(&graph[operator].uid), (n % u64::from(splits)) as u32, n))
            .map(|lineage| lineage_weight(lineage, port))
            .fold(0, u64::wrapping_add)
    };
    assert_eq!(own.lineages, weights(left, 2, 100, 0).wrapping_add(weights(right, 3, 60, 1)));
}

#[test]
fn a_cycle_runs_until_it_rests_and_is_given_up_if_it_never_does() {
    let build = |rests: bool| {
        let mut graph = JobGraph::new();
        let source = numbers(&mut graph, "numbers", 50, 1);
        let around = match rests {
            true => transform(&mut graph, "around", Halve, 2),
            false => transform(&mut graph, "around", Spin, 2),
        };
        let sink = sink(&mut graph, "sink");
        graph.add_edge(source, around, edge(Ship::Hash, 0));
        graph.add_edge(around, around, EdgeSpec { feedback: true, ..edge(Ship::Hash, 1) });
        graph.add_edge(around, sink, edge(Ship::Rebalance, 0));
        (graph, around, sink)
    };
    let (graph, around, sink) = build(true);
    let reference = interpret(&graph, 10_000).unwrap();
    let halvings: u64 = (0..50u64).map(|n| u64::from(64 - n.leading_zeros())).sum();
    assert_eq!(reference.operators[around.index()].received, 50 + halvings);
    assert_eq!(reference.operators[sink.index()].received, halvings);
    let (graph, ..) = build(false);
    let endless = interpret(&graph, 10_000).unwrap_err();
    assert!(matches!(endless, ReferenceError::StepLimit { limit: 10_000, .. }), "{endless}");
}

#[test]
fn a_broadcast_edge_delivers_copies_and_refuses_keyed_state() {
    let mut graph = JobGraph::new();
    let source = numbers(&mut graph, "numbers", 10, 1);
    let filter = transform(&mut graph, "even", Parity(0), 3);
    let sink = sink(&mut graph, "sink");
    graph.add_edge(source, filter, edge(Ship::Broadcast, 0));
    graph.add_edge(filter, sink, edge(Ship::Rebalance, 0));
    let reference = interpret(&graph, 1_000).unwrap();
    assert_eq!(reference.operators[filter.index()].received, 30);
    assert_eq!(reference.operators[sink.index()].received, 15);
    for ship in [Ship::Broadcast, Ship::Rebalance] {
        let mut graph = JobGraph::new();
        let source = numbers(&mut graph, "numbers", 10, 1);
        let sum = transform(&mut graph, "sum", Sum, 3);
        graph.add_edge(source, sum, edge(ship, 0));
        let unsupported = ReferenceError::Unsupported { uid: "sum".to_owned(), ship };
        assert_eq!(interpret(&graph, 1_000).unwrap_err(), unsupported);
    }
}

#[test]
fn a_forward_edge_spreads_keys_if_its_sender_does() {
    for (to_first, supported) in [(Ship::Hash, true), (Ship::Forward, false)] {
        let mut graph = JobGraph::new();
        let source =
            graph.add_node(spec("numbers", Role::Source(Arc::new(Numbers { count: 70, splits: 2 })), 2));
        let first = transform(&mut graph, "first", Count, 2);
        let second = transform(&mut graph, "second", Count, 2);
        graph.add_edge(source, first, edge(to_first, 0));
        graph.add_edge(first, second, edge(Ship::Forward, 0));
        let unsupported = ReferenceError::Unsupported { uid: "first".to_owned(), ship: Ship::Forward };
        assert_eq!(interpret(&graph, 1_000).err(), (!supported).then_some(unsupported));
    }
}

#[test]
fn timers_behind_timers_fire_after_all_their_records() {
    let mut graph = JobGraph::new();
    let source = numbers(&mut graph, "numbers", 5_000, 1);
    let first = transform(&mut graph, "first", Sum, 2);
    let second = transform(&mut graph, "second", Sum, 2);
    let sink = sink(&mut graph, "sink");
    graph.add_edge(second, sink, edge(Ship::Rebalance, 0));
    graph.add_edge(first, second, edge(Ship::Hash, 0));
    graph.add_edge(source, first, edge(Ship::Hash, 0));
    let reference = interpret(&graph, 100_000).unwrap();
    let mut sums = BTreeMap::new();
    (0..5_000).for_each(|n| *sums.entry(n % 7).or_insert(0) += n);
    let found = &reference.operators[sink.index()].records;
    let found: BTreeMap<i64, i64> = found.iter().map(|record| (record.key as i64, record.value)).collect();
    assert_eq!(found, sums);
    assert_eq!(reference.steps, 5_000 + 5_000 + 7 + 7 + 7 + 7);
}

/// A job with counts of 0..70 by what they are modulo 7, and an idempotent sink; what the sink must end with.
fn last(to_count: Ship, to_sink: Ship, counts: u32, sinks: u32) -> BTreeMap<u64, i64> {
    let mut graph = JobGraph::new();
    let input = Role::Source(Arc::new(Numbers { count: 70, splits: 2 }));
    let source = graph.add_node(spec("numbers", input, counts));
    let count = transform(&mut graph, "count", Count, counts);
    let sink = graph.add_node(spec("sink", Role::Sink(SinkMode::Idempotent), sinks));
    graph.add_edge(source, count, edge(to_count, 0));
    graph.add_edge(count, sink, edge(to_sink, 0));
    let reference = interpret(&graph, 1_000).unwrap();
    reference.operators[sink.index()].last.iter().map(|(&key, record)| (key, record.value)).collect()
}

#[test]
fn an_idempotent_sink_must_end_with_the_last_of_an_ordered_edge() {
    let counts: BTreeMap<u64, i64> = (0..7).map(|key| (key, 10)).collect();
    assert_eq!(last(Ship::Hash, Ship::Forward, 2, 2), counts);
    assert_eq!(last(Ship::Hash, Ship::Hash, 2, 3), counts);
    assert_eq!(last(Ship::Hash, Ship::Rebalance, 2, 1), counts);
    assert_eq!(last(Ship::Rebalance, Ship::Forward, 1, 1), counts, "a single subtask owns all keys");
    assert!(last(Ship::Hash, Ship::Rebalance, 2, 2).is_empty(), "the counts of a key are dealt out");
}

#[test]
fn where_two_write_one_key_neither_is_certain_to_be_last() {
    let mut graph = JobGraph::new();
    let few = numbers(&mut graph, "few", 8, 1);
    let many = numbers(&mut graph, "many", 14, 1);
    let counts = [few, many].map(|source| {
        let count = transform(&mut graph, &format!("count-{}", source.index()), Count, 1);
        graph.add_edge(source, count, edge(Ship::Hash, 0));
        count
    });
    let sink = graph.add_node(spec("sink", Role::Sink(SinkMode::Idempotent), 1));
    for count in counts {
        graph.add_edge(count, sink, edge(Ship::Hash, 0));
    }
    let last = &interpret(&graph, 1_000).unwrap().operators[sink.index()].last;
    assert!(last.is_empty(), "the last count of the one may come before or after the first of the other");
}

#[test]
fn a_key_of_one_value_ends_with_it_whatever_comes_before_the_sink() {
    let mut graph = JobGraph::new();
    let source = numbers(&mut graph, "numbers", 10, 2);
    let sink = graph.add_node(spec("sink", Role::Sink(SinkMode::Idempotent), 2));
    graph.add_edge(source, sink, edge(Ship::Rebalance, 0));
    let last = &interpret(&graph, 1_000).unwrap().operators[sink.index()].last;
    assert!(last.keys().eq(&[3, 4, 5, 6]), "0, 1 and 2 are the keys of two numbers each");
}

/// Holds records back in a list and sends them at the end; rules, whose port is 1, are put into the broadcast state.
struct HoldBack;

impl Operator for HoldBack {
    fn on_open(&self, state: &mut BroadcastState) {
        state.set_entry(Slot { key: 99, map: 0, slot: 0 }, 1);
    }

    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>) {
        if port == 1 {
            cx.state.broadcast.set_entry(Slot { key: record.key, map: 0, slot: 0 }, 1);
        } else {
            cx.state.list.push(*record);
        }
    }

    fn on_close(&self, cx: &mut Context<'_>) {
        cx.out.extend(cx.state.list.drain());
    }

    fn is_broadcast_port(&self, port: u32) -> bool {
        port == 1
    }
}

/// What comes to the sum behind an operator that holds back, with two subtasks, or why there is no reference.
fn held_back(ship: Ship, rules: Ship) -> Result<Reference, ReferenceError> {
    let mut graph = JobGraph::new();
    let source = numbers(&mut graph, "source", 10, 1);
    let hold = graph.add_node(spec("hold", Role::Transform(Arc::new(HoldBack)), 2));
    let sum = graph.add_node(spec("sum", Role::Transform(Arc::new(Sum)), 1));
    graph.add_edge(source, hold, edge(ship, 0));
    graph.add_edge(source, hold, edge(rules, 1));
    graph.add_edge(hold, sum, edge(Ship::Rebalance, 0));
    interpret(&graph, 1000)
}

#[test]
fn an_operator_is_closed_before_those_behind_it_fire_their_timers() {
    let reference = held_back(Ship::Rebalance, Ship::Broadcast).expect("a list may stand behind any edge");
    let [source, hold, sum] = &reference.operators[..] else { panic!("three operators") };
    assert_eq!((source.received, hold.received, sum.received), (10, 30, 10));
    assert!(hold.state.list.elements().is_empty(), "sent, and taken out");
    assert_eq!(sum.state.values().map(|(_, sum)| sum).sum::<i64>(), 45);
    assert_eq!(sum.state.timers().count(), 0);
}

#[test]
fn every_subtask_has_a_copy_of_the_broadcast_state() {
    let reference = held_back(Ship::Hash, Ship::Broadcast).expect("a reference");
    let hold = &reference.operators[1];
    assert_eq!(hold.state.broadcast.entries().count(), 8, "seven keys, and what was put in at the beginning");
    assert_eq!(hold.fingerprint, hold.state.fingerprint().wrapping_mul(2));
    for ship in [Ship::Hash, Ship::Rebalance] {
        assert_eq!(held_back(ship, ship), Err(ReferenceError::Torn { uid: "hold".to_owned() }));
    }
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let mut graph = JobGraph::new();
    let source = numbers(&mut graph, "numbers", 70, 1);
    let pairs = transform(&mut graph, "pairs", Join, 1);
    for port in [0, 1] {
        graph.add_edge(source, pairs, edge(Ship::Hash, port));
    }
    let within = |graph: &JobGraph, most| {
        let mut interpreter = Interpreter::new(graph, 1 << 40, SinkRecords::Digest);
        interpreter.most = most;
        let done = interpreter.run();
        done.map_err(|error| error == ReferenceError::Memory { most, uid: "pairs".to_owned() }).err()
    };
    assert_eq!([699, 700].map(|most| within(&graph, most)), [Some(true), None], "pairs at once");
    graph.remove_edge(graph.find_edge(source, pairs).expect("an edge"));
    assert_eq!([69, 70].map(|most| within(&graph, most)), [Some(true), None], "entries of state");
}
