//! What changes in keyed state: entries of every kind under one order, and the record of their changes that a state keeps if
//! its backend asks for it.

use serde::{Deserialize, Serialize};

use super::{KeyedState, Slot, Timer};

/// The address of an entry that belongs to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EntryKey {
    /// The value of a key.
    Value(u64),
    /// An entry of a map.
    Entry(Slot),
    /// A timer: it is there or not.
    Timer(Timer),
}

/// An entry and what it holds since; `None` is a *tombstone*: it was removed.
pub type Update = (EntryKey, Option<i64>);

/// The changes of a state since they were last taken, oldest first.
///
/// Where the same entry changes again and again its older changes are thrown away now and then, so this does not grow with the
/// number of records but with that of entries. What was thrown away is still counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Changes {
    updates: Vec<Update>,
    /// How many there were altogether.
    total: u64,
    /// When there are so many, those that newer ones have replaced are thrown away.
    limit: usize,
}

/// Fewer are not worth looking through.
const LIMIT_MIN: usize = 1 << 10;

impl Changes {
    /// All these at once.
    pub fn of(updates: Vec<Update>) -> Changes {
        Changes { total: updates.len() as u64, updates, limit: 0 }
    }

    /// Notes a change.
    #[inline(never)]
    pub fn push(&mut self, key: EntryKey, value: Option<i64>) {
        if self.updates.len() >= self.limit.max(LIMIT_MIN) {
            self.updates = newest_of_each(std::mem::take(&mut self.updates));
            self.limit = self.updates.len() * 2;
        }
        self.updates.push((key, value));
        self.total += 1;
    }

    /// How many changes there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// True if nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The newest change of every entry that has changed, by entry.
    pub fn into_sorted(self) -> Vec<Update> {
        newest_of_each(self.updates)
    }

    /// Keeps the changes that satisfy a condition: only for planting bugs.
    pub fn retain(&mut self, keep: impl FnMut(&Update) -> bool) {
        self.updates.retain(keep);
    }
}

/// The newest update of every entry, by entry; given are updates from the oldest to the newest.
pub fn newest_of_each(mut updates: Vec<Update>) -> Vec<Update> {
    updates.sort_by_key(|&(key, _)| key); // stable: of one entry the newest stays last
    let mut newest: Vec<Update> = Vec::with_capacity(updates.len());
    for update in updates {
        match newest.last_mut() {
            Some(last) if last.0 == update.0 => *last = update,
            _ => newest.push(update),
        }
    }
    newest
}

impl KeyedState {
    /// From now on changes of what belongs to a key are noted, or not any more.
    pub fn note_changes(&mut self, on: bool) {
        self.changes = on.then(Changes::default);
    }

    /// What has changed since this was last asked; nothing if changes are not noted.
    pub fn take_changes(&mut self) -> Changes {
        self.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Brings an entry to what an update says. It is not noted: it has been.
    pub fn apply(&mut self, &(key, value): &Update) {
        match (key, value) {
            (EntryKey::Value(key), Some(value)) => self.values.set(key, value),
            (EntryKey::Value(key), None) => drop(self.values.remove(key)),
            (EntryKey::Entry(slot), Some(value)) => drop(self.maps.insert(slot, value)),
            (EntryKey::Entry(slot), None) => drop(self.maps.remove(&slot)),
            (EntryKey::Timer(timer), Some(_)) => drop(self.timers.insert(timer)),
            (EntryKey::Timer(timer), None) => drop(self.timers.remove(&timer)),
        }
    }

    /// Everything that belongs to a key, as updates, by entry.
    pub fn keyed_entries(&self) -> Vec<Update> {
        let values = self.values.iter().map(|(key, value)| (EntryKey::Value(key), Some(value)));
        let maps = self.maps.iter().map(|(&slot, &value)| (EntryKey::Entry(slot), Some(value)));
        let timers = self.timers.iter().map(|&timer| (EntryKey::Timer(timer), Some(0)));
        values.chain(maps).chain(timers).collect()
    }

    /// A copy of everything but what belongs to a key: lists, broadcast state, the watermark.
    pub(crate) fn without_keyed(&self) -> KeyedState {
        let mut copy = KeyedState::default();
        copy.values.layout.clone_from(&self.values.layout);
        copy.list.clone_from(&self.list);
        copy.broadcast.clone_from(&self.broadcast);
        (copy.opened, copy.watermark) = (self.opened, self.watermark);
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    const SLOT: Slot = Slot { key: 7, map: 1, slot: 3 };
    const TIMER: Timer = Timer { time: 9, key: 7, slot: 0 };

    /// Changes of every kind, some of which take others back.
    fn change(state: &mut KeyedState) {
        state.set_value(1, 5);
        state.add(2, 3);
        state.add(2, 3);
        state.remove_value(1);
        state.remove_value(4);
        state.set_entry(SLOT, 1);
        state.add_entry(SLOT, 1);
        state.set_entry(Slot { slot: 4, ..SLOT }, 8);
        state.remove_entry(Slot { slot: 4, ..SLOT });
        state.set_timer(TIMER);
        state.set_timer(Timer { time: 10, ..TIMER });
        state.set_timer(Timer { time: 11, ..TIMER });
        state.delete_timer(Timer { time: 10, ..TIMER });
        assert_eq!(state.pop_timer(9), Some(TIMER));
    }

    #[test]
    fn what_was_noted_leads_to_the_same_state() {
        let mut state = KeyedState::default();
        state.note_changes(true);
        change(&mut state);
        let changes = state.take_changes();
        assert_eq!(changes.total(), 13);
        assert!(state.take_changes().is_empty(), "taken");
        let mut again = KeyedState::default();
        changes.into_sorted().iter().for_each(|update| again.apply(update));
        assert_eq!(again, state);
        let mut whole = KeyedState::default();
        state.keyed_entries().iter().for_each(|update| whole.apply(update));
        assert_eq!(whole, state);
    }

    #[test]
    fn nothing_is_noted_unless_asked() {
        let mut state = KeyedState::default();
        change(&mut state);
        assert!(state.take_changes().is_empty());
    }

    #[test]
    fn many_changes_of_few_entries_take_little_memory_and_are_all_counted() {
        let mut state = KeyedState::default();
        state.note_changes(true);
        for n in 0..100_000 {
            state.add(n % 700, 1);
            state.remove_value(n % 3);
        }
        let noted = state.changes.as_ref().map_or(0, |changes| changes.updates.len());
        assert!(noted <= 1500, "{noted}");
        let changes = state.take_changes();
        assert!(changes.total() > 100_000);
        let mut again = KeyedState::default();
        changes.into_sorted().iter().for_each(|update| again.apply(update));
        assert_eq!(again, state);
    }

    #[test]
    fn what_has_no_key_is_copied_apart() {
        let mut state = KeyedState::default();
        change(&mut state);
        state.list.push(Record::default());
        state.broadcast.set_entry(SLOT, 1);
        (state.opened, state.watermark) = (true, 8);
        let copy = state.without_keyed();
        assert_eq!((copy.keyed_len(), copy.len(), copy.opened, copy.watermark), (0, 2, true, 8));
    }
}
