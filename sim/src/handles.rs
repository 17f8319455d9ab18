//! Typed handles over the state of a key, for operators: a handle is a name (the number of a map of the operator), and its
//! methods take the [`KeyedState`] and the key. Handles with different numbers do not meet.
//!
//! They are a way to write, and no state of their own: what they say lies in the map of that number, so it is saved,
//! redistributed by key groups and compared like everything else. (State without a key is in
//! [`operator_state`](crate::operator_state).)
//!
//! ```
//! use cutline_sim::handles::{ListState, ReducingState};
//! use cutline_sim::state::KeyedState;
//!
//! const PRICES: ListState = ListState(0);
//! const HIGHEST: ReducingState = ReducingState(1, i64::max);
//! let mut state = KeyedState::default();
//! for price in [30, 10, 30] {
//!     PRICES.add(&mut state, 7, price);
//!     HIGHEST.add(&mut state, 7, price);
//! }
//! assert!(PRICES.get(&state, 7).eq([10, 30, 30]));
//! assert_eq!(HIGHEST.get(&state, 7), Some(30));
//! ```

use std::ops::RangeBounds;

use crate::state::{KeyedState, Slot};

/// One value per key. ([`KeyedState::value`] is another, without a number and faster.)
#[derive(Clone, Copy, Debug)]
pub struct ValueState(pub u32);

impl ValueState {
    fn slot(self, key: u64) -> Slot {
        Slot { key, map: self.0, slot: 0 }
    }

    /// The value of a key.
    pub fn get(self, state: &KeyedState, key: u64) -> Option<i64> {
        state.entry(self.slot(key))
    }

    /// Sets the value of a key and returns the old one.
    pub fn set(self, state: &mut KeyedState, key: u64, value: i64) -> Option<i64> {
        state.set_entry(self.slot(key), value)
    }

    /// Removes the value of a key and returns it.
    pub fn clear(self, state: &mut KeyedState, key: u64) -> Option<i64> {
        state.remove_entry(self.slot(key))
    }
}

/// A map per key.
#[derive(Clone, Copy, Debug)]
pub struct MapState(pub u32);

impl MapState {
    fn slot(self, key: u64, slot: u64) -> Slot {
        Slot { key, map: self.0, slot }
    }

    /// What the map of a key has under a slot.
    pub fn get(self, state: &KeyedState, key: u64, slot: u64) -> Option<i64> {
        state.entry(self.slot(key, slot))
    }

    /// Sets what the map of a key has under a slot, and returns what it had.
    pub fn put(self, state: &mut KeyedState, key: u64, slot: u64, value: i64) -> Option<i64> {
        state.set_entry(self.slot(key, slot), value)
    }

    /// Removes a slot from the map of a key and returns what it had.
    pub fn remove(self, state: &mut KeyedState, key: u64, slot: u64) -> Option<i64> {
        state.remove_entry(self.slot(key, slot))
    }

    /// The slots of the map of a key, in order, and what it has there.
    pub fn entries(self, state: &KeyedState, key: u64) -> impl DoubleEndedIterator<Item = (u64, i64)> + '_ {
        state.entries(key, self.0)
    }

    /// The same of the slots in a range, which must not end before it begins.
    pub fn entries_in(
        self,
        state: &KeyedState,
        key: u64,
        slots: impl RangeBounds<u64>,
    ) -> impl DoubleEndedIterator<Item = (u64, i64)> + '_ {
        state.entries_in(key, self.0, slots)
    }

    /// Empties the map of a key.
    pub fn clear(self, state: &mut KeyedState, key: u64) {
        loop {
            let Some((slot, _)) = self.entries(state, key).next() else { return };
            self.remove(state, key, slot);
        }
    }
}

/// A list of values per key, in ascending order. (The order of arrival, which Flink keeps, depends on how inputs interleave;
/// who needs an order of time puts it into a [`MapState`] by event time.)
#[derive(Clone, Copy, Debug)]
pub struct ListState(pub u32);

/// The slot of a value: slots have the order of the values.
fn slot_of(value: i64) -> u64 {
    (value as u64) ^ (1 << 63)
}

impl ListState {
    /// Adds a value to the list of a key.
    pub fn add(self, state: &mut KeyedState, key: u64, value: i64) {
        state.add_entry(Slot { key, map: self.0, slot: slot_of(value) }, 1);
    }

    /// The values of a key, the smallest first, each as often as it was added.
    pub fn get(self, state: &KeyedState, key: u64) -> impl Iterator<Item = i64> + '_ {
        let times = |(slot, times): (u64, i64)| (0..times).map(move |_| (slot ^ (1 << 63)) as i64);
        state.entries(key, self.0).flat_map(times)
    }

    /// Empties the list of a key.
    pub fn clear(self, state: &mut KeyedState, key: u64) {
        MapState(self.0).clear(state, key);
    }
}

/// One value per key, made of all that were added by a function. It must be associative and commutative (a sum that wraps, the
/// smallest, the largest), or the result depends on how inputs interleave.
#[derive(Clone, Copy, Debug)]
pub struct ReducingState(pub u32, pub fn(i64, i64) -> i64);

impl ReducingState {
    /// Adds a value to what a key has, and returns what it has now.
    pub fn add(self, state: &mut KeyedState, key: u64, value: i64) -> i64 {
        let all = self.get(state, key).map_or(value, |other| (self.1)(other, value));
        ValueState(self.0).set(state, key, all);
        all
    }

    /// What a key has; `None` before the first value.
    pub fn get(self, state: &KeyedState, key: u64) -> Option<i64> {
        ValueState(self.0).get(state, key)
    }

    /// Removes what a key has and returns it.
    pub fn clear(self, state: &mut KeyedState, key: u64) -> Option<i64> {
        ValueState(self.0).clear(state, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_do_not_meet_and_leave_nothing_behind() {
        let (value, map, list) = (ValueState(0), MapState(1), ListState(2));
        let sum = ReducingState(3, i64::wrapping_add);
        let mut state = KeyedState::default();
        for key in [1, 2] {
            assert_eq!(value.set(&mut state, key, 5), None);
            assert_eq!(map.put(&mut state, key, 9, 6), None);
            assert_eq!(map.put(&mut state, key, 9, 7), Some(6));
            assert_eq!(map.put(&mut state, key, 8, 1), None);
            [3, -4, 3].into_iter().for_each(|element| list.add(&mut state, key, element));
            assert_eq!([i64::MAX, 1].map(|term| sum.add(&mut state, key, term)), [i64::MAX, i64::MIN]);
        }
        assert_eq!((value.get(&state, 1), value.get(&state, 3)), (Some(5), None));
        assert!(map.entries(&state, 1).eq([(8, 1), (9, 7)]));
        assert!(map.entries_in(&state, 1, 9..).eq([(9, 7)]));
        assert!(list.get(&state, 1).eq([-4, 3, 3]));
        assert_eq!(map.remove(&mut state, 1, 8), Some(1));
        map.clear(&mut state, 1);
        list.clear(&mut state, 1);
        assert_eq!((value.clear(&mut state, 1), sum.clear(&mut state, 1)), (Some(5), Some(i64::MIN)));
        assert_eq!((state.len(), list.get(&state, 1).count()), (6, 0), "only the other key is left");
    }
}
