//! Liveness: once all faults have ended the job finishes within a bound, or stops if its user asks for that. To finish it needs a checkpoint that completes,
//! so a strategy that stops taking checkpoints is caught too. A stall is reported with what every task was doing.
//!
//! So does a job that goes on from what this one has left: from a savepoint, or in a fork from a checkpoint. Whoever runs such a job
//! says so if it stalls ([`Liveness::continuation_stalled`]). The end that it did not come to says nothing of state and sinks.

use super::{Oracle, Verdict, show_time};
use crate::event::{Event, Stamped};
use crate::ids::{CheckpointId, TaskId};
use crate::task::Status;
use crate::world::{Bound, Outcome, World};

/// Its name.
pub const NAME: &str = "liveness";

/// The oracle.
#[derive(Clone, Debug, Default, Hash)]
pub struct Liveness {
    last_completed: Option<(u64, CheckpointId)>,
    aborted_since: u32,
    /// What was said of a job that was to go on from what this one has left.
    continuation: Option<String>,
}

impl Liveness {
    /// A job that was to go on from what this one has left did not come to its end. The first proof is kept.
    pub fn continuation_stalled(&mut self, proof: String) {
        self.continuation.get_or_insert(proof);
    }
}

impl Oracle for Liveness {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, _world: &World, event: &Stamped) {
        match event.event {
            Event::CheckpointCompleted { id, .. } => {
                self.last_completed = Some((event.time, id));
                self.aborted_since = 0;
            }
            Event::CheckpointAborted { .. } => self.aborted_since += 1,
            _ => {}
        }
    }

    fn verdict(&mut self, world: &World, outcome: Outcome) -> Verdict {
        let why = match outcome {
            Outcome::Finished | Outcome::Drained | Outcome::Suspended | Outcome::Cancelled => {
                return self.continuation.clone().map_or(Verdict::Pass, Verdict::Fail);
            }
            Outcome::Failed => "the job failed for good: it used up its restarts",
            Outcome::Exceeded(Bound::Steps) => "it was given up after `bounds.steps` steps",
            Outcome::Exceeded(Bound::Queue) => "more than `bounds.queue` events were waiting",
            Outcome::Exceeded(Bound::Time) => {
                "it did not finish in the time it had after all faults had ended"
            }
            Outcome::Exceeded(Bound::Quiet) => "nothing would ever have happened again",
        };
        let last = match self.last_completed {
            Some((time, id)) => format!("checkpoint {id} at {} was the last to complete", show_time(time)),
            None => "no checkpoint ever completed".to_owned(),
        };
        Verdict::Fail(format!(
            "At {} the run was given up: {why}. Then {last}, and {} were aborted after it. The tasks were: {}.{}",
            show_time(world.now()),
            self.aborted_since,
            tasks(world),
            expired(world)
        ))
    }
}

/// What is to be said of sinks that have failed because their transactions had expired; nothing if none has.
fn expired(world: &World) -> String {
    let (count, last) = world.external().late();
    let Some(last) = last else { return String::new() };
    format!(
        " Sinks have failed {count} times because their open transaction had expired when it was to be prepared, the last time \
         {} for checkpoint {}: it may be open for {} (`cluster.external.transaction-timeout`), and that time was over at {}. Set \
         it above the checkpoint interval and the duration of a checkpoint together.",
        world.topology().task_name(last.transaction.task),
        last.transaction.id,
        show_time(world.topology().config.external.transaction_timeout),
        show_time(last.at)
    )
}

/// What every task was doing, the first dozen of those that had not finished.
fn tasks(world: &World) -> String {
    let all = (0..world.topology().tasks.len() as u32).map(TaskId);
    let mut busy: Vec<String> = all
        .filter(|&task| world.status(task) != Status::Finished)
        .map(|task| format!("{} {}", world.topology().task_name(task), world.doing(task)))
        .collect();
    let more = busy.len().saturating_sub(12);
    busy.truncate(12);
    if more > 0 {
        busy.push(format!("and {more} more"));
    }
    if busy.is_empty() { "all finished".to_owned() } else { busy.join("; ") }
}
