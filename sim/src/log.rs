//! The log of what was sent, for strategies whose checkpoints are each task's own: a line of such checkpoints cuts through
//! channels that are not empty, and what stands in them there must come from somewhere (Elnozahy, Alvisi, Wang and Johnson
//! 2002, *A Survey of Rollback-Recovery Protocols in Message-Passing Systems*, section 3.1).
//!
//! The log is the sender's. It keeps what it has sent since its newest snapshot that is durable, and puts it into every snapshot
//! that it takes: so the log of what a snapshot says was sent is durable with that snapshot, and a write that fails takes
//! nothing with it that the next one would not hold again. The log of a channel is thus spread over the snapshots of its sender.
//! A line needs of it what lies between `received` of the one end and `sent` of the other; it refers to every
//! snapshot that holds a part of that, so none is deleted before the line is. Since lines only move forward, what nobody refers to
//! when a newer snapshot lies on a line will never be needed.
//!
//! The log costs what it costs to write and to read it, with the snapshot and with the restore. Not modelled: a log that is
//! written all the time and not with the snapshots, and one that is deleted item by item.

use std::collections::VecDeque;

use crate::channel::Item;
use crate::ids::{ChannelId, TaskId};
use crate::piggyback::{Run, Runs, clip};
use crate::protocol::Handle;
use crate::reusable;
use crate::snapshot::TaskSnapshot;
use crate::store::Store;
use crate::topology::Topology;

reusable! {
    /// What was sent on a channel and is in no durable snapshot.
    #[derive(Debug, Default, Hash)]
    pub(crate) struct Log {
        /// How many items come before the first one here.
        before: u64,
        items: VecDeque<Item>,
        /// Their tags, if there are any.
        pub tags: Runs,
    }
}

impl Log {
    /// Begins anew behind so many items.
    pub fn begin(&mut self, before: u64) {
        self.before = before;
        self.items.clear();
        self.tags.begin(Vec::new());
    }

    /// The item with this number was sent; one that is durable already (it waited for a buffer when its snapshot was taken) is
    /// not kept.
    pub fn push(&mut self, number: u64, item: Item) {
        if number > self.before + self.items.len() as u64 {
            self.items.push_back(item);
        }
    }

    /// So many items are durable.
    pub fn trim(&mut self, durable: u64) {
        let gone = durable.saturating_sub(self.before).min(self.items.len() as u64);
        self.items.drain(..gone as usize);
        self.before = self.before.max(durable);
        self.tags.forget(self.before);
    }

    /// What the snapshot must hold: what is here, and what `waits` behind it for a buffer, the first of which is number `next`.
    pub fn segment(&self, at: u32, next: u64, waits: &[Item]) -> Logged {
        let known = (self.before + self.items.len() as u64 + 1).saturating_sub(next) as usize;
        let items: Vec<Item> = self.items.iter().chain(waits.iter().skip(known)).copied().collect();
        let tags = clip(self.tags.iter(), self.before, self.before + items.len() as u64);
        Logged { at, first: self.before + 1, items, tags }
    }
}

/// A part of a channel's log, in the snapshot of its sender. It ends where the snapshot says that everything was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Logged {
    /// The number of the channel among the task's outputs.
    pub at: u32,
    /// The number of the first item among all that were ever sent there.
    pub first: u64,
    /// The items, oldest first.
    pub items: Vec<Item>,
    /// Their tags, if there are any.
    pub tags: Vec<Run>,
}

impl Logged {
    /// Its size in bytes: an item is kept with its tag.
    pub fn bytes(&self) -> u64 {
        let items: u64 = self.items.iter().map(Item::bytes).sum();
        let behind = self.first + self.items.len() as u64;
        let ends = self.tags.iter().skip(1).map(|run| run.from).chain([behind]);
        let tags = self.tags.iter().zip(ends).map(|(run, end)| (end - run.from) * 4 * run.tag.len() as u64);
        items + tags.sum::<u64>()
    }
}

/// What a channel holds at a line.
#[derive(Debug)]
pub(crate) struct Held {
    pub channel: ChannelId,
    /// The items, oldest first.
    pub items: Vec<Item>,
    /// Their tags, if there are any.
    pub tags: Vec<Run>,
}

/// What a line finds in the log.
#[derive(Debug, Default)]
pub(crate) struct InTransit {
    /// The snapshots of senders that hold it.
    pub held_by: Vec<Handle>,
    /// For each channel that was not empty, what had been sent on it and not received.
    pub channels: Vec<Held>,
}

impl InTransit {
    /// The items alone, by channel.
    pub fn items(self) -> Vec<(ChannelId, Vec<Item>)> {
        self.channels.into_iter().map(|held| (held.channel, held.items)).collect()
    }
}

/// Reads the log of a line: of each channel what lies between the positions of its two ends.
pub(crate) fn in_transit(topology: &Topology, store: &Store, line: &[Option<Handle>]) -> InTransit {
    let mut found = InTransit::default();
    let snapshot =
        |task: TaskId| line.get(task.index()).copied().flatten().and_then(|handle| store.get(handle));
    for (info, handle) in topology.tasks.iter().zip(line) {
        let Some((handle, sender)) = handle.and_then(|handle| Some((handle, store.get(handle)?))) else {
            continue;
        };
        let channels = info.channels_out().zip(&sender.sent).map(|(channel, sent)| {
            let ends = &topology.channels[channel.index()];
            let receiver = snapshot(ends.to);
            let received = receiver.and_then(|to| to.received.get(ends.input as usize).copied());
            let from = received.unwrap_or_default().count;
            Search { from, until: sent.count, parts: Vec::new(), tags: Vec::new() }
        });
        let mut channels: Vec<Search<'_>> = channels.collect();
        let mut snapshots = store.back_from(handle);
        while channels.iter().any(Search::is_open)
            && let Some((handle, snapshot)) = snapshots.next()
        {
            let takes = channels.iter_mut().enumerate().map(|(at, channel)| channel.take(at, snapshot));
            if takes.fold(false, |any, one| any | one) {
                found.held_by.push(handle);
            }
        }
        for (channel, Search { parts, tags, .. }) in info.channels_out().zip(channels) {
            if !parts.is_empty() {
                let items = parts.into_iter().rev().flatten().copied().collect();
                let tags = tags.into_iter().rev().flatten().collect();
                found.channels.push(Held { channel, items, tags });
            }
        }
    }
    found
}

/// The search for what a channel holds, from its newest item backwards.
struct Search<'a> {
    /// What is still to be found: the items after the first of these numbers, up to the second.
    from: u64,
    until: u64,
    /// What was found, the newest first.
    parts: Vec<&'a [Item]>,
    tags: Vec<Vec<Run>>,
}

impl<'a> Search<'a> {
    fn is_open(&self) -> bool {
        self.from < self.until
    }

    /// Takes what a snapshot of the sender holds of it; true if that is anything.
    fn take(&mut self, output: usize, snapshot: &'a TaskSnapshot) -> bool {
        let logged = snapshot.logged.iter().find(|logged| logged.at as usize == output);
        let (Some(logged), Some(sent)) = (logged, snapshot.sent.get(output)) else { return false };
        let begins = logged.first - 1;
        if !self.is_open() || sent.count < self.until || begins >= self.until {
            return false;
        }
        let begin = begins.max(self.from);
        self.parts.push(&logged.items[(begin - begins) as usize..(self.until - begins) as usize]);
        self.tags.push(clip(logged.tags.iter(), begin, self.until));
        self.until = begin;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(numbers: std::ops::RangeInclusive<u64>) -> Vec<Item> {
        numbers.map(Item::Watermark).collect()
    }

    #[test]
    fn a_log_holds_what_is_not_durable_once() {
        let mut log = Log::default();
        (1..=5).for_each(|number| log.push(number, Item::Watermark(number)));
        assert_eq!(log.segment(0, 6, &items(6..=7)).items, items(1..=7));
        // Durable up to 6, which waits for a buffer and is sent only now.
        log.trim(6);
        assert_eq!(log.segment(0, 6, &items(6..=7)).items, items(7..=7));
        log.push(6, Item::Watermark(6));
        log.push(7, Item::Watermark(7));
        assert_eq!(log.segment(0, 8, &[]).items, items(7..=7));
        log.trim(3);
        assert_eq!(
            log.segment(0, 8, &[]).items,
            items(7..=7),
            "an older snapshot that becomes durable late changes nothing"
        );
        log.begin(40);
        log.push(41, Item::Watermark(41));
        assert_eq!(log.segment(0, 42, &[]).items, items(41..=41));
    }
}
