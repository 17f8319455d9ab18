//! Fencing: nothing that an older attempt tells the coordinator has an effect, and what is restored is the newest checkpoint
//! that exists. (Commits of an older attempt are refused by the external system, and what of it slips through shows in
//! the ledger; its records never leave channels that are emptied for the new attempt.)

use super::{Oracle, Verdict, show_time};
use crate::event::{Event, Stamped};
use crate::ids::CheckpointId;
use crate::world::{Outcome, World};

/// Its name.
pub const NAME: &str = "fencing";

/// The oracle.
#[derive(Clone, Debug, Default, Hash)]
pub struct Fencing {
    newest: Option<CheckpointId>,
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
        let at = || show_time(event.time);
        match event.event {
            Event::CheckpointCompleted { id, .. } => self.newest = self.newest.max(Some(id)),
            Event::StaleEffect { task, attempt } => {
                let name = world.topology().task_name(task);
                self.proof = Some(format!(
                    "At {} the coordinator received what {name} had said in attempt {attempt}. The job was in attempt {} by \
                     then, so it must not have had any effect; but it had one.",
                    at(),
                    world.attempt()
                ));
            }
            Event::Restoring { attempt, checkpoint } if checkpoint != self.newest => {
                let name = |id: Option<CheckpointId>| match id {
                    Some(id) => format!("checkpoint {id}"),
                    None => "the initial state".to_owned(),
                };
                self.proof = Some(format!(
                    "At {} attempt {attempt} was restored from {}. But {} was complete, tasks had been told so, and what it \
                     covers may have been committed: everything after the older one happens a second time.",
                    at(),
                    name(checkpoint),
                    name(self.newest)
                ));
            }
            _ => {}
        }
    }

    fn objects(&self) -> bool {
        self.proof.is_some()
    }

    fn verdict(&mut self, _world: &World, _outcome: Outcome) -> Verdict {
        self.proof.take().map_or(Verdict::Pass, Verdict::Fail)
    }
}
