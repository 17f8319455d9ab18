//! A counter that outlives the run: every task lets its acknowledgements wait for a little while, longer each time, so that
//! they do not all arrive at once. The counter is one of the whole process, so a run depends on the runs before it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent, Up};
use cutline_sim::time::MICROSECOND;

use crate::aligned::Aligned;
use crate::mutants::TaskMutation;

static ACKNOWLEDGEMENTS: AtomicU64 = AtomicU64::new(0); // tidy-allow: statics it is the bug

/// Lets acknowledgements wait.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct GlobalCounter;

impl TaskMutation for GlobalCounter {
    type Of = Aligned;

    fn on(&mut self, machine: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        if let TaskEvent::Timer(token) = event {
            return fx.tell(Up::Ack(CheckpointId(u64::from(token))));
        }
        machine.on(task, event, fx);
        for effect in &mut fx.0 {
            if let TaskEffect::Tell(Up::Ack(id)) = *effect {
                let count = ACKNOWLEDGEMENTS.fetch_add(1, Relaxed); // the mutation
                *effect = TaskEffect::Timer((count % 1000 + 1) * MICROSECOND, id.0 as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn two_machines_of_one_process_differ() {
        let once = || HandTask::<MutantTask<GlobalCounter>>::source().on(TaskEvent::Persisted(id(1)));
        assert_ne!(once(), once());
    }
}
