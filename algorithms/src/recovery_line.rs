//! The coordinator of strategies whose tasks take checkpoints on their own: it finds the recovery line (Elnozahy, Alvisi, Wang
//! and Johnson 2002, *A Survey of Rollback-Recovery Protocols in Message-Passing Systems*, section 3.1; Wang, Lowry and
//! Fuchs 1995, *Consistent global checkpoints based on direct dependency tracking*).
//!
//! A *line* takes one checkpoint of each task. It is consistent if nobody has received what, at the line, nobody has sent: such a
//! message is an *orphan*, and after a restore it would be sent again, if at all. What was sent and not received is no
//! trouble: it is in the log, and is replayed. The consistent lines form a lattice; its maximum is the recovery line, found
//! by *rollback propagation* ([`line()`]).
//!
//! What it holds to:
//! - A line that moves forward is stored as a checkpoint of the job, so whoever asks about checkpoints asks about lines. It
//!   is restored only when it is durable, and nobody is told before.
//! - It looks for a line once per interval, when a task asks for a checkpoint, and when tasks are lost: so what is restored
//!   is the maximum of all that was acknowledged before the failure was noticed.
//! - Lines only move forward. So what lies before the newest stored line is garbage: it is discarded when the line is
//!   stored, but for what older lines that are retained, and the log, still refer to.
//! - After a restore every task continues from its checkpoint on the line; what it had taken after that never happened.
//! - What a task of an older attempt says changes nothing.
//!
//! Checkpoints of tasks expire never and may fail at will: a checkpoint that was not written is none. So the settings for rounds of
//! coordinated checkpoints (time-out, pause, concurrent checkpoints, tolerable failures) mean nothing here.

use std::sync::Arc;

use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::protocol::{
    AbortReason, CoordinatorCut, CoordinatorEffects, CoordinatorEvent, Down, Handle, InputSet, JobCtx, Line,
    Positions, To, Up,
};
use cutline_sim::topology::ChannelInfo;

/// A checkpoint that a task has taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Taken {
    /// Its id, the task's own.
    pub id: CheckpointId,
    /// Its snapshot.
    pub handle: Handle,
    /// What the task had sent and received by then.
    pub positions: Arc<Positions>,
}

/// A line that is being stored: the checkpoint of the job, and the own ids of the tasks' checkpoints on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Writing {
    id: CheckpointId,
    line: Vec<CheckpointId>,
}

cutline_sim::reusable! {
    /// The part in the coordinator.
    #[derive(Debug, PartialEq, Eq, Hash)]
    pub struct RecoveryLine {
        /// For each task the checkpoints that a line may still take, oldest first. The first ones are the newest stored line, if
        /// there is one.
        pub(crate) taken: Vec<Vec<Taken>>,
        /// The stored lines that are retained, oldest first.
        pub(crate) stored: Vec<CheckpointId>,
        writing: Option<Writing>,
        /// The id of the next line.
        next: CheckpointId,
        /// All tasks run.
        running: bool,
        /// The next line that moves forward is stored.
        wanted: bool,
        /// The tasks of which a checkpoint was asked and did not come yet.
        awaited: InputSet,
        /// The series of ticks that counts.
        series: u64,
    }
}

impl CoordinatorCut for RecoveryLine {
    fn new(job: &JobCtx<'_>) -> Self {
        RecoveryLine {
            taken: vec![Vec::new(); job.tasks as usize],
            stored: Vec::new(),
            writing: None,
            next: CheckpointId(1),
            running: false,
            wanted: true,
            awaited: InputSet::default(),
            series: 0,
        }
    }

    fn on(&mut self, job: &JobCtx<'_>, event: CoordinatorEvent, fx: &mut CoordinatorEffects) {
        use CoordinatorEvent::{
            Finished, FromTask, Lost, MetaFailed, MetaStored, Over, Recover, Requested, Started,
            Timer as TimerRang,
        };
        match event {
            FromTask { attempt, .. } if attempt != job.attempt => return,
            FromTask { task, up: Up::Ack(id), handle: Some(handle), positions: Some(positions), .. } => {
                self.remember(task, Taken { id, handle, positions }, fx)
            }
            FromTask { up: Up::Request, .. } | Requested => self.ask(job, fx),
            FromTask { .. } => return, // a checkpoint that was not taken
            Finished(task) => drop(self.awaited.remove(task.0)),
            TimerRang(series) if series == self.series && self.running => {
                self.wanted = true;
                fx.timer(job.config.interval, series);
            }
            TimerRang(_) => return,
            MetaStored(id) => self.stored(job, id, fx),
            MetaFailed(id) => return self.failed(id, fx), // there will be another occasion
            Lost => {
                (self.running, self.wanted) = (false, true);
                self.awaited.clear();
                self.series += 1;
            }
            Recover => return self.recover(job, fx),
            Started => self.start(job, fx),
            Over(true) => return,
            Over(false) => return self.give_all_back(fx),
        }
        self.store_if_ahead(job, fx);
    }
}

impl RecoveryLine {
    /// One more checkpoint that a line may take. One that is older than the newest line comes too late for any.
    fn remember(&mut self, task: TaskId, taken: Taken, fx: &mut CoordinatorEffects) {
        self.wanted |= self.awaited.remove(task.0);
        let known = &mut self.taken[task.index()];
        let at = known.partition_point(|other| other.id < taken.id);
        if known.get(at).is_some_and(|other| other.id == taken.id) {
            return; // said twice
        }
        if at == 0 && !self.stored.is_empty() {
            return fx.discard(taken.handle);
        }
        known.insert(at, taken);
    }

    /// A task asks for a checkpoint of the job: every task is to take one.
    fn ask(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        self.wanted = true;
        self.awaited.fill(job.tasks);
        for task in job.finished.iter() {
            self.awaited.remove(task);
        }
        fx.tell(To::All, Down::Trigger(self.next));
    }

    /// Stores the recovery line, if one is wanted and it lies ahead of the newest stored one.
    fn store_if_ahead(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        if !self.wanted || self.writing.is_some() {
            return;
        }
        let Some(line) = line(job.channels, &self.taken) else { return };
        if !self.stored.is_empty() && line.iter().all(|&at| at == 0) {
            return;
        }
        self.wanted = false;
        let id = self.next.max(job.first_checkpoint);
        self.next = CheckpointId(id.0 + 1);
        let on_it = || self.taken.iter().zip(&line).map(|(taken, &at)| &taken[at]);
        fx.begin(id);
        fx.complete(id, on_it().map(|taken| Some(taken.handle)).collect());
        self.writing = Some(Writing { id, line: on_it().map(|taken| taken.id).collect() });
    }

    /// The line is durable. What lies before it is garbage, and each task whose checkpoint is on it may know.
    fn stored(&mut self, job: &JobCtx<'_>, id: CheckpointId, fx: &mut CoordinatorEffects) {
        let Some(Writing { line, .. }) = self.writing.take_if(|writing| writing.id == id) else {
            return fx.subsume(id); // the job was restored without it
        };
        self.stored.push(id);
        for (task, own) in (0..).map(TaskId).zip(line) {
            let taken = &mut self.taken[task.index()];
            let before = taken.partition_point(|taken| taken.id < own);
            taken.drain(..before).for_each(|taken| fx.discard(taken.handle));
            let has_moved = before > 0 || self.stored.len() == 1;
            if has_moved && self.running && !job.finished.contains(task.0) {
                fx.tell(To::Task(task), Down::Completed(own));
            }
        }
        while self.stored.len() > job.config.retained.max(1) as usize {
            fx.subsume(self.stored.remove(0));
        }
    }

    fn failed(&mut self, id: CheckpointId, fx: &mut CoordinatorEffects) {
        if self.writing.take_if(|writing| writing.id == id).is_some() {
            self.wanted = true;
            fx.abandon(id, AbortReason::MetadataNotStored, Vec::new());
        }
    }

    /// Everything goes back to the newest stored line.
    fn recover(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        if let Some(Writing { id, .. }) = self.writing.take() {
            fx.abandon(id, AbortReason::Failover, Vec::new());
        }
        let kept = usize::from(!self.stored.is_empty());
        self.taken.iter_mut().for_each(|taken| taken.truncate(kept));
        let snapshots = match self.stored.is_empty() {
            true => vec![None; job.tasks as usize],
            false => self.taken.iter().map(|taken| taken.first().map(|taken| taken.handle)).collect(),
        };
        fx.restore(Line { checkpoint: self.stored.last().copied(), snapshots });
    }

    /// The job is over, and nothing of it is to stay.
    fn give_all_back(&mut self, fx: &mut CoordinatorEffects) {
        self.stored.drain(..).for_each(|line| fx.subsume(line));
        self.taken.iter_mut().flat_map(|taken| taken.drain(..)).for_each(|taken| fx.discard(taken.handle));
    }

    /// All tasks run. What they were restored from is on a stored line, but perhaps they have not heard of it.
    fn start(&mut self, job: &JobCtx<'_>, fx: &mut CoordinatorEffects) {
        (self.running, self.wanted) = (true, true);
        if !self.stored.is_empty() {
            for (task, taken) in (0..).map(TaskId).zip(&self.taken) {
                taken.first().iter().for_each(|on_it| fx.tell(To::Task(task), Down::Completed(on_it.id)));
            }
        }
        self.series += 1;
        if job.config.interval > 0 {
            fx.timer(job.config.interval, self.series);
        }
    }
}

/// Rollback propagation: begin with everyone's newest checkpoint; a task that has received what, at this line, nobody has sent
/// goes back by one, for as long as there is such a task. What was given up is on no consistent line, so where this ends is the
/// maximum. For each task the place of its checkpoint; `None` if there is no line.
pub fn line(channels: &[ChannelInfo], taken: &[Vec<Taken>]) -> Option<Vec<usize>> {
    let newest = taken.iter().map(|taken| taken.len().checked_sub(1));
    let mut line: Vec<usize> = newest.collect::<Option<_>>()?;
    loop {
        let mut has_orphans = false;
        for channel in channels {
            let (from, to) = (channel.from.index(), channel.to.index());
            let sent = taken[from][line[from]].positions.sent[channel.output as usize];
            while taken[to][line[to]].positions.received[channel.input as usize] > sent {
                line[to] = line[to].checked_sub(1)?;
                has_orphans = true;
            }
        }
        if !has_orphans {
            return Some(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::config::CheckpointConfig;
    use cutline_sim::ids::Attempt;
    use cutline_sim::protocol::CoordinatorEffect::{self, *};

    use super::*;
    use crate::hand::{HandCoordinator, TASKS, handle, id};

    /// A job of three tasks in a row without ticks, in which each has taken its first checkpoint and these are stored as line 1.
    fn begun() -> HandCoordinator<RecoveryLine> {
        let mut hand = HandCoordinator::by_request(1);
        assert_eq!(hand.ack_at(0, 1, &[0], &[]), []);
        assert_eq!(hand.ack_at(1, 1, &[0], &[0]), []);
        assert_eq!(hand.ack_at(2, 1, &[], &[0]), stores(1, [1, 1, 1]));
        let told = hand.on(CoordinatorEvent::MetaStored(id(1)));
        let completed = |task| Tell(To::Task(TaskId(task)), Down::Completed(id(1)));
        assert_eq!(told, [completed(0), completed(1), completed(2)]);
        hand
    }

    fn stores(line: u64, own: [u64; TASKS as usize]) -> [CoordinatorEffect; 2] {
        let snapshots = (0..TASKS).zip(own).map(|(task, own)| Some(handle(Attempt(1), task, own)));
        [Begin(id(line)), Complete(id(line), snapshots.collect())]
    }

    #[test]
    fn a_line_waits_for_what_was_received_to_have_been_sent() {
        let mut hand = begun();
        assert_eq!(hand.up(1, Up::Request), [Tell(To::All, Down::Trigger(id(2)))]);
        assert_eq!(hand.ack_at(2, 2, &[], &[7]), [], "7 received, and no checkpoint has sent any");
        assert_eq!(hand.ack_at(1, 2, &[5], &[3]), []);
        assert_eq!(hand.ack_at(0, 2, &[4], &[]), stores(2, [2, 2, 1]));
        assert_eq!(hand.ack_at(1, 3, &[9], &[4]), [], "one line is written at a time");
        let effects = hand.on(CoordinatorEvent::MetaStored(id(2)));
        let old = |task| Discard(handle(Attempt(1), task, 1));
        let told = |task| Tell(To::Task(TaskId(task)), Down::Completed(id(2)));
        assert_eq!(effects, [old(0), told(0), old(1), told(1), Subsume(id(1))]);
        assert_eq!(
            hand.on(CoordinatorEvent::Lost),
            stores(3, [2, 3, 2]),
            "the newest of all when tasks are lost"
        );
    }

    #[test]
    fn what_comes_twice_late_or_from_another_attempt_is_no_candidate() {
        let mut hand = begun();
        hand.up(1, Up::Request);
        hand.ack_at(0, 3, &[4], &[]);
        assert_eq!(hand.ack_at(0, 3, &[4], &[]), []);
        hand.on(CoordinatorEvent::MetaStored(id(2)));
        assert_eq!(hand.ack_at(0, 2, &[3], &[]), [Discard(handle(Attempt(1), 0, 2))]);
        assert_eq!(hand.ack_at(0, 3, &[4], &[]), []);
        let positions = Some(Arc::new(Positions { sent: vec![9], received: vec![] }));
        let (task, attempt, up) = (TaskId(0), Attempt(0), Up::Ack(id(4)));
        let handle = Some(handle(attempt, 0, 4));
        let before = hand.machine.clone();
        assert_eq!(hand.on(CoordinatorEvent::FromTask { task, attempt, up, handle, positions }), []);
        assert_eq!(hand.machine, before, "it does not even count later");
    }

    #[test]
    fn all_go_back_to_the_newest_stored_line() {
        let mut hand = begun();
        hand.up(1, Up::Request);
        hand.ack_at(0, 2, &[4], &[]);
        hand.on(CoordinatorEvent::MetaFailed(id(2)));
        hand.on(CoordinatorEvent::Lost);
        let snapshots = (0..TASKS).map(|task| Some(handle(Attempt(1), task, 1))).collect();
        hand.attempt.0 += 1;
        let effects = hand.on(CoordinatorEvent::Recover);
        let abandoned = Abandon(id(3), AbortReason::Failover, vec![]);
        assert_eq!(effects, [abandoned, Restore(Line { checkpoint: Some(id(1)), snapshots })]);
        let told: Vec<_> = hand.on(CoordinatorEvent::Started);
        assert_eq!(told.len(), TASKS as usize, "perhaps nobody had heard: {told:?}");
        // What was taken behind the line never happened, and its ids come again.
        assert_eq!(hand.machine.taken.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
    }

    #[test]
    fn the_user_asks_like_a_task_and_may_have_everything_go() {
        let mut hand = begun();
        assert_eq!(hand.on(CoordinatorEvent::Requested), [Tell(To::All, Down::Trigger(id(2)))]);
        hand.ack_at(0, 2, &[4], &[]);
        hand.on(CoordinatorEvent::MetaFailed(id(2)));
        assert_eq!(hand.on(CoordinatorEvent::Over(true)), [], "all stay");
        let effects = hand.on(CoordinatorEvent::Over(false));
        let gone = [(0, 1), (0, 2), (1, 1), (2, 1)].map(|(task, n)| Discard(handle(Attempt(1), task, n)));
        assert_eq!((&effects[0], &effects[1..]), (&Subsume(id(1)), &gone[..]));
    }

    #[test]
    fn without_a_line_the_initial_state_is_restored() {
        let mut hand = HandCoordinator::<RecoveryLine>::by_request(1);
        hand.ack_at(0, 1, &[0], &[]);
        hand.on(CoordinatorEvent::Lost);
        let line = Line { checkpoint: None, snapshots: vec![None; TASKS as usize] };
        assert_eq!(hand.restart(), [Restore(line)]);
        assert!(hand.machine.taken.iter().all(Vec::is_empty));
    }

    #[test]
    fn it_looks_once_per_interval() {
        let config = CheckpointConfig { interval: 100, ..CheckpointConfig::default() };
        let mut hand = HandCoordinator::<RecoveryLine>::running(config);
        (0..TASKS).for_each(|task| drop(hand.ack_at(task, 1, &[0], &[0])));
        hand.on(CoordinatorEvent::MetaStored(id(1)));
        assert_eq!(hand.ack_at(0, 2, &[4], &[]), []);
        let series = hand.machine.series;
        let [timer, begin, complete] = &hand.on(CoordinatorEvent::Timer(series))[..] else { panic!() };
        assert_eq!(*timer, Timer(100, series));
        assert_eq!([begin.clone(), complete.clone()], stores(2, [2, 1, 1]));
        assert_eq!(hand.on(CoordinatorEvent::Timer(series - 1)), [], "a tick of an older series");
    }
}
