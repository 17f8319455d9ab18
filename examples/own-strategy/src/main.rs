//! A checkpoint strategy of one's own, in one file, with the whole command line of Cutline.
//!
//! `majority` lies between two strategies of the project. Under `aligned` a task waits for the barriers of all of its inputs, and those
//! that have delivered theirs are blocked; under `chandy-lamport` it makes its cut at the first barrier, and what comes on all other
//! inputs before theirs becomes part of the checkpoint. Here it waits for more than half of them: the early half is blocked for a while, and
//! of the late half something is saved.
//!
//! ```sh
//! cargo run --release -p own-strategy -- compare sum-even-odd --strategies aligned,majority,chandy-lamport --faults crashes
//! cargo run --release -p own-strategy -- sweep wordcount --strategy majority --faults all --seeds 0..1000
//! cargo run --release -p own-strategy -- explore tiny --strategy majority
//! ```

use std::process::ExitCode;

use cutline::algorithms::Strategy;
use cutline::algorithms::rounds::{Concurrent, Coordinated};
use cutline::sim::config::CheckpointMode;
use cutline::sim::erased::machines;
use cutline::sim::ids::CheckpointId;
use cutline::sim::protocol::{
    Down, Input, InputSet, SnapshotMethod, TaskCtx, TaskCut, TaskEffects, TaskEvent, Up,
};
use cutline::sim::record::Mark;

/// The row by which every command knows it.
const MAJORITY: Strategy = Strategy {
    name: "majority",
    about: "The cut is made when more than half of the inputs have delivered their barrier; of the others the rest is saved.",
    guarantee: CheckpointMode::ExactlyOnce,
    blocks: "early inputs until most barriers have arrived",
    channel_state: "what comes on the late inputs before their barriers",
    cycles: false,
    messages: "a trigger per source, a mark per channel, an acknowledgement and a completion per task",
    snapshot: SnapshotMethod::FullAsync,
    source: "examples/own-strategy",
    // The coordinator keeps the books as for most strategies: as many checkpoints in flight as configured.
    cut: machines::<Majority, Coordinated<Concurrent>>,
};

cutline::sim::reusable! {
    /// The part in every task.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    struct Majority {
        /// The newest checkpoint whose cut was made. It is saved with the snapshot.
        newest: CheckpointId,
        /// Newer ones that were given up.
        given_up: Vec<CheckpointId>,
        /// The checkpoints whose barriers are arriving, oldest first.
        arriving: Vec<Arriving>,
    }
}

cutline::sim::reusable! {
    /// One checkpoint, before its cut.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    struct Arriving {
        id: CheckpointId,
        /// Inputs whose barrier is here; they are blocked.
        early: InputSet,
    }
}

impl TaskCut for Majority {
    /// What a task must know again after a restore.
    type Durable = CheckpointId;

    fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        Majority { newest: restored, ..Majority::default() }
    }

    fn durable(&self) -> CheckpointId {
        self.newest
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        use Down::{Aborted, Completed, Trigger};
        match event {
            // A source, or a task whose inputs have ended: there is nothing to wait for.
            TaskEvent::Control(Trigger(id)) if !self.is_over(id) => self.cut(id, task, fx),
            TaskEvent::Reached(input, Mark::Cut(id)) if !self.is_over(id) => self.arrive(input, id, task, fx),
            TaskEvent::Control(Trigger(_)) | TaskEvent::Reached(_, Mark::Cut(_)) => {} // late: the rest of its input is saved
            TaskEvent::InputEnded(_) => self.cut_if_most(task, fx),
            TaskEvent::Control(Aborted(id)) | TaskEvent::Reached(_, Mark::Cancel(id)) => self.give_up(id, fx),
            TaskEvent::Control(Completed(id)) => fx.commit(id),
            TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)),
            TaskEvent::PersistFailed(id) => fx.tell(Up::Decline(id)),
            TaskEvent::Arrived(..) | TaskEvent::Started | TaskEvent::Timer(_) => {}
        }
    }
}

impl Majority {
    fn is_over(&self, id: CheckpointId) -> bool {
        id <= self.newest || self.given_up.contains(&id)
    }

    /// A barrier is here. Its input waits until most are. An older barrier that this input still owes will not come: its checkpoint was
    /// skipped upstream.
    fn arrive(&mut self, input: Input, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        let owes = |arriving: &&Arriving| arriving.id < id && !arriving.early.contains(input);
        while let Some(owed) = self.arriving.iter().find(owes).map(|arriving| arriving.id) {
            self.give_up(owed, fx);
        }
        let at = self.arriving.partition_point(|arriving| arriving.id < id);
        if self.arriving.get(at).is_none_or(|arriving| arriving.id != id) {
            self.arriving.insert(at, Arriving { id, early: InputSet::default() });
        }
        self.arriving[at].early.insert(input);
        fx.block(input);
        self.cut_if_most(task, fx);
    }

    /// Makes the cut of the newest checkpoint of which most inputs that are still open have delivered the barrier.
    fn cut_if_most(&mut self, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        let open_early =
            |arriving: &&Arriving| task.open.iter().filter(|&input| arriving.early.contains(input)).count();
        let is_most = |arriving: &&Arriving| {
            2 * open_early(arriving) > task.open.len() as usize || task.open.is_empty()
        };
        if let Some(id) = self.arriving.iter().rev().find(is_most).map(|arriving| arriving.id) {
            self.cut(id, task, fx);
        }
    }

    /// The barrier goes before anything else; then the snapshot, at the same instant; and what the late inputs bring is saved.
    fn cut(&mut self, id: CheckpointId, task: &TaskCtx<'_>, fx: &mut TaskEffects) {
        self.newest = id;
        self.given_up.retain(|&other| other > id);
        fx.emit(Mark::Cut(id));
        fx.snapshot(id);
        let early =
            self.arriving.iter().find(|arriving| arriving.id == id).map(|arriving| arriving.early.clone());
        let early = early.unwrap_or_default();
        task.open.iter().filter(|&input| !early.contains(input)).for_each(|input| fx.capture(input, id));
        // Older ones can not become whole any more: their barriers were to come first.
        let over = self.arriving.partition_point(|arriving| arriving.id <= id);
        self.arriving.drain(..over).for_each(|arriving| release(&arriving, fx));
    }

    /// Whoever gives a checkpoint up before its cut sends a cancellation in the place of its barrier, or those below would wait for ever.
    fn give_up(&mut self, id: CheckpointId, fx: &mut TaskEffects) {
        if id <= self.newest {
            fx.drop_snapshot(id);
        } else if !self.given_up.contains(&id) {
            self.given_up.push(id);
            if let Some(at) = self.arriving.iter().position(|arriving| arriving.id == id) {
                release(&self.arriving.remove(at), fx);
            }
            fx.emit(Mark::Cancel(id));
        }
    }
}

fn release(arriving: &Arriving, fx: &mut TaskEffects) {
    arriving.early.iter().for_each(|input| fx.unblock(input));
}

fn main() -> ExitCode {
    cutline::command_line::main(&[MAJORITY])
}
