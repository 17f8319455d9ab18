//! A queue of small values in a ring: what channels are made of.
//!
//! `VecDeque` could do the same. This one is half as many instructions per step, because the number of places is a power of
//! two; and it starts with a single place, for most channels of a large job carry little more than marks.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A first-in, first-out queue of copies.
#[derive(Default)]
pub(crate) struct Ring<T> {
    /// None, or a power of two.
    places: Vec<T>,
    /// The place of the front is this, modulo the number of places.
    head: u32,
    len: u32,
}

/// What is in it, wherever that is: equal queues look equal.
impl<T: Copy + Default + fmt::Debug> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.len).filter_map(|at| self.get(at))).finish()
    }
}

/// The same: equal queues have one hash.
impl<T: Copy + Default + Hash> Hash for Ring<T> {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.len.hash(into);
        (0..self.len).filter_map(|at| self.get(at)).for_each(|value| value.hash(into));
    }
}

impl<T: Copy + Default> Clone for Ring<T> {
    fn clone(&self) -> Self {
        let mut ring = Ring::default();
        ring.clone_from(self);
        ring
    }

    /// Keeps the memory, and copies what is in the queue only.
    fn clone_from(&mut self, from: &Self) {
        self.clear();
        (0..from.len).for_each(|at| self.push(from.places[from.place(at)]));
    }
}

impl<T: Copy + Default> Ring<T> {
    /// The place of the `at`-th from the front.
    #[inline(always)]
    fn place(&self, at: u32) -> usize {
        self.head.wrapping_add(at) as usize & self.places.len().wrapping_sub(1)
    }

    /// How many there are.
    #[inline(always)]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// True if there is none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The `at`-th from the front, if there is one.
    #[inline(always)]
    pub fn get(&self, at: u32) -> Option<&T> {
        if at < self.len { self.places.get(self.place(at)) } else { None }
    }

    /// The `at`-th from the front, if there is one, to change it.
    #[inline(always)]
    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let place = self.place(at);
        if at < self.len { self.places.get_mut(place) } else { None }
    }

    /// The front.
    #[inline(always)]
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// The back.
    #[inline(always)]
    pub fn back(&self) -> Option<&T> {
        self.get(self.len.wrapping_sub(1))
    }

    /// Appends one.
    #[inline(always)]
    pub fn push(&mut self, value: T) {
        self.push_with(|| value);
    }

    /// Appends one that is made in its place.
    #[inline(always)]
    pub fn push_with(&mut self, value: impl FnOnce() -> T) {
        if self.len as usize == self.places.len() {
            self.grow();
        }
        let place = self.place(self.len);
        self.places[place] = value();
        self.len += 1;
    }

    /// Inserts one before the `at`-th from the front.
    pub fn insert(&mut self, at: u32, value: T) {
        self.insert_copies(at, value, 1);
    }

    /// Inserts so many copies of one before the `at`-th from the front.
    pub fn insert_copies(&mut self, at: u32, value: T, count: u32) {
        (0..count).for_each(|_| self.push(value));
        for to in (at + count..self.len).rev() {
            let (from, to) = (self.place(to - count), self.place(to));
            self.places[to] = self.places[from];
        }
        for at in at..at + count {
            let place = self.place(at);
            self.places[place] = value;
        }
    }

    /// Takes the `at`-th from the front out, if it is there.
    pub fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.get(at).copied()?;
        for at in at + 1..self.len {
            let (from, to) = (self.place(at), self.place(at - 1));
            self.places[to] = self.places[from];
        }
        self.len -= 1;
        Some(value)
    }

    /// Takes the front.
    #[inline(always)]
    pub fn pop(&mut self) -> Option<T> {
        let front = self.front().copied()?;
        self.drop_front();
        Some(front)
    }

    /// Drops the front, which must be there.
    #[inline(always)]
    pub fn drop_front(&mut self) {
        self.head = self.head.wrapping_add(1);
        self.len -= 1;
    }

    /// Drops all, and keeps the memory.
    pub fn clear(&mut self) {
        self.head = 0;
        self.len = 0;
    }

    /// Twice as many places, or the first one.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let places = self.places.len();
        if places > 0 {
            let front = self.place(0);
            self.places.rotate_left(front);
        }
        self.head = 0;
        self.places.reserve_exact(places.max(1));
        self.places.resize((places * 2).max(1), T::default());
    }
}

/// A ring that few have ever used: those that have not take the room of a pointer.
#[derive(Default)]
pub(crate) struct RareRing<T>(Option<Box<Ring<T>>>);

/// What is in it, as for a [`Ring`].
impl<T: Copy + Default + fmt::Debug> fmt::Debug for RareRing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_deref().unwrap_or(&Ring::default()).fmt(f)
    }
}

impl<T: Copy + Default + Hash> Hash for RareRing<T> {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.0.as_deref().unwrap_or(&Ring::default()).hash(into);
    }
}

impl<T: Copy + Default> Clone for RareRing<T> {
    fn clone(&self) -> Self {
        let mut ring = RareRing::default();
        ring.clone_from(self);
        ring
    }

    fn clone_from(&mut self, from: &Self) {
        match from.0.as_deref().filter(|from| !from.is_empty()) {
            Some(from) => self.0.get_or_insert_default().as_mut().clone_from(from),
            None => self.clear(),
        }
    }
}

impl<T: Copy + Default> RareRing<T> {
    /// True if there is none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|ring| ring.is_empty())
    }

    /// The front.
    #[inline(always)]
    pub fn front(&self) -> Option<&T> {
        self.0.as_ref()?.front()
    }

    /// Appends one.
    #[inline]
    pub fn push(&mut self, value: T) {
        self.0.get_or_insert_default().push(value);
    }

    /// The ring, if there is one.
    pub fn get_mut(&mut self) -> Option<&mut Ring<T>> {
        self.0.as_deref_mut()
    }

    /// Takes the front.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.0.as_mut()?.pop()
    }

    /// Drops all, and keeps the memory.
    pub fn clear(&mut self) {
        if let Some(ring) = &mut self.0 {
            ring.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::random::draw;

    #[test]
    fn it_agrees_with_a_deque() {
        let (mut ring, mut deque) = (Ring::default(), VecDeque::new());
        for step in 0..5_000 {
            // Twice as many come as go, for a while; then the other way round.
            if draw(1, step) % 3 < 1 + (step / 1_000) % 2 {
                match step % 5 {
                    0 => {
                        let at = draw(2, step) as usize % (deque.len() + 1);
                        let copies = step % 3;
                        ring.insert_copies(at as u32, step, copies as u32);
                        (0..copies).for_each(|_| deque.insert(at, step));
                    }
                    _ => {
                        ring.push(step);
                        deque.push_back(step);
                    }
                }
            } else if step % 7 == 0 {
                let at = draw(3, step) as usize % (deque.len() + 2);
                assert_eq!(ring.remove(at as u32), deque.remove(at));
            } else {
                assert_eq!(ring.pop(), deque.pop_front());
            }
            assert_eq!(ring.len() as usize, deque.len());
            assert_eq!(ring.front(), deque.front());
            assert!((0..ring.len() + 2).all(|at| ring.get(at) == deque.get(at as usize)));
            if step % 100 == 0 {
                let mut used = Ring::default();
                (0..step % 7).for_each(|n| used.push(n));
                used.clone_from(&ring);
                assert!((0..ring.len() + 2).all(|at| used.get(at) == ring.get(at)));
            }
        }
    }
}
