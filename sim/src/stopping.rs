//! How a task stops because the job does: a source stops reading, or ends where it is; and every task goes when it has committed
//! what the savepoint allows. What the coordinator does for it is in `coordinator/orders.rs`.
//!
//! A source that has stopped takes part in checkpoints as before, so the next one that begins finds it where it stands. It says
//! where that is as often as it is asked.
//!
//! A source that is to end sends the last watermark and its end, as at the end of its input. One that its strategy has paused
//! waits with that until it may read on: behind a mark that drains the channels nothing must follow.

use std::sync::Arc;

use crate::channel::Slot;
use crate::event::Event;
use crate::ids::CheckpointId;
use crate::protocol::Down;
use crate::queue::{Life, Message};
use crate::snapshot::SplitPosition;
use crate::step::Step;
use crate::task::Status;
use crate::time::{NEVER, Time};

impl Step<'_> {
    /// A source is told to stop reading. That may be said twice, and to one that has ended or finished by itself.
    pub(crate) fn stop_reading(&mut self, drain: bool, now: Time) {
        if self.task.status == Status::Running && !self.task.stopped {
            self.task.stopped = true;
            self.task.drains = drain;
            self.emit(now, Event::SourceStopped { drain });
            self.end_if_drained(now);
        }
        let positions: Arc<[SplitPosition]> = self.task.splits.iter().map(|split| split.at).collect();
        self.send_up(Message::Stopped(self.id, self.task.attempt, positions), now);
    }

    /// A source that is to end does so, unless it is paused.
    pub(crate) fn end_if_drained(&mut self, now: Time) {
        if !self.task.drains || self.task.paused || self.task.status != Status::Running {
            return;
        }
        self.task.drains = false;
        self.send_all(Slot::watermark(NEVER), now);
        self.end(now);
    }

    /// The job stops with this checkpoint as its savepoint: the task commits, and goes.
    pub(crate) fn leave(&mut self, id: CheckpointId, now: Time) {
        if self.task.status == Status::Finished {
            return self.report(Life::Finished, now); // perhaps the coordinator has not heard of it
        }
        if self.task.status.is_alive() {
            self.task.leaves = true;
            self.control(Down::Completed(id), now);
            self.go_if_committed(now);
        }
    }

    /// A task of a job that has been stopped is gone when its commits are confirmed. What it had not finished is not needed: it
    /// is done again from the savepoint.
    pub(crate) fn go_if_committed(&mut self, now: Time) {
        if !self.task.leaves || !self.task.commits.is_empty() || !self.task.status.is_alive() {
            return;
        }
        self.task.serving = None;
        self.task.pending.clear();
        self.net.silence(self.id);
        self.task.become_status(Status::Finished, now);
        self.emit(now, Event::TaskFinished);
        self.report(Life::Finished, now);
    }
}
