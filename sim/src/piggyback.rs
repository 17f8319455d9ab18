//! Tags: what a strategy piggybacks on everything that a task sends, and how it meets what comes with it.
//!
//! A tag changes with the clocks of its task, so at a snapshot or a delivery, not with every item. So it does not travel in the
//! slots: beside each channel stand *runs*, of which each says from which item on which tag counts, and so do they beside the log.
//! Items that are next to be delivered and bring a tag that has not come before on their input are shown to the strategy first. It
//! may force a snapshot; then the delivery waits until its synchronous part is over, and the tag is shown again, for other
//! things may have come between.
//!
//! The price of a tag is four bytes for each of its words: they take room in buffers and time on the wire with every record and
//! watermark. An end or a probe, which is no data, carries a tag without a price; marks carry none. A savepoint keeps no tags: what was
//! in transit then comes without.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::channel::Slot;
use crate::event::Event;
use crate::ids::ChannelId;
use crate::mail::task_ctx;
use crate::protocol::TaskEffects;
use crate::reusable;
use crate::step::Step;
use crate::time::Time;

/// From an item on, everything in a channel carries this tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The number of the first item.
    pub from: u64,
    /// The words of the tag.
    pub tag: Arc<[u32]>,
}

reusable! {
    /// The tags of what is in a channel, or in its log.
    #[derive(Debug, Default, Hash)]
    pub(crate) struct Runs {
        runs: VecDeque<Run>,
        /// How many items the sender had made when it took its last snapshot.
        pub snapshot_at: u64,
    }
}

impl Runs {
    /// From this item on there is another tag.
    pub fn push(&mut self, from: u64, tag: Arc<[u32]>) {
        self.runs.retain(|run| run.from < from); // nothing has carried those yet
        self.runs.push_back(Run { from, tag });
    }

    /// The tag that an item brings, if it is new there.
    pub fn new_at(&self, number: u64) -> Option<&Arc<[u32]>> {
        self.runs.iter().take_while(|run| run.from <= number).last().map(|run| &run.tag)
    }

    /// The tags up to an item have come.
    pub fn pop(&mut self, number: u64) {
        while self.runs.front().is_some_and(|run| run.from <= number) {
            self.runs.pop_front();
        }
    }

    /// Forgets the tags of all items up to this one.
    pub fn forget(&mut self, number: u64) {
        while self.runs.get(1).is_some_and(|run| run.from <= number + 1) {
            self.runs.pop_front();
        }
    }

    /// The runs, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    /// Begins anew with these.
    pub fn begin(&mut self, runs: Vec<Run>) {
        self.runs.clear();
        self.runs.extend(runs);
        self.snapshot_at = 0;
    }
}

/// The runs of the items after one and up to another.
pub(crate) fn clip<'a>(runs: impl Iterator<Item = &'a Run>, after: u64, until: u64) -> Vec<Run> {
    let mut clipped: Vec<Run> = Vec::new();
    for run in runs.filter(|run| run.from <= until) {
        if run.from <= after + 1 {
            clipped.clear();
        }
        clipped.push(Run { from: run.from.max(after + 1), tag: Arc::clone(&run.tag) });
    }
    clipped
}

impl Step<'_> {
    /// Shows the strategy the tag of what comes next on a channel, if it is new; true if that has forced a snapshot, so that the
    /// delivery waits.
    pub(crate) fn is_held_up(&mut self, channel: ChannelId, now: Time) -> bool {
        let number = self.net.channels[channel.index()].received.count + 1;
        let new = self.net.tags.get(channel.index()).and_then(|runs| runs.new_at(number));
        let Some(tag) = new.map(Arc::clone) else { return false };
        let (snapshots, mut fx) = (self.task.snapshots, TaskEffects::default());
        let sent_to = &self.net.ports[self.id.index()].sent_to;
        let context = task_ctx(self.id, self.task, self.info, self.topology, sent_to);
        self.protocol.before_deliver(&context, &tag, &mut fx);
        fx.0.into_iter().for_each(|effect| self.execute(effect, now));
        let forced = self.task.snapshots > snapshots;
        if let (true, Some(id)) = (forced, self.task.uploads.last().map(|upload| upload.id)) {
            self.shared.steps += 1;
            self.emit(now, Event::SnapshotForced { id });
            self.seal(now);
        }
        forced
    }

    /// The newest item of a channel is delivered, and with it its tag.
    pub(crate) fn take_tag(&mut self, channel: ChannelId) {
        let number = self.net.channels[channel.index()].received.count;
        let new = self.net.tags.get(channel.index()).and_then(|runs| runs.new_at(number));
        let Some(tag) = new.map(Arc::clone) else { return };
        self.net.tags[channel.index()].pop(number);
        let sent_to = &self.net.ports[self.id.index()].sent_to;
        let context = task_ctx(self.id, self.task, self.info, self.topology, sent_to);
        if self.protocol.delivered(&context, &tag) {
            self.renew_tag();
        }
    }

    /// A snapshot has been taken: what is sent from now on is sent after it.
    pub(crate) fn begin_interval(&mut self) {
        if self.net.tags.is_empty() {
            return;
        }
        self.net.ports[self.id.index()].sent_to.clear();
        for channel in self.info.channels_out() {
            self.net.tags[channel.index()].snapshot_at = self.made(channel);
        }
        self.renew_tag();
    }

    /// Everything that is sent from now on carries the tag that the strategy gives now.
    pub(crate) fn renew_tag(&mut self) {
        if self.net.tags.is_empty() {
            return;
        }
        let mut words = Vec::new();
        self.protocol.tag(self.id, &mut words);
        if self.task.tag.as_deref() == Some(&words[..]) {
            return;
        }
        let tag: Arc<[u32]> = words.into();
        for channel in self.info.channels_out() {
            let from = self.made(channel) + 1;
            self.net.tags[channel.index()].push(from, Arc::clone(&tag));
            if let Some(log) = self.net.logs.get_mut(channel.index()) {
                log.tags.push(from, Arc::clone(&tag));
            }
        }
        self.net.ports[self.id.index()].tag_bytes = 4 * tag.len() as u32;
        self.task.tag = Some(tag);
    }

    /// How many items the task has made for a channel, sent or still waiting for a buffer.
    fn made(&self, channel: ChannelId) -> u64 {
        let counts = |(to, slot): &&(ChannelId, Slot)| *to == channel && slot.tag.counts();
        self.net.channels[channel.index()].sent.count + self.task.pending.iter().filter(counts).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(of: &[(u64, u32)]) -> Vec<Run> {
        of.iter().map(|&(from, word)| Run { from, tag: Arc::new([word]) }).collect()
    }

    fn as_pushed(of: &[(u64, u32)]) -> Runs {
        let mut all = Runs::default();
        runs(of).into_iter().for_each(|run| all.push(run.from, run.tag));
        all
    }

    #[test]
    fn a_tag_is_new_once() {
        let mut all = as_pushed(&[(1, 7), (4, 8), (4, 9)]);
        assert_eq!(all.new_at(1).map(|tag| tag[0]), Some(7));
        all.pop(1);
        assert_eq!(all.new_at(3), None);
        assert_eq!(all.new_at(5).map(|tag| tag[0]), Some(9), "nothing ever carried 8");
        all.pop(5);
        assert_eq!(all.new_at(6), None);
    }

    #[test]
    fn what_counts_for_the_items_that_are_left_is_kept() {
        let mut all = as_pushed(&[(1, 7), (4, 8), (6, 9)]);
        all.forget(4);
        assert_eq!(all.iter().cloned().collect::<Vec<_>>(), runs(&[(4, 8), (6, 9)]));
        all.forget(5);
        assert_eq!(all.iter().cloned().collect::<Vec<_>>(), runs(&[(6, 9)]));
        all.forget(100);
        assert_eq!(all.iter().cloned().collect::<Vec<_>>(), runs(&[(6, 9)]));
    }

    #[test]
    fn runs_are_cut_at_both_ends() {
        let all = runs(&[(1, 7), (4, 8), (6, 9)]);
        assert_eq!(clip(all.iter(), 0, 9), all);
        assert_eq!(clip(all.iter(), 4, 5), runs(&[(5, 8)]));
        assert_eq!(clip(all.iter(), 3, 6), runs(&[(4, 8), (6, 9)]));
        assert_eq!(clip(all.iter(), 1, 2), runs(&[(2, 7)]));
    }
}
