//! Faults: small values in a plan, struck as ordinary scheduled events.
//!
//! One kind is one file here and one row in the table below. A fault strikes at an instant, lasts from one instant to
//! another, or waits for a protocol point ("after the second acknowledgement was sent"). After [`FaultPlan::heal`] none
//! strikes and all that last have ended.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Origin, Stamped};
use crate::ids::{NodeId, TaskId};
use crate::post::MessageFaults;
pub use crate::post::MessageId;
use crate::queue::{Action, Queue};
use crate::reusable;
use crate::shared::StoreFaults;
pub use crate::shared::WriteId;
use crate::time::{SECOND, Time};
use crate::topology::Topology;
use crate::world::World;

/// What a kind of fault does to the world.
trait Strike {
    /// The fault strikes, or begins to last.
    fn begin(&self, world: &mut World);
    /// A lasting fault ends.
    fn end(&self, _world: &mut World) {}
    /// What a person reads.
    fn describe(&self, topology: &Topology) -> String;
    /// What this fault names, and how hard it strikes.
    fn aims(&self) -> Aims;
    /// The same fault with other aims; what `aims` does not have it keeps.
    fn with(&self, aims: &Aims) -> Fault;
    /// What happens one nanosecond after a point that the fault waited for; `None` for a fault that cannot wait.
    fn at_point(&self, _point: &Stamped) -> Option<Action> {
        None
    }
}

/// What a fault names, and how hard it strikes; a plan from outside may name what is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aims {
    /// The task.
    pub task: Option<TaskId>,
    /// The nodes.
    pub nodes: [Option<NodeId>; 2],
    /// How much later things happen, in nanoseconds.
    pub delay: Time,
    /// How many of 1000 it strikes.
    pub per_mille: Option<u32>,
    /// How many times as long things take.
    pub factor: Option<u32>,
}

/// The longest delay that a fault may cause.
const DELAY_MAX: Time = 24 * 3600 * SECOND;

/// A row of `cutline list faults`.
#[derive(Clone, Copy, Debug)]
pub struct FaultRow {
    /// Its name in plans and profiles.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:literal, $module:ident :: $kind:ident, $about:literal;)*) => {
        $(mod $module; pub use $module::$kind;)*

        /// A fault of any kind.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Fault {
            $($(#[$doc])* #[serde(rename = $name)] $kind($kind),)*
        }

        impl Fault {
            /// Strikes, or begins to last.
            pub(crate) fn begin(&self, world: &mut World) {
                self.strike().begin(world);
            }

            fn strike(&self) -> &dyn Strike {
                match self { $(Fault::$kind(fault) => fault,)* }
            }

            /// What it names, and how hard it strikes.
            pub fn aims(&self) -> Aims {
                self.strike().aims()
            }

            /// The same fault with other aims; what `aims` does not have it keeps.
            #[must_use]
            pub fn with(&self, aims: &Aims) -> Fault {
                self.strike().with(aims)
            }
        }

        /// All kinds of faults.
        pub const ROWS: &[FaultRow] = &[$(FaultRow { name: $name, about: $about },)*];
    };
}

faults! {
    /// See [`TaskCrash`].
    "task-crash", task_crash::TaskCrash, "one task loses everything it has not stored";
    /// See [`NodeCrash`].
    "node-crash", node_crash::NodeCrash, "a node and all tasks on it vanish; the node comes back later";
    /// See [`LostMessages`].
    "lost-messages", lost_messages::LostMessages, "control messages do not arrive";
    /// See [`LostMessage`].
    "lost-message", lost_message::LostMessage, "one control message does not arrive";
    /// See [`DelayedMessages`].
    "delayed-messages", delayed_messages::DelayedMessages, "control messages arrive late, and hold up those behind them";
    /// See [`DoubledMessages`].
    "doubled-messages", doubled_messages::DoubledMessages, "control messages arrive twice";
    /// See [`ReorderedMessages`].
    "reordered-messages", reordered_messages::ReorderedMessages, "control messages are overtaken by later ones";
    /// See [`SlowLink`].
    "slow-link", slow_link::SlowLink, "the channels between two nodes take longer";
    /// See [`SlowTask`].
    "slow-task", slow_task::SlowTask, "a task takes a multiple of its service time";
    /// See [`FailedWrites`].
    "failed-writes", failed_writes::FailedWrites, "writes to the store fail";
    /// See [`FailedWrite`].
    "failed-write", failed_write::FailedWrite, "one write to the store fails";
    /// See [`SlowWrites`].
    "slow-writes", slow_writes::SlowWrites, "writes to the store take a multiple of their time";
    /// See [`FailedCommits`].
    "failed-commits", failed_commits::FailedCommits, "commits of transactional sinks fail, or their answers are lost";
}

/// A point of the protocol at which a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// A checkpoint has been triggered.
    Triggered,
    /// A task has reached the first mark of a checkpoint and awaits others.
    AlignmentStarted,
    /// A task has taken its snapshot; the write goes on.
    SnapshotTaken,
    /// A task's snapshot is durable.
    Persisted,
    /// A task has acknowledged.
    AckSent,
    /// All have acknowledged; the metadata is being written.
    MetadataSent,
    /// The checkpoint is complete; nobody has been told.
    Completed,
    /// A sink has asked for its commit.
    CommitSent,
    /// A transaction has been committed.
    Committed,
    /// A failure has been noticed: the cancellation begins.
    FailureNoticed,
    /// Everything is cancelled.
    Cancelled,
    /// The restore has begun.
    Restoring,
    /// A task runs again; others need not yet.
    TaskRunning,
    /// All tasks run again.
    JobRunning,
}

impl Point {
    /// All points, in the order of a checkpoint's life, then of a recovery's.
    pub const ALL: [Point; 14] = [
        Point::Triggered,
        Point::AlignmentStarted,
        Point::SnapshotTaken,
        Point::Persisted,
        Point::AckSent,
        Point::MetadataSent,
        Point::Completed,
        Point::CommitSent,
        Point::Committed,
        Point::FailureNoticed,
        Point::Cancelled,
        Point::Restoring,
        Point::TaskRunning,
        Point::JobRunning,
    ];

    /// The points of a checkpoint, in its order.
    pub const CHECKPOINT: &[Point] = Point::ALL.split_at(Point::FailureNoticed as usize).0;

    /// The points of a recovery, in its order.
    pub const RECOVERY: &[Point] = Point::ALL.split_at(Point::FailureNoticed as usize).1;

    /// True if this event is that point.
    pub fn is(self, event: &Event) -> bool {
        matches!(
            (self, event),
            (Point::Triggered, Event::CheckpointTriggered { .. })
                | (Point::AlignmentStarted, Event::AlignmentStarted { .. })
                | (Point::SnapshotTaken, Event::SnapshotTaken { .. })
                | (Point::Persisted, Event::Persisted { .. })
                | (Point::AckSent, Event::AckSent { .. })
                | (Point::MetadataSent, Event::MetadataSent { .. })
                | (Point::Completed, Event::CheckpointCompleted { .. })
                | (Point::CommitSent, Event::CommitSent { .. })
                | (Point::Committed, Event::TransactionCommitted { .. })
                | (Point::FailureNoticed, Event::FailureNoticed { .. })
                | (Point::Cancelled, Event::JobCancelled)
                | (Point::Restoring, Event::Restoring { .. })
                | (Point::TaskRunning, Event::TaskRunning { .. })
                | (Point::JobRunning, Event::JobRunning { .. })
        )
    }
}

/// When a fault strikes. Times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// At an instant.
    At(Time),
    /// From an instant to another.
    Between(Time, Time),
    /// One nanosecond after the n-th event (the first is 1) of a kind.
    Point(Point, u32),
    /// Right after the n-th event of the run, whatever it is; 0: before the first. An event is here what
    /// [`World::advance`] does: also two events of one instant have a place between them.
    Event(u64),
}

/// A fault and when it strikes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Planned {
    /// When.
    pub when: When,
    /// What.
    pub fault: Fault,
}

/// All faults of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FaultPlan {
    /// The faults; their place in the list is their number.
    pub faults: Vec<Planned>,
    /// From this instant on no fault strikes, and all that last have ended.
    pub heal: Time,
}

impl FaultPlan {
    /// Checks that a plan from outside fits a job: that what it names is there, and that no delay is beyond 24 hours.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(&self, topology: &Topology) -> Result<(), String> {
        let (tasks, nodes) = (topology.tasks.len() as u64, u64::from(topology.config.cluster.nodes));
        for (number, planned) in self.faults.iter().enumerate() {
            let fault = number + 1;
            let Aims { task, nodes: named, delay, .. } = planned.fault.strike().aims();
            if let Some(task) = task.filter(|task| u64::from(task.0) >= tasks) {
                return Err(format!(
                    "fault {fault} of the plan names task {task}, and the job has {tasks} tasks"
                ));
            }
            if let Some(node) = named.into_iter().flatten().find(|node| u64::from(node.0) >= nodes) {
                return Err(format!(
                    "fault {fault} of the plan names node {node}, and the cluster has {nodes} nodes"
                ));
            }
            if delay > DELAY_MAX {
                return Err(format!(
                    "fault {fault} of the plan delays by {delay} ns, and 24 hours are the most"
                ));
            }
        }
        Ok(())
    }

    /// A line for each fault.
    pub fn describe(&self, topology: &Topology) -> Vec<String> {
        let ms = |time: Time| format!("{}.{:03} ms", time / 1_000_000, time / 1_000 % 1_000);
        let line = |planned: &Planned| {
            let what = planned.fault.strike().describe(topology);
            match planned.when {
                When::At(time) => format!("at {}: {what}", ms(time)),
                When::Between(from, until) => format!("from {} to {}: {what}", ms(from), ms(until)),
                When::Point(point, nth) => format!("after the {nth}{} {point:?}: {what}", ordinal(nth)),
                When::Event(0) => format!("before the first event: {what}"),
                When::Event(nth) => format!("right after event {nth}: {what}"),
            }
        };
        self.faults.iter().map(line).collect()
    }
}

/// What makes a number an ordinal: 1st, 2nd, 3rd, 4th, 11th, 21st.
fn ordinal(number: u32) -> &'static str {
    match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

reusable! {
    /// The faults of a world: the plan, and how far it has come.
    #[derive(Debug, Default, Hash)]
    pub(crate) struct Faults {
        plan: Arc<FaultPlan>,
        /// For each fault that waits for a point, how many such events there have been; `u32::MAX` once it has struck.
        seen: Vec<u32>,
        waiting: u32,
        /// The events and the faults that strike right after them, the next one last; and the number of events so far, as long as
        /// one is left.
        after: Vec<(u64, u32)>,
        events: u64,
        /// True once all faults were ended before their time: a crash that was on its way does not strike any more.
        ended: bool,
    }
}

impl Faults {
    /// Schedules a plan.
    pub fn begin(&mut self, plan: Arc<FaultPlan>, queue: &mut Queue) {
        self.seen.clear();
        self.seen.resize(plan.faults.len(), 0);
        self.waiting = 0;
        self.after.clear();
        self.events = 0;
        self.ended = false;
        for (number, planned) in plan.faults.iter().enumerate() {
            let number = number as u32;
            match planned.when {
                When::At(time) => queue.push(time, Origin::FAULTS, 2 * number, Action::FaultBegins(number)),
                When::Between(from, until) => {
                    queue.push(from, Origin::FAULTS, 2 * number, Action::FaultBegins(number));
                    queue.push(until.max(from), Origin::FAULTS, 2 * number + 1, Action::FaultEnds(number));
                }
                When::Point(..) => self.waiting += 1,
                When::Event(nth) => self.after.push((nth, number)),
            }
        }
        self.after.sort_unstable_by(|a, b| b.cmp(a));
        self.plan = plan;
    }

    /// True if a fault is in the plan.
    pub fn are_planned(&self) -> bool {
        !self.plan.faults.is_empty()
    }

    /// True once no fault may strike any more.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// True while a fault waits for an event.
    #[inline]
    pub fn waits_for_events(&self) -> bool {
        !self.after.is_empty()
    }

    /// True while a fault waits for a point.
    pub fn waits_for_points(&self) -> bool {
        self.waiting > 0
    }

    /// True while a fault waits for a point or an event, where one may still strike: it acts on others at once or one nanosecond
    /// later, so no task may run ahead.
    #[inline]
    pub fn needs_order(&self, now: Time) -> bool {
        (self.waits_for_points() || self.waits_for_events()) && now < self.plan.heal
    }
}

impl World {
    pub(crate) fn fault_begins(&mut self, number: u32) {
        let plan = Arc::clone(&self.faults.plan);
        let Some(planned) = plan.faults.get(number as usize) else { return };
        if let When::Between(..) = planned.when {
            self.shared.emit(self.now, Origin::FAULTS, Event::FaultWindow { fault: number, begins: true });
        }
        planned.fault.strike().begin(self);
    }

    pub(crate) fn fault_ends(&mut self, number: u32) {
        let plan = Arc::clone(&self.faults.plan);
        let Some(planned) = plan.faults.get(number as usize) else { return };
        self.shared.emit(self.now, Origin::FAULTS, Event::FaultWindow { fault: number, begins: false });
        planned.fault.strike().end(self);
    }

    /// Between two events: lets the next fault strike that waits for the first of them; false if there is none, and then the
    /// second may come.
    pub(crate) fn strike_after_event(&mut self) -> bool {
        match self.faults.after.pop_if(|(nth, _)| *nth <= self.faults.events) {
            Some((_, number)) => {
                if self.now < self.faults.plan.heal {
                    self.fault_begins(number);
                }
                true
            }
            None => {
                self.faults.events += 1;
                false
            }
        }
    }

    /// Lets the faults strike that wait for this event.
    pub(crate) fn strike_at_point(&mut self, stamped: &Stamped) {
        if stamped.time >= self.faults.plan.heal {
            self.faults.waiting = 0;
            return;
        }
        let plan = Arc::clone(&self.faults.plan);
        for (number, planned) in plan.faults.iter().enumerate() {
            let When::Point(point, nth) = planned.when else { continue };
            let seen = &mut self.faults.seen[number];
            if *seen == u32::MAX || !point.is(&stamped.event) {
                continue;
            }
            *seen += 1;
            if *seen >= nth {
                *seen = u32::MAX;
                self.faults.waiting -= 1;
                if let Some(action) = planned.fault.strike().at_point(stamped) {
                    self.shared.queue.push(stamped.time + 1, Origin::FAULTS, 2 * number as u32, action);
                }
            }
        }
    }

    /// Makes the channels as slow as the links that they use now.
    pub(crate) fn slow_channels(&mut self) {
        for at in 0..self.network.channels.len() {
            let channel = &self.network.channels[at];
            let link = self.node_of(channel.from).zip(self.node_of(channel.to));
            let by = link.and_then(|link| self.shared.slow_links.get(&link)).copied().unwrap_or(0);
            self.network.channels[at].slowed = by;
        }
    }

    /// Ends everything that faults do, now and later.
    pub(crate) fn end_faults(&mut self) {
        self.faults.plan = Arc::default();
        self.faults.waiting = 0;
        self.faults.after.clear();
        self.faults.ended = true;
        self.shared.post.faults = MessageFaults::default();
        self.shared.post.doomed.clear();
        self.shared.doomed_writes.clear();
        self.shared.store_faults = StoreFaults::default();
        self.shared.failing_commits = 0;
        self.shared.slow_tasks.clear();
        self.shared.slow_links.clear();
        self.slow_channels();
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
