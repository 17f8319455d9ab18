//! Sets of small numbers. They are asked all the time and become empty and full again at every checkpoint, so they are bits.

use std::hash::{Hash, Hasher};

use crate::reusable;

reusable! {
    /// A set of small numbers: inputs of a task, tasks of a job.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct InputSet {
        words: Vec<u64>,
        len: u32,
    }
}

/// What it holds: a set that once held a larger number has the hash of one that did not.
impl Hash for InputSet {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.len.hash(into);
        let used = self.words.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
        self.words[..used].iter().for_each(|word| word.hash(into));
    }
}

impl InputSet {
    /// The numbers `0..n`.
    pub fn full(n: u32) -> Self {
        let mut set = InputSet::default();
        set.fill(n);
        set
    }

    /// Becomes `0..n`, keeping the memory.
    pub fn fill(&mut self, n: u32) {
        self.words.clear();
        self.words.resize(n as usize / 64, u64::MAX);
        if !n.is_multiple_of(64) {
            self.words.push((1 << (n % 64)) - 1);
        }
        self.len = n;
    }

    /// Becomes empty, keeping the memory.
    pub fn clear(&mut self) {
        self.words.fill(0);
        self.len = 0;
    }

    /// True if it holds `n`.
    #[inline]
    pub fn contains(&self, n: u32) -> bool {
        self.words.get(n as usize / 64).is_some_and(|word| word >> (n % 64) & 1 == 1)
    }

    /// Adds `n`; true if it was not there.
    pub fn insert(&mut self, n: u32) -> bool {
        let at = n as usize / 64;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let new = self.words[at] >> (n % 64) & 1 == 0;
        self.words[at] |= 1 << (n % 64);
        self.len += u32::from(new);
        new
    }

    /// Removes `n`; true if it was there.
    pub fn remove(&mut self, n: u32) -> bool {
        let there = self.contains(n);
        if there {
            self.words[n as usize / 64] &= !(1 << (n % 64));
            self.len -= 1;
        }
        there
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// True if there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The numbers, smallest first.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at as u32 * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_set_counts_what_it_holds() {
        let mut set = InputSet::full(130);
        assert_eq!((set.len(), set.contains(129), set.contains(130)), (130, true, false));
        assert!(set.remove(64) && !set.remove(64));
        assert!(set.insert(64) && !set.insert(64));
        assert!(set.insert(1000));
        assert_eq!(set.iter().count() as u32, set.len());
        set.clear();
        assert!(set.is_empty() && set.iter().next().is_none());
    }
}
