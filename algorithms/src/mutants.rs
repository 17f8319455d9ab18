//! What stands around a correct machine to make a planted bug of it: see [`bugs`](crate::bugs).

use std::fmt;
use std::hash::Hash;

use cutline_sim::erased::{Protocol, machines, machines_before, machines_over};
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffects, CoordinatorEvent, Hooks, JobCtx, TaskCtx, TaskCut, TaskEffects,
    TaskEvent,
};

use crate::abs_cyclic::{self, AbsCyclic};
use crate::aligned::{self, Aligned};
use crate::aligned_timeout::{self, AlignedTimeout};
use crate::at_least_once::{self, AtLeastOnce};
use crate::chandy_lamport::{self, ChandyLamport};
use crate::communication_induced::CommunicationInduced;
use crate::communication_induced_bcs::CommunicationInducedBcs;
use crate::freeze_the_world::{self, FreezeTheWorld};
use crate::mutant_backend::{BackendMutation, MutantBackend};
use crate::mutant_committer::{CommitterMutation, MutantCommitter};
use crate::recovery_line::RecoveryLine;
use crate::stop_the_world;
use crate::unaligned::{self, Unaligned};
use crate::uncoordinated::Uncoordinated;

/// A change to the part of a strategy that runs in every task.
pub trait TaskMutation: Clone + fmt::Debug + Default + Hash + Send + Sync + 'static {
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

    /// The same when it is delivered.
    fn delivered(&mut self, machine: &mut Self::Of, task: &TaskCtx<'_>, tag: &[u32]) -> bool {
        machine.delivered(task, tag)
    }
}

/// The machine of a task, mutated.
#[derive(Clone, Debug, Hash)]
pub struct MutantTask<M: TaskMutation> {
    pub(crate) machine: M::Of,
    mutation: M,
}

impl<M: TaskMutation> TaskCut for MutantTask<M> {
    type Durable = <M::Of as TaskCut>::Durable;
    const HOOKS: Hooks = M::Of::HOOKS;
    const NEVER_USELESS: bool = M::Of::NEVER_USELESS;

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
        self.mutation.delivered(&mut self.machine, task, tag)
    }
}

/// A change to the part of a strategy that runs in the coordinator.
pub trait CoordinatorMutation: Clone + fmt::Debug + Default + Hash + Send + Sync + 'static {
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
#[derive(Clone, Debug, Hash)]
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

/// Machines of `aligned` with a mutation in the tasks.
pub(crate) fn aligned_task<M: TaskMutation<Of = Aligned>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, aligned::Coordinator>(job)
}

/// Machines of `aligned` with a mutation in the coordinator.
pub(crate) fn aligned_coordinator<M: CoordinatorMutation<Of = aligned::Coordinator>>(
    job: &JobCtx<'_>,
) -> Box<dyn Protocol> {
    machines::<Aligned, MutantCoordinator<M>>(job)
}

/// Machines of `stop-the-world` with a mutation in the tasks.
pub(crate) fn stopping_task<M: TaskMutation<Of = stop_the_world::StopTheWorld>>(
    job: &JobCtx<'_>,
) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, stop_the_world::Coordinator>(job)
}

/// Machines of `at-least-once` with a mutation in the tasks.
pub(crate) fn tracking_task<M: TaskMutation<Of = AtLeastOnce>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, at_least_once::Coordinator>(job)
}

/// Machines of `aligned-timeout` with a mutation in the tasks.
pub(crate) fn turning_task<M: TaskMutation<Of = AlignedTimeout>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, aligned_timeout::Coordinator>(job)
}

/// Machines of `freeze-the-world` with a mutation in the tasks.
pub(crate) fn freezing_task<M: TaskMutation<Of = FreezeTheWorld>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, freeze_the_world::Coordinator>(job)
}

/// Machines of `unaligned` with a mutation in the tasks.
pub(crate) fn unaligned_task<M: TaskMutation<Of = Unaligned>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, unaligned::Coordinator>(job)
}

/// Machines of `chandy-lamport` with a mutation in the tasks.
pub(crate) fn recording_task<M: TaskMutation<Of = ChandyLamport>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, chandy_lamport::Coordinator>(job)
}

/// Machines of `abs-cyclic` with a mutation in the tasks.
pub(crate) fn cyclic_task<M: TaskMutation<Of = AbsCyclic>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, abs_cyclic::Coordinator>(job)
}

/// Machines of `aligned`, and of those that share its cut, over a mutated backend.
pub(crate) fn aligned_over<M: BackendMutation>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines_over::<Aligned, aligned::Coordinator>(job, MutantBackend::<M>::of)
}

/// Machines of `aligned` before mutated sinks.
pub(crate) fn aligned_before<M: CommitterMutation>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines_before::<Aligned, aligned::Coordinator>(job, MutantCommitter::<M>::boxed)
}

/// Machines of `uncoordinated` with a mutation in the tasks.
pub(crate) fn uncoordinated_task<M: TaskMutation<Of = Uncoordinated>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, RecoveryLine>(job)
}

/// Machines of `uncoordinated` with a mutation in the coordinator.
pub(crate) fn recovery_line<M: CoordinatorMutation<Of = RecoveryLine>>(
    job: &JobCtx<'_>,
) -> Box<dyn Protocol> {
    machines::<Uncoordinated, MutantCoordinator<M>>(job)
}

/// Machines of `communication-induced` with a mutation in the tasks.
pub(crate) fn inducing_task<M: TaskMutation<Of = CommunicationInduced>>(
    job: &JobCtx<'_>,
) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, RecoveryLine>(job)
}

/// Machines of `communication-induced-bcs` with a mutation in the tasks.
pub(crate) fn indexing_task<M: TaskMutation<Of = CommunicationInducedBcs>>(
    job: &JobCtx<'_>,
) -> Box<dyn Protocol> {
    machines::<MutantTask<M>, RecoveryLine>(job)
}
