//! A world and those who look at it, forked together.

use std::hash::{Hash, Hasher};

use cutline_sim::event::{self, Event, Origin, Stamped, chain};
use cutline_sim::faults::Fault;
use cutline_sim::fork::Parts;
use cutline_sim::interleaving::{Actors, Choice, Chosen};
use cutline_sim::oracles::{Verdict, state};
use cutline_sim::reusable;
use cutline_sim::time::{MILLISECOND, Time};
use cutline_sim::world::{Outcome, World};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

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
        /// How often all tasks ran, how many checkpoints have completed, and how often the job was restored.
        pub running: u32,
        pub completed: u32,
        pub restored: u32,
        /// Everything that is said, with the times, once somebody listens.
        pub told: Option<u64>,
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
            if let Some(told) = &mut self.told {
                *told = chain(*told, event::hash(event));
            }
        }
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
        self.restored += u32::from(what == 5);
        self.history = chain(self.history, which << 3 | what);
    }
}

/// All that the verdict depends on.
impl Hash for View {
    fn hash<H: Hasher>(&self, into: &mut H) {
        let View { jury, life, running, completed, restored: _, told: _, history: _ } = self;
        (jury, life, running, completed).hash(into);
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

    /// The same for one that differs in nothing but this.
    pub fn copy_changes(&mut self, from: &Seen, changes: Changes) {
        self.world.copy_parts(&from.world, changes.parts);
        if changes.view {
            self.view.clone_from(&from.view);
        }
    }

    pub fn advance(&mut self) -> Option<Outcome> {
        let Seen { world, view } = self;
        world.advance(&mut |world, events| view.observe(world, events))
    }

    /// Runs to its end.
    pub fn run(&mut self) -> Outcome {
        let Seen { world, view } = self;
        world.run(&mut |world, events| view.observe(world, events))
    }

    /// Runs until the job is restored once more, or to its end: then says how it has ended.
    pub fn run_to_restore(&mut self) -> Option<Outcome> {
        let restored = self.view.restored;
        while self.view.restored == restored {
            if let Some(outcome) = self.advance() {
                return Some(outcome);
            }
        }
        None
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

    /// Does what was chosen, and what tasks then have coming from themselves alone, after telling each. Leaves what can be chosen next.
    pub fn go_on(
        &mut self,
        choice: Choice,
        choices: &mut Vec<Choice>,
        tell: &mut dyn FnMut(&World, Choice),
    ) -> Step {
        let mut next = Some(choice);
        let mut step = Step { outcome: None, changes: Changes::NONE, actors: Actors::NONE };
        while let (Some(choice), None) = (next, step.outcome) {
            let Seen { world, view } = self;
            tell(world, choice);
            let mut was_seen = false;
            let Chosen { outcome, reached, actors } = world.choose(choice, &mut |world, events| {
                was_seen = true;
                view.observe(world, events);
            });
            let parts = reached.and(world.choices(choices));
            step.outcome = outcome;
            step.changes = step.changes.and(Changes { parts, view: was_seen });
            step.actors = step.actors.and(actors);
            next = choices.iter().copied().find(|choice| choice.is_own());
        }
        step
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
        let mut judged = Judged {
            objections: Objections::default(),
            undecided: false,
            history: view.history,
            came_to: [
                u64::from(world.attempt().0),
                world.store().completed().next_back().map_or(0, |newest| newest.0),
                u64::from(view.completed),
            ]
            .into_iter()
            .fold(0, chain),
        };
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
        judged.came_to = chain(judged.came_to, end);
        judged
    }
}

/// What a fork came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub objections: Objections,
    pub undecided: bool,
    /// What the coordinator has done, and the verdict.
    pub history: u64,
    /// The attempts, the newest checkpoint, how many have completed, and the verdict: what a state says, whatever the way to it was.
    pub came_to: u64,
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

/// What was done.
pub(super) struct Step {
    /// How the run has ended, if it has.
    pub outcome: Option<Outcome>,
    /// What may have changed.
    pub changes: Changes,
    /// Who has acted.
    pub actors: Actors,
}

/// What may have changed since a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changes {
    /// Of the world.
    parts: Parts,
    /// Those who look on.
    view: bool,
}

impl Changes {
    /// Nothing.
    pub const NONE: Changes = Changes { parts: Parts::NONE, view: false };
    /// Everything.
    pub const ALL: Changes = Changes { parts: Parts::ALL, view: true };

    /// What may have changed by one thing or another.
    pub fn and(self, other: Changes) -> Changes {
        Changes { parts: self.parts.and(other.parts), view: self.view || other.view }
    }
}

/// The digests of all parts of what was seen: those of the world, and those who look on.
#[derive(Clone, Default)]
pub(super) struct Digests(Vec<u128>);

impl Digests {
    /// Those of another state.
    pub fn become_copy(&mut self, from: &Digests) {
        self.0.clone_from(&from.0);
    }

    /// Computes anew what may have changed; a digest of all that the rest of a run, and the verdict about it, depend on.
    pub fn renew(&mut self, seen: &Seen, changes: Changes, memory: &mut Collector) -> u128 {
        let Seen { world, view } = seen;
        let mut count = 0;
        for (at, part) in world.parts().enumerate() {
            self.0.resize(self.0.len().max(at + 2), 0);
            if changes.parts.contains(part) {
                self.0[at] = memory.digest(|into| world.hash_part(part, into));
            }
            count = at + 1;
        }
        if changes.view {
            self.0[count] = memory.digest(|into| view.hash(into));
        }
        memory.digest(|into| self.0.hash(into))
    }
}

/// Collects what is hashed: a digest of all at once is faster than one bit by bit.
#[derive(Default)]
pub(super) struct Collector(Vec<u8>);

impl Collector {
    /// The digest of a state, with the counts by which things are named.
    pub fn with_counts(&mut self, state: u128, seen: &Seen) -> u128 {
        self.digest(|into| {
            state.hash(into);
            seen.world.hash_counts(into);
        })
    }

    /// The digest of all that the rest of a run, and the verdict about it, depend on, with what is drawn by; and of what the coordinator has
    /// done on the way, if that is to count.
    pub fn digest_of(&mut self, seen: &mut Seen, with_history: bool) -> u128 {
        seen.world.settle();
        let Seen { world, view } = seen;
        self.digest(|into| {
            for (number, part) in world.parts().enumerate() {
                number.hash(into);
                world.hash_part(part, into);
            }
            view.hash(into);
            world.hash_draws(into);
            with_history.then_some(view.history).hash(into);
        })
    }

    fn digest(&mut self, hash: impl FnOnce(&mut Collector)) -> u128 {
        self.0.clear();
        hash(self);
        xxh3_128(&self.0)
    }
}

impl Hasher for Collector {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        xxh3_64(&self.0)
    }
}
