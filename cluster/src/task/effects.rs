//! What the strategy's machine in a task is told, and what it may have done.

use std::sync::Arc;

use cutline_sim::protocol::{READING, TaskEffect, TaskEffects, TaskEvent, Up};
use cutline_sim::record::Mark;

use super::channels::Thing;
use super::saving::Overtaken;
use super::{Mail, Status, Task, Want, task_ctx};

impl Task {
    /// Tells the strategy's machine, and does what it says.
    pub(super) fn tell_cut(&mut self, event: TaskEvent) {
        let topology = Arc::clone(&self.job.topology);
        let info = &topology.tasks[self.id.index()];
        let mut fx = TaskEffects::default();
        let cx = task_ctx(self.id, info, &topology.config, &self.open, &self.nobody, topology.tasks.len());
        self.cut.on_task(&cx, event, &mut fx);
        let acts = !fx.0.is_empty();
        fx.0.into_iter().for_each(|effect| self.execute(effect));
        if acts {
            self.seal();
        }
    }

    fn execute(&mut self, effect: TaskEffect) {
        match effect {
            TaskEffect::Block(READING) => self.paused = true,
            TaskEffect::Unblock(READING) => self.paused = false,
            TaskEffect::Block(input) => self.set_blocked(input, true),
            TaskEffect::Unblock(input) => self.set_blocked(input, false),
            TaskEffect::Emit(mark) => {
                self.outputs.iter_mut().for_each(|outbound| outbound.push(Thing::Mark(mark)));
            }
            TaskEffect::Overtake(mark) => self.overtake(mark),
            TaskEffect::Expedite(_) => {} // asked for by `Hooks::departures` alone, which are refused
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
            // Only who checkpoints on its own asks for jitter, and that is refused.
            TaskEffect::Timer(after, token) | TaskEffect::JitteredTimer(after, _, token) => {
                self.wants.push(Want::After(after.max(1), Mail::Timer(token)));
            }
        }
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
        let overtaken: Overtaken = {
            let ends = self.outputs.iter_mut().map(|outbound| outbound.overtake(mark));
            Overtaken { id: mark.id(), ends: ends.collect() }
        };
        self.overtaken = matches!(mark, Mark::Cut(_)).then_some(overtaken);
    }
}
