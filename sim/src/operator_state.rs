//! Operator state: what belongs to a subtask and not to a key. A *list* is a subtask's own; *broadcast state* is the same in
//! all subtasks. Both are part of the [`KeyedState`](crate::state::KeyedState), so they are saved, restored, forked and
//! compared with it.

use std::collections::BTreeMap;

use crate::record::Record;
use crate::reusable;
use crate::state::Slot;

reusable! {
    /// The list of a subtask, for what has no key: records held back, say. A restore at another parallelism deals the elements
    /// of all lists out evenly, so a result may depend on what all lists hold together, and not on which subtask holds what or
    /// in which order.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct ListState {
        elements: Vec<Record>,
    }
}

impl ListState {
    /// Appends an element.
    pub fn push(&mut self, element: Record) {
        self.elements.push(element);
    }

    /// The elements, oldest first.
    pub fn elements(&self) -> &[Record] {
        &self.elements
    }

    /// Takes all elements out, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = Record> + '_ {
        self.elements.drain(..)
    }

    /// Adds the share of a new subtask of what the lists of all old subtasks held, given in their order: of all elements, one
    /// after the other, every `parallelism`-th, from the one whose number is that of the subtask. Over all new subtasks every
    /// element goes to one of them (Flink's even-split redistribution). Whoever restores at another parallelism calls this once
    /// for each new subtask, beside [`KeyedState::absorb`](crate::state::KeyedState::absorb), which leaves lists alone.
    pub fn take_share<'a>(
        &mut self,
        old: impl IntoIterator<Item = &'a ListState>,
        subtask: u32,
        parallelism: u32,
    ) {
        let all = old.into_iter().flat_map(|list| &list.elements);
        self.elements.extend(all.skip(subtask as usize).step_by(parallelism.max(1) as usize));
    }

    pub(crate) fn clear(&mut self) {
        self.elements.clear();
    }
}

reusable! {
    /// State that every subtask has a copy of, because what changes it is broadcast to all: rules, say. It may be changed by
    /// records of a broadcast port (see [`Operator::is_broadcast_port`](crate::operator::Operator::is_broadcast_port)), by
    /// [`on_open`](crate::operator::Operator::on_open) and, in the same way in every subtask, by
    /// [`on_close`](crate::operator::Operator::on_close).
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    pub struct BroadcastState {
        entries: BTreeMap<Slot, i64>,
    }
}

impl BroadcastState {
    /// An entry.
    pub fn entry(&self, slot: Slot) -> Option<i64> {
        self.entries.get(&slot).copied()
    }

    /// Sets an entry and returns the old one.
    pub fn set_entry(&mut self, slot: Slot, value: i64) -> Option<i64> {
        self.entries.insert(slot, value)
    }

    /// Keeps the entries that satisfy a condition, which is asked in order.
    pub fn retain(&mut self, mut keep: impl FnMut(Slot, i64) -> bool) {
        self.entries.retain(|&slot, value| keep(slot, *value));
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (Slot, i64)> + '_ {
        self.entries.iter().map(|(&slot, &value)| (slot, value))
    }

    /// Adds the entries of another copy. (Copies of one cut differ at most by entries that some subtasks have thrown away.)
    pub(crate) fn absorb(&mut self, from: &BroadcastState) {
        self.entries.extend(from.entries());
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{KeyedState, Timer, group_owner, key_group};

    fn sample() -> KeyedState {
        let mut state = KeyedState::default();
        for key in 0..7 {
            state.add(key, 1);
            state.set_entry(Slot { key, map: 1, slot: key }, 2);
            state.set_timer(Timer { time: 10, key, slot: 0 });
        }
        state
    }

    fn list(values: std::ops::Range<i64>) -> ListState {
        ListState { elements: values.map(|value| Record { value, ..Record::default() }).collect() }
    }

    #[test]
    fn lists_are_dealt_out_evenly_and_without_loss() {
        let old = [list(0..4), list(4..4), list(4..11)];
        for parallelism in 1..6 {
            let new: Vec<ListState> = (0..parallelism)
                .map(|subtask| {
                    let mut share = ListState::default();
                    share.take_share(&old, subtask, parallelism);
                    share
                })
                .collect();
            let sizes: Vec<usize> = new.iter().map(|list| list.elements().len()).collect();
            assert!(sizes.iter().max() <= sizes.iter().min().map(|least| least + 1).as_ref(), "{sizes:?}");
            let mut values: Vec<i64> =
                new.iter().flat_map(|list| list.elements()).map(|element| element.value).collect();
            values.sort();
            assert_eq!(values, (0..11).collect::<Vec<_>>());
        }
    }

    #[test]
    fn broadcast_state_is_taken_whole_and_counted_once_per_subtask() {
        let mut whole = sample();
        whole.broadcast.set_entry(Slot { key: 3, map: 0, slot: 1 }, 7);
        let parts = [0, 1, 2].map(|subtask| {
            let mut part = KeyedState::default();
            part.absorb(&whole, |key| group_owner(key_group(key, 128), 128, 3) == subtask);
            part
        });
        assert!(parts.iter().all(|part| part.broadcast == whole.broadcast));
        let sum = parts.iter().fold(0, |sum, part| part.fingerprint().wrapping_add(sum));
        assert_eq!(sum, whole.fingerprint_spread(3));
        assert_ne!(sum, whole.fingerprint());
        assert_eq!((whole.len(), whole.keyed_len()), (22, 21));
    }

    #[test]
    fn of_several_subtasks_the_least_watermark_holds() {
        let old = [9, 5, 7].map(|watermark| {
            let mut old = KeyedState::default();
            (old.watermark, old.opened) = (watermark, true);
            old
        });
        let mut new = KeyedState::default();
        old.iter().for_each(|old| new.absorb(old, |_| true));
        assert_eq!((new.watermark, new.opened), (5, true));
        new.clear();
        assert_eq!((new.watermark, new.opened), (0, false));
    }

    #[test]
    fn a_list_counts_in_every_order() {
        let element = |value| Record { value, ..Record::default() };
        let (mut one, mut other) = (sample(), sample());
        [1, 2, 2].into_iter().for_each(|value| one.list.push(element(value)));
        [2, 1, 2].into_iter().for_each(|value| other.list.push(element(value)));
        assert_eq!(one.fingerprint(), other.fingerprint());
        other.list.push(element(2));
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!(one.len() - sample().len(), 3);
        one.clear();
        assert!(one.is_empty() && one.list.elements().is_empty());
    }
}
