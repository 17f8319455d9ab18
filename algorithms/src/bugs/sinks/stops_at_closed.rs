//! FLINK-16383 (FLINK-23471): the notice that a checkpoint is complete went from operator to operator. One that had been closed
//! already threw, and with that ended the round: those behind it never heard, and a transactional sink did not commit.
//! Here tasks stand for the operators of a chain.

use cutline_sim::ids::TaskId;
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, Down, JobCtx, To,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Tells the tasks before the first that has finished.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct StopsAtClosed;

impl CoordinatorMutation for StopsAtClosed {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        let mut whole = CoordinatorEffects::default();
        machine.on(job, event, &mut whole);
        for effect in whole.0 {
            match effect {
                CoordinatorEffect::Tell(To::All, notice @ Down::Completed(_)) => {
                    let open = (0..job.tasks).take_while(|&task| !job.finished.contains(task));
                    open.for_each(|task| fx.tell(To::Task(TaskId(task)), notice));
                }
                _ => fx.0.push(effect),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::Up;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::{HandCoordinator, id};

    #[test]
    fn those_behind_a_closed_one_do_not_hear() {
        let mut coordinator = HandCoordinator::<MutantCoordinator<StopsAtClosed>>::by_request(1);
        let told = |n, task| CoordinatorEffect::Tell(To::Task(TaskId(task)), Down::Completed(id(n)));
        let all = coordinator.complete(1);
        assert_eq!([0, 1, 2].map(|task| all.contains(&told(1, task))), [true, true, true]);
        coordinator.finished.insert(1);
        coordinator.on(CoordinatorEvent::Finished(TaskId(1)));
        coordinator.up(0, Up::Request);
        [0, 2].into_iter().for_each(|task| drop(coordinator.ack(task, 2)));
        let some = coordinator.on(CoordinatorEvent::MetaStored(id(2)));
        assert_eq!([0, 1, 2].map(|task| some.contains(&told(2, task))), [true, false, false]);
    }
}
