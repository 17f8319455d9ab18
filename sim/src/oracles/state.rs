//! State equivalence: the final state of every operator, all subtasks together, equals that of the failure-free reference,
//! an independent sequential interpreter of the job graph. And every operator has received every record exactly once: the
//! number of records in the history that counts, and the sum of a hash of their lineages, equal the reference's.
//!
//! Where an operator refines a result ([`Operator::refines`], around a cycle say), which records it sends depends on how inputs
//! interleave. Whoever receives them is judged by the final state alone, if that does not depend on them
//! ([`Operator::takes_least`]): there a record that was counted twice does not show (the oracle `cut` sees why it was), nor one that was
//! lost and did not matter. Of others nothing can be said, and then the verdict is "unknown".
//!
//! [`Operator::refines`]: crate::operator::Operator::refines
//! [`Operator::takes_least`]: crate::operator::Operator::takes_least

use super::reference::{Determined, OperatorReference, Reference};
use super::{Oracle, Verdict};
use crate::config::CheckpointMode;
use crate::ending::Ending;
use crate::ids::{OperatorId, TaskId};
use crate::state::KeyedState;
use crate::world::{Outcome, World};

/// Its name.
pub const NAME: &str = "state";

/// The oracle.
#[derive(Debug)]
pub struct State<'a> {
    reference: &'a Reference,
}

impl<'a> State<'a> {
    /// Compares with this reference.
    pub fn new(reference: &'a Reference) -> Self {
        State { reference }
    }
}

impl Oracle for State<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn verdict(&mut self, world: &World, outcome: Outcome) -> Verdict {
        self.judge(world, outcome.is_finished())
    }
}

impl State<'_> {
    /// Judges how a job has ended, wherever it ran, if it has come to its end.
    pub fn judge(&self, ending: &impl Ending, is_finished: bool) -> Verdict {
        if !is_finished {
            return Verdict::Unknown("the job did not finish, so there is no final state".to_owned());
        }
        for (at, expected) in self.reference.operators.iter().enumerate() {
            if let Some(proof) = differs(ending, OperatorId(at as u32), expected) {
                return Verdict::Fail(proof);
            }
        }
        let open: Vec<_> = self.reference.operators.iter().filter(|it| is_open(it)).collect();
        let reasons = [Determined::Nothing, Determined::Late, Determined::Foreign].map(|why| {
            let uids = open.iter().filter(|it| it.determined == why).map(|it| it.uid.as_str());
            (uids.collect::<Vec<&str>>().join(", "), why.reason())
        });
        let reasons = reasons.iter().filter(|(uids, _)| !uids.is_empty());
        let reasons: Vec<String> =
            reasons.map(|(uids, why)| format!("the final state of {uids} {why}")).collect();
        match reasons.is_empty() {
            true => Verdict::Pass,
            false => Verdict::Unknown(format!(
                "{}, and is not judged; that of all others is right",
                reasons.join("; ")
            )),
        }
    }
}

/// True if the final state of an operator is not judged, and there may be one.
fn is_open(operator: &OperatorReference) -> bool {
    match operator.determined {
        Determined::Nothing => !operator.state.is_empty(),
        why => why.is_nothing(),
    }
}

fn subtasks<E: Ending>(ending: &E, operator: OperatorId) -> impl Iterator<Item = TaskId> + use<'_, E> {
    let tasks = ending.topology().tasks.iter().enumerate();
    tasks.filter(move |(_, task)| task.operator == operator).map(|(at, _)| TaskId(at as u32))
}

fn differs(ending: &impl Ending, operator: OperatorId, expected: &OperatorReference) -> Option<String> {
    let mut handled = (0u64, 0u64);
    let mut fingerprint = 0u64;
    for task in subtasks(ending, operator) {
        let (records, lineages) = ending.handled(task);
        handled = (handled.0 + records, handled.1.wrapping_add(lineages));
        fingerprint = fingerprint.wrapping_add(ending.state(task).fingerprint());
    }
    let uid = &expected.uid;
    if expected.determined.is_nothing() {
        return None;
    }
    let judges_records = expected.determined == Determined::Records;
    if ending.topology().config.checkpointing.mode == CheckpointMode::AtLeastOnce {
        return (judges_records && handled.0 < expected.received).then(|| {
            format!(
                "Operator {uid} handled {} records in the history that counts, the failure-free run {}: {} were lost, and \
                 at-least-once allows none to be.",
                handled.0,
                expected.received,
                expected.received - handled.0
            )
        });
    }
    if judges_records && handled.0 != expected.received {
        let (what, by) = match handled.0.checked_sub(expected.received) {
            Some(more) => ("counted more than once", more),
            None => ("lost", expected.received - handled.0),
        };
        return Some(format!(
            "Operator {uid} handled {} records in the history that counts, the failure-free run {}: {by} were {what}. {}",
            handled.0,
            expected.received,
            first_difference(ending, operator, &expected.state)
        ));
    }
    if judges_records && handled.1 != expected.lineages {
        return Some(format!(
            "Operator {uid} handled as many records as the failure-free run ({}), but not the same ones: the sums of their \
             lineages differ. {}",
            handled.0,
            first_difference(ending, operator, &expected.state)
        ));
    }
    (fingerprint != expected.fingerprint).then(|| {
        format!(
            "Operator {uid} handled {}, but its final state differs from that of the failure-free run. {}",
            if judges_records { "the right records".to_owned() } else { format!("{} records", handled.0) },
            first_difference(ending, operator, &expected.state)
        )
    })
}

/// The first entry in which the final state differs, in words.
fn first_difference(ending: &impl Ending, operator: OperatorId, expected: &KeyedState) -> String {
    let mut actual = KeyedState::default();
    subtasks(ending, operator).for_each(|task| actual.absorb(ending.state(task), |_| true));
    let owner = |key: u64| {
        let has = |&task: &TaskId| ending.state(task).value(key).is_some();
        subtasks(ending, operator)
            .find(has)
            .map_or("no subtask".to_owned(), |task| ending.topology().task_name(task))
    };
    let show = |value: Option<i64>| value.map_or("nothing".to_owned(), |value| value.to_string());
    let keys = actual.values().chain(expected.values()).map(|(key, _)| key);
    let wrong = keys.filter(|&key| actual.value(key) != expected.value(key)).min();
    if let Some(key) = wrong {
        return format!(
            "Key {key}, say: {} has {} for it, and it should be {}.",
            owner(key),
            show(actual.value(key)),
            show(expected.value(key))
        );
    }
    let slots = actual.all_entries().chain(expected.all_entries()).map(|(slot, _)| slot);
    let wrong = slots.filter(|&slot| actual.entry(slot) != expected.entry(slot)).min();
    if let Some(slot) = wrong {
        return format!(
            "Key {}, map {}, entry {}, say: it is {}, and it should be {}.",
            slot.key,
            slot.map,
            slot.slot,
            show(actual.entry(slot)),
            show(expected.entry(slot))
        );
    }
    match actual.is_empty() && expected.is_empty() {
        true => "It keeps no state in which it could show.".to_owned(),
        false => "No single value differs.".to_owned(),
    }
}
