//! The state of a subtask: keyed values, keyed maps and event-time timers, in key groups, and the state of the operator.
//!
//! It lives in memory, whatever the [`backend`](crate::backend), which decides how it reaches the store and how large it is there.

mod changes;
mod form;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::ops::{Bound, RangeBounds};

use serde::{Deserialize, Serialize};

use crate::operator_state::{BroadcastState, ListState};
use crate::random::mix;
use crate::reusable;
use crate::time::Time;
pub use changes::{Changes, EntryKey, Update, newest_of_each};
pub use form::StateForm;
pub(crate) use values::KeyLayout;
use values::Values;

/// The modelled size of one entry of state, unless its operator says otherwise: key and value, 8 bytes each, and 8 bytes of
/// bookkeeping.
pub const ENTRY_BYTES: u64 = 24;

/// An event-time timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timer {
    /// When it fires: at the first watermark of this time or later.
    pub time: Time,
    /// The key it belongs to.
    pub key: u64,
    /// Free for the operator: a window's start, say.
    pub slot: u64,
}

/// The address of an entry of map state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The key it belongs to.
    pub key: u64,
    /// Which map of the operator.
    pub map: u32,
    /// The key inside the map.
    pub slot: u64,
}

/// The key group of a key: state is handed to subtasks, and redistributed, by whole groups.
#[inline]
pub fn key_group(key: u64, groups: u32) -> u32 {
    (((mix(key) >> 32) * u64::from(groups)) >> 32) as u32
}

/// The subtask that owns a key group, as Flink assigns them: contiguous ranges, as even as possible.
#[inline]
pub fn group_owner(group: u32, groups: u32, parallelism: u32) -> u32 {
    (u64::from(group) * u64::from(parallelism) / u64::from(groups)) as u32
}

reusable! {
    /// The state of one subtask. Two states are equal when they hold the same entries.
    #[derive(Debug, Default)]
    pub struct KeyedState {
        values: Values,
        maps: BTreeMap<Slot, i64>,
        timers: BTreeSet<Timer>,
        /// What has no key, and is this subtask's own.
        pub list: ListState,
        /// What all subtasks have.
        pub broadcast: BroadcastState,
        /// True once the operator has been opened with this state: then a subtask that starts with it was restored.
        pub(crate) opened: bool,
        /// The watermark of the subtask, so that it survives a restore.
        pub(crate) watermark: Time,
        /// What has changed, if its backend asks for that.
        changes: Option<Changes>,
    }
}

impl PartialEq for KeyedState {
    fn eq(&self, other: &Self) -> bool {
        self.values.iter().eq(other.values.iter())
            && self.maps == other.maps
            && self.timers == other.timers
            && self.list == other.list
            && self.broadcast == other.broadcast
    }
}

impl Eq for KeyedState {}

/// Everything, and not only the entries: for digests of a whole world. (So nobody is to keep states in a map by their hash.)
impl Hash for KeyedState {
    fn hash<H: Hasher>(&self, into: &mut H) {
        let KeyedState { values, maps, timers, list, broadcast, opened, watermark, changes } = self;
        (values, maps, timers, list, broadcast, opened, watermark, changes).hash(into);
    }
}

impl KeyedState {
    /// Becomes the empty state of a subtask of an operator, and keeps the memory.
    pub(crate) fn begin(&mut self, layout: Option<&KeyLayout>) {
        self.clear();
        self.values.layout = layout.cloned();
    }

    /// A state of these entries that takes no more room than they do, whatever their keys are: what is read from a file is not
    /// to be trusted with an array.
    pub(crate) fn of_entries(
        values: BTreeMap<u64, i64>,
        maps: BTreeMap<Slot, i64>,
        timers: BTreeSet<Timer>,
    ) -> KeyedState {
        KeyedState { values: Values::in_map(values), maps, timers, ..KeyedState::default() }
    }

    /// The value of a key.
    #[inline]
    pub fn value(&self, key: u64) -> Option<i64> {
        self.values.get(key)
    }

    /// Sets the value of a key.
    #[inline]
    pub fn set_value(&mut self, key: u64, value: i64) {
        self.values.set(key, value);
        self.note(EntryKey::Value(key), Some(value));
    }

    #[inline(always)]
    fn note(&mut self, key: EntryKey, value: Option<i64>) {
        if let Some(changes) = &mut self.changes {
            changes.push(key, value);
        }
    }

    /// Adds to the value of a key (absent counts as 0; the sum wraps) and returns the new value.
    #[inline]
    pub fn add(&mut self, key: u64, delta: i64) -> i64 {
        let value = self.values.add(key, delta);
        self.note(EntryKey::Value(key), Some(value));
        value
    }

    /// Removes the value of a key.
    pub fn remove_value(&mut self, key: u64) -> Option<i64> {
        let old = self.values.remove(key)?;
        self.note(EntryKey::Value(key), None);
        Some(old)
    }

    /// All values, by key.
    pub fn values(&self) -> impl Iterator<Item = (u64, i64)> + '_ {
        self.values.iter()
    }

    /// An entry of map state.
    pub fn entry(&self, slot: Slot) -> Option<i64> {
        self.maps.get(&slot).copied()
    }

    /// Sets an entry of map state and returns the old one.
    pub fn set_entry(&mut self, slot: Slot, value: i64) -> Option<i64> {
        self.note(EntryKey::Entry(slot), Some(value));
        self.maps.insert(slot, value)
    }

    /// Adds to an entry of map state (absent counts as 0; the sum wraps) and returns the new value.
    pub fn add_entry(&mut self, slot: Slot, delta: i64) -> i64 {
        let entry = self.maps.entry(slot).or_insert(0);
        *entry = entry.wrapping_add(delta);
        let value = *entry;
        self.note(EntryKey::Entry(slot), Some(value));
        value
    }

    /// Removes an entry of map state.
    pub fn remove_entry(&mut self, slot: Slot) -> Option<i64> {
        let old = self.maps.remove(&slot)?;
        self.note(EntryKey::Entry(slot), None);
        Some(old)
    }

    /// The entries of one map of one key, by slot.
    pub fn entries(&self, key: u64, map: u32) -> impl DoubleEndedIterator<Item = (u64, i64)> + '_ {
        self.entries_in(key, map, 0..=u64::MAX)
    }

    /// The entries of one map of one key whose slots lie in a range, by slot. The range must not end before it begins.
    pub fn entries_in(
        &self,
        key: u64,
        map: u32,
        slots: impl RangeBounds<u64>,
    ) -> impl DoubleEndedIterator<Item = (u64, i64)> + '_ {
        let at = |&slot: &u64| Slot { key, map, slot };
        let first = slots.start_bound().map(at);
        let last = match slots.end_bound() {
            Bound::Unbounded => Bound::Included(Slot { key, map, slot: u64::MAX }),
            bound => bound.map(at),
        };
        let first = if first == Bound::Unbounded { Bound::Included(at(&0)) } else { first };
        self.maps.range((first, last)).map(|(slot, &value)| (slot.slot, value))
    }

    /// All entries of map state, in order.
    pub fn all_entries(&self) -> impl Iterator<Item = (Slot, i64)> + '_ {
        self.maps.iter().map(|(&slot, &value)| (slot, value))
    }

    /// Sets a timer; setting it twice is the same as once.
    pub fn set_timer(&mut self, timer: Timer) {
        self.timers.insert(timer);
        self.note(EntryKey::Timer(timer), Some(0));
    }

    /// Takes a timer back; true if it was set.
    pub fn delete_timer(&mut self, timer: Timer) -> bool {
        let was_set = self.timers.remove(&timer);
        if was_set {
            self.note(EntryKey::Timer(timer), None);
        }
        was_set
    }

    /// All timers, in the order in which they fire.
    pub fn timers(&self) -> impl Iterator<Item = Timer> + '_ {
        self.timers.iter().copied()
    }

    /// Takes the first timer that is due at this watermark.
    pub fn pop_timer(&mut self, watermark: Time) -> Option<Timer> {
        let first = self.timers.first().filter(|timer| timer.time <= watermark).copied()?;
        self.timers.pop_first();
        self.note(EntryKey::Timer(first), None);
        Some(first)
    }

    /// The number of entries of every kind.
    pub fn len(&self) -> usize {
        self.keyed_len() + self.list.elements().len() + self.broadcast.entries().count()
    }

    /// The number of entries that belong to a key.
    pub fn keyed_len(&self) -> usize {
        self.values.len() + self.maps.len() + self.timers.len()
    }

    /// True if there is no entry of any kind.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        self.values.clear();
        self.maps.clear();
        self.timers.clear();
        self.list.clear();
        self.broadcast.clear();
        self.opened = false;
        self.watermark = 0;
        drop(self.take_changes());
    }

    /// Adds the entries of another state whose key satisfies a condition: so a state is split by key groups, or put together
    /// again, when a job starts from a [savepoint](crate::savepoint) at another parallelism. Broadcast state is taken whole, for
    /// it is every subtask's. Lists are left alone, because a share of them depends on all old subtasks: see
    /// [`ListState::take_share`]. (Where the parallelism is the same, a task takes its own state whole.)
    pub fn absorb(&mut self, from: &KeyedState, mut mine: impl FnMut(u64) -> bool) {
        for (key, value) in from.values.iter().filter(|&(key, _)| mine(key)) {
            self.set_value(key, value);
        }
        for (&slot, &value) in from.maps.iter().filter(|(slot, _)| mine(slot.key)) {
            self.maps.insert(slot, value);
        }
        self.timers.extend(from.timers.iter().copied().filter(|timer| mine(timer.key)));
        self.broadcast.absorb(&from.broadcast);
        // Of several watermarks the least holds for all.
        self.watermark = if self.opened { self.watermark.min(from.watermark) } else { from.watermark };
        self.opened |= from.opened;
    }

    /// A number that is equal for equal contents, whatever subtasks they are spread over: the sum of a hash of every
    /// entry, so fingerprints of disjoint states add up.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint_spread(1)
    }

    /// The sum of the fingerprints of so many subtasks that have this state together, each with a copy of the broadcast state.
    pub fn fingerprint_spread(&self, subtasks: u32) -> u64 {
        let values =
            self.values.in_array().chain(self.values.sparse.iter().map(|(&key, &value)| (key, value)));
        let values = values.map(|(key, value)| mix(mix(key ^ VALUE).wrapping_add(value as u64)));
        let maps = self
            .maps
            .iter()
            .map(|(s, &value)| hash_entry([2 + (u64::from(s.map) << 8), s.key, s.slot, value as u64]));
        let timers = self.timers.iter().map(|timer| hash_entry([3, timer.key, timer.slot, timer.time]));
        let elements = self.list.elements().iter().map(|element| {
            let words = [element.lineage, element.key, element.value as u64, u64::from(element.size)];
            hash_entry([4, hash_entry(words), element.event_time, 0])
        });
        let copies = self.broadcast.entries().map(|(s, value)| {
            hash_entry([5 + (u64::from(s.map) << 8), s.key, s.slot, value as u64])
                .wrapping_mul(u64::from(subtasks))
        });
        values.chain(maps).chain(timers).chain(elements).chain(copies).fold(0, u64::wrapping_add)
    }
}

/// Keeps a value apart from entries of other kinds.
const VALUE: u64 = 0xa076_1d64_78bd_642f;

fn hash_entry(words: [u64; 4]) -> u64 {
    words.into_iter().fold(0, |hash, word| mix(hash.wrapping_add(word).wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

#[cfg(test)]
mod tests {
    use super::values::DENSE_KEYS;
    use super::*;

    fn sample() -> KeyedState {
        let mut state = KeyedState::default();
        for key in [0, 5, 63, 64, 1000, DENSE_KEYS as u64, u64::MAX] {
            state.add(key, key as i64);
            state.set_entry(Slot { key, map: 1, slot: key }, 2);
            state.set_timer(Timer { time: 10, key, slot: 0 });
        }
        state
    }

    #[test]
    fn values_are_kept_for_small_and_large_keys() {
        let mut state = sample();
        assert_eq!(state.value(5), Some(5));
        assert_eq!(state.value(6), None, "a key that was never written is absent, not zero");
        assert_eq!(state.value(0), Some(0), "a zero that was written is there");
        assert_eq!(state.value(u64::MAX), Some(-1));
        assert_eq!(state.remove_value(5), Some(5));
        assert_eq!(state.value(5), None);
        assert_eq!(state.len(), 20);
    }

    #[test]
    fn any_number_can_be_a_value() {
        let mut state = sample();
        let before: Vec<_> = state.values().collect();
        assert_eq!(state.add(5, i64::MIN), i64::MIN + 5);
        assert_eq!(state.add(5, -5), i64::MIN, "the number that stands for absence in the array");
        assert_eq!((state.value(5), state.value(6), state.len()), (Some(i64::MIN), None, 21));
        assert_eq!(state.add(7, 1), 1);
        assert_eq!(state.remove_value(7), Some(1));
        state.set_value(5, 5);
        assert_eq!(state.values().collect::<Vec<_>>(), before);
        state.set_value(9, i64::MIN);
        assert_eq!(state.clone(), state);
        state.clear();
        assert_eq!((state.len(), state.add(5, 1)), (0, 1));
    }

    #[test]
    fn key_groups_split_a_state_without_loss_at_any_parallelism() {
        let whole = sample();
        for parallelism in [1, 2, 3, 7, 128] {
            let parts: Vec<KeyedState> = (0..parallelism)
                .map(|subtask| {
                    let mut part = KeyedState::default();
                    part.absorb(&whole, |key| group_owner(key_group(key, 128), 128, parallelism) == subtask);
                    part
                })
                .collect();
            assert_eq!(parts.iter().map(KeyedState::len).sum::<usize>(), whole.len());
            assert_eq!(
                parts.iter().fold(0, |sum, part| part.fingerprint().wrapping_add(sum)),
                whole.fingerprint()
            );
            let mut again = KeyedState::default();
            parts.iter().for_each(|part| again.absorb(part, |_| true));
            assert_eq!(again, whole);
        }
    }

    #[test]
    fn timers_fire_in_order_up_to_the_watermark() {
        let mut state = KeyedState::default();
        for (time, key) in [(20, 1), (10, 2), (10, 1), (30, 0)] {
            state.set_timer(Timer { time, key, slot: 0 });
        }
        let fired: Vec<_> = std::iter::from_fn(|| state.pop_timer(20)).map(|t| (t.time, t.key)).collect();
        assert_eq!(fired, [(10, 1), (10, 2), (20, 1)]);
    }

    #[test]
    fn a_timer_that_was_deleted_does_not_fire() {
        let mut state = KeyedState::default();
        let timer = |time| Timer { time, key: 1, slot: 0 };
        state.set_timer(timer(10));
        state.set_timer(timer(20));
        assert!(state.delete_timer(timer(10)) && !state.delete_timer(timer(10)));
        assert_eq!(state.pop_timer(30), Some(timer(20)));
        assert_eq!(state.pop_timer(30), None);
    }

    #[test]
    fn entries_of_a_range_are_those_of_one_map_of_one_key() {
        let mut state = KeyedState::default();
        for (key, map, slot) in
            [(1, 0, u64::MAX), (1, 1, 0), (1, 1, 5), (1, 1, u64::MAX), (1, 2, 0), (2, 1, 5)]
        {
            state.set_entry(Slot { key, map, slot }, slot as i64);
        }
        let slots =
            |found: &mut dyn Iterator<Item = (u64, i64)>| found.map(|(slot, _)| slot).collect::<Vec<_>>();
        assert_eq!(slots(&mut state.entries(1, 1)), [0, 5, u64::MAX]);
        assert_eq!(slots(&mut state.entries_in(1, 1, ..)), [0, 5, u64::MAX]);
        assert_eq!(slots(&mut state.entries_in(1, 1, ..5)), [0]);
        assert_eq!(slots(&mut state.entries_in(1, 1, 5..=5)), [5]);
        assert_eq!(slots(&mut state.entries_in(1, 1, 5..5)), [] as [u64; 0]);
        assert_eq!(slots(&mut state.entries_in(1, 1, 1..).rev()), [u64::MAX, 5]);
    }

    #[test]
    fn a_fingerprint_tells_any_change() {
        let before = sample().fingerprint();
        let mut state = sample();
        state.add(5, 1);
        assert_ne!(state.fingerprint(), before);
        state.add(5, -1);
        assert_eq!(state.fingerprint(), before);
    }
}
