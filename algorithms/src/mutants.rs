//! What stands around a correct machine to make a planted bug of it: see [`bugs`](crate::bugs).

use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffects, CoordinatorEvent, Hooks, JobCtx, TaskCtx, TaskCut, TaskEffects,
    TaskEvent,
};

/// A change to the part of a strategy that runs in every task.
pub trait TaskMutation: Clone + Default + Send + Sync + 'static {
    /// The correct machine.
    type Of: TaskCut;

    /// Reacts in the place of the correct machine, as a rule by asking it and changing a little. There are no effects yet.
    fn on(&mut self, machine: &mut Self::Of, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        machine.on(task, event, fx);
    }

    /// The same before something is delivered.
    fn before_deliver(
        &mut self,
        machine: &mut Self::Of,
        task: &TaskCtx<'_>,
        tag: &[u32],
        fx: &mut TaskEffects,
    ) {
        machine.before_deliver(task, tag, fx);
    }
}

/// The machine of a task, mutated.
#[derive(Clone, Debug)]
pub struct MutantTask<M: TaskMutation> {
    pub(crate) machine: M::Of,
    mutation: M,
}

impl<M: TaskMutation> TaskCut for MutantTask<M> {
    type Durable = <M::Of as TaskCut>::Durable;
    const HOOKS: Hooks = M::Of::HOOKS;

    fn new(task: &TaskCtx<'_>, restored: Self::Durable) -> Self {
        MutantTask { machine: M::Of::new(task, restored), mutation: M::default() }
    }

    fn durable(&self) -> Self::Durable {
        self.machine.durable()
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        self.mutation.on(&mut self.machine, task, event, fx);
    }

    fn tag(&self, words: &mut Vec<u32>) {
        self.machine.tag(words);
    }

    fn before_deliver(&mut self, task: &TaskCtx<'_>, tag: &[u32], fx: &mut TaskEffects) {
        self.mutation.before_deliver(&mut self.machine, task, tag, fx);
    }

    fn delivered(&mut self, task: &TaskCtx<'_>, tag: &[u32]) -> bool {
        self.machine.delivered(task, tag)
    }
}

/// A change to the part of a strategy that runs in the coordinator.
pub trait CoordinatorMutation: Clone + Default + Send + Sync + 'static {
    /// The correct machine.
    type Of: CoordinatorCut;

    /// Reacts in the place of the correct machine, as a rule by asking it and changing a little. There are no effects yet.
    fn on(
        &mut self,
        machine: &mut Self::Of,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    );
}

/// The machine of the coordinator, mutated.
#[derive(Clone, Debug)]
pub struct MutantCoordinator<M: CoordinatorMutation> {
    pub(crate) machine: M::Of,
    mutation: M,
}

impl<M: CoordinatorMutation> CoordinatorCut for MutantCoordinator<M> {
    fn new(job: &JobCtx<'_>) -> Self {
        MutantCoordinator { machine: M::Of::new(job), mutation: M::default() }
    }

    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        self.mutation.on(&mut self.machine, job, event, fx);
    }
}
