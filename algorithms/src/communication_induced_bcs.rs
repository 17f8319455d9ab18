//! Communication-induced checkpoints, with the index of Briatico, Ciuffoletti and Simoncini (1984, *A distributed domino-effect free
//! recovery algorithm*).
//!
//! Tasks take checkpoints on their own, as [uncoordinated](crate::uncoordinated) ones do (the *basic* ones), and number them. What they
//! send carries the number of their newest. Who receives a greater number than its own takes a checkpoint with that number first
//! (a *forced* one). So what was sent after a checkpoint is never received before one of the same number: the first checkpoints
//! with a number n or more of all tasks are a consistent line, and no checkpoint is useless.
//!
//! The price: one word on every message, and more forced checkpoints than [the clocks of
//! HMNR](crate::communication_induced) take, for every one of them spreads to all that hear of it.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Hooks, TaskCtx, TaskCut, TaskEffects, TaskEvent};

pub use crate::recovery_line::RecoveryLine;
use crate::uncoordinated::Uncoordinated;

/// The part in every task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CommunicationInducedBcs {
    basic: Uncoordinated,
    /// The number of its newest checkpoint among those of all tasks. It is saved with the snapshot.
    pub(crate) index: u32,
}

impl TaskCut for CommunicationInducedBcs {
    type Durable = (CheckpointId, u32);
    const HOOKS: Hooks = Hooks { tags: true, ..Uncoordinated::HOOKS };
    const NEVER_USELESS: bool = true;

    fn new(task: &TaskCtx<'_>, (newest, index): Self::Durable) -> Self {
        CommunicationInducedBcs { basic: Uncoordinated::new(task, newest), index }
    }

    fn durable(&self) -> Self::Durable {
        (self.basic.durable(), self.index)
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let newest = self.basic.durable();
        self.basic.on(task, event, fx);
        self.index += u32::from(self.basic.durable() > newest);
    }

    fn tag(&self, words: &mut Vec<u32>) {
        words.push(self.index);
    }

    fn before_deliver(&mut self, _task: &TaskCtx<'_>, tag: &[u32], fx: &mut TaskEffects) {
        if let Some(&index) = tag.first()
            && index > self.index
        {
            self.force(index, fx);
        }
    }
}

impl CommunicationInducedBcs {
    /// Takes a checkpoint with this index.
    pub(crate) fn force(&mut self, index: u32, fx: &mut TaskEffects) {
        self.index = index;
        self.basic.take(fx);
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::Snapshot;
    use cutline_sim::protocol::TaskEvent::Started;

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_greater_index_forces_a_checkpoint_with_that_index() {
        let mut task = HandTask::<CommunicationInducedBcs>::with_inputs(1);
        task.config.interval = 0;
        assert_eq!(task.on(Started), [Snapshot(id(1))]);
        assert_eq!(task.before_deliver(&[1]), []);
        assert_eq!(task.before_deliver(&[4]), [Snapshot(id(2))]);
        assert_eq!(task.before_deliver(&[4]), [], "asked again");
        assert_eq!(task.machine.durable(), (id(2), 4));
        let mut words = Vec::new();
        task.machine.tag(&mut words);
        assert_eq!(words, [4]);
    }
}
