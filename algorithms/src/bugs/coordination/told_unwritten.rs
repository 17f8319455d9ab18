//! Arroyo #1124: a controller took the end of all tasks for the end of the job. The last checkpoint was not finished then: its
//! metadata were still being written. Here the tasks are told that the last checkpoint is complete as soon as all of them have
//! acknowledged it, so they commit and go; if the metadata can not be written and a task is lost before it is gone, the job begins
//! again at an older checkpoint, and what was committed is committed again.

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, Down, JobCtx, To, Up,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Says of what was asked for at an end that it is complete when its metadata are sent.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct ToldUnwritten {
    /// A source has ended in this attempt, and asked for a checkpoint.
    is_ending: bool,
}

impl CoordinatorMutation for ToldUnwritten {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        self.is_ending |= matches!(event, CoordinatorEvent::FromTask { up: Up::Request, .. });
        self.is_ending &= event != CoordinatorEvent::Lost;
        machine.on(job, event, fx);
        for at in 0..fx.0.len() {
            if let (true, &CoordinatorEffect::Complete(id, _)) = (self.is_ending, &fx.0[at]) {
                fx.tell(To::All, Down::Completed(id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn the_metadata_are_not_awaited() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<ToldUnwritten>>::by_request(1);
        coordinator.on(CoordinatorEvent::Requested);
        let told = CoordinatorEffect::Tell(To::All, Down::Completed(id(2)));
        (0..3).for_each(|task| assert!(!coordinator.ack(task, 1).contains(&told)));
        coordinator.on(CoordinatorEvent::MetaStored(id(1)));
        coordinator.up(0, Up::Request);
        assert_eq!([0, 1, 2].map(|task| coordinator.ack(task, 2).contains(&told)), [false, false, true]);
    }
}
