//! How a task comes to its end: it has read or consumed everything, sends its end, waits for the checkpoint that contains it, and until
//! everybody has consumed what it has sent. Around a loop [`Detection`] says when nothing more will come.

use cutline_sim::channel::Item;
use cutline_sim::protocol::{Input, Up};
use cutline_sim::termination::Detection;
use cutline_sim::time::{NEVER, SECOND};

use super::channels::Thing;
use super::{Mail, Status, Task, Upload, Want};
use crate::snapshot::Final;

impl Task {
    /// After the last input has ended: sends the end, and waits for the checkpoint that contains it.
    pub(super) fn end_if_done(&mut self) {
        let done = match self.inputs.len() {
            0 => self.splits.iter().all(|split| split.at.ended),
            _ if self.info().feedback.is_empty() => self.has_consumed_all(),
            _ => self.is_loop_over(),
        };
        if done && self.status == Status::Running {
            self.send_all(Item::End);
            self.status = Status::Ended;
            self.ask_for_the_last_checkpoint();
        }
    }

    /// True if every input has delivered its end.
    pub(super) fn has_consumed_all(&self) -> bool {
        self.ended_inputs.len() as usize == self.inputs.len()
    }

    /// It has ended, and the checkpoint that contains its end is the one to wait for.
    pub(super) fn ask_for_the_last_checkpoint(&mut self) {
        if self.inputs.is_empty() {
            self.wants.push(Want::Tell(Up::Request, None));
        }
        self.ask_again();
    }

    pub(super) fn ask_again(&mut self) {
        if self.config().checkpointing.interval == 0 {
            self.wants.push(Want::After(SECOND, Mail::AskAgain));
        }
    }

    /// An ended task finishes when a checkpoint with its end has completed, its commits up to that one are confirmed (what is committed
    /// later is empty, and may go on for as long as checkpoints are taken), it has consumed the ends of all its
    /// inputs (the head of a loop ends before), its receivers have consumed all it has sent and, where marks overtake, what it has begun
    /// to save is saved.
    pub(super) fn finish_if_done(&mut self) {
        let Some(safe) = self.safe_with.filter(|_| self.status == Status::Ended) else { return };
        if self.commits.iter().any(|transaction| transaction.id <= safe) {
            return;
        }
        let consumed = self.has_consumed_all() && self.confirmed.len() as usize == self.outputs.len();
        let overtakes = self.cut.hooks().arrivals;
        let is_pending =
            |upload: &Upload| overtakes && !(upload.dropped || upload.written && upload.prepared);
        if !consumed || self.uploads.iter().any(is_pending) {
            return;
        }
        self.outputs.iter_mut().for_each(|outbound| outbound.push(Thing::Close));
        self.status = Status::Finished;
        self.wants.push(Want::Finish(Final { state: self.state.form(), handled: self.handled }));
    }

    /// A task of a loop starts: it begins to watch for the end of the loop, or goes on with it.
    pub(super) fn watch_loop(&mut self) {
        let Some(around) = self.info().around.clone() else { return };
        if self.detection.is_none() {
            let mut detection = Detection::new(&around);
            self.ended_inputs.iter().for_each(|input| detection.end(around.sides[input as usize], input));
            self.detection = Some(detection);
        }
        self.probe_loop();
    }

    pub(super) fn note_probe(&mut self, input: Input, count: u64) {
        if self.ended_inputs.contains(input) {
            return; // nothing comes behind an end
        }
        let side = self.info().around.as_ref().map(|around| around.sides[input as usize]);
        if let (Some(detection), Some(side)) = (&mut self.detection, side) {
            detection.probe(side, input, count);
            self.probe_loop();
        }
    }

    pub(super) fn note_end_in_loop(&mut self, input: Input) {
        let side = self.info().around.as_ref().map(|around| around.sides[input as usize]);
        if let (Some(detection), Some(side)) = (&mut self.detection, side) {
            detection.end(side, input);
            self.probe_loop();
        }
    }

    /// True for a head that knows that its loop is over, and to which nothing more comes from elsewhere.
    fn is_loop_over(&self) -> bool {
        let feedback = &self.info().feedback;
        let open = |input| !self.ended_inputs.contains(input) && !feedback.contains(input);
        let is_over = self.detection.as_ref().is_some_and(Detection::is_over);
        is_over && !(0..self.inputs.len() as u32).any(open)
    }

    /// Does what can be done for the rounds of the loop now.
    fn probe_loop(&mut self) {
        while self.status == Status::Running {
            let records = self.handled.0;
            let Some(detection) = &mut self.detection else { return };
            detection.complete(records);
            if detection.is_over() {
                let feedback = self.info().feedback.clone();
                feedback.iter().for_each(|input| self.advance_watermark(input, NEVER));
                self.end_if_done();
            }
            // Who knows that the loop is over, but still awaits an end from before it, takes part until it comes.
            let runs = self.status == Status::Running;
            let detection = self.detection.as_mut().filter(|_| runs);
            let Some(count) = detection.and_then(|detection| detection.begin(records)) else { return };
            self.send_around(Item::Probe(count));
        }
    }

    /// Sends an item on every channel that leads on around the loop.
    fn send_around(&mut self, item: Item) {
        let mut first = 0;
        for edge in 0..self.info().outputs.len() {
            let (channels, around) = {
                let edge = &self.info().outputs[edge];
                (edge.channels as usize, edge.around)
            };
            if around {
                (first..first + channels).for_each(|output| self.send(output, item));
            }
            first += channels;
        }
    }
}
