//! The order of a hash set: whoever speaks to all tasks goes through a set of them whose order the standard library draws
//! anew for every set. Which message is sent first changes from run to run, and with it, where messages take random times,
//! what comes first.

use cutline_sim::ids::TaskId;
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffect, CoordinatorEffects, CoordinatorEvent, JobCtx, To,
};

use crate::aligned::Coordinator;
use crate::mutants::CoordinatorMutation;

/// Shuffles the tasks.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct HashOrder;

impl CoordinatorMutation for HashOrder {
    type Of = Coordinator;

    fn on(
        &mut self,
        machine: &mut Coordinator,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    ) {
        let mut straight = CoordinatorEffects::default();
        machine.on(job, event, &mut straight);
        for effect in straight.0 {
            let CoordinatorEffect::Tell(To::All, down) = effect else {
                fx.0.push(effect);
                continue;
            };
            let unfinished = (0..job.tasks).filter(|&task| !job.finished.contains(task));
            #[expect(clippy::disallowed_types, reason = "its random order is the bug")]
            let tasks: std::collections::HashSet<u32> = unfinished.collect(); // tidy-allow: hash-maps it is the bug
            tasks.into_iter().for_each(|task| fx.tell(To::Task(TaskId(task)), down));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::bugs::MutantCoordinator;
    use crate::hand::HandCoordinator;

    #[test]
    fn the_order_changes_from_run_to_run() {
        let once = |_| {
            let mut coordinator = HandCoordinator::<MutantCoordinator<HashOrder>>::by_request(1);
            format!("{:?}", coordinator.complete(1))
        };
        let orders: BTreeSet<String> = (0..64).map(once).collect(); // all the same: one in 6^63
        assert!(orders.len() > 1);
    }
}
