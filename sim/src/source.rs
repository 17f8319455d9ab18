//! What a source task does: it reads its splits in the order of event time, not before that instant, asks for checkpoints
//! where the configuration says so, and sends watermarks.

use crate::channel::Slot;
use crate::event::{Event, chain};
use crate::graph::Role;
use crate::input::Input;
use crate::protocol::{READING, Up};
use crate::record::{Record, lineage_weight, source_lineage};
use crate::step::Step;
use crate::task::{Mail, Task};
use crate::time::{NEVER, SECOND, Time};

/// How long a task at its end waits for the checkpoint that contains it before it asks for one, or asks again.
const ASK_AGAIN: Time = SECOND;

impl Step<'_> {
    /// Reads records one after the other, for as long as nothing but records is due.
    #[inline(always)]
    pub(crate) fn read_records(&mut self) {
        if self.task.serving.is_some() || !self.task.status.is_alive() {
            return;
        }
        let urgent_at = self.urgent_at();
        let fixed = self.fixed_service();
        while self.task.pending.is_empty() {
            let start = self.task.reading_due().max(self.task.clock);
            let end = self.horizon.min(self.net.ports[self.id.index()].flush_at);
            if start >= end.min(urgent_at) {
                return;
            }
            let size = self.task.splits[self.task.split].next.map_or(0, |entry| entry.record.size);
            let until = start + fixed.unwrap_or_else(|| self.service(size));
            if until >= end {
                self.task.clock = start;
                self.task.serving = Some((READING, until));
                return;
            }
            self.task.clock = until;
            self.read_record(until);
        }
    }

    /// A source emits a record and reads the next one.
    #[inline]
    pub(crate) fn read_record(&mut self, now: Time) {
        let Role::Source(input) = &self.operator.role else { return };
        let input = input.as_ref();
        self.shared.steps += 1;
        let task = &mut *self.task;
        let split = &mut task.splits[task.split];
        let Some(entry) = &split.next else { return };
        let lineage = source_lineage(self.info.origin, split.at.split, split.at.offset);
        let record = Record { lineage, ..entry.record };
        split.at.offset = entry.next;
        split.at.event_time = split.at.event_time.max(record.event_time);
        split.next = input.read(split.at.split, split.at.offset);
        split.at.ended = split.next.is_none();
        task.records += 1;
        task.lineages = task.lineages.wrapping_add(lineage_weight(record.lineage, 0));
        task.chain.0 = chain(task.chain.0, record.lineage ^ now);
        if self.shared.detail.records {
            self.emit(now, Event::Record { input: READING, lineage: record.lineage });
        }
        self.send_one(&record, now);
        self.after_reading(record.event_time, input, now);
    }

    /// The task has ended, and the checkpoint that contains its end is the one to wait for: a source asks for it at once.
    pub(crate) fn ask_for_the_last_checkpoint(&mut self, now: Time) {
        if self.info.inputs.is_empty() {
            self.tell(Up::Request, now);
        }
        self.ask_again(now);
    }

    /// Without a periodic trigger nobody but an ended task will ask for a checkpoint, be it that the first request was lost
    /// or that a completion was. So it asks until it may finish.
    pub(crate) fn ask_again(&mut self, now: Time) {
        if self.topology.config.checkpointing.interval == 0 {
            self.letter(now + ASK_AGAIN, Mail::AskAgain);
        }
    }

    /// What follows a record of a source: a request, a watermark, the choice of the next split, the end.
    #[inline]
    fn after_reading(&mut self, event_time: Time, input: &dyn Input, now: Time) {
        let config = &self.topology.config.checkpointing;
        self.task.since_request += 1;
        let counted = config.every_records > 0 && self.task.since_request >= config.every_records;
        let marked = config.at_records.get(self.task.marked).is_some_and(|&time| time <= event_time);
        if counted || marked {
            self.task.since_request = 0;
            self.task.marked += usize::from(marked);
            self.tell(Up::Request, now);
        }
        if self.task.splits.len() > 1 {
            choose_split(self.task);
        }
        let seen =
            self.task.splits.iter().filter(|split| !split.at.ended).map(|split| split.at.event_time).min();
        match seen {
            Some(seen) => {
                let next = self.task.watermark + self.topology.config.watermark_interval;
                if seen < next {
                    return;
                }
                // The watermark is a function of what has been read, not of when: it is the same in every replay.
                let watermark = seen.saturating_sub(input.disorder() + 1);
                if watermark >= next {
                    self.task.watermark = watermark;
                    self.send_all(Slot::watermark(watermark), now);
                }
            }
            None => {
                self.send_all(Slot::watermark(NEVER), now);
                self.end_if_done(now);
            }
        }
    }
}

/// Chooses the split whose next record is due first.
pub(crate) fn choose_split(task: &mut Task) {
    let due = |at: &usize| task.splits[*at].next.map_or(NEVER, |entry| entry.record.event_time);
    task.split = (0..task.splits.len()).min_by_key(|at| (due(at), *at)).unwrap_or(0);
}
