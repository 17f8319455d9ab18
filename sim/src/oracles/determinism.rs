//! Determinism: the same scenario, strategy, faults and seed give the same run, event for event. Whoever runs runs twice.

use super::{Verdict, show_time};
use crate::event::Stamped;
use crate::topology::Topology;

/// Its name.
pub const NAME: &str = "determinism";

/// Compares two runs: their digests, and, to show where they part, their events in the order of (time, origin).
pub fn compare(topology: &Topology, digests: (u128, u128), first: &[Stamped], second: &[Stamped]) -> Verdict {
    let parting = first.iter().zip(second).position(|(a, b)| a != b);
    let at = match parting {
        Some(at) => Some(at),
        None if first.len() != second.len() => Some(first.len().min(second.len())),
        None => None,
    };
    let show = |event: Option<&Stamped>| match event {
        Some(stamped) => {
            let who = match stamped.origin.as_task() {
                Some(task) => topology.task_name(task),
                None => stamped.origin.to_string(),
            };
            format!("{:?} by {who} at {}", stamped.event, show_time(stamped.time))
        }
        None => "nothing more".to_owned(),
    };
    match at {
        Some(at) => Verdict::Fail(format!(
            "Two runs of the same scenario, strategy, faults and seed part at event {}: the first had {}, the second {}.",
            at + 1,
            show(first.get(at)),
            show(second.get(at))
        )),
        None if digests.0 != digests.1 => Verdict::Fail(
            "Two runs of the same scenario, strategy, faults and seed emitted the same events, but handled different records \
             or at different instants: their digests differ."
                .to_owned(),
        ),
        None => Verdict::Pass,
    }
}
