//! Uncoordinated checkpoints (Elnozahy, Alvisi, Wang and Johnson 2002, *A Survey of Rollback-Recovery Protocols in
//! Message-Passing Systems*, section 3.1; in stream processors: Siachamis et al. 2024, *CheckMate*).
//!
//! Every task takes its first checkpoint when it starts, and then one per interval, at a phase of its own and a tenth of the
//! interval sooner or later: nobody agrees with anybody on anything, nothing is sent, nothing waits. Everything sent is logged.
//! After a failure the coordinator looks for the *recovery line*, the newest set of checkpoints, one of each task, in which
//! nobody has received what nobody has sent ([`RecoveryLine`]); all tasks go back to it, and the log gives back what was
//! in transit there.
//!
//! The price: the log; checkpoints that never lie on a line and were useless; and in a job with cycles the *domino effect*: each
//! rollback makes another one necessary, perhaps to the beginning. Dense feedback leaves the tasks of a loop no line but their initial
//! state, so nothing that they store becomes garbage before the loop comes to rest. Without a cycle a task goes back for the sake of
//! those before it only, so a line is never further back than the oldest of the newest checkpoints.
//!
//! One checkpoint of a task is written at a time. One that somebody asks for meanwhile is taken when the write has ended; one that
//! falls due by the task's own clock is left out, and the next is due an interval later. Else a task whose snapshots take longer than
//! its interval, and stop it meanwhile, would do nothing but take them.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Down, Hooks, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up};

pub use crate::recovery_line::RecoveryLine;

/// The part in every task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uncoordinated {
    /// The newest checkpoint, by the task's own count. It is saved with the snapshot.
    newest: CheckpointId,
    /// It is being written.
    writing: bool,
    /// Another one was asked for, and is taken when that is done.
    asked: bool,
}

impl TaskCut for Uncoordinated {
    type Durable = CheckpointId;
    const HOOKS: Hooks = Hooks { log_sent: true, ..Hooks::NONE };

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        Uncoordinated { newest: restored, ..Uncoordinated::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.newest
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let interval = task.config.interval;
        match event {
            TaskEvent::Started => {
                if self.newest == CheckpointId::default() {
                    self.take(fx);
                }
                if interval > 0 {
                    fx.jittered_timer(0, interval, 0);
                }
            }
            TaskEvent::Timer(_) => {
                if !self.writing {
                    self.take(fx);
                }
                fx.jittered_timer(interval - interval / 10, interval / 5, 0);
            }
            TaskEvent::Control(Down::Trigger(_)) => self.take_when_written(fx),
            TaskEvent::Persisted(id) => {
                fx.tell(Up::Ack(id));
                self.written(id, fx);
            }
            TaskEvent::PersistFailed(id) => self.written(id, fx), // as if it had not been taken
            TaskEvent::Control(Down::Completed(id)) => fx.commit(id), // it lies on a stored line
            TaskEvent::Control(Down::Aborted(_)) => {}
            TaskEvent::Arrived(..) | TaskEvent::Reached(..) | TaskEvent::InputEnded(_) => {} // no marks
        }
    }
}

impl Uncoordinated {
    /// Takes a checkpoint, now.
    pub(crate) fn take(&mut self, fx: &mut TaskEffects) {
        self.newest.0 += 1;
        self.writing = true;
        fx.snapshot(self.newest);
    }

    fn take_when_written(&mut self, fx: &mut TaskEffects) {
        if self.writing { self.asked = true } else { self.take(fx) }
    }

    fn written(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if id == self.newest {
            self.writing = false;
            if std::mem::take(&mut self.asked) {
                self.take(fx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskEffect::{Commit, JitteredTimer, Snapshot, Tell};
    use cutline_sim::protocol::{Down::*, TaskEvent::*};

    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_task_takes_checkpoints_by_a_clock_of_its_own() {
        let mut task = HandTask::<Uncoordinated>::with_inputs(2);
        task.config.interval = 1000;
        assert_eq!(task.on(Started), [Snapshot(id(1)), JitteredTimer(0, 1000, 0)]);
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1)))]);
        assert_eq!(task.on(Timer(0)), [Snapshot(id(2)), JitteredTimer(900, 200, 0)]);
        assert_eq!(task.on(Control(Completed(id(1)))), [Commit(id(1))]);
    }

    #[test]
    fn what_falls_due_during_a_write_is_left_out() {
        let mut task = HandTask::<Uncoordinated>::with_inputs(2);
        task.config.interval = 1000;
        task.on(Started);
        assert_eq!(task.on(Timer(0)), [JitteredTimer(900, 200, 0)]);
        assert_eq!(
            task.on(Persisted(id(1))),
            [Tell(Up::Ack(id(1)))],
            "or it would have no time for anything else"
        );
        assert_eq!(task.on(Timer(0)), [Snapshot(id(2)), JitteredTimer(900, 200, 0)]);
    }

    #[test]
    fn one_is_written_at_a_time() {
        let mut task = HandTask::<Uncoordinated>::source();
        task.config.interval = 0;
        assert_eq!(task.on(Started), [Snapshot(id(1))]);
        assert_eq!(task.on(Control(Trigger(id(7)))), []);
        assert_eq!(task.on(Persisted(id(1))), [Tell(Up::Ack(id(1))), Snapshot(id(2))]);
        assert_eq!(task.on(PersistFailed(id(2))), []);
        assert_eq!(task.on(Control(Trigger(id(7)))), [Snapshot(id(3))]);
    }

    #[test]
    fn a_restored_task_counts_on_and_has_its_checkpoint_already() {
        let mut task = HandTask::<Uncoordinated>::source();
        task.config.interval = 0;
        task.on(Started);
        task.machine = Uncoordinated { newest: task.machine.durable(), ..Uncoordinated::default() };
        assert_eq!(task.on(Started), []);
        assert_eq!(task.on(Control(Trigger(id(2)))), [Snapshot(id(2))]);
    }
}
