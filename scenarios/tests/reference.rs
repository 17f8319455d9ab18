//! Whole jobs of this library in the reference interpreter, against the same result computed in another way.

use std::collections::BTreeMap;

use cutline_scenarios::inputs::nexmark::{NexmarkEvent, NexmarkEvents};
use cutline_scenarios::inputs::{BuiltInput, Content, InputKind, Texts};
use cutline_scenarios::operators::{Contents, OperatorKind};
use cutline_sim::graph::{EdgeSpec, JobGraph, OperatorSpec, Role, ServiceTime, Ship, SinkMode};
use cutline_sim::oracles::reference::{OperatorReference, Reference, SinkRecords, interpret, interpret_with};
use cutline_sim::state::ENTRY_BYTES;
use petgraph::graph::NodeIndex;
use serde::Deserialize;

#[derive(Deserialize)]
struct Named {
    operator: OperatorKind,
}

fn input(toml: &str) -> BuiltInput {
    let kind: InputKind = toml::from_str(toml).expect(toml);
    kind.build(7, &mut Texts::default()).expect("an input")
}

/// A job under construction.
struct Job {
    graph: JobGraph,
    contents: Contents,
}

impl Job {
    fn new() -> Job {
        Job { graph: JobGraph::new(), contents: Contents::default() }
    }

    fn add(&mut self, uid: &str, role: Role, parallelism: u32) -> NodeIndex {
        let service = ServiceTime::default();
        self.graph.add_node(OperatorSpec {
            uid: uid.to_owned(),
            role,
            parallelism,
            does: String::new(),
            service,
            state_bytes: 0,
            entry_bytes: ENTRY_BYTES,
        })
    }

    fn source(&mut self, input: &BuiltInput) -> NodeIndex {
        self.contents = Contents::of([input]);
        self.add("source", Role::Source(input.input.clone()), 2)
    }

    /// Adds an operator behind others, one port each.
    fn operator(&mut self, uid: &str, toml: &str, inputs: &[NodeIndex]) -> NodeIndex {
        let named: Named = toml::from_str(&format!("operator = {toml}")).expect(toml);
        let operator = named.operator.build(&self.contents).expect("an operator");
        let node = self.add(uid, Role::Transform(operator), 4);
        self.connect(inputs, node, Ship::Hash);
        node
    }

    fn sink(&mut self, inputs: &[NodeIndex]) -> NodeIndex {
        let node = self.add("sink", Role::Sink(SinkMode::Transactional), 1);
        self.connect(inputs, node, Ship::Rebalance);
        node
    }

    fn connect(&mut self, from: &[NodeIndex], to: NodeIndex, ship: Ship) {
        for (port, &from) in from.iter().enumerate() {
            self.graph.add_edge(from, to, EdgeSpec { ship, port: port as u32, feedback: false });
        }
    }

    fn interpret(&self) -> Reference {
        interpret(&self.graph, 100_000_000).expect("a reference")
    }
}

fn at(reference: &Reference, node: NodeIndex) -> &OperatorReference {
    &reference.operators[node.index()]
}

#[test]
fn a_word_count_equals_an_independent_count() {
    let input = input("text = { rate = \"1000/s\", splits = 3 }");
    let Content::Text(text) = &input.content else { panic!("a text") };
    let mut job = Job::new();
    let source = job.source(&input);
    let words = job.operator("words", "\"tokenizer\"", &[source]);
    let count = job.operator("count", "\"keyed-count\"", &[words]);
    let sink = job.sink(&[count]);
    let reference = job.interpret();
    let found: BTreeMap<String, i64> =
        at(&reference, count).state.values().map(|(word, count)| (text.word(word as u32), count)).collect();
    let mut expected = BTreeMap::new();
    let all = text.bytes().split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    all.for_each(|word| {
        *expected.entry(String::from_utf8_lossy(word).to_lowercase()).or_insert(0) += 1;
    });
    assert_eq!(found, expected);
    assert_eq!(found["nation"], 5 * 64);
    assert_eq!(at(&reference, sink).received, text.total_words() as u64);
    assert_eq!(at(&reference, words).received, text.pieces() as u64);
    let lineages = at(&reference, sink).records.iter().map(|record| record.lineage);
    let mut lineages: Vec<u64> = lineages.collect();
    lineages.sort();
    lineages.dedup();
    assert_eq!(lineages.len(), text.total_words(), "every output has a lineage of its own");
}

#[test]
fn even_and_odd_numbers_have_their_sums() {
    let mut job = Job::new();
    let source = job.source(&input("numbers = { count = 1001, rate = \"1000/s\", splits = 3 }"));
    let sums: Vec<NodeIndex> = ["keep-even", "keep-odd"]
        .into_iter()
        .map(|parity| {
            let kept = job.operator(parity, &format!("\"{parity}\""), &[source]);
            job.operator(&format!("{parity}-sum"), "\"keyed-sum\"", &[kept])
        })
        .collect();
    let sink = job.sink(&sums);
    let reference = job.interpret();
    let records = &at(&reference, sink).records;
    let mut found: Vec<_> = records.iter().map(|record| (record.key, record.value)).collect();
    found.sort();
    assert_eq!(found, [(0, 250_500), (1, 250_000)]);
}

/// The persons and auctions among the first events of the seed, each with its number.
fn nexmark(input: &BuiltInput) -> Vec<(u64, NexmarkEvent)> {
    let Content::Nexmark(events) = &input.content else { panic!("events") };
    let events: &NexmarkEvents = events;
    (0..events.len() as u64).filter_map(|n| Some((n, events.get(n as i64)?))).collect()
}

#[test]
fn query_3_equals_nested_loops() {
    let input = input("nexmark = { events = 20000, rate = \"1000/s\", splits = 4 }");
    let mut job = Job::new();
    let source = job.source(&input);
    let auctions = job.operator("auctions", "\"q3-auctions\"", &[source]);
    let persons = job.operator("persons", "\"q3-persons\"", &[source]);
    let join = job.operator("join", "\"join\"", &[auctions, persons]);
    let sink = job.sink(&[join]);
    let reference = job.interpret();
    let mut expected = Vec::new();
    let events = nexmark(&input);
    for &(_, auction) in &events {
        for &(_, person) in events.iter().step_by(50) {
            if let NexmarkEvent::Auction { id: sold, seller, category: 10 } = auction
                && let NexmarkEvent::Person { id, state } = person
                && id == seller
                && [*b"or", *b"id", *b"ca"].contains(&state)
            {
                expected.push((seller, sold as i64));
            }
        }
    }
    let records = &at(&reference, sink).records;
    let mut found: Vec<_> = records.iter().map(|record| (record.key, record.value)).collect();
    found.sort();
    expected.sort();
    assert!(expected.len() > 20, "{}", expected.len());
    assert_eq!(found, expected);
}

#[test]
fn query_8_equals_nested_loops() {
    let input = input("nexmark = { events = 20000, rate = \"1000/s\", splits = 4 }");
    let mut job = Job::new();
    let source = job.source(&input);
    let auctions = job.operator("auctions", "\"q8-auctions\"", &[source]);
    let persons = job.operator("persons", "\"q8-persons\"", &[source]);
    let join = job.operator("join", "{ window-join = { size = \"1s\" } }", &[auctions, persons]);
    let sink = job.sink(&[join]);
    let reference = job.interpret();
    // Four splits at 1000 per second each: event n comes at n / 4 milliseconds.
    let window = |n: u64| n / 4000;
    let mut expected = Vec::new();
    let events = nexmark(&input);
    for &(n, auction) in &events {
        for &(m, person) in events.iter().step_by(50) {
            if let NexmarkEvent::Auction { id: sold, seller, .. } = auction
                && let NexmarkEvent::Person { id, .. } = person
                && id == seller
                && window(n) == window(m)
            {
                expected.push((seller, sold as i64));
            }
        }
    }
    let records = &at(&reference, sink).records;
    let mut found: Vec<_> = records.iter().map(|record| (record.key, record.value)).collect();
    found.sort();
    expected.sort();
    assert!(expected.len() > 20, "{}", expected.len());
    assert_eq!(found, expected);
    assert!(at(&reference, join).state.is_empty());
}

#[test]
fn query_12_counts_each_bidder_per_window() {
    let input = input("nexmark = { events = 20000, rate = \"1000/s\", splits = 4 }");
    let mut job = Job::new();
    let source = job.source(&input);
    let bids = job.operator("bids", "\"q12-bids\"", &[source]);
    let count = job.operator("count", "{ tumbling-window = { size = \"1s\" } }", &[bids]);
    let sink = job.sink(&[count]);
    let reference = job.interpret();
    let mut counts: BTreeMap<(u64, u64), i64> = BTreeMap::new();
    for (n, event) in nexmark(&input) {
        if let NexmarkEvent::Bid { bidder, .. } = event {
            *counts.entry((bidder, n / 4000)).or_default() += 1;
        }
    }
    let mut expected: Vec<_> = counts.into_iter().map(|((bidder, _), count)| (bidder, count)).collect();
    let records = &at(&reference, sink).records;
    let mut found: Vec<_> = records.iter().map(|record| (record.key, record.value)).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// A chain of counters, as the benchmarks have it.
fn counters(count: u64, stages: usize) -> Job {
    let mut job = Job::new();
    let keys = format!("keys = {{ count = {count}, keys = 65536, rate = \"1000000/s\", splits = 4 }}");
    let mut last = job.source(&input(&keys));
    for stage in 0..stages {
        last = job.operator(&format!("stage-{stage}"), "{ counter = { keys = 65536 } }", &[last]);
    }
    job.sink(&[last]);
    job
}

#[test]
fn counters_count_every_record_at_every_stage() {
    let job = counters(10_000, 5);
    let reference = job.interpret();
    for operator in &reference.operators {
        assert_eq!((operator.received, operator.lineages), (10_000, reference.operators[0].lineages));
        let counted: i64 = operator.state.values().map(|(_, count)| count).sum();
        assert!(operator.state.is_empty() || counted == 10_000);
    }
    let digest = interpret_with(&job.graph, 1_000_000, SinkRecords::Digest).expect("a reference");
    assert_eq!(digest.operators[6].records_fingerprint, reference.operators[6].records_fingerprint);
}
