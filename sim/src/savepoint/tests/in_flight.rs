//! What was in flight.

use super::*;
use crate::ids::ChannelId;

/// Records, the last watermark and an end, of which subtask 1 of `source` has sent half to subtask 1 of `count`.
fn half_sent() -> (Savepoint, [OnChannel; 2]) {
    let record = |lineage| Item::Record(Record { key: 5, size: 40, lineage, ..Record::default() });
    let on = |at, items: &[Item]| OnChannel { at, items: items.to_vec() };
    let (captured, unsent) = ([record(1), record(2)], [record(3), Item::Watermark(NEVER), Item::End]);
    let savepoint = saved_job(2, |uid, subtask, snapshot| match (uid, subtask) {
        ("source", 1) => snapshot.unsent = vec![on(1, &unsent)],
        ("count", 1) => snapshot.captured = vec![on(1, &captured)],
        _ => {}
    });
    (savepoint, [on(1, &captured), on(1, &unsent[..1])])
}

#[test]
fn what_was_in_flight_goes_to_the_same_job_as_it_was_and_to_no_other() {
    let (savepoint, [captured, unsent]) = half_sent();
    let renamed = chain(&[("source", source(4), 2), ("other", transform(), 2), ("sink", SINK, 2)]);
    let shorter = chain(&[("source", source(4), 2), ("sink", SINK, 2)]);
    for other in [renamed, shorter] {
        assert_eq!(world::<0>(&other).start_from(&savepoint), Err(RestoreError::InFlight));
    }
    // Also under another strategy, whose machines know nothing of the old ones.
    for world in [started::<0>(&job(2), &savepoint), started::<1>(&job(2), &savepoint)] {
        let source = bases(&world, "source")[1].expect("a state");
        assert_eq!(source.sent[1], Position::default().after(&captured.items), "both ends count from zero");
        assert_eq!(source.unsent, std::slice::from_ref(&unsent), "it will say again that it ends");
        let count = bases(&world, "count")[1].expect("a state");
        assert!(count.received.is_empty());
        assert_eq!(&count.captured[..], std::slice::from_ref(&captured));
    }
}

#[test]
fn an_end_that_was_captured_comes_again_and_both_ends_count_it_once() {
    let items = [Item::Watermark(9), Item::Watermark(NEVER), Item::End];
    let savepoint = saved_job(2, |uid, subtask, snapshot| {
        if (uid, subtask) == ("count", 0) {
            snapshot.captured = vec![OnChannel { at: 0, items: items.to_vec() }];
        }
    });
    let world = started::<0>(&job(2), &savepoint);
    let (source, count) = (bases(&world, "source")[0], bases(&world, "count")[0]);
    let count = count.expect("a state");
    assert_eq!(count.captured, [OnChannel { at: 0, items: vec![Item::Watermark(9)] }]);
    assert_eq!(source.expect("a state").sent[0], count.received_and_captured(0));
}

#[test]
fn an_input_has_not_ended_before_what_was_in_flight_is_consumed() {
    let savepoint = saved_job(2, |uid, subtask, snapshot| match (uid, subtask) {
        ("source", _) => {
            snapshot.splits.iter_mut().for_each(|at| (at.offset, at.ended) = (at.offset + 5, true));
            snapshot.ended = true;
        }
        ("count", 0) => snapshot.captured = vec![OnChannel { at: 1, items: vec![Item::End] }],
        ("count", _) => snapshot.ended_inputs = InputSet::full(2),
        _ => {}
    });
    let world = started::<0>(&job(2), &savepoint);
    let [Some(waits), Some(has_all)] = bases(&world, "count")[..] else { panic!("two states") };
    assert_eq!((waits.ended_inputs.len(), has_all.ended_inputs.len()), (0, 2));
    assert_eq!(waits.captured, [OnChannel { at: 1, items: vec![Item::End] }], "nobody says it again");
}

/// Two subtasks each have sent records of eight keys to the owners of those, some captured and some not sent.
fn much_in_flight() -> Savepoint {
    let record = |key: u64, value| Item::Record(Record { key, value, ..Record::default() });
    let owner = |key, parallelism| group_owner(key_group(key, GROUPS), GROUPS, parallelism);
    saved_job(2, move |uid, subtask, snapshot| match uid {
        "source" => {
            let to = |to| (0..8).filter(move |&key| owner(key, 2) == to && owner(key, 2) == subtask);
            let items = |to_one| to(to_one).map(|key| record(key, 3)).chain([Item::Watermark(5)]).collect();
            snapshot.unsent = (0..2).map(|at| OnChannel { at, items: items(at) }).collect();
        }
        "count" => {
            let mine = (0..8).filter(|&key| owner(key, 2) == subtask);
            let items = mine.flat_map(|key| [record(key, 1), Item::Watermark(4), record(key, 2)]);
            snapshot.captured = vec![OnChannel { at: subtask, items: items.collect() }];
        }
        _ => {}
    })
}

#[test]
fn what_was_in_flight_is_dealt_out_to_the_owners_of_its_keys_in_order() {
    let savepoint = much_in_flight();
    for (senders, receivers) in [(2, 3), (3, 2), (1, 1), (4, 4), (1, 5)] {
        let topology =
            chain(&[("source", source(4), senders), ("count", transform(), receivers), ("sink", SINK, 1)]);
        let world = started::<0>(&topology, &savepoint);
        let owner = |key, parallelism| group_owner(key_group(key, GROUPS), GROUPS, parallelism);
        let mut values = BTreeMap::<u64, Vec<i64>>::new();
        for (subtask, count) in (0..).zip(bases(&world, "count")) {
            for on in &count.expect("a state").captured {
                for item in &on.items {
                    let Item::Record(record) = item else { panic!("{item:?}") };
                    let came = (on.at, subtask);
                    assert_eq!(came, (owner(record.key, senders), owner(record.key, receivers)));
                    values.entry(record.key).or_default().push(record.value);
                }
            }
        }
        assert_eq!(values.len(), 8);
        assert!(values.values().all(|values| *values == [1, 2, 3]), "{values:?}");
        for (at, sender) in (0..).zip(bases(&world, "source")) {
            let sender = sender.expect("a state");
            assert!(sender.unsent.is_empty() && sender.sent.len() == receivers as usize);
            for (sent, count) in sender.sent.iter().zip(bases(&world, "count")) {
                assert_eq!(*sent, count.expect("a state").received_and_captured(at), "both ends count alike");
            }
        }
    }
}

/// FLINK-31963: a stateless operator was passed over, and with it what was on its way to it.
#[test]
fn what_was_on_its_way_to_an_operator_without_any_state_is_not_forgotten() {
    let mut saved = Arc::into_inner(much_in_flight().saved).expect("the only one");
    saved.operators[1].subtasks = vec![None, None];
    let savepoint = Savepoint { saved: Arc::new(saved), allow_non_restored_state: false };
    let world = started::<0>(&job(3), &savepoint);
    let captured = bases(&world, "count").into_iter().flatten().flat_map(|base| &base.captured);
    assert_eq!(captured.map(|on| on.items.len()).sum::<usize>(), 8, "what was not sent");
}

#[test]
fn what_was_in_flight_on_a_forward_edge_stays_where_it_is() {
    let saved = much_in_flight();
    let forward = |parallelism| {
        let mut edges = job(parallelism).edges.clone();
        edges[0].spec.ship = Ship::Forward;
        edges
    };
    let mut saved = Arc::into_inner(saved.saved).expect("the only one");
    saved.edges = forward(2);
    for snapshot in saved.operators.iter_mut().flat_map(|it| &mut it.subtasks).flatten() {
        let snapshot = Arc::make_mut(snapshot);
        snapshot.unsent.truncate(1);
        snapshot.captured.iter_mut().for_each(|on| on.at = 0);
    }
    let mut topology = Topology::clone(&job(3));
    topology.edges = forward(3);
    let refused = dealing::obstacle(&saved, &topology);
    let (from, to) = ("source".to_owned(), "count".to_owned());
    assert_eq!(refused, Some(RestoreError::InFlightForward { from, to }));
    for snapshot in saved.operators.iter_mut().flat_map(|it| &mut it.subtasks).flatten() {
        Arc::make_mut(snapshot).captured.clear();
        Arc::make_mut(snapshot).unsent.clear();
    }
    assert_eq!(dealing::obstacle(&saved, &topology), None, "with nothing there it may go");
}

#[test]
fn a_savepoint_holds_no_probe() {
    let on = |items: &[Item]| OnChannel { at: 1, items: items.to_vec() };
    assert_eq!(
        without_probes(on(&[Item::Probe(3), Item::Watermark(9), Item::Probe(4)])),
        Some(on(&[Item::Watermark(9)]))
    );
    assert_eq!(without_probes(on(&[Item::Probe(3)])), None);
}

/// A job whose operators and edges are named in some order: two edges that are alike, one to another port, one of a second source.
fn in_the_order(nodes: [usize; 4], edges: [usize; 5]) -> Arc<Topology> {
    let operators = [("a", source(4), 2), ("b", source(4), 2), ("count", transform(), 2), ("sink", SINK, 2)];
    let wires = [
        (0, 2, Ship::Hash, 0),
        (0, 2, Ship::Hash, 0),
        (0, 2, Ship::Rebalance, 1),
        (1, 2, Ship::Hash, 0),
        (2, 3, Ship::Hash, 0),
    ];
    let mut graph = JobGraph::new();
    let mut at = [None; 4];
    for node in nodes {
        at[node] = Some(graph.add_node(operator(&operators[node])));
    }
    for (from, to, ship, port) in edges.map(|edge| wires[edge]) {
        let [from, to] = [at[from], at[to]].map(|node| node.expect("a node"));
        graph.add_edge(from, to, EdgeSpec { ship, port, feedback: false });
    }
    topology(GROUPS, graph)
}

/// A channel by what it connects, and which of those that are alike it is.
fn place(topology: &Topology, channel: ChannelId) -> (String, usize) {
    let of = |channel: ChannelId| {
        let spec = topology.edges[topology.channels[channel.index()].edge.index()].spec;
        format!("{} {:?} {}", topology.channel_name(channel), spec.ship, spec.port)
    };
    let inputs = &topology.tasks[topology.channels[channel.index()].to.index()].inputs;
    let alike = inputs.iter().filter(|other| other.0 < channel.0 && of(**other) == of(channel)).count();
    (of(channel), alike)
}

#[test]
fn whatever_the_order_of_a_job_each_channel_has_what_it_had() {
    let on = |at: u32, lineage| OnChannel {
        at,
        items: vec![Item::Record(Record { lineage: lineage + u64::from(at), size: 1, ..Record::default() })],
    };
    let mut of_b = InputSet::default();
    [6, 7].into_iter().for_each(|input| assert!(of_b.insert(input)));
    // `b` has ended, and the second subtask of `count` has consumed that.
    let snapshots = |uid: &str| -> Vec<TaskSnapshot> {
        let (is_source, has_ended) = (uid == "a" || uid == "b", uid == "b");
        let split = |split: u32| SplitPosition {
            split,
            offset: u64::from(split) * 100 + if has_ended { 10 } else { 5 },
            event_time: 5,
            ended: has_ended,
        };
        let one = |subtask: u32| TaskSnapshot {
            splits: [subtask, subtask + 2].map(split).into_iter().filter(|_| is_source).collect(),
            ended: has_ended,
            unsent: (0..6).filter(|_| uid == "a").map(|at| on(at, 100 * u64::from(subtask))).collect(),
            captured: (0..8).filter(|_| uid == "count").map(|at| on(at, 1000 * u64::from(subtask))).collect(),
            ended_inputs: match (uid, subtask) {
                ("count", 1) => of_b.clone(),
                _ => InputSet::default(),
            },
            ..snapshot()
        };
        [0, 1].map(one).to_vec()
    };
    let operators =
        [("a", Kind::Source), ("b", Kind::Source), ("count", Kind::Transform), ("sink", Kind::of(&SINK))];
    let operators = operators.map(|(uid, kind)| (uid, kind, snapshots(uid)));
    let mut saved =
        Arc::into_inner(savepoint(External::default(), operators.to_vec()).saved).expect("the only one");
    let first = in_the_order([0, 1, 2, 3], [0, 1, 2, 3, 4]);
    saved.edges.clone_from(&first.edges);
    let savepoint = Savepoint { saved: Arc::new(saved), allow_non_restored_state: false };
    let found = |topology: &Arc<Topology>| {
        let world = started::<0>(topology, &savepoint);
        let mut found = Vec::new();
        for (info, base) in topology.tasks.iter().zip(0..).map(|(info, at)| (info, world.base(TaskId(at)))) {
            let base = base.expect("a state");
            let inputs = |at: u32| place(topology, info.inputs[at as usize]);
            let outputs: Vec<_> = info.channels_out().map(|channel| place(topology, channel)).collect();
            found.extend(
                base.captured.iter().map(|on| (inputs(on.at), "captured", format!("{:?}", on.items))),
            );
            found.extend(base.ended_inputs.iter().map(|at| (inputs(at), "ended", String::new())));
            let unsent = base.unsent.iter();
            found.extend(
                unsent.map(|on| (outputs[on.at as usize].clone(), "unsent", format!("{:?}", on.items))),
            );
            let sent = outputs.iter().zip(&base.sent);
            found.extend(sent.map(|(place, sent)| (place.clone(), "sent", format!("{sent:?}"))));
        }
        found.sort();
        found
    };
    let expected = found(&first);
    assert_eq!(expected.iter().filter(|it| it.1 != "sent").count(), 2 * 6 + 2 * 8 + 2);
    for (nodes, edges) in [
        ([3, 2, 1, 0], [4, 3, 2, 1, 0]),
        ([2, 0, 3, 1], [2, 0, 4, 1, 3]),
        ([0, 1, 2, 3], [3, 2, 0, 1, 4]),
        ([1, 0, 2, 3], [0, 1, 2, 3, 4]),
    ] {
        assert_eq!(found(&in_the_order(nodes, edges)), expected, "{nodes:?} {edges:?}");
    }
}
