//! The zoo: planted bugs. No oracle is trusted until it has killed its bugs.
//!
//! Each bug is a small mutation of a correct strategy: it holds the correct machine, and edits what that is told or what
//! it answers. So whatever goes wrong comes from the mutation. One file each, and one row in [`BUGS`].

use cutline_sim::erased::{Protocol, machines};
use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{
    CoordinatorCut, CoordinatorEffects, CoordinatorEvent, JobCtx, SnapshotMethod, TaskCtx, TaskCut,
    TaskEffect, TaskEffects, TaskEvent, Up,
};
use cutline_sim::time::{MILLISECOND, Time};

use crate::aligned::{self, Aligned};
use crate::stop_the_world::{self, StopTheWorld};

mod abort_not_forwarded;
mod ack_before_durable;
mod commit_on_snapshot;
mod count_acks;
mod ended_inputs_count;
mod forget_commit;
mod forget_trigger;
mod forward_at_first;
mod global_counter;
mod hash_order;
mod mixed_line;
mod no_block;
mod no_drain;
mod no_pause;
mod rewound_sources;
mod snapshot_before_alignment;
mod snapshot_late;
mod source_emits_late;
mod stale_ack;
mod string_order;

/// A row of the zoo.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// The name on the command line; that of its source file, with hyphens.
    pub name: &'static str,
    /// What is mutated, in one sentence.
    pub about: &'static str,
    /// The strategy it is a mutation of.
    pub of: &'static str,
    /// Where it really happened, or "invented".
    pub source: &'static str,
    /// The oracle that must catch it.
    pub caught_by: &'static str,
    /// Makes the machines of a job.
    pub cut: fn(&JobCtx<'_>) -> Box<dyn Protocol>,
    /// How the snapshot reaches the store: as in the correct strategy.
    pub snapshot: SnapshotMethod,
}

/// All bugs, by the oracle that must catch them.
pub const BUGS: &[Bug] = &[
    Bug {
        name: "source-emits-late",
        about: "A source sends the barrier, goes on reading, and takes its snapshot 5 ms later.",
        source: "FLINK-2098",
        caught_by: "state",
        cut: aligned_task::<source_emits_late::SourceEmitsLate>,
        ..OF_ALIGNED
    },
    Bug {
        name: "snapshot-late",
        about: "A task with inputs goes on consuming after its barriers and takes its snapshot 5 ms later.",
        source: "FLINK-17568",
        caught_by: "state",
        cut: aligned_task::<snapshot_late::SnapshotLate>,
        ..OF_ALIGNED
    },
    Bug {
        name: "commit-on-snapshot",
        about: "A task commits when its snapshot is durable, not when the checkpoint is complete.",
        source: "invented",
        caught_by: "ledger",
        cut: aligned_task::<commit_on_snapshot::CommitOnSnapshot>,
        ..OF_ALIGNED
    },
    Bug {
        name: "forget-commit",
        about: "A completed checkpoint commits only what was prepared for older ones, so the last is never visible.",
        source: "FLINK-38370",
        caught_by: "ledger",
        cut: aligned_task::<forget_commit::ForgetCommit>,
        ..OF_ALIGNED
    },
    Bug {
        name: "no-block",
        about: "An input that has delivered its barrier is not blocked, yet exactly-once is claimed.",
        source: "invented",
        caught_by: "cut",
        cut: aligned_task::<no_block::NoBlock>,
        ..OF_ALIGNED
    },
    Bug {
        name: "snapshot-before-alignment",
        about: "The snapshot is taken at the first barrier; the barrier is sent on at the last.",
        source: "invented",
        caught_by: "cut",
        cut: aligned_task::<snapshot_before_alignment::SnapshotBeforeAlignment>,
        ..OF_ALIGNED
    },
    Bug {
        name: "forward-at-first",
        about: "The barrier is sent on at the first barrier; the snapshot is taken at the last.",
        source: "invented",
        caught_by: "cut",
        cut: aligned_task::<forward_at_first::ForwardAtFirst>,
        ..OF_ALIGNED
    },
    Bug {
        name: "no-drain",
        about: "A task takes its snapshot at the first mark, while its other inputs are not drained.",
        source: "invented",
        caught_by: "cut",
        cut: stop_the_world_task::<no_drain::NoDrain>,
        ..OF_STOP_THE_WORLD
    },
    Bug {
        name: "no-pause",
        about: "Sources go on reading after the trigger.",
        source: "invented",
        caught_by: "cut",
        cut: stop_the_world_task::<no_pause::NoPause>,
        ..OF_STOP_THE_WORLD
    },
    Bug {
        name: "count-acks",
        about: "Acknowledgements are counted, not tasks: a doubled one completes a checkpoint that lacks a task.",
        source: "invented",
        caught_by: "restore",
        cut: aligned_coordinator::<count_acks::CountAcks>,
        ..OF_ALIGNED
    },
    Bug {
        name: "ack-before-durable",
        about: "A task acknowledges when it takes its snapshot, not when the snapshot is durable.",
        source: "invented",
        caught_by: "restore",
        cut: aligned_task::<ack_before_durable::AckBeforeDurable>,
        ..OF_ALIGNED
    },
    Bug {
        name: "mixed-line",
        about: "The last task is restored from the checkpoint before the newest; needs two retained.",
        source: "invented",
        caught_by: "order",
        cut: aligned_coordinator::<mixed_line::MixedLine>,
        ..OF_ALIGNED
    },
    Bug {
        name: "rewound-sources",
        about: "The sources are restored from the checkpoint before the newest; needs two retained.",
        source: "invented",
        caught_by: "order",
        cut: aligned_coordinator::<rewound_sources::RewoundSources>,
        ..OF_ALIGNED
    },
    Bug {
        name: "stale-ack",
        about: "Acknowledgements of older attempts count, and ids restart behind the last completed checkpoint.",
        source: "Hazelcast Jet #2504",
        caught_by: "fencing",
        cut: aligned_coordinator::<stale_ack::StaleAck>,
        ..OF_ALIGNED
    },
    Bug {
        name: "string-order",
        about: "The newest checkpoint is the largest id as a string; needs ten checkpoints and two retained.",
        source: "FLINK-6284",
        caught_by: "fencing",
        cut: aligned_coordinator::<string_order::StringOrder>,
        ..OF_ALIGNED
    },
    Bug {
        name: "ended-inputs-count",
        about: "The alignment waits for all inputs, also for those that have ended.",
        source: "FLINK-2519",
        caught_by: "liveness",
        cut: aligned_task::<ended_inputs_count::EndedInputsCount>,
        ..OF_ALIGNED
    },
    Bug {
        name: "abort-not-forwarded",
        about: "A task that hears of an abort skips the checkpoint, but sends no cancellation down.",
        source: "FLINK-18238",
        caught_by: "liveness",
        cut: aligned_task::<abort_not_forwarded::AbortNotForwarded>,
        ..OF_ALIGNED
    },
    Bug {
        name: "forget-trigger",
        about: "After the first abandoned checkpoint none is ever triggered again.",
        source: "FLINK-26394",
        caught_by: "liveness",
        cut: aligned_coordinator::<forget_trigger::ForgetTrigger>,
        ..OF_ALIGNED
    },
    Bug {
        name: "global-counter",
        about: "Every third acknowledgement of the process, whatever the run, is sent 5 ms late.",
        source: "invented",
        caught_by: "determinism",
        cut: aligned_task::<global_counter::GlobalCounter>,
        ..OF_ALIGNED
    },
    Bug {
        name: "hash-order",
        about: "An acknowledgement is sent late by a time drawn from the standard library's randomly seeded hash.",
        source: "invented",
        caught_by: "determinism",
        cut: aligned_task::<hash_order::HashOrder>,
        ..OF_ALIGNED
    },
];

/// The bug of this name.
pub fn find(name: &str) -> Option<&'static Bug> {
    BUGS.iter().find(|bug| bug.name == name)
}

const OF_ALIGNED: Bug = Bug {
    name: "",
    about: "",
    of: "aligned",
    source: "",
    caught_by: "",
    cut: machines::<Aligned, aligned::Coordinator>,
    snapshot: SnapshotMethod::FullAsync,
};

const OF_STOP_THE_WORLD: Bug = Bug {
    of: "stop-the-world",
    cut: machines::<StopTheWorld, stop_the_world::Coordinator>,
    snapshot: SnapshotMethod::FullSync,
    ..OF_ALIGNED
};

fn aligned_task<B: TaskBug<Of = Aligned>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<BadTask<B>, aligned::Coordinator>(job)
}

fn aligned_coordinator<B: CoordinatorBug<Of = aligned::Coordinator>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<Aligned, BadCoordinator<B>>(job)
}

fn stop_the_world_task<B: TaskBug<Of = StopTheWorld>>(job: &JobCtx<'_>) -> Box<dyn Protocol> {
    machines::<BadTask<B>, stop_the_world::Coordinator>(job)
}

/// A mutation of the machine of a task: it hands on the event to the correct one, edited or not, and edits the effects.
trait TaskBug: Clone + Default + Send + Sync + 'static {
    /// The correct machine.
    type Of: TaskCut;
    /// In place of the correct machine's `on`. `fx` is empty before.
    fn on(&mut self, correct: &mut Self::Of, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects);
}

/// A correct machine of a task, and its mutation.
#[derive(Clone)]
struct BadTask<B: TaskBug> {
    correct: B::Of,
    bug: B,
}

impl<B: TaskBug> TaskCut for BadTask<B> {
    type Durable = <B::Of as TaskCut>::Durable;

    fn new(task: &TaskCtx<'_>, restored: Self::Durable) -> Self {
        BadTask { correct: B::Of::new(task, restored), bug: B::default() }
    }

    fn durable(&self) -> Self::Durable {
        self.correct.durable()
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let mut own = TaskEffects::default();
        self.bug.on(&mut self.correct, task, event, &mut own);
        fx.0.append(&mut own.0);
    }
}

/// A mutation of the machine of the coordinator.
trait CoordinatorBug: Clone + Default + Send + Sync + 'static {
    /// The correct machine.
    type Of: CoordinatorCut;
    /// In place of the correct machine's `on`. `fx` is empty before.
    fn on(
        &mut self,
        correct: &mut Self::Of,
        job: &JobCtx<'_>,
        event: CoordinatorEvent,
        fx: &mut CoordinatorEffects,
    );
}

/// A correct machine of the coordinator, and its mutation.
#[derive(Clone)]
struct BadCoordinator<B: CoordinatorBug> {
    correct: B::Of,
    bug: B,
}

impl<B: CoordinatorBug> CoordinatorCut for BadCoordinator<B> {
    fn new(job: &JobCtx<'_>) -> Self {
        BadCoordinator { correct: B::Of::new(job), bug: B::default() }
    }

    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        let mut own = CoordinatorEffects::default();
        self.bug.on(&mut self.correct, job, event, &mut own);
        fx.0.append(&mut own.0);
    }
}

/// How late the late ones are. (The strategies mutated with it set no timers of their own.)
const LATE: Time = 5 * MILLISECOND;

/// Puts a timer in the place of every snapshot taken.
fn put_off_snapshots(fx: &mut TaskEffects) {
    for effect in &mut fx.0 {
        if let TaskEffect::Snapshot(id) = *effect {
            *effect = TaskEffect::Timer(LATE, id.0 as u32);
        }
    }
}

/// Puts a timer in the place of every acknowledgement, as late as `delay` says; 0: at once.
fn put_off_acks(fx: &mut TaskEffects, mut delay: impl FnMut(CheckpointId) -> Time) {
    for effect in &mut fx.0 {
        if let TaskEffect::Tell(Up::Ack(id)) = *effect {
            let delay = delay(id);
            if delay > 0 {
                *effect = TaskEffect::Timer(delay, id.0 as u32);
            }
        }
    }
}

/// The checkpoint of which something was put off until now.
fn put_off_until_now(event: TaskEvent) -> Option<CheckpointId> {
    match event {
        TaskEvent::Timer(token) => Some(CheckpointId(u64::from(token))),
        _ => None,
    }
}
