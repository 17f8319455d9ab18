//! The bar: the same pipe as bare loops, with nothing general in them.
//!
//! In a pipe without branches nothing overtakes anything, so no queue is needed. The first loop takes all records through one stage
//! after the other; it is the fastest, and the bar. The second takes one record after the other through all stages. The third has a
//! queue of events, which is the least that a simulator of anything else needs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

use cutline_sim::time::Time;

use super::{Row, SEED};
use crate::workload::{BARRIER_BEHIND, Counts, HOPS, Item, Outcome, STAGES, Way, emitted, records};

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
        row("bare loop, stage by stage", "exact times", 100, staged),
        row("bare loop, record by record", "exact times", 20, nested),
        row("bare loop with a `BinaryHeap` of events", "exact times, any order of events", 4, queued),
    ]
}

fn stages(seed: u64) -> Vec<(Way, Counts)> {
    Way::all(seed).map(|way| (way, Counts::new())).collect()
}

fn outcome(stages: Vec<(Way, Counts)>, ended: Time) -> Outcome {
    Outcome::of(stages.into_iter().map(|(_, counts)| counts).collect(), Some(ended))
}

/// All records through the first stage, then all through the second.
pub fn staged(seed: u64) -> Outcome {
    let mut records: Vec<(Time, u64)> = records(seed).collect();
    let (before, behind) = records.split_at_mut(BARRIER_BEHIND as usize);
    let mut barrier = before.last().map_or(0, |(at, _)| *at);
    let through = |(way, mut counts): (Way, Counts)| {
        let mut way = through(way, &mut counts, before);
        barrier = way.send(Item::Barrier, barrier);
        counts.handle(Item::Barrier);
        through(way, &mut counts, behind);
        counts
    };
    let stages = stages(seed).into_iter().map(through).collect();
    Outcome::of(stages, records.last().map(|(at, _)| *at))
}

/// Records through a stage. The way goes in and comes out as a value, which is kept in registers: in memory it takes twice as long.
#[inline(always)]
fn through(mut way: Way, counts: &mut Counts, records: &mut [(Time, u64)]) -> Way {
    for (at, key) in records {
        *at = way.send(Item::Record(*key), *at);
        *key = counts.count(*key);
    }
    way
}

/// The first record through all stages, then the second.
fn nested(seed: u64) -> Outcome {
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
