//! Jobs that name the operators and edges of the savepoint in another order.

use super::changed::{Job, base};
use super::*;

/// What keeps records on their way.
const SLOW: &[&str] = &[
    "taskmanager.memory.segment-size=64 B",
    "job.operator.count.service=1500us",
    "job.operator.sink.service=1500us",
    "job.operator.copy.service=1500us",
    "cluster.network.latency-jitter=9ms",
];

const CAPTURE: [&str; 4] = ["unaligned", "chandy-lamport", "uncoordinated", "freeze-the-world"];

/// Two sources, several edges between the same operators, and one that may not be dealt out anew.
fn before() -> Job {
    let job = base().with("second", "{ source = \"in\" }").with("copy", "{ map = { add = 3 } }");
    let job = job.with("copies", "{ sink = \"transactional\" }").edge("second", "count", "hash");
    let mut job = job.edge("source", "copy", "forward").edge("second", "copies", "broadcast");
    for port in 0..3 {
        job.edges.push(("copy", "copies", "rebalance", port));
    }
    job.edges.push(("copy", "copies", "hash", 3));
    job.edges.push(("source", "count", "hash", 1));
    job
}

/// The same with every operator and every edge elsewhere.
fn after() -> Job {
    let mut job = before();
    job.operators.rotate_left(3);
    job.operators.reverse();
    job.edges.reverse();
    job.edges.rotate_left(2);
    job
}

/// All is as in the other order: the same job, judged by the whole run, with all that was in flight.
#[test]
fn a_job_in_another_order_is_the_same_job() {
    let (here, there) = (before().prepare(SLOW), after().prepare(SLOW));
    let larger = after().prepare(&[SLOW, &["job.operator.count.parallelism=3"]].concat());
    let smaller = after().prepare(&[SLOW, &["job.operator.second.parallelism=1"]].concat());
    let (mut in_flight, mut moves) = (0, 0);
    for (name, seed) in CAPTURE.into_iter().zip(1..) {
        for nth in [2, 5] {
            let plan = if nth == 2 { Arc::default() } else { crashes(&here, seed) };
            let Some(savepoint) = take(&here, strategy(name), &plan, nth) else { continue };
            in_flight += text(&savepoint).matches("{\"record\":").count();
            for (job, what) in [(&there, "same"), (&larger, "larger"), (&smaller, "smaller")] {
                let record = go_on(job, &savepoint, strategy("aligned"), seed + nth);
                let what = format!("{name}, checkpoint {nth}, {what}");
                passes(&record, &what);
                assert_eq!(record.started_from.map(|start| start.judged_whole), Some(true), "{what}");
                moves += 1;
            }
        }
    }
    assert!(in_flight > 200 && moves > 18, "{in_flight} records in flight, {moves} moves");
}

/// There and back: the first job again, to the last byte.
#[test]
fn a_savepoint_is_the_same_in_every_order() {
    let (here, there) = (before().prepare(SLOW), after().prepare(SLOW));
    for name in CAPTURE {
        let savepoint = take(&here, strategy(name), &Arc::default(), 3).expect("a third checkpoint");
        let mut ends = [&here, &there].map(|job| {
            let start = savepoint.start(job.topology()).expect("a start");
            let tasks = job.topology().tasks.iter().enumerate();
            let mut tasks: Vec<String> = tasks
                .map(|(at, info)| {
                    let base = start.task(TaskId(at as u32)).expect("a state");
                    let uid = &job.topology().operators[info.operator.index()].uid;
                    let mut channels: Vec<String> = base
                        .captured
                        .iter()
                        .map(|on| {
                            let name = job.topology().channel_name(info.inputs[on.at as usize]);
                            format!("{name}: {:?}", on.items)
                        })
                        .collect();
                    channels.sort();
                    format!("{uid} {} {} {} {channels:?}", info.subtask, base.records, base.in_flight)
                })
                .collect();
            tasks.sort();
            tasks
        });
        let [here, there] = &mut ends;
        assert_eq!(here, there, "{name}");
    }
}

/// Another order and another graph are another job: there nobody can say where it should go what was in flight.
#[test]
fn another_graph_in_another_order_is_refused_with_what_was_in_flight() {
    let here = before().prepare(SLOW);
    let savepoint = take(&here, strategy("unaligned"), &Arc::default(), 3).expect("a third checkpoint");
    assert!(savepoint.in_flight() > 0);
    let savepoint = savepoint.allow_non_restored_state();
    let mut other_way = after();
    other_way.edges.iter_mut().filter(|edge| edge.0 == "held").for_each(|edge| edge.2 = "hash");
    let mut one_less = after();
    let twin = one_less.edges.iter().position(|edge| (edge.0, edge.1) == ("source", "count"));
    one_less.edges.remove(twin.expect("an edge"));
    for other in [other_way, one_less, after().without("held"), after().edge("second", "sums", "hash")] {
        let refused = other.prepare(SLOW).start_from(&savepoint).expect_err("something was in flight");
        assert_eq!(refused, StartError::Restore(RestoreError::InFlight));
    }
    let more = [SLOW, &["job.operator.source.parallelism=3", "job.operator.copy.parallelism=3"]].concat();
    let refused = after().prepare(&more).start_from(&savepoint).expect_err("a forward edge");
    let (from, to) = ("source".to_owned(), "copy".to_owned());
    assert_eq!(refused, StartError::Restore(RestoreError::InFlightForward { from, to }));
}
