//! A winner tree: which of n entrants has the smallest instant, with ties won by the lower number.
//!
//! One structure answers two questions: which input of a task comes next, and which task acts next. Reading the winner
//! is free; changing one entrant replays its path to the root, log2(n) matches, and stops early if nothing changes. Up to
//! [`FEW`] entrants there is no tree: they play anew whenever somebody asks.

use std::hint::select_unpredictable;

use crate::reusable;
use crate::time::{NEVER, Time};

/// So many entrants need no tree.
const FEW: usize = 8;

reusable! {
    /// A winner tree.
    #[derive(Debug, Hash)]
    pub struct Tournament {
        /// The instant of each of a few entrants.
        few: [Time; FEW],
        /// True if they are half as many; true if there is one.
        are_four: bool,
        is_one: bool,
        /// The instant of each of many entrants, padded to a power of two with [`NEVER`]; empty if there are few.
        keys: Vec<Time>,
        /// `winners[1]` is the root; the children of `n` are `2n` and `2n + 1`; below the last level stand the entrants. Empty
        /// if there are few.
        winners: Vec<u32>,
    }
}

impl Tournament {
    /// A tree of `n` entrants who all come never.
    pub fn new(n: u32) -> Self {
        let size = if n as usize <= FEW { 0 } else { (n as usize).next_power_of_two() };
        let (are_four, is_one) = (n as usize <= FEW / 2, n <= 1);
        let (keys, winners) = (vec![NEVER; size], vec![0; size]);
        let mut tree = Tournament { few: [NEVER; FEW], are_four, is_one, keys, winners };
        tree.reset();
        tree
    }

    /// All come never again.
    pub fn reset(&mut self) {
        self.few.fill(NEVER);
        self.keys.fill(NEVER);
        for node in (1..self.winners.len()).rev() {
            self.winners[node] = self.left(node);
        }
    }

    /// The entrant with the smallest instant, and that instant; [`NEVER`] if none comes.
    #[inline(always)]
    pub fn first(&self) -> (Time, u32) {
        if self.is_one {
            return (self.few[0], 0);
        }
        if let Some(&winner) = self.winners.get(1) {
            return (self.keys[winner as usize], winner);
        }
        // Without a branch: which of them comes first cannot be predicted.
        let sooner = |a: (Time, u32), b: (Time, u32)| if b.0 < a.0 { b } else { a };
        let [a, b, c, d, e, f, g, h] = self.few;
        let four = sooner(sooner((a, 0), (b, 1)), sooner((c, 2), (d, 3)));
        if self.are_four {
            return four;
        }
        sooner(four, sooner(sooner((e, 4), (f, 5)), sooner((g, 6), (h, 7))))
    }

    /// When one entrant comes.
    #[inline(always)]
    pub fn key(&self, entrant: u32) -> Time {
        if self.winners.is_empty() { self.few[entrant as usize] } else { self.keys[entrant as usize] }
    }

    /// Changes the instant of one entrant.
    #[inline(always)]
    pub fn set(&mut self, entrant: u32, key: Time) {
        if self.winners.is_empty() {
            self.few[entrant as usize] = key;
        } else {
            self.keys[entrant as usize] = key;
            self.replay(entrant);
        }
    }

    /// Plays the matches of one entrant again.
    #[inline(never)]
    fn replay(&mut self, entrant: u32) {
        let size = self.winners.len();
        let mut node = (entrant as usize + size) / 2;
        let mut winner = self.better((self.keys[entrant as usize], entrant), entrant ^ 1);
        loop {
            let before = std::mem::replace(&mut self.winners[node], winner.1);
            // A node that this entrant neither held nor holds is not touched by the change, nor are those above it.
            if node == 1 || (before != entrant && winner.1 != entrant) {
                return;
            }
            winner = self.better(winner, self.winners[node ^ 1]);
            node /= 2;
        }
    }

    /// Makes one entrant come at `key` unless it comes earlier already; true if that changed it.
    #[inline]
    pub fn lower(&mut self, entrant: u32, key: Time) -> bool {
        let sooner = key < self.key(entrant);
        if sooner {
            self.set(entrant, key);
        }
        sooner
    }

    /// The one of two that comes first; the lower number if they come at the same instant.
    #[inline(always)]
    fn better(&self, one: (Time, u32), other: u32) -> (Time, u32) {
        let key = self.keys[other as usize];
        let wins = (key, other) < one;
        (select_unpredictable(wins, key, one.0), select_unpredictable(wins, other, one.1))
    }

    /// The leftmost entrant below a node of a tree in which all are equal.
    fn left(&self, node: usize) -> u32 {
        let size = self.winners.len();
        let mut node = node;
        while node < size {
            node *= 2;
        }
        (node - size) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{below, draw};

    #[test]
    fn it_agrees_with_a_scan() {
        for n in [1, 2, 3, 4, 5, 8, 13, 64, 100] {
            let mut tree = Tournament::new(n);
            let mut keys = vec![NEVER; n as usize];
            assert_eq!(tree.first().0, NEVER);
            for step in 0..2_000 {
                let entrant = below(draw(1, step * 2), u64::from(n)) as u32;
                let key = below(draw(1, step * 2 + 1), 20);
                let key = if key == 0 { NEVER } else { key };
                tree.set(entrant, key);
                keys[entrant as usize] = key;
                let best = (0..n).min_by_key(|&i| (keys[i as usize], i)).unwrap_or(0);
                assert_eq!(tree.first().0, keys[best as usize]);
                if keys[best as usize] != NEVER {
                    assert_eq!(tree.first().1, best, "step {step} of {n}");
                }
            }
        }
    }
}
