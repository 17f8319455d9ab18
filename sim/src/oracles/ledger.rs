//! The sink ledger: what readers of the external system can see in the end is what strategy and sink promise together.
//! Transactional: every result exactly once. Idempotent: for every key of a failure-free run, and for no other, one of its
//! values in the end; which of them comes last may depend on how inputs interleave, so that is not judged yet. Plain, or any sink of an at-least-once job: every result at least once.

use super::reference::{OperatorReference, Reference};
use super::{Oracle, Verdict};
use crate::config::CheckpointMode;
use crate::graph::{Role, SinkMode};
use crate::ids::{OperatorId, TaskId};
use crate::record::Record;
use crate::world::{Outcome, World};

/// Its name.
pub const NAME: &str = "ledger";

/// The oracle.
#[derive(Debug)]
pub struct Ledger<'a> {
    reference: &'a Reference,
}

impl<'a> Ledger<'a> {
    /// Compares with this reference.
    pub fn new(reference: &'a Reference) -> Self {
        Ledger { reference }
    }
}

/// What is visible of one sink task: committed transactions, or what it has written straight to the log.
fn visible(world: &World, task: TaskId) -> impl Iterator<Item = Record> + '_ {
    let committed = world.external().committed(task).flat_map(|(_, records)| records);
    committed.chain(world.external().log(task)).map(|record| record.result())
}

/// The number of records that readers of a job's sinks can see.
pub fn visible_records(world: &World) -> u64 {
    let topology = world.topology();
    let tasks = (0..topology.tasks.len() as u32).map(TaskId);
    tasks.map(|task| visible(world, task).count() as u64).sum()
}

impl Oracle for Ledger<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn verdict(&mut self, world: &World, outcome: Outcome) -> Verdict {
        if outcome != Outcome::Finished {
            return Verdict::Unknown("the job did not finish, so the ledger is not final".to_owned());
        }
        let topology = world.topology();
        let mut sinks = 0;
        for (at, operator) in topology.operators.iter().enumerate() {
            let Role::Sink(mode) = operator.role else { continue };
            sinks += 1;
            let tasks = (0..topology.tasks.len() as u32).map(TaskId);
            let mine = tasks.filter(|task| topology.tasks[task.index()].operator == OperatorId(at as u32));
            let mine: Vec<TaskId> = mine.collect();
            let parts =
                || -> Vec<Vec<Record>> { mine.iter().map(|&task| visible(world, task).collect()).collect() };
            let expected = &self.reference.operators[at];
            let at_least_once = topology.config.checkpointing.mode == CheckpointMode::AtLeastOnce;
            let proof = match mode {
                SinkMode::Transactional if !at_least_once => {
                    exactly_once(|| mine.iter().flat_map(|&task| visible(world, task)), expected)
                }
                SinkMode::Idempotent if !at_least_once => latest_wins(&parts(), expected),
                _ => at_least(parts(), expected),
            };
            if let Some(proof) = proof {
                return Verdict::Fail(proof);
            }
        }
        if sinks == 0 { Verdict::Unknown("the job has no sink".to_owned()) } else { Verdict::Pass }
    }
}

fn show(record: &Record) -> String {
    format!("(key {}, value {}, lineage {:#018x})", record.key, record.value, record.lineage)
}

fn exactly_once<V: Iterator<Item = Record>>(
    visible: impl Fn() -> V,
    expected: &OperatorReference,
) -> Option<String> {
    let add = |(count, sum): (u64, u64), record: Record| (count + 1, sum.wrapping_add(record.result_hash()));
    let (count, sum) = visible().fold((0, 0), add);
    if count == expected.received && sum == expected.records_fingerprint {
        return None;
    }
    // Of a large sink the reference knows the number and the sum alone: then no record can be named.
    let (mut extra, mut missing) = (None, None);
    if expected.records.len() as u64 == expected.received {
        let mut actual: Vec<Record> = visible().collect();
        actual.sort_unstable();
        (extra, missing) = differences(&actual, &expected.records);
    }
    Some(format!(
        "Readers of sink {} see {count} records; a failure-free run makes {} visible.{}{} So the sink is not exactly once.",
        expected.uid,
        expected.received,
        extra.map_or(String::new(), |r| format!(" {} is visible more often than it was produced.", show(&r))),
        missing.map_or(String::new(), |r| format!(" {} was produced and is not visible.", show(&r))),
    ))
}

fn at_least(parts: Vec<Vec<Record>>, expected: &OperatorReference) -> Option<String> {
    let mut actual: Vec<Record> = parts.into_iter().flatten().collect();
    actual.sort_unstable();
    let missing = differences(&actual, &expected.records).1?;
    Some(format!(
        "Readers of sink {} see {} records, but not {}, which a failure-free run makes visible. So the sink is not even at \
         least once.",
        expected.uid,
        actual.len(),
        show(&missing)
    ))
}

fn latest_wins(parts: &[Vec<Record>], expected: &OperatorReference) -> Option<String> {
    let mut latest = std::collections::BTreeMap::new();
    for record in parts.iter().flatten() {
        latest.insert(record.key, record.value);
    }
    let mut possible = std::collections::BTreeMap::<u64, Vec<i64>>::new();
    for record in &expected.records {
        possible.entry(record.key).or_default().push(record.value);
    }
    // Which value comes last can depend on how inputs interleave; a growing aggregate ends with its largest.
    for (key, values) in &possible {
        let last = latest.get(key);
        if !last.is_some_and(|last| values.contains(last)) {
            return Some(format!(
                "Readers of sink {} see {} for key {key}; a failure-free run writes only {} values for it, and that is not \
                 one of them.",
                expected.uid,
                last.map_or("nothing".to_owned(), |value| format!("the value {value}")),
                values.len()
            ));
        }
    }
    let foreign = latest.keys().find(|key| !possible.contains_key(key))?;
    Some(format!(
        "Readers of sink {} see key {foreign}, which a failure-free run never writes.",
        expected.uid
    ))
}

/// The first record that the first list has more often, and the first that the second has more often; both are sorted.
fn differences(actual: &[Record], expected: &[Record]) -> (Option<Record>, Option<Record>) {
    let (mut extra, mut missing) = (None, None);
    let (mut a, mut b) = (actual.iter().peekable(), expected.iter().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x == y => {
                a.next();
                b.next();
            }
            (Some(&&x), Some(&&y)) if x < y => {
                extra = extra.or(Some(x));
                a.next();
            }
            (_, Some(&&y)) => {
                missing = missing.or(Some(y));
                b.next();
            }
            (Some(&&x), None) => {
                extra = extra.or(Some(x));
                a.next();
            }
            (None, None) => return (extra, missing),
        }
    }
}
