//! A task sends its markers when the first one comes, but records its state when the last one has come, and then takes all inputs for
//! empty. What it handles in between is in its state, and what that made it send is behind its markers: after a restore it is lost. What it
//! took from an input behind that one's marker the sender sends once more, and it counts twice.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Input, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};
use cutline_sim::record::Mark;

use crate::chandy_lamport::ChandyLamport;
use crate::mutants::TaskMutation;

/// Puts off what is recorded.
#[derive(Clone, Debug, Default, Hash)]
pub struct LastMarker {
    /// Markers that are still to come.
    awaited: Vec<(Input, CheckpointId)>,
}

impl TaskMutation for LastMarker {
    type Of = ChandyLamport;

    fn on(
        &mut self,
        machine: &mut ChandyLamport,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        machine.on(task, event, fx);
        let captured = |effect: &TaskEffect| match effect {
            TaskEffect::Capture(input, id) => Some((*input, *id)),
            _ => None,
        };
        self.awaited.extend(fx.0.iter().filter_map(captured));
        let awaited = &self.awaited;
        let waits = |id: CheckpointId| awaited.iter().any(|&(_, other)| other == id);
        fx.0.retain(|effect| match effect {
            TaskEffect::Capture(..) => false,
            TaskEffect::Snapshot(id) => !waits(*id),
            _ => true,
        });
        let gone = |&(input, id): &(Input, CheckpointId)| match event {
            TaskEvent::Reached(on, Mark::Cut(of)) => (on, of) == (input, id),
            TaskEvent::InputEnded(on) => on == input,
            _ => false,
        };
        while let Some(at) = self.awaited.iter().position(gone) {
            let (_, id) = self.awaited.remove(at);
            if self.awaited.iter().all(|&(_, other)| other != id) {
                fx.snapshot(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{TaskEffect::*, TaskEvent::Reached};
    use cutline_sim::record::Mark::Cut;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn the_last_marker_records_the_state() {
        let mut task = HandTask::<MutantTask<LastMarker>>::with_inputs(3);
        assert_eq!(task.on(Reached(1, Cut(id(1)))), [Emit(Cut(id(1)))]);
        assert_eq!(task.on(Reached(0, Cut(id(1)))), []);
        assert_eq!(task.on(Reached(2, Cut(id(1)))), [Snapshot(id(1))]);
    }
}
