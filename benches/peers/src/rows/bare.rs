//! The bar: the same pipe as bare loops, with nothing general in them.
//!
//! In a pipe without branches nothing overtakes anything, so no queue is needed: record by record, stage by stage. The second loop does the
//! same with a queue of events, which is the least that a simulator of anything else needs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

use cutline_sim::time::Time;

use super::{Row, SEED};
use crate::workload::{Counts, HOPS, Item, Outcome, STAGES, Way, emitted};

/// The rows. One run of the first takes less than a millisecond, so several are measured together.
pub fn rows() -> Vec<Row> {
    let row = |name: &'static str, includes: &'static str, times: u64, run: fn(u64) -> Outcome| Row {
        name,
        version: "-".to_owned(),
        includes,
        hops: times * HOPS,
        run: Box::new(move || {
            (1..times).for_each(|_| drop(black_box(run(black_box(SEED)))));
            run(black_box(SEED))
        }),
    };
    vec![
        row("bare loop", "exact times", 40, nested),
        row("bare loop with a queue of events (`BinaryHeap`)", "exact times, any order of events", 4, queued),
    ]
}

fn stages(seed: u64) -> Vec<(Way, Counts)> {
    Way::all(seed).map(|way| (way, Counts::new())).collect()
}

fn outcome(stages: Vec<(Way, Counts)>, ended: Time) -> Outcome {
    Outcome::of(stages.into_iter().map(|(_, counts)| counts).collect(), Some(ended))
}

/// Record by record, stage by stage.
pub fn nested(seed: u64) -> Outcome {
    let (mut stages, mut ended) = (stages(seed), 0);
    for (mut at, mut item) in emitted(seed) {
        for (way, counts) in &mut stages {
            at = way.send(item, at);
            item = counts.handle(item);
        }
        ended = at;
    }
    outcome(stages, ended)
}

/// Event by event, in the order of time: an item has been emitted (by stage 0), or served by a stage.
fn queued(seed: u64) -> Outcome {
    let (mut stages, mut ended) = (stages(seed), 0);
    let mut source = emitted(seed);
    // Events of one instant: first comes what was pushed first.
    let (mut queue, mut pushed) = (BinaryHeap::new(), 0u64);
    let mut push = |queue: &mut BinaryHeap<_>, at: Time, stage: usize, item: Item| {
        pushed += 1;
        queue.push(Reverse((at, pushed, stage, item)));
    };
    if let Some((at, item)) = source.next() {
        push(&mut queue, at, 0, item);
    }
    while let Some(Reverse((now, _, stage, mut item))) = queue.pop() {
        if stage > 0 {
            item = stages[stage - 1].1.handle(item);
            ended = now;
        } else if let Some((at, item)) = source.next() {
            push(&mut queue, at, 0, item);
        }
        if stage < STAGES {
            let at = stages[stage].0.send(item, now);
            push(&mut queue, at, stage + 1, item);
        }
    }
    outcome(stages, ended)
}
