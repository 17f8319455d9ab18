//! FLINK-17568: after a barrier had arrived, the task went on in its reading loop and handled records before it took the
//! snapshot. What it makes of them goes behind the barrier that has been sent on, but they are in its state: those below never
//! get it after a restore. And of an input whose barrier it reaches meanwhile it handles records from behind the barrier, which
//! come again after a restore.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{InputSet, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};
use cutline_sim::record::Mark;
use cutline_sim::time::MILLISECOND;

use crate::mutants::TaskMutation;
use crate::unaligned::Unaligned;

/// Puts off every snapshot.
#[derive(Clone, Debug, Default, Hash)]
pub struct ReadOn {
    /// The checkpoint whose snapshot is still to be taken.
    due: CheckpointId,
    /// Inputs whose barrier has been reached since: there is nothing to capture before it.
    reached: InputSet,
}

/// How long the task reads on.
const WHILE: u64 = 5 * MILLISECOND;

impl TaskMutation for ReadOn {
    type Of = Unaligned;

    fn on(&mut self, machine: &mut Unaligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        match event {
            TaskEvent::Timer(token) if u64::from(token) == self.due.0 => {
                fx.snapshot(self.due);
                let before = task.open.iter().filter(|&input| !self.reached.contains(input));
                before.for_each(|input| fx.capture(input, self.due));
                self.due = CheckpointId::default();
            }
            TaskEvent::Reached(input, Mark::Cut(id)) if id == self.due => drop(self.reached.insert(input)),
            _ => {}
        }
        if matches!(event, TaskEvent::Timer(_)) {
            return;
        }
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(..)));
        for effect in &mut fx.0 {
            match *effect {
                TaskEffect::Snapshot(id) => {
                    *effect = TaskEffect::Timer(WHILE, id.0 as u32);
                    self.due = id;
                    self.reached.clear();
                }
                TaskEffect::DropSnapshot(id) if id == self.due => self.due = CheckpointId::default(),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, TaskEvent::*};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_snapshot_is_taken_when_a_barrier_has_been_passed() {
        let mut task = HandTask::<MutantTask<ReadOn>>::with_inputs(2);
        assert_eq!(task.on(Arrived(0, Cut(id(1)))), [Overtake(Cut(id(1))), TaskEffect::Timer(WHILE, 1)]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
        assert_eq!(task.on(TaskEvent::Timer(1)), [Snapshot(id(1)), Capture(1, id(1))]);
        assert_eq!(task.on(TaskEvent::Timer(1)), []);
    }
}
