//! A world and those who look at it, forked together.

use std::fmt::Write;

use cutline_sim::event::{Event, Origin, Stamped, chain};
use cutline_sim::faults::Fault;
use cutline_sim::fork::Part;
use cutline_sim::ids::TaskId;
use cutline_sim::interleaving::Choice;
use cutline_sim::oracles::{Verdict, state};
use cutline_sim::reusable;
use cutline_sim::time::{MILLISECOND, Time};
use cutline_sim::world::{Outcome, World};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use super::findings::Objections;
use crate::jury::Jury;
use crate::life::{Again, Life, Opinion, reference_of};
use crate::prepare::Prepared;

reusable! {
    /// What is forked with a world: those who have looked at it.
    #[derive(Default)]
    pub(super) struct View {
        pub jury: Jury,
        pub life: Life,
        /// What the coordinator has done, without the times.
        pub history: u64,
        /// How often all tasks ran, and how many checkpoints have completed.
        pub running: u32,
        pub completed: u32,
    }
}

impl View {
    pub fn observe(&mut self, world: &World, events: &[Stamped]) {
        for event in events {
            self.jury.observe(world, event);
            self.life.observe(world, event);
            if event.origin == Origin::COORDINATOR {
                self.note(&event.event);
            }
        }
    }

    /// Writes all that the verdict depends on.
    fn write_state(&self, text: &mut String) {
        let View { jury, life, running, completed, history: _ } = self;
        // A string takes everything.
        let _ = write!(text, "{jury:?}{life:?}{running} {completed}");
    }

    fn note(&mut self, event: &Event) {
        let (what, which) = match event {
            Event::CheckpointTriggered { id } => (1, id.0),
            Event::CheckpointCompleted { id, .. } => (2, id.0),
            Event::CheckpointAborted { id, .. } => (3, id.0),
            Event::FailureNoticed { attempt } => (4, u64::from(attempt.0)),
            Event::Restoring { checkpoint, .. } => (5, checkpoint.map_or(0, |id| id.0)),
            Event::JobRunning { attempt } => (6, u64::from(attempt.0)),
            _ => return,
        };
        self.running += u32::from(what == 6);
        self.completed += u32::from(what == 2);
        self.history = chain(self.history, which << 3 | what);
    }
}

/// A world, and who has looked at it.
#[derive(Clone)]
pub(super) struct Seen {
    pub world: World,
    pub view: View,
}

impl Seen {
    pub fn become_copy(&mut self, from: &Seen) {
        self.world.clone_from(&from.world);
        self.view.clone_from(&from.view);
    }

    pub fn advance(&mut self) -> Option<Outcome> {
        let Seen { world, view } = self;
        world.advance(&mut |world, events| view.observe(world, events))
    }

    /// States are compared once in each such moment, the first one in it.
    pub fn moment(&self) -> Time {
        self.world.now() / MILLISECOND
    }

    /// A fault strikes; true if it did something at once.
    pub fn strike(&mut self, fault: &Fault) -> bool {
        let Seen { world, view } = self;
        let mut struck = false;
        world.strike(fault, &mut |world, events| {
            struck = true;
            view.observe(world, events);
        });
        struck
    }

    /// Does what was chosen, and what tasks then have coming from themselves alone, after telling each; how the run has ended, if it has.
    /// Leaves what can be chosen next, and notes what may have changed.
    pub fn go_on(
        &mut self,
        choice: Choice,
        (choices, changes): (&mut Vec<Choice>, &mut Changes),
        tell: &mut dyn FnMut(&World, Choice),
    ) -> Option<Outcome> {
        let mut next = Some(choice);
        let mut outcome = None;
        while let (Some(choice), None) = (next, outcome) {
            let Seen { world, view } = self;
            tell(world, choice);
            changes.add(choice.task());
            outcome = world.choose(choice, &mut |world, events| {
                changes.seen = true;
                view.observe(world, events);
            });
            world.choices(choices);
            next = choices.iter().copied().find(|choice| choice.is_own());
        }
        outcome
    }

    /// Asks every oracle about the end of the run.
    pub fn judge(&mut self, outcome: Outcome, about: About<'_>, spare: &mut Option<World>) -> Judged {
        let About { prepared, pristine, seed, deadline } = about;
        let Seen { world, view } = self;
        let again = Again { prepared, pristine, spare, seed, deadline };
        let opinion = match reference_of(prepared, world) {
            Ok(reference) => view.life.judge(world, outcome, &reference, again),
            Err(_) => Opinion::unknown(String::new()),
        };
        let mut judged =
            Judged { objections: Objections::default(), undecided: false, history: view.history };
        view.jury.speak(
            (world, outcome),
            opinion,
            (Verdict::Unknown(String::new()), None),
            &mut |oracle, verdict| match verdict {
                Verdict::Fail(_) => judged.objections.add(oracle),
                Verdict::Unknown(_) => judged.undecided |= oracle == state::NAME,
                Verdict::Pass => {}
            },
        );
        let end = (u64::from(judged.objections.0) << 8) | outcome_number(outcome);
        judged.history = chain(judged.history, end);
        judged
    }
}

/// What a fork came to.
pub(super) struct Judged {
    pub objections: Objections,
    pub undecided: bool,
    pub history: u64,
}

/// What the end of a run is judged by.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub prepared: &'a Prepared,
    pub pristine: &'a World,
    pub seed: u64,
    pub deadline: Time,
}

/// A number for how a run has ended.
fn outcome_number(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Finished => 0,
        Outcome::Drained => 1,
        Outcome::Suspended => 2,
        Outcome::Cancelled => 3,
        Outcome::Failed => 4,
        Outcome::Exceeded(_) => 5,
    }
}

/// What may have changed since a state.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// These tasks.
    tasks: Vec<TaskId>,
    /// Everything but those who look on.
    others: bool,
    /// Those who look on.
    seen: bool,
}

impl Changes {
    /// Everything.
    pub fn all() -> Changes {
        Changes { tasks: Vec::new(), others: true, seen: true }
    }

    /// A task has acted, or somebody else.
    fn add(&mut self, actor: Option<TaskId>) {
        self.tasks.extend(actor);
        self.others |= actor.is_none();
    }
}

/// The digests of all parts of what was seen: of each task, the coordinator, the store, and those who look on.
#[derive(Clone, Default)]
pub(super) struct Parts(Vec<u128>);

impl Parts {
    /// Those of another state.
    pub fn become_copy(&mut self, from: &Parts) {
        self.0.clone_from(&from.0);
    }

    /// Computes anew what may have changed; a digest of all that the rest of a run, and the verdict about it, depend on.
    pub fn renew(&mut self, seen: &Seen, changes: &Changes, scratch: &mut World, text: &mut String) -> u128 {
        seen.world.settle(scratch);
        let tasks = scratch.topology().tasks.len();
        self.0.resize(tasks + 3, 0);
        let mut digest = |part| {
            text.clear();
            scratch.write_part(part, text);
            xxh3_128(text.as_bytes())
        };
        let all = (0..tasks as u32).map(TaskId);
        for task in all.filter(|task| changes.others || changes.tasks.contains(task)) {
            self.0[task.index()] = digest(Part::Task(task));
        }
        if changes.others {
            self.0[tasks] = digest(Part::Coordinator);
            self.0[tasks + 1] = digest(Part::Store);
        }
        let rest = digest(Part::Rest);
        if changes.seen {
            text.clear();
            seen.view.write_state(text);
            self.0[tasks + 2] = xxh3_128(text.as_bytes());
        }
        let mut whole = Xxh3Default::new();
        self.0.iter().chain([&rest]).for_each(|digest| whole.update(&digest.to_le_bytes()));
        whole.digest128()
    }
}
