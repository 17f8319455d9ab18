//! The sink ledger: what readers of the external system can see in the end is what strategy and sink promise together.
//!
//! - *Transactional*: every result exactly once.
//! - *Idempotent*: every key ends with the value it must end with, where that does not depend on how inputs interleave:
//!   behind an operator that orders what it makes of a key ([`Operator::is_ordered_per_key`]), on an edge that keeps the
//!   key together, and for keys of one value anyhow. Other keys must end with one of their values; which one is not
//!   judged, and then the verdict is no better than "unknown", and says so.
//! - *Plain*: every result at least once.
//! - Any sink of an at-least-once job: every result at least once, known by its lineage. Its value is not judged: what is made
//!   of a state that counted a record twice, a sum say, has another value and is what was promised.
//!
//! Of a sink behind an operator that refines a result ([`Operator::refines`]) nothing is judged, for which records reach it depends on how
//! inputs interleave.
//!
//! In an exactly-once job a plain or idempotent sink repeats what a restore rolled back, but it never writes anything
//! that a failure-free run does not write: what was rolled back was the beginning of a right run, and operators only add
//! to their outputs.
//!
//! A job that is drained ends where its user wants it to, so there tasks that went back may have been further on in the input, or
//! may have ended elsewhere. Plain and idempotent sinks then show results of that too ([`Ledger::or_shows`]): all of the end that
//! counts must be there, and of the rest nothing that no failure-free run writes. Of a key whose last value is one of the rest
//! nobody can tell more.
//!
//! A transaction that was part of a completed checkpoint and expired before its commit is lost for good: nobody makes its
//! records again. So an exactly-once job fails here by it however the run ends, and the proof names it; an at-least-once job may
//! have shown those records by another transaction.
//!
//! [`Operator::is_ordered_per_key`]: crate::operator::Operator::is_ordered_per_key
//! [`Operator::refines`]: crate::operator::Operator::refines

use std::collections::BTreeMap;

use super::reference::{Determined, OperatorReference, Reference};
use super::{Oracle, Verdict, show_time};
use crate::config::CheckpointMode;
use crate::ending::Ending;
use crate::external::Expired;
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
    beside: Vec<&'a Reference>,
}

impl<'a> Ledger<'a> {
    /// Compares with this reference.
    pub fn new(reference: &'a Reference) -> Self {
        Ledger { reference, beside: Vec::new() }
    }

    /// The same; sinks that write as they go may also show what these failure-free results have: what was written before tasks went
    /// back stays visible, and they need not come as far again, nor end in the same place.
    #[must_use]
    pub fn or_shows(self, beside: Vec<&'a Reference>) -> Self {
        Ledger { beside, ..self }
    }
}

/// What is visible of one sink task: committed transactions, or what it has written straight to the log.
fn visible<E: Ending>(ending: &E, task: TaskId) -> impl Iterator<Item = Record> + use<'_, E> {
    let committed = ending.external().committed(task).flat_map(|(_, records)| records);
    committed.chain(ending.external().log(task)).map(|record| record.result())
}

/// The number of records that readers of a job's sinks can see.
pub fn visible_records(ending: &impl Ending) -> u64 {
    let topology = ending.topology();
    let tasks = (0..topology.tasks.len() as u32).map(TaskId);
    tasks.map(|task| visible(ending, task).count() as u64).sum()
}

impl Oracle for Ledger<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn verdict(&mut self, world: &World, outcome: Outcome) -> Verdict {
        self.judge(world, outcome.is_finished())
    }
}

impl Ledger<'_> {
    /// Judges how a job has ended, wherever it ran, if it has come to its end.
    pub fn judge(&self, ending: &impl Ending, is_finished: bool) -> Verdict {
        let topology = ending.topology();
        let at_least_once = topology.config.checkpointing.mode == CheckpointMode::AtLeastOnce;
        let all = || (0..topology.tasks.len() as u32).map(TaskId);
        if let (false, Some(proof)) = (at_least_once, lost(ending, all())) {
            return Verdict::Fail(proof);
        }
        if !is_finished {
            return Verdict::Unknown("the job did not finish, so the ledger is not final".to_owned());
        }
        let mut sinks = 0;
        let mut unjudged = Vec::new();
        for (at, operator) in topology.operators.iter().enumerate() {
            let Role::Sink(mode) = operator.role else { continue };
            sinks += 1;
            let expected = &self.reference.operators[at];
            if expected.determined != Determined::Records {
                unjudged.push(format!(
                    "sink {}: which records reach it {}, and is not judged",
                    expected.uid,
                    expected.determined.reason()
                ));
                continue;
            }
            let mine = all().filter(|task| topology.tasks[task.index()].operator == OperatorId(at as u32));
            let mine: Vec<TaskId> = mine.collect();
            let parts =
                || -> Vec<Vec<Record>> { mine.iter().map(|&task| visible(ending, task).collect()).collect() };
            let beside: Vec<_> = self.beside.iter().map(|other| &other.operators[at]).collect();
            let proof = match mode {
                _ if at_least_once && (expected.records.len() as u64) < expected.visible => {
                    unjudged.push(format!(
                        "sink {}: a failure-free run makes {} results, more than are kept, so none can be missed",
                        expected.uid, expected.visible
                    ));
                    None
                }
                _ if at_least_once => {
                    at_least(&lineages(parts().concat()), &lineages(expected.records.clone()), expected)
                }
                SinkMode::Transactional => {
                    exactly_once(|| mine.iter().flat_map(|&task| visible(ending, task)), expected)
                }
                SinkMode::Plain => foreign(&parts(), expected, &beside)
                    .or_else(|| at_least(&parts().concat(), &expected.records, expected)),
                SinkMode::Idempotent => {
                    unjudged.extend(reservation(expected));
                    foreign(&parts(), expected, &beside).or_else(|| latest_wins(&parts(), expected, &beside))
                }
            };
            if let Some(proof) = proof {
                let lost = lost(ending, mine.into_iter()).map_or(String::new(), |lost| format!(" {lost}"));
                return Verdict::Fail(proof + &lost);
            }
        }
        match unjudged.is_empty() {
            _ if sinks == 0 => Verdict::Unknown("the job has no sink".to_owned()),
            true => Verdict::Pass,
            false => Verdict::Unknown(unjudged.join(" ")),
        }
    }
}

/// What was lost because transactions of these sinks expired before they were committed; `None`: nothing.
fn lost(ending: &impl Ending, mut sinks: impl Iterator<Item = TaskId> + Clone) -> Option<String> {
    // What was lost before a savepoint is no concern of a job that is held to what follows from that alone.
    let concerns = |expired: &&Expired| ending.is_whole() || !expired.is_inherited();
    let all = sinks.clone().map(|sink| ending.external().lost(sink).filter(concerns).count()).sum::<usize>();
    let expired = sinks.find_map(|sink| ending.external().lost(sink).find(concerns))?;
    let Expired { transaction, records, at, asked } = expired;
    let more = match all {
        1 => String::new(),
        all => format!(" {} more transactions were lost in the same way.", all - 1),
    };
    if expired.is_inherited() {
        return Some(format!(
            "Before the savepoint from which the job was started, {sink} had prepared a transaction with checkpoint {id}, in attempt \
             {attempt}. It was open for longer than the external system allowed, and was aborted; the checkpoint had completed, so \
             nobody makes its {records} records again: readers will never see them.{more}",
            sink = ending.topology().task_name(transaction.task),
            id = transaction.id,
            attempt = transaction.attempt,
        ));
    }
    Some(format!(
        "{sink} had prepared a transaction with checkpoint {id}, in attempt {attempt}. It may be open for {timeout} \
         (`cluster.external.transaction-timeout`); that time was over at {at}, and the external system aborted it. The \
         checkpoint has completed, so nobody makes its {records} records again; but when {sink} asked for its commit at {asked}, they \
         were gone: readers will never see them.{more} Set the time-out above the checkpoint interval, the duration of a \
         checkpoint and the time of a restart together.",
        sink = ending.topology().task_name(transaction.task),
        id = transaction.id,
        attempt = transaction.attempt,
        timeout = show_time(ending.topology().config.external.transaction_timeout),
        at = show_time(*at),
        asked = show_time(*asked),
    ))
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
    if count == expected.visible && sum == expected.records_fingerprint {
        return None;
    }
    // Of a large sink the reference knows the number and the sum alone: then no record can be named.
    let (mut extra, mut missing) = (None, None);
    if expected.records.len() as u64 == expected.visible {
        let mut actual: Vec<Record> = visible().collect();
        actual.sort_unstable();
        (extra, missing) = differences(&actual, &expected.records);
    }
    Some(format!(
        "Readers of sink {} see {count} records; a failure-free run makes {} visible.{}{} So the sink is not exactly once.",
        expected.uid,
        expected.visible,
        extra.map_or(String::new(), |r| format!(" {} is visible more often than it was produced.", show(&r))),
        missing.map_or(String::new(), |r| format!(" {} was produced and is not visible.", show(&r))),
    ))
}

/// What is left of records where values are not judged.
fn lineages(mut records: Vec<Record>) -> Vec<Record> {
    records.iter_mut().for_each(|record| *record = Record { lineage: record.lineage, ..Record::default() });
    records
}

fn at_least(visible: &[Record], produced: &[Record], expected: &OperatorReference) -> Option<String> {
    let (mut visible, mut produced) = (visible.to_vec(), produced.to_vec());
    visible.sort_unstable();
    produced.sort_unstable();
    let missing = differences(&visible, &produced).1?;
    let named = expected.records.iter().find(|record| record.lineage == missing.lineage).unwrap_or(&missing);
    Some(format!(
        "Readers of sink {} see {} records, but not {}, which a failure-free run makes visible. So the sink is not even at \
         least once.",
        expected.uid,
        visible.len(),
        show(named)
    ))
}

/// In an exactly-once job: a record that was written though no failure-free run writes it.
fn foreign(
    parts: &[Vec<Record>],
    expected: &OperatorReference,
    beside: &[&OperatorReference],
) -> Option<String> {
    let is_foreign = |record: &&Record| {
        let mut all = beside.iter().copied().chain([expected]);
        all.all(|other| other.records.binary_search(record).is_err())
    };
    let foreign = parts.iter().flatten().find(is_foreign)?;
    Some(format!(
        "Readers of sink {} could see {}, which a failure-free run never writes. So the sink shows what is wrong, not only \
         what is repeated.",
        expected.uid,
        show(foreign)
    ))
}

fn latest_wins(
    parts: &[Vec<Record>],
    expected: &OperatorReference,
    beside: &[&OperatorReference],
) -> Option<String> {
    let times = |of: &OperatorReference, record: &Record| {
        of.records.partition_point(|it| it <= record) - of.records.partition_point(|it| it < record)
    };
    let is_from_beside =
        |record: &Record| beside.iter().any(|other| times(other, record) > times(expected, record));
    let latest: BTreeMap<u64, &Record> = parts.iter().flatten().map(|record| (record.key, record)).collect();
    let uid = &expected.uid;
    if let Some(missing) = expected.records.iter().find(|record| !latest.contains_key(&record.key)) {
        let (key, missing) = (missing.key, show(missing));
        return Some(format!(
            "Readers of sink {uid} see nothing for key {key}; a failure-free run writes {missing}, say."
        ));
    }
    let (must, last) = expected.last.values().find_map(|must| {
        let last = latest.get(&must.key)?;
        (*last != must && !is_from_beside(last)).then(|| (show(must), show(last)))
    })?;
    Some(format!(
        "Readers of sink {uid} see {last} in the end. But a failure-free run ends with {must} for that key, however its \
         inputs interleave."
    ))
}

/// What is not judged of an idempotent sink, if anything is not.
fn reservation(expected: &OperatorReference) -> Option<String> {
    let mut keys: Vec<u64> = expected.records.iter().map(|record| record.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let open = keys.len() - expected.last.len();
    (open > 0).then(|| {
        format!(
            "sink {}: which value comes last for {open} of {} keys depends on how inputs interleave, and is not judged; every \
             key ends with one of its values, and no other was ever visible",
            expected.uid,
            keys.len()
        )
    })
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
