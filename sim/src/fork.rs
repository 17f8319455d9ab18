//! How a fork goes another way than its original: somebody intervenes in a world that is under way.

use std::fmt;

use crate::faults::{FailedWrite, Fault, LostMessage};
use crate::ids::TaskId;
use crate::world::{Observe, World};

/// A part of a world. What one task does changes that task and the rest, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A task, without its machine and its channels.
    Task(TaskId),
    /// The coordinator and the nodes.
    Coordinator,
    /// The store.
    Store,
    /// Everything else.
    Rest,
}

impl World {
    /// The faults that would each have struck one thing alone which has begun since this was last asked for: a message that was
    /// sent, a write to the store. Only with [`Detail::targets`](crate::event::Detail::targets), and none of what was before that was asked for.
    pub fn targets(&mut self) -> impl Iterator<Item = Fault> + '_ {
        let messages =
            self.shared.post.sent.drain(..).map(|message| Fault::LostMessage(LostMessage { message }));
        messages.chain(self.shared.writes.drain(..).map(|write| Fault::FailedWrite(FailedWrite { write })))
    }

    /// A fault that is in no plan strikes here and now. It is the same as
    /// [`When::Event`](crate::faults::When::Event) with the number of events so far.
    pub fn strike(&mut self, fault: &Fault, observe: Observe<'_>) {
        fault.begin(self);
        self.hand_over(observe);
    }

    /// Makes another world this one, without what only tells how it has come about: see [`World::write_part`].
    pub fn settle(&self, scratch: &mut World) {
        scratch.clone_from(self);
        scratch.forget_the_past();
    }

    /// Writes a part of a world that has been settled, for a digest. All parts together are all that the rest of the run depends on; what
    /// all worlds of a job share is left out.
    pub fn write_part(&self, part: Part, into: &mut dyn fmt::Write) {
        let World {
            protocol,
            network,
            tasks,
            reach,
            nodes,
            coordinator,
            store,
            shared,
            faults,
            now,
            deadline,
            end,
            outcome,
            turn,
            // The same in all worlds of a job.
            topology: _,
            backend: _,
            committer: _,
            base: _,
            is_whole: _,
            // Past, or empty between two events.
            digests: _,
            handed: _,
            // It changes nothing.
            lookahead: _,
        } = self;
        // Who takes a digest takes everything.
        let _ = match part {
            Part::Task(task) => write!(into, "{:?}", tasks[task.index()]),
            Part::Coordinator => write!(into, "{coordinator:?}{nodes:?}"),
            Part::Store => write!(into, "{store:?}"),
            Part::Rest => {
                let times = (now, deadline, end, outcome, turn);
                write!(into, "{protocol:?}{network:?}{reach:?}{shared:?}{faults:?}{times:?}")
            }
        };
    }

    /// Forgets what only tells how it has come to be as it is, and puts in order what has none.
    fn forget_the_past(&mut self) {
        self.shared.steps = 0;
        self.shared.queue.sort();
        self.shared.writes.clear();
        self.shared.post.sent.clear();
        self.tasks.iter_mut().for_each(|task| task.chain = 0);
        self.network.collect(self.now);
    }

    /// Ends all faults and fails the job over, here and now: how a fork asks whether the newest checkpoint can be restored.
    /// No newer one comes to exist before the restore, and there is one more restart in any case.
    pub fn fail_over(&mut self) {
        self.shared.steps = 0;
        self.turn = None;
        self.end_faults();
        self.fail_over_to_newest();
    }
}
