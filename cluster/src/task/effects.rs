//! What the strategy's machine in a task is told, and what it may have done.

use std::sync::Arc;

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Input, READING, TaskCtx, TaskEffect, TaskEffects, TaskEvent, Up};
use cutline_sim::random::{below, draw, mix};
use cutline_sim::record::Mark;
use cutline_sim::time::Time;

use super::channels::Thing;
use super::saving::Overtaken;
use super::{Mail, Status, Task, Want, task_ctx};

/// So many snapshots before one delivery are a strategy that will never be content.
pub(super) const TOO_OFTEN: u32 = 100;

impl Task {
    /// Tells the strategy's machine, and does what it says.
    pub(super) fn tell_cut(&mut self, event: TaskEvent) {
        let topology = Arc::clone(&self.job.topology);
        let mut fx = TaskEffects::default();
        let began = match event {
            TaskEvent::Control(Down::Trigger(id)) | TaskEvent::Arrived(_, Mark::Cut(id)) => self.began(id),
            _ => self.now,
        };
        let cx = task_ctx(self.id, &topology, &self.open, &self.sent_to);
        let cx = TaskCtx { age: self.now.saturating_sub(began), ..cx };
        self.cut.on_task(&cx, event, &mut fx);
        self.do_all(fx);
    }

    fn do_all(&mut self, fx: TaskEffects) {
        let acts = !fx.0.is_empty();
        fx.0.into_iter().for_each(|effect| self.execute(effect));
        if acts {
            self.seal();
        }
    }

    /// When a checkpoint began, as far as the task knows.
    fn began(&self, id: CheckpointId) -> Time {
        self.began.get(&id).copied().unwrap_or(self.now)
    }

    /// Shows the strategy the tag of what is next on an input, if that is new there; true if this has made it take a snapshot, which comes
    /// before the delivery: then the tag is shown again, for other things may come between.
    pub(super) fn is_held_up(&mut self, input: Input) -> bool {
        let Some(tag) = self.inputs[input as usize].brings().map(<[u32]>::to_vec) else { return false };
        let topology = Arc::clone(&self.job.topology);
        let (before, mut fx) = (self.snapshots, TaskEffects::default());
        let cx = task_ctx(self.id, &topology, &self.open, &self.sent_to);
        self.cut.before_deliver(&cx, &tag, &mut fx);
        self.do_all(fx);
        let forced = self.snapshots > before;
        self.forced = if forced { self.forced + 1 } else { 0 };
        if self.forced == TOO_OFTEN {
            self.wants.push(Want::Hopeless(format!(
                "{} has taken {TOO_OFTEN} snapshots before one delivery, and the strategy asks for another one: after a snapshot \
                 it must be content with what forced it",
                topology.task_name(self.id)
            )));
        }
        forced
    }

    /// Something was consumed, and the tag that came with it is delivered.
    pub(super) fn take_tag(&mut self, input: Input) {
        let Some(tag) = self.inputs[input as usize].take_tag() else { return };
        let topology = Arc::clone(&self.job.topology);
        let cx = task_ctx(self.id, &topology, &self.open, &self.sent_to);
        if self.cut.delivered(&cx, &tag) {
            self.renew_tag();
        }
    }

    /// A snapshot was taken: what is sent from now on is sent after it.
    pub(super) fn begin_interval(&mut self) {
        self.sent_to.clear();
        self.renew_tag();
    }

    /// What is sent from now on carries the tag that the strategy gives now.
    pub(super) fn renew_tag(&mut self) {
        if !self.cut.hooks().tags {
            return;
        }
        let mut words = Vec::new();
        self.cut.tag(self.id, &mut words);
        if self.tag.as_ref() != Some(&words) {
            self.outputs.iter_mut().for_each(|outbound| outbound.begin_tag(&words));
            self.tag = Some(words);
        }
    }

    fn execute(&mut self, effect: TaskEffect) {
        match effect {
            TaskEffect::Block(READING) => self.paused = true,
            TaskEffect::Unblock(READING) => self.paused = false,
            TaskEffect::Block(input) => self.set_blocked(input, true),
            TaskEffect::Unblock(input) => self.set_blocked(input, false),
            TaskEffect::Emit(mark) => {
                let thing = Thing::Mark(mark, self.began(mark.id()));
                self.outputs.iter_mut().for_each(|outbound| outbound.push(thing));
            }
            TaskEffect::Overtake(mark) => self.overtake(mark),
            TaskEffect::Expedite(mark) => self.expedite(mark),
            TaskEffect::Capture(input, id) => self.capture(input, id),
            // Its last one stands for a task that has finished, whatever timers it had set.
            TaskEffect::Snapshot(_) if self.status == Status::Finished => {}
            TaskEffect::Snapshot(id) => {
                let topology = Arc::clone(&self.job.topology);
                if let Some(operator) = topology.role(self.id).transform() {
                    operator.on_snapshot(&mut self.state, self.watermark);
                }
                self.snapshot(id);
            }
            TaskEffect::DropSnapshot(id) => self.drop_snapshots(|other| other == id),
            TaskEffect::Tell(up) => self.tell(up),
            TaskEffect::Commit(id) => self.commit(id),
            TaskEffect::Timer(after, token) => self.wake(after, token),
            // Clocks are not repeatable but on madsim, so the instant serves as a draw of its seed.
            TaskEffect::JitteredTimer(after, jitter, token) => {
                let late = below(draw(mix(u64::from(self.id.0)), self.now), jitter.saturating_add(1));
                self.wake(after.saturating_add(late), token);
            }
        }
    }

    fn wake(&mut self, after: Time, token: u32) {
        self.wants.push(Want::After(after.max(1), Mail::Timer(token)));
    }

    fn set_blocked(&mut self, input: u32, blocked: bool) {
        if let Some(inbound) = self.inputs.get_mut(input as usize) {
            inbound.blocked = blocked;
        }
    }

    fn tell(&mut self, up: Up) {
        let saved = match up {
            Up::Ack(id) => self.uploads_of(id).find_map(|upload| upload.about()),
            _ => None,
        };
        self.wants.push(Want::Tell(up, saved));
    }

    /// Sends a mark before everything that has not left, and keeps what it overtakes for the snapshot.
    fn overtake(&mut self, mark: Mark) {
        let began = self.began(mark.id());
        let overtaken: Overtaken = {
            let ends = self.outputs.iter_mut().map(|outbound| outbound.overtake(mark, began));
            Overtaken { id: mark.id(), ends: ends.collect() }
        };
        self.overtaken = matches!(mark, Mark::Cut(_)).then_some(overtaken);
    }
}
