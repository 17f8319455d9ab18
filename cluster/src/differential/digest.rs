//! How a job has ended, as numbers: one for the final state of each operator and one for what readers of each sink see.
//!
//! It is made of the entries themselves, sorted and written down one behind the other, and not of the sums by which the oracles
//! compare. What every runtime must reproduce goes into it and nothing else:
//!
//! - *Exactly once*: every entry of the state of all subtasks together, how many records were handled and the sum of their lineages;
//!   every visible record as often as it is visible, but for its event time ([`Record::result`]). The order is left out: which of two
//!   transactions becomes visible first is no part of the promise.
//! - *At least once*: a record that came twice is counted twice, so a value says nothing, and an operator that numbers its results makes
//!   some that no failure-free run makes. What is left of the state are its keys, and of what is visible the lineages that must be, each
//!   once.
//!
//! Results behind an operator that refines them depend on how inputs interleave; such jobs have loops, and the driver runs none.

use std::collections::BTreeSet;

use cutline_sim::config::CheckpointMode;
use cutline_sim::ending::Ending;
use cutline_sim::graph::Role;
use cutline_sim::ids::{OperatorId, TaskId};
use cutline_sim::oracles::reference::Reference;
use cutline_sim::record::Record;
use cutline_sim::state::KeyedState;
use cutline_sim::topology::Topology;
use xxhash_rust::xxh3::xxh3_64;

/// How a job has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Operator by operator, in the order of the job.
    pub operators: Vec<OperatorDigest>,
}

/// How an operator has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorDigest {
    /// Its uid.
    pub uid: String,
    /// Its final state, all subtasks together.
    pub state: u64,
    /// What readers see, if it is a sink.
    pub ledger: u64,
}

/// The kinds of entries: each is a row of numbers, and the first says what the others are.
const HANDLED: u64 = 0;
const VALUE: u64 = 1;
const ENTRY: u64 = 2;
const TIMER: u64 = 3;
const ELEMENT: u64 = 4;
const BROADCAST: u64 = 5;
const RESULT: u64 = 6;

/// An entry.
type Line = [u64; 6];

impl Digest {
    /// How a job has ended, wherever it ran; what it must at least show is that of its failure-free result.
    pub fn of_ending(ending: &impl Ending, reference: &Reference) -> Digest {
        let topology = ending.topology();
        let mode = topology.config.checkpointing.mode;
        let expected = topology.operators.iter().zip(&reference.operators);
        let operators = (0..).map(OperatorId).zip(expected).map(|(operator, (spec, expected))| {
            let tasks = (0..).map(TaskId).zip(&topology.tasks);
            let mine = || tasks.clone().filter(|(_, task)| task.operator == operator).map(|(task, _)| task);
            let states: Vec<&KeyedState> = mine().map(|task| ending.state(task)).collect();
            let handled = mine()
                .map(|task| ending.handled(task))
                .fold((0, 0), |(records, sum), more| (records + more.0, u64::wrapping_add(sum, more.1)));
            let visible: Vec<Record> = mine()
                .flat_map(|task| {
                    let committed = ending.external().committed(task).flat_map(|(_, records)| records);
                    committed.chain(ending.external().log(task)).copied().collect::<Vec<Record>>()
                })
                .collect();
            let is_sink = matches!(spec.role, Role::Sink(_));
            OperatorDigest {
                uid: spec.uid.clone(),
                state: of_state(&states, handled, mode),
                ledger: of_ledger(is_sink.then_some(&visible), &expected.records, mode),
            }
        });
        Digest { operators: operators.collect() }
    }

    /// How a job must end, by its failure-free result and what it promises.
    pub fn of_reference(reference: &Reference, topology: &Topology) -> Digest {
        let mode = topology.config.checkpointing.mode;
        let operators = reference.operators.iter().zip(&topology.operators).map(|(expected, spec)| {
            let is_sink = matches!(spec.role, Role::Sink(_));
            OperatorDigest {
                uid: expected.uid.clone(),
                state: of_state(&[&expected.state], (expected.received, expected.lineages), mode),
                ledger: of_ledger(is_sink.then_some(&expected.records), &expected.records, mode),
            }
        });
        Digest { operators: operators.collect() }
    }

    /// The final state of all operators in one number.
    pub fn state(&self) -> u64 {
        hash(&self.operators.iter().map(|operator| operator.state).collect::<Vec<u64>>())
    }

    /// What readers of all sinks see in one number.
    pub fn ledger(&self) -> u64 {
        hash(&self.operators.iter().map(|operator| operator.ledger).collect::<Vec<u64>>())
    }

    /// In words what differs from another one.
    pub fn differs_from(&self, expected: &Digest) -> Option<String> {
        let pairs = || self.operators.iter().zip(&expected.operators);
        let is_state = |(mine, theirs): &(&OperatorDigest, &OperatorDigest)| mine.state != theirs.state;
        let is_ledger = |(mine, theirs): &(&OperatorDigest, &OperatorDigest)| mine.ledger != theirs.ledger;
        if let Some((mine, _)) = pairs().find(is_ledger) {
            return Some(format!("readers of `{}` do not see what they must", mine.uid));
        }
        if let Some((mine, _)) = pairs().find(is_state) {
            return Some(format!("the final state of `{}` is not what it must be", mine.uid));
        }
        (self != expected).then(|| "it has other operators".to_owned())
    }
}

fn hash(words: &[u64]) -> u64 {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    xxh3_64(&bytes)
}

fn of_state(states: &[&KeyedState], handled: (u64, u64), mode: CheckpointMode) -> u64 {
    let mut lines: Vec<Line> = states.iter().flat_map(|state| own_entries(state)).collect();
    // Every subtask has all of the broadcast state.
    let mut broadcast: Vec<Line> = states.iter().flat_map(|state| broadcast_entries(state)).collect();
    broadcast.sort_unstable();
    broadcast.dedup();
    lines.extend(broadcast);
    match mode {
        CheckpointMode::ExactlyOnce => lines.push([HANDLED, handled.0, handled.1, 0, 0, 0]),
        CheckpointMode::AtLeastOnce => {
            lines.iter_mut().for_each(|line| *line = [line[0], line[1], 0, 0, 0, 0])
        }
    }
    of_lines(lines, mode)
}

fn own_entries(state: &KeyedState) -> Vec<Line> {
    let values = state.values().map(|(key, value)| [VALUE, key, value as u64, 0, 0, 0]);
    let entries = state
        .all_entries()
        .map(|(slot, value)| [ENTRY, slot.key, u64::from(slot.map), slot.slot, value as u64, 0]);
    let timers = state.timers().map(|timer| [TIMER, timer.key, timer.time, timer.slot, 0, 0]);
    let elements = state
        .list
        .elements()
        .iter()
        .map(|it| [ELEMENT, it.key, it.lineage, it.value as u64, it.event_time, u64::from(it.size)]);
    values.chain(entries).chain(timers).chain(elements).collect()
}

fn broadcast_entries(state: &KeyedState) -> impl Iterator<Item = Line> + '_ {
    let entries = state.broadcast.entries();
    entries.map(|(slot, value)| [BROADCAST, slot.key, u64::from(slot.map), slot.slot, value as u64, 0])
}

fn of_ledger(visible: Option<&Vec<Record>>, wanted: &[Record], mode: CheckpointMode) -> u64 {
    let Some(visible) = visible else { return 0 };
    let lines: Vec<Line> = match mode {
        CheckpointMode::ExactlyOnce => {
            let line = |it: &Record| [RESULT, it.key, it.lineage, it.value as u64, u64::from(it.size), 0];
            visible.iter().map(line).collect()
        }
        CheckpointMode::AtLeastOnce => {
            let wanted: BTreeSet<u64> = wanted.iter().map(|record| record.lineage).collect();
            let lineages = visible.iter().map(|record| record.lineage);
            lineages.filter(|lineage| wanted.contains(lineage)).map(|it| [RESULT, it, 0, 0, 0, 0]).collect()
        }
    };
    of_lines(lines, mode)
}

/// Entries in whatever order they come; at least once, each of them once.
fn of_lines(mut lines: Vec<Line>, mode: CheckpointMode) -> u64 {
    lines.sort_unstable();
    if mode == CheckpointMode::AtLeastOnce {
        lines.dedup();
    }
    hash(&lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(entries: &[(u64, i64)]) -> KeyedState {
        let mut state = KeyedState::default();
        entries.iter().for_each(|&(key, value)| state.set_value(key, value));
        state
    }

    fn results(lineages: &[u64]) -> Vec<Record> {
        let record = |&lineage| Record { lineage, key: lineage % 3, value: 1, ..Record::default() };
        lineages.iter().map(record).collect()
    }

    const ONCE: CheckpointMode = CheckpointMode::ExactlyOnce;
    const TWICE: CheckpointMode = CheckpointMode::AtLeastOnce;

    #[test]
    fn it_does_not_matter_who_has_an_entry_but_what_it_is() {
        let (whole, one, other) = (state(&[(1, 5), (2, 6)]), state(&[(1, 5)]), state(&[(2, 6)]));
        let of = |states: &[&KeyedState]| of_state(states, (9, 7), ONCE);
        assert_eq!(of(&[&whole]), of(&[&other, &one]));
        assert_ne!(of(&[&whole]), of(&[&one]));
        assert_ne!(of(&[&whole]), of(&[&state(&[(1, 5), (2, 7)])]));
        assert_ne!(of(&[&whole]), of(&[&whole, &one]), "an entry that two have is there twice");
        assert_ne!(of(&[&whole]), of_state(&[&whole], (10, 7), ONCE), "a record more was handled");
        let again = |states: &[&KeyedState], handled| of_state(states, (handled, 7), TWICE);
        assert_eq!(again(&[&whole], 9), again(&[&state(&[(1, 6), (2, 6)])], 10), "one was counted twice");
        assert_ne!(again(&[&whole], 9), again(&[&one], 9), "one was lost");
    }

    #[test]
    fn it_does_not_matter_in_which_order_results_are_visible_but_how_often() {
        let of = |lineages: &[u64], mode| of_ledger(Some(&results(lineages)), &results(&[1, 2, 3]), mode);
        assert_eq!(of(&[1, 2, 3], ONCE), of(&[3, 1, 2], ONCE));
        assert_ne!(of(&[1, 2, 3], ONCE), of(&[1, 2, 3, 3], ONCE));
        assert_eq!(of(&[1, 2, 3], TWICE), of(&[1, 2, 3, 3], TWICE));
        assert_eq!(of(&[1, 2, 3], TWICE), of(&[1, 2, 3, 4], TWICE), "a result of what was counted twice");
        assert_ne!(of(&[1, 2, 3], TWICE), of(&[1, 2], TWICE));
        assert_ne!(of(&[], ONCE), of_ledger(None, &[], ONCE), "a sink that shows nothing is a sink");
    }

    #[test]
    fn what_differs_is_named() {
        let digest = |state, ledger| Digest {
            operators: vec![OperatorDigest { uid: "it".to_owned(), state, ledger }],
        };
        assert_eq!(digest(1, 2).differs_from(&digest(1, 2)), None);
        for (other, words) in [(digest(3, 2), "final state of `it`"), (digest(1, 3), "readers of `it`")] {
            let differs = other.differs_from(&digest(1, 2)).expect("a difference");
            assert!(differs.contains(words), "{differs}");
            assert_ne!((other.state(), other.ledger()), (digest(1, 2).state(), digest(1, 2).ledger()));
        }
    }
}
