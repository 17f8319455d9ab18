//! What sources read: an immutable, replayable, offset-addressed input.

use crate::record::Record;
use crate::time::Time;

/// One record of an input, and where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The record. Its lineage is filled in by the source; what the input sets is ignored.
    pub record: Record,
    /// The offset to read next.
    pub next: u64,
}

/// An input: a fixed number of splits, each a sequence of records addressed by offset. The record at an offset never
/// changes, so a source that goes back to an offset reads the same again. Within a split the instants at which records
/// may be emitted (their event times) should grow; a record that is out of order is emitted with its predecessor.
pub trait Input: Send + Sync {
    /// How many splits there are; at least 1. Split `s` is read by subtask `s % parallelism`.
    fn splits(&self) -> u32;

    /// The offset of the first record of a split.
    fn start(&self, split: u32) -> u64;

    /// The record at an offset of a split; `None` at the end of the split. The offset is [`Input::start`] or an
    /// [`Entry::next`] of this split.
    fn read(&self, split: u32, offset: u64) -> Option<Entry>;

    /// By how much, in nanoseconds, the event time of a record may lie before the largest one seen before it in its
    /// split. Watermarks trail by this much, so no record is ever late.
    fn disorder(&self) -> u64 {
        0
    }

    /// A hash of what the record at an offset of a split stands for, if operators look up more than it says itself (a line of
    /// text, by its number). Two inputs are the same as far as their records and these are equal.
    fn behind(&self, _split: u32, _offset: u64) -> u64 {
        0
    }

    /// The event time of the last record of all; 0 if there is none. The default reads everything.
    fn last_event_time(&self) -> Time {
        let mut last = 0;
        for split in 0..self.splits() {
            let mut offset = self.start(split);
            while let Some(entry) = self.read(split, offset) {
                last = last.max(entry.record.event_time);
                offset = entry.next;
            }
        }
        last
    }

    /// What a person should read about the record at an offset of a split, in a witness.
    fn describe(&self, split: u32, offset: u64) -> String {
        format!("the record at offset {offset} of split {split}")
    }
}
