//! What a sender logs, and what it piggybacks: see [`Hooks::log_sent`](cutline_sim::protocol::Hooks::log_sent) and
//! [`Hooks::tags`](cutline_sim::protocol::Hooks::tags).
//!
//! An output keeps what was sent on it since the newest snapshot that is durable, and every snapshot holds that. A tag counts from
//! one item on, until the next tag; so tags stand beside items, in frames and logs, each once.

use std::collections::VecDeque;

use cutline_sim::channel::Item;

use crate::snapshot::{Logged, Tag};

/// The tags of a row of items, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags(VecDeque<Tag>);

impl Tags {
    /// From an item on there is another tag. One that was to begin there or later has marked nothing.
    pub fn push(&mut self, tag: Tag) {
        while self.0.back().is_some_and(|last| last.from >= tag.from) {
            self.0.pop_back();
        }
        self.0.push_back(tag);
    }

    /// The tag that an item brings, if none before it has brought it.
    pub fn brought_by(&self, number: u64) -> Option<&Tag> {
        self.0.iter().take_while(|tag| tag.from <= number).last()
    }

    /// Takes out what begins up to an item.
    pub fn take(&mut self, number: u64) -> Vec<Tag> {
        let behind = self.0.partition_point(|tag| tag.from <= number);
        self.0.drain(..behind).collect()
    }

    /// Forgets what does not count for any item after this one.
    fn forget(&mut self, number: u64) {
        while self.0.get(1).is_some_and(|next| next.from <= number + 1) {
            self.0.pop_front();
        }
    }
}

/// The tags that count for the items after one and up to another.
pub fn clip(tags: &[Tag], after: u64, until: u64) -> Vec<Tag> {
    if after >= until {
        return Vec::new();
    }
    let begin = after + 1; // at most `until`
    let first = tags.partition_point(|tag| tag.from <= begin).saturating_sub(1);
    let mine = tags[first..].iter().take_while(|tag| tag.from <= until);
    mine.map(|tag| Tag { from: tag.from.max(begin), ..tag.clone() }).collect()
}

/// What was sent on an output and is in no durable snapshot.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How many items come before the first one here.
    before: u64,
    items: VecDeque<Item>,
    pub tags: Tags,
}

impl Log {
    /// Begins behind what a restored snapshot holds.
    pub fn begin(&mut self, before: u64) {
        *self = Log { before, ..Log::default() };
    }

    pub fn push(&mut self, item: Item) {
        self.items.push_back(item);
    }

    /// A snapshot is durable that holds so many.
    pub fn trim(&mut self, durable: u64) {
        let gone = durable.saturating_sub(self.before).min(self.items.len() as u64);
        self.items.drain(..gone as usize);
        self.before += gone;
        self.tags.forget(self.before);
    }

    /// What a snapshot holds of it.
    pub fn copy(&self, at: u32) -> Logged {
        let items: Vec<Item> = self.items.iter().copied().collect();
        let tags: Vec<Tag> = self.tags.0.iter().cloned().collect();
        let tags = clip(&tags, self.before, self.before + items.len() as u64);
        Logged { at, first: self.before + 1, items, tags }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(from: u64, word: u32) -> Tag {
        Tag { from, words: vec![word] }
    }

    #[test]
    fn a_tag_is_brought_once_by_the_first_that_has_it() {
        let mut tags = Tags::default();
        [tag(1, 7), tag(4, 8), tag(4, 9)].into_iter().for_each(|it| tags.push(it));
        assert_eq!(tags.brought_by(3), Some(&tag(1, 7)));
        assert_eq!(tags.take(3), [tag(1, 7)]);
        assert_eq!(tags.brought_by(3), None);
        assert_eq!(tags.brought_by(5), Some(&tag(4, 9)), "nothing has carried 8");
    }

    #[test]
    fn the_tags_of_a_part_begin_in_it() {
        let all = [tag(1, 7), tag(4, 8), tag(6, 9)];
        assert_eq!(clip(&all, 0, 9), all);
        assert_eq!(clip(&all, 4, 5), [tag(5, 8)]);
        assert_eq!(clip(&all, 3, 6), [tag(4, 8), tag(6, 9)]);
        assert_eq!(clip(&all, 1, 2), [tag(2, 7)]);
        assert_eq!(clip(&[], 1, 2), []);
    }

    #[test]
    fn a_log_holds_what_is_not_durable_with_the_tags_that_count_there() {
        let mut log = Log::default();
        log.begin(10);
        (11..=16).for_each(|number| log.push(Item::Watermark(number)));
        [tag(11, 7), tag(14, 8)].into_iter().for_each(|it| log.tags.push(it));
        log.trim(12);
        log.trim(11);
        let copy = log.copy(3);
        assert_eq!((copy.at, copy.first, copy.items.len()), (3, 13, 4));
        assert_eq!(copy.tags, [tag(13, 7), tag(14, 8)]);
        log.trim(16);
        assert_eq!((log.copy(3).first, log.copy(3).items.len(), log.copy(3).tags.len()), (17, 0, 0));
    }
}
