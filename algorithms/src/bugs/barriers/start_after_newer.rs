//! FLINK-17869 (FLINK-17737, FLINK-17994, FLINK-18063): one thread puts the start of a checkpoint into the mailbox of the task, another one
//! cancels it or starts the next one directly, and whoever takes the old start out of the mailbox does not look again
//! whether it is still wanted. So the snapshot of a checkpoint is taken after that of the next one. A sink then files what
//! came behind the cut of the newer checkpoint under the older one, and commits it with the newer: if the job fails before the
//! one after that, the same records are made and committed again.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};
use cutline_sim::record::Mark;
use cutline_sim::time::MILLISECOND;

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

/// Leaves the start of a cancelled checkpoint in the mailbox.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct StartAfterNewer {
    /// The newest checkpoint whose start was put there,
    begun: CheckpointId,
    /// and the one of which it is there though it was cancelled.
    queued: Option<CheckpointId>,
}

/// How long the mail is still there when the next checkpoint has started.
const MAIL: u64 = 5 * MILLISECOND;

impl TaskMutation for StartAfterNewer {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        if let TaskEvent::Timer(token) = event {
            return fx.snapshot(CheckpointId(u64::from(token)));
        }
        if let TaskEvent::Reached(_, Mark::Cut(id)) = event {
            self.begun = self.begun.max(id);
        }
        machine.on(task, event, fx);
        for at in 0..fx.0.len() {
            match fx.0[at] {
                TaskEffect::Emit(Mark::Cancel(id)) if id == self.begun => self.queued = Some(id),
                TaskEffect::Snapshot(id) => {
                    if let Some(old) = self.queued.take_if(|old| *old < id) {
                        fx.timer(MAIL, old.0 as u32);
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Aborted, TaskEffect::*, TaskEvent::*};
    use cutline_sim::record::Mark::{Cancel, Cut};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_older_snapshot_is_taken_after_the_newer() {
        let mut task = HandTask::<MutantTask<StartAfterNewer>>::with_inputs(2);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), [Block(0)]);
        assert_eq!(task.on(Control(Aborted(id(1)))), [Unblock(0), Emit(Cancel(id(1)))]);
        task.on(Reached(0, Cut(id(2))));
        let cut = task.on(Reached(1, Cut(id(2))));
        assert_eq!(cut, [Emit(Cut(id(2))), Snapshot(id(2)), Unblock(0), TaskEffect::Timer(MAIL, 1)]);
        assert_eq!(task.on(TaskEvent::Timer(1)), [Snapshot(id(1))]);
    }
}
