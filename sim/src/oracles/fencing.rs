//! Fencing: no acknowledgement, commit or record of an older attempt has an effect, and what is restored is the newest
//! checkpoint that exists.

use super::{Oracle, Verdict, show_time};
use crate::event::{Event, Stamped};
use crate::ids::{Attempt, CheckpointId};
use crate::world::{Outcome, World};

/// Its name.
pub const NAME: &str = "fencing";

/// The oracle.
#[derive(Debug, Default)]
pub struct Fencing {
    newest: Option<CheckpointId>,
    /// The attempt in which the metadata of the latest checkpoints was sent to the store.
    sent: Vec<(CheckpointId, Attempt)>,
    proof: Option<String>,
}

impl Oracle for Fencing {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, world: &World, event: &Stamped) {
        if self.proof.is_some() {
            return;
        }
        let at = show_time(event.time);
        match event.event {
            // The write may end when the job is already failing over: what counts is the attempt that sent it.
            Event::MetadataSent { id } => self.sent.push((id, world.attempt())),
            Event::CheckpointCompleted { id, .. } => {
                self.newest = self.newest.max(Some(id));
                let sent = self.sent.iter().find(|&&(other, _)| other == id).map(|&(_, attempt)| attempt);
                self.sent.retain(|&(other, _)| other > id);
                self.proof = foreign_snapshot(world, id, sent.unwrap_or(world.attempt()));
            }
            Event::StaleEffect { task, attempt } => {
                let name = world.topology().task_name(task);
                self.proof = Some(format!(
                    "At {at} the coordinator received what {name} had said in attempt {attempt}. The job was in attempt {} \
                     by then, so it must not have had any effect; but it had one.",
                    world.attempt()
                ));
            }
            Event::Restoring { attempt, checkpoint } if checkpoint != self.newest => {
                let name = |id: Option<CheckpointId>| match id {
                    Some(id) => format!("checkpoint {id}"),
                    None => "the initial state".to_owned(),
                };
                self.proof = Some(format!(
                    "At {at} attempt {attempt} was restored from {}. But {} was complete, tasks had been told so, and what \
                     it covers may have been committed: everything after the older one happens a second time.",
                    name(checkpoint),
                    name(self.newest)
                ));
            }
            _ => {}
        }
    }

    fn verdict(&mut self, _world: &World, _outcome: Outcome) -> Verdict {
        self.proof.take().map_or(Verdict::Pass, Verdict::Fail)
    }
}

/// A snapshot of another attempt in a completed checkpoint.
fn foreign_snapshot(world: &World, id: CheckpointId, attempt: Attempt) -> Option<String> {
    let manifest = world.store().manifest(id)?;
    let mut snapshots = manifest.iter().flatten().filter_map(|&handle| world.store().get(handle));
    let foreign = snapshots.find(|snapshot| snapshot.attempt != attempt)?;
    Some(format!(
        "Checkpoint {id} was completed by attempt {attempt}. It contains the snapshot that {} took in attempt {} (for \
         checkpoint {}). That attempt was over: its tasks were rolled back, so the snapshot belongs to a history that no \
         longer exists.",
        world.topology().task_name(foreign.task),
        foreign.attempt,
        foreign.id
    ))
}
