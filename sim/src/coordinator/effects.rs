//! What the strategy's machine in the coordinator wants, carried out: messages to tasks, metadata, restores.

use std::sync::Arc;

use super::Writing;
use crate::event::{Event, Origin};
use crate::ids::{Attempt, CheckpointId, TaskId};
use crate::log::in_transit;
use crate::protocol::{CoordinatorEffect, CoordinatorEvent, Down, Handle, JobCtx, To};
use crate::queue::{Action, Timer};
use crate::store::Manifest;
use crate::task::Mail;
use crate::world::World;

impl World {
    /// Hands an event to the machine and carries out what it wants; returns how many effects there were.
    pub(super) fn tell_machine(&mut self, event: CoordinatorEvent) -> usize {
        // What it wants may make it want more: whoever comes second finds no memory there, and takes its own.
        let mut fx = std::mem::take(&mut self.shared.wanted);
        let coordinator = &self.coordinator;
        let job = JobCtx {
            now: self.now,
            attempt: coordinator.attempt,
            first_checkpoint: coordinator.first_checkpoint,
            tasks: self.tasks.len() as u32,
            finished: &coordinator.finished,
            roots: &coordinator.roots,
            channels: &self.topology.channels,
            config: &self.topology.config.checkpointing,
        };
        self.protocol.on_coordinator(&job, event, &mut fx);
        let count = fx.0.len();
        self.coordinator.wants.0 += count;
        for effect in fx.0.drain(..) {
            self.carry_out(effect);
        }
        self.shared.wanted = fx;
        count
    }

    fn carry_out(&mut self, effect: CoordinatorEffect) {
        match effect {
            CoordinatorEffect::Begin(id) => {
                self.shared.triggered.insert(id, self.now);
                self.coordinator.orders.note_begun(id);
                self.log(Event::CheckpointTriggered { id });
            }
            CoordinatorEffect::Tell(to, down) => self.tell_tasks(to, down),
            CoordinatorEffect::Complete(id, snapshots) => self.write_metadata(id, snapshots.into()),
            CoordinatorEffect::Abandon(id, reason, snapshots) => {
                self.coordinator.orders.note_given_up(id);
                self.log(Event::CheckpointAborted { id, reason });
                snapshots.into_iter().for_each(|handle| self.store.discard(handle));
            }
            CoordinatorEffect::Discard(handle) => self.store.discard(handle),
            CoordinatorEffect::Subsume(id) => {
                self.log(Event::CheckpointSubsumed { id });
                let backend = &self.backend;
                self.store.subsume(id, |references| backend.may_go(references));
            }
            CoordinatorEffect::Restore(line) => self.restore(line),
            CoordinatorEffect::Timer(after, token) => self.schedule(after, Timer::Cut(token)),
            CoordinatorEffect::FailOver if self.coordinator.orders.is_leaving() => {} // it stops anyhow
            CoordinatorEffect::FailOver => self.fail_job(),
        }
    }

    fn tell_tasks(&mut self, to: To, down: Down) {
        match to {
            To::Task(task) => self.tell_task(task, Mail::Control(down)),
            To::Roots => {
                for at in 0..self.coordinator.roots.len() {
                    self.tell_task(self.coordinator.roots[at], Mail::Control(down));
                }
            }
            To::All => {
                for task in 0..self.tasks.len() as u32 {
                    if !self.coordinator.finished.contains(task) {
                        self.tell_task(TaskId(task), Mail::Control(down));
                    }
                }
            }
        }
    }

    pub(super) fn tell_task(&mut self, task: TaskId, mail: Mail) {
        self.coordinator.number.0 += 1;
        let number = self.coordinator.number.0;
        let attempt = self.coordinator.attempt;
        let last = &mut self.tasks[task.index()].last_down;
        let deliveries = self.shared.post.deliver(self.now, Origin::COORDINATOR.0, number, last);
        if let Some(trouble) = deliveries.event(mail.topic()) {
            self.log(trouble);
        }
        for time in deliveries.times() {
            self.coordinator.number.0 += 1;
            let from = (Origin::COORDINATOR, self.coordinator.number.0);
            self.post_letter(task, attempt, time, from, mail.clone());
        }
    }

    fn write_metadata(&mut self, id: CheckpointId, manifest: Manifest) {
        self.log(Event::MetadataSent { id });
        // What an older attempt said may have been counted without a visible effect; here it becomes visible.
        let counted = |&&(handle, _, _): &&(Handle, TaskId, Attempt)| manifest.contains(&Some(handle));
        if let Some(&(_, task, attempt)) = self.coordinator.stale.iter().find(counted) {
            self.log(Event::StaleEffect { task, attempt });
        }
        let log: Arc<[Handle]> = match self.network.logs_sent() {
            true => in_transit(&self.topology, &self.store, &manifest).held_by.into(),
            false => Arc::default(),
        };
        let bytes = 64 * (manifest.len() + log.len()) as u64;
        let (took, fine) = self.shared.write(&self.topology.config.store, u64::MAX - id.0, bytes);
        let held = self.store.refer(manifest, &log);
        self.coordinator.writing.push(Writing { id, held, doomed: self.coordinator.frozen });
        self.coordinator.number.0 += 1;
        let action = Action::MetadataWritten(id, fine);
        self.shared.queue.push(
            self.now + took.max(self.topology.config.least),
            Origin::COORDINATOR,
            self.coordinator.number.0,
            action,
        );
    }

    pub(crate) fn metadata_written(&mut self, id: CheckpointId, fine: bool) {
        let Some(at) = self.coordinator.writing.iter().position(|writing| writing.id == id) else { return };
        let Writing { held, doomed, .. } = self.coordinator.writing.remove(at);
        if fine && !doomed {
            let (mut bytes, full_bytes) = self.sizes(id, &held.manifest);
            let logged = held.log.iter().filter_map(|&handle| self.store.get(handle));
            bytes += logged.map(|snapshot| snapshot.logged_bytes).sum::<u64>();
            let duration = self.now - self.shared.triggered.get(&id).copied().unwrap_or(self.now);
            let is_older = |handle: &Handle| held.manifest[handle.task().index()] > Some(*handle);
            self.coordinator.timely.retain(|handle| !is_older(handle)); // no line will contain it any more
            self.store.complete(id, held);
            self.log(Event::CheckpointCompleted { id, duration, bytes, full_bytes });
            self.tell_machine(CoordinatorEvent::MetaStored(id));
            self.note_complete(id, full_bytes);
        } else {
            self.store.release(&held);
            self.tell_machine(CoordinatorEvent::MetaFailed(id));
        }
        self.suspend_if_gone();
        self.deploy_if_possible();
    }

    /// How many bytes were written for a checkpoint, and how many it refers to. The snapshot of a task that has finished stands in
    /// older checkpoints already.
    pub(super) fn sizes(&self, id: CheckpointId, manifest: &Manifest) -> (u64, u64) {
        let (mut written, mut full) = (0_u64, 0_u64);
        for &handle in manifest.iter().flatten() {
            let Some(snapshot) = self.store.get(handle) else { continue };
            full = snapshot.bytes_in(id).saturating_add(full);
            if self.store.is_new(handle) {
                written = snapshot.written_in(id).saturating_add(written);
            }
        }
        (written, full)
    }
}
