//! The drawer: from a profile, a topology, a duration and a seed to one plain plan.
//!
//! Every family draws from a sequence of its own, keyed by the seed and the number of the family: taking one out leaves
//! the faults of all others as they were. (Only the instant of healing can move, because it is the end of the last
//! fault.) Faults of one kind that last must not overlap, because the end of one switches the kind off: where two would,
//! the earlier one is cut short.

use std::collections::BTreeSet;

use cutline_sim::faults::{
    DelayedMessages, DoubledMessages, FailedCommits, FailedWrites, Fault, FaultPlan, LostMessages, NodeCrash,
    Planned, Point, ReorderedMessages, SlowLink, SlowTask, SlowWrites, TaskCrash, When,
};
use cutline_sim::graph::{Role, SinkMode};
use cutline_sim::ids::{NodeId, OperatorId, TaskId};
use cutline_sim::random::{self, Stream};
use cutline_sim::time::Time;
use cutline_sim::topology::{TaskInfo, Topology};

use super::schema::{
    ChanceSpec, CrashSpec, FactorSpec, Faults, Interval, LateSpec, LinkSpec, PointCrashSpec, Victim, While,
    Window,
};
use super::{Family, Profile};

/// Most checkpoints that a crash at a point of the coordinator waits for.
const CHECKPOINTS_MAX: u64 = 8;
/// Most checkpoints that a crash at a point of a task waits for, and most recoveries that one during recovery does.
const ROUNDS_MAX: u64 = 3;

/// Draws a plan. The same arguments give the same plan, on every platform; `duration` is that of the run without faults.
///
/// Faults strike, or begin to last, within the window of the profile; those that wait for a point do so when it comes,
/// from the start of the run until the plan heals. That is at the end of the window or, if that is later, of the last
/// lasting fault; a plan with crashes during recovery heals later by the time that these recoveries take.
pub fn draw(profile: &Profile, topology: &Topology, duration: Time, seed: u64) -> FaultPlan {
    let scene = Scene::new(profile.spec.window, topology, duration);
    let root = random::key(seed, Stream::Faults);
    let mut faults = Vec::new();
    let mut recoveries = 0;
    for &family in Family::ALL {
        let mut draws = Draws::new(random::draw(root, family as u64));
        if draws.below(2) == 0 {
            continue;
        }
        let drawn = profile.spec.strike(family, &scene, &mut draws);
        if family == Family::RecoveryCrash {
            recoveries = drawn.len() as u64;
        }
        faults.extend(drawn);
    }
    faults.sort_by_key(|planned: &Planned| match planned.when {
        When::At(time) | When::Between(time, _) => (false, time),
        When::Point(..) | When::Event(_) => (true, 0),
    });
    let ends = faults.iter().map(|planned| match planned.when {
        When::Between(_, until) => until,
        _ => 0,
    });
    let heal = ends.fold(scene.until, Time::max);
    let heal = heal.saturating_add(scene.recovery().saturating_mul(recoveries));
    FaultPlan { faults, heal }
}

/// The draws of one family: a counter hash, see [`random::draw`].
pub(super) struct Draws {
    key: u64,
    count: u64,
}

impl Draws {
    fn new(key: u64) -> Self {
        Draws { key, count: 0 }
    }

    /// A number from `0..n`; 0 when n is 0.
    fn below(&mut self, n: u64) -> u64 {
        self.count += 1;
        random::below(random::draw(self.key, self.count), n)
    }

    /// A number from a range, both ends included.
    fn within(&mut self, (low, high): (u64, u64)) -> u64 {
        low + self.below((high - low).saturating_add(1))
    }

    fn within_u32(&mut self, range: (u64, u64)) -> u32 {
        u32::try_from(self.within(range)).unwrap_or(u32::MAX)
    }

    /// One of these; `None` if there are none.
    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.below(all.len() as u64) as usize).copied()
    }
}

/// Where and when faults can strike.
pub(super) struct Scene<'a> {
    topology: &'a Topology,
    /// Faults strike from here on,
    from: Time,
    /// and before this instant; later than `from`.
    until: Time,
}

impl<'a> Scene<'a> {
    fn new(window: Window, topology: &'a Topology, duration: Time) -> Self {
        // No more than the duration, so it fits.
        let share = |percent: u64| (u128::from(duration) * u128::from(percent) / 100) as Time;
        let from = share(window.from_percent).min(Time::MAX - 1);
        Scene { topology, from, until: share(window.until_percent).max(from + 1) }
    }

    fn time(&self, draws: &mut Draws) -> Time {
        draws.within((self.from, self.until - 1))
    }

    /// Any operator, then any of its tasks: a sink with one task is struck as often as a join with a hundred.
    fn task(&self, draws: &mut Draws) -> TaskId {
        let operator = draws.below(self.topology.operators.len() as u64) as u32;
        let tasks = &self.topology.tasks;
        let first = tasks.partition_point(|task| task.operator < OperatorId(operator)) as u64;
        let parallelism = self.topology.operators.get(operator as usize).map_or(0, |spec| spec.parallelism);
        TaskId((first + draws.below(parallelism.into())) as u32)
    }

    /// In three draws of four a node that holds tasks when the run begins, else any: a crash moves the tasks.
    fn node(&self, draws: &mut Draws) -> NodeId {
        let nodes = u64::from(self.topology.config.cluster.nodes);
        let last = self.topology.tasks.iter().map(|task| self.node_of(task).0).max().unwrap_or(0);
        let any = draws.below(4) == 0;
        NodeId(draws.below(if any { nodes } else { nodes.min(u64::from(last) + 1) }) as u32)
    }

    /// Where a task is placed when the run begins: slots are filled node by node.
    fn node_of(&self, task: &TaskInfo) -> NodeId {
        NodeId(task.slot / self.topology.config.cluster.slots_per_node.max(1))
    }

    /// The pairs of nodes that channels join; or, if all tasks are on one node, that node and itself.
    fn links(&self) -> Vec<(NodeId, NodeId)> {
        let node_of = |task: TaskId| self.topology.tasks.get(task.index()).map(|task| self.node_of(task));
        let ends = |from, to| Some((node_of(from)?, node_of(to)?));
        let channels = self.topology.channels.iter();
        let all: BTreeSet<_> = channels.filter_map(|channel| ends(channel.from, channel.to)).collect();
        let between: Vec<_> = all.iter().copied().filter(|(from, to)| from != to).collect();
        if between.is_empty() { all.into_iter().collect() } else { between }
    }

    /// About how long it takes from the crash of a node to a job that runs again.
    fn recovery(&self) -> Time {
        let recovery = &self.topology.config.recovery;
        let parts = [recovery.heartbeat_timeout, recovery.restart_delay, recovery.node_downtime];
        parts.into_iter().fold(recovery.deploy, Time::saturating_add)
    }

    /// About how many checkpoints fall into the time until the window closes, within limits.
    fn checkpoints(&self) -> u64 {
        let checkpointing = &self.topology.config.checkpointing;
        let others = checkpointing.every_records > 0 || !checkpointing.at_records.is_empty();
        match self.until.checked_div(checkpointing.interval) {
            Some(periodic) if !others => periodic.clamp(1, CHECKPOINTS_MAX),
            _ => CHECKPOINTS_MAX,
        }
    }

    /// At how many tasks a point happens in one checkpoint or recovery; `None` if it happens elsewhere.
    fn places(&self, point: Point) -> Option<u64> {
        let tasks = &self.topology.tasks;
        let sinks = || {
            let transactional = |role: &Role| matches!(role, Role::Sink(SinkMode::Transactional));
            let sinks = self.topology.operators.iter().filter(|operator| transactional(&operator.role));
            sinks.map(|sink| u64::from(sink.parallelism)).sum()
        };
        match point {
            Point::SnapshotTaken | Point::Persisted | Point::AckSent | Point::TaskRunning => {
                Some(tasks.len() as u64)
            }
            Point::AlignmentStarted => Some(tasks.iter().filter(|task| task.inputs.len() > 1).count() as u64),
            Point::CommitSent => Some(sinks()),
            _ => None,
        }
    }

    /// The numbers of the events of this kind at which a crash can be due.
    fn turns(&self, point: Point) -> (u64, u64) {
        let places = self.places(point);
        match point {
            // These happen when the run begins, too: that is number 1, or the first of each task.
            Point::Restoring | Point::JobRunning => (2, 1 + ROUNDS_MAX),
            Point::TaskRunning => places.map_or((1, 1), |places| (places + 1, places * (1 + ROUNDS_MAX))),
            Point::FailureNoticed | Point::Cancelled => (1, ROUNDS_MAX),
            // One commit for each sink, but they are told by the external system.
            Point::Committed => self.turns(Point::CommitSent),
            _ => match places {
                Some(places) => (1, (places * self.checkpoints().min(ROUNDS_MAX)).max(1)),
                None => (1, self.checkpoints()),
            },
        }
    }

    /// True if a point can come in this job at all.
    fn comes(&self, point: Point) -> bool {
        let happens = if point == Point::Committed { Point::CommitSent } else { point };
        self.places(happens) != Some(0)
    }

    fn victim(&self, victim: Victim, point: Point, draws: &mut Draws) -> Fault {
        match victim {
            Victim::Node => Fault::NodeCrash(NodeCrash { node: self.node(draws) }),
            Victim::Here if self.places(point).is_some() => Fault::TaskCrash(TaskCrash { task: None }),
            Victim::Here | Victim::Task => Fault::TaskCrash(TaskCrash { task: Some(self.task(draws)) }),
        }
    }

    fn crash_at(&self, point: Point, victims: &[Victim], draws: &mut Draws) -> Option<Planned> {
        let nth = draws.within_u32(self.turns(point));
        let victim = draws.one_of(victims)?;
        Some(Planned { when: When::Point(point, nth), fault: self.victim(victim, point, draws) })
    }
}

fn at(scene: &Scene<'_>, draws: &mut Draws, fault: impl Fn(&mut Draws) -> Fault) -> Planned {
    Planned { when: When::At(scene.time(draws)), fault: fault(draws) }
}

pub(super) fn task_crashes(spec: &CrashSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    let count = draws.within(spec.count.numbers());
    let crash = |draws: &mut Draws| Fault::TaskCrash(TaskCrash { task: Some(scene.task(draws)) });
    (0..count).map(|_| at(scene, draws, crash)).collect()
}

pub(super) fn node_crashes(spec: &CrashSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    let count = draws.within(spec.count.numbers());
    let crash = |draws: &mut Draws| Fault::NodeCrash(NodeCrash { node: scene.node(draws) });
    (0..count).map(|_| at(scene, draws, crash)).collect()
}

/// Crashes at points; points that cannot come in this job, such as commits without a transactional sink, are left out.
pub(super) fn point_crashes(spec: &PointCrashSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    let points: Vec<Point> = spec.points.all().iter().copied().filter(|&point| scene.comes(point)).collect();
    let count = draws.within(spec.count.numbers());
    let crash = |_| {
        let point = draws.one_of(&points)?;
        scene.crash_at(point, spec.victims.all(), draws)
    };
    (0..count).filter_map(crash).collect()
}

/// A crash within the window, and then crashes at points of the recoveries.
pub(super) fn recovery_crashes(spec: &CrashSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    let victims = [Victim::Here, Victim::Task, Victim::Node];
    let count = draws.within(spec.count.numbers());
    let first = at(scene, draws, |draws| {
        let victim = if draws.below(2) == 0 { Victim::Task } else { Victim::Node };
        scene.victim(victim, Point::FailureNoticed, draws)
    });
    let crash = |_| {
        let point = draws.one_of(Point::RECOVERY)?;
        scene.crash_at(point, &victims, draws)
    };
    let during: Vec<Planned> = (0..count).filter_map(crash).collect();
    std::iter::once(first).chain(during).collect()
}

/// Faults of one kind that last. Where two would overlap, the earlier ends before the later begins; one that would begin
/// with another is left out.
fn lasting(
    scene: &Scene<'_>,
    draws: &mut Draws,
    (count, lasts): (&Interval<Faults>, &Interval<While>),
    mut fault: impl FnMut(&mut Draws) -> Option<Fault>,
) -> Vec<Planned> {
    let count = draws.within(count.numbers());
    let mut drawn = Vec::new();
    for _ in 0..count {
        let from = scene.time(draws);
        let until = from.saturating_add(draws.within(lasts.nanoseconds()));
        drawn.extend(fault(draws).map(|fault| (from, until, fault)));
    }
    drawn.sort_by_key(|&(from, ..)| from);
    let mut planned: Vec<Planned> = Vec::new();
    let mut next = Time::MAX;
    for (from, until, fault) in drawn.into_iter().rev() {
        let until = until.min(next.saturating_sub(1));
        if from < until {
            planned.push(Planned { when: When::Between(from, until), fault });
            next = from;
        }
    }
    planned.reverse();
    planned
}

fn by_chance(
    spec: &ChanceSpec,
    scene: &Scene<'_>,
    draws: &mut Draws,
    fault: impl Fn(u32) -> Fault,
) -> Vec<Planned> {
    let per_mille = spec.per_mille.numbers();
    lasting(scene, draws, (&spec.count, &spec.lasts), |draws| Some(fault(draws.within_u32(per_mille))))
}

fn late(
    spec: &LateSpec,
    scene: &Scene<'_>,
    draws: &mut Draws,
    fault: impl Fn(u32, Time) -> Fault,
) -> Vec<Planned> {
    let (per_mille, by) = (spec.per_mille.numbers(), spec.by.nanoseconds());
    lasting(scene, draws, (&spec.count, &spec.lasts), |draws| {
        let per_mille = draws.within_u32(per_mille);
        Some(fault(per_mille, draws.within(by)))
    })
}

pub(super) fn lost_messages(spec: &ChanceSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    by_chance(spec, scene, draws, |per_mille| Fault::LostMessages(LostMessages { per_mille }))
}

pub(super) fn delayed_messages(spec: &LateSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    late(spec, scene, draws, |per_mille, by| Fault::DelayedMessages(DelayedMessages { per_mille, by }))
}

pub(super) fn doubled_messages(spec: &ChanceSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    by_chance(spec, scene, draws, |per_mille| Fault::DoubledMessages(DoubledMessages { per_mille }))
}

pub(super) fn reordered_messages(spec: &LateSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    late(spec, scene, draws, |per_mille, by| Fault::ReorderedMessages(ReorderedMessages { per_mille, by }))
}

/// Slow links. The end of one heals all links, so they are disjoint whatever nodes they join.
pub(super) fn slow_links(spec: &LinkSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    let links = scene.links();
    lasting(scene, draws, (&spec.count, &spec.lasts), |draws| {
        let by = draws.within(spec.by.nanoseconds());
        draws.one_of(&links).map(|(from, to)| Fault::SlowLink(SlowLink { from, to, by }))
    })
}

pub(super) fn slow_tasks(spec: &FactorSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    lasting(scene, draws, (&spec.count, &spec.lasts), |draws| {
        let factor = draws.within_u32(spec.factor.numbers());
        Some(Fault::SlowTask(SlowTask { task: scene.task(draws), factor }))
    })
}

pub(super) fn failed_writes(spec: &ChanceSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    by_chance(spec, scene, draws, |per_mille| Fault::FailedWrites(FailedWrites { per_mille }))
}

pub(super) fn slow_writes(spec: &FactorSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    lasting(scene, draws, (&spec.count, &spec.lasts), |draws| {
        Some(Fault::SlowWrites(SlowWrites { factor: draws.within_u32(spec.factor.numbers()) }))
    })
}

/// Commits fail; of a job without a transactional sink none is asked for, so there is nothing to fail.
pub(super) fn failed_commits(spec: &ChanceSpec, scene: &Scene<'_>, draws: &mut Draws) -> Vec<Planned> {
    if !scene.comes(Point::CommitSent) {
        return Vec::new();
    }
    by_chance(spec, scene, draws, |per_mille| Fault::FailedCommits(FailedCommits { per_mille }))
}
