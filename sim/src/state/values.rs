//! One value per key, where most keys are small: an array with a map beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{group_owner, key_group};
use crate::reusable;

/// Of a state that is not split by key groups: keys below this live in an array, the others in an ordered map.
pub(super) const DENSE_KEYS: usize = 1 << 20;

/// The same of a state that is split: a table of so many keys says where each lives.
const SMALL_KEYS: u16 = 1 << 14;

/// Where the small keys of a subtask live: in an array without gaps.
#[derive(Clone)]
pub(crate) struct KeyLayout {
    /// For each small key the subtask that owns its key group, and its place among the keys of that subtask. One table for
    /// all subtasks.
    places: Arc<[(u16, u16)]>,
    subtask: u16,
    /// The small keys of this subtask, in order.
    keys: Arc<[u16]>,
}

/// The tables follow from the job.
impl fmt::Debug for KeyLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLayout of subtask {}", self.subtask)
    }
}

impl Hash for KeyLayout {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.subtask.hash(into);
    }
}

impl KeyLayout {
    /// The largest parallelism for which there is a layout. (A single subtask needs none.)
    pub const MOST_OWNERS: u32 = 1 << 16;

    /// The layouts of the subtasks of an operator.
    pub fn of_subtasks(groups: u32, parallelism: u32) -> Vec<KeyLayout> {
        let mut keys = vec![Vec::new(); parallelism as usize];
        let place = |key: u16| {
            let owner = group_owner(key_group(u64::from(key), groups), groups, parallelism) as u16;
            keys[usize::from(owner)].push(key);
            (owner, keys[usize::from(owner)].len() as u16 - 1)
        };
        let places: Arc<[_]> = (0..SMALL_KEYS).map(place).collect();
        let layout = |(subtask, keys): (usize, Vec<u16>)| {
            let (places, keys) = (Arc::clone(&places), keys.into());
            KeyLayout { places, subtask: subtask as u16, keys }
        };
        keys.into_iter().enumerate().map(layout).collect()
    }
}

/// Stands for an absent value in the array of [`Values`].
const ABSENT: i64 = i64::MIN;

reusable! {
    /// One value per key. Small keys live in an array that grows to the largest one seen, the others in an ordered map. The
    /// one value that stands for absence in the array, if it should ever occur, makes the array give way to the map.
    #[derive(Default)]
    pub(crate) struct Values {
        /// Of a state that is split by key groups.
        pub layout: Option<KeyLayout>,
        dense: Vec<i64>,
        /// How many of `dense` are there.
        present: usize,
        pub sparse: BTreeMap<u64, i64>,
        /// All keys live in `sparse`.
        all_sparse: bool,
    }
}

/// What is there, wherever that is: equal states look equal.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The same: equal states have one hash.
impl Hash for Values {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.len().hash(into);
        self.iter().for_each(|entry| entry.hash(into));
    }
}

impl Values {
    /// These, without an array.
    pub fn in_map(sparse: BTreeMap<u64, i64>) -> Values {
        Values { sparse, all_sparse: true, ..Values::default() }
    }

    /// The place of a key in the array, if it lives there and the array is long enough.
    #[inline]
    fn place(&self, key: u64) -> usize {
        match &self.layout {
            None => key as usize,
            Some(layout) => match layout.places.get(key as usize) {
                Some(&(owner, place)) if owner == layout.subtask => usize::from(place),
                _ => usize::MAX,
            },
        }
    }

    #[inline]
    pub fn get(&self, key: u64) -> Option<i64> {
        match self.dense.get(self.place(key)) {
            Some(&value) => (value != ABSENT).then_some(value),
            None => self.sparse.get(&key).copied(),
        }
    }

    #[inline]
    pub fn set(&mut self, key: u64, value: i64) {
        let place = self.place(key);
        match self.dense.get_mut(place) {
            Some(slot) if value != ABSENT => {
                self.present += usize::from(*slot == ABSENT);
                *slot = value;
            }
            _ => self.set_slowly(key, value),
        }
    }

    /// Without a branch on whether the key is there: that cannot be predicted.
    #[inline]
    pub fn add(&mut self, key: u64, delta: i64) -> i64 {
        let place = self.place(key);
        if let Some(slot) = self.dense.get_mut(place) {
            let absent = *slot == ABSENT;
            let value = if absent { 0 } else { *slot }.wrapping_add(delta);
            if value != ABSENT {
                self.present += usize::from(absent);
                *slot = value;
                return value;
            }
        }
        self.add_slowly(key, delta)
    }

    #[cold]
    #[inline(never)]
    fn add_slowly(&mut self, key: u64, delta: i64) -> i64 {
        let value = self.get(key).unwrap_or(0).wrapping_add(delta);
        self.set_slowly(key, value);
        value
    }

    #[cold]
    #[inline(never)]
    fn set_slowly(&mut self, key: u64, value: i64) {
        let place = self.place(key);
        if value == ABSENT && place < DENSE_KEYS && !self.all_sparse {
            let all: BTreeMap<_, _> = self.iter().collect();
            self.dense = Vec::new();
            self.present = 0;
            self.sparse = all;
            self.all_sparse = true;
        }
        if self.all_sparse || place >= DENSE_KEYS {
            self.sparse.insert(key, value);
            return;
        }
        let grown = (self.dense.len() + self.dense.len() / 2).max(place + 1);
        self.dense.resize(grown.next_multiple_of(64), ABSENT);
        self.set(key, value);
    }

    pub fn remove(&mut self, key: u64) -> Option<i64> {
        let place = self.place(key);
        let Some(slot) = self.dense.get_mut(place) else { return self.sparse.remove(&key) };
        let old = std::mem::replace(slot, ABSENT);
        self.present -= usize::from(old != ABSENT);
        (old != ABSENT).then_some(old)
    }

    pub fn len(&self) -> usize {
        self.present + self.sparse.len()
    }

    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        self.dense.fill(ABSENT);
        self.present = 0;
        self.sparse.clear();
    }

    /// The pairs in the array, by key.
    pub fn in_array(&self) -> impl Iterator<Item = (u64, i64)> + '_ {
        let keys = self.layout.as_ref().map(|layout| &layout.keys);
        let key = move |place: usize| keys.map_or(place as u64, |keys| u64::from(keys[place]));
        let places = self.dense.iter().enumerate().filter(|&(_, &value)| value != ABSENT);
        places.map(move |(place, &value)| (key(place), value))
    }

    /// All pairs, by key.
    pub fn iter(&self) -> impl Iterator<Item = (u64, i64)> + '_ {
        let mut dense = self.in_array().peekable();
        let mut sparse = self.sparse.iter().map(|(&key, &value)| (key, value)).peekable();
        std::iter::from_fn(move || match (dense.peek(), sparse.peek()) {
            (Some((one, _)), Some((other, _))) if other < one => sparse.next(),
            (None, _) => sparse.next(),
            _ => dense.next(),
        })
    }
}
