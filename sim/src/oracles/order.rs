//! Order: every channel delivers exactly the sequence that its sender sent, without a gap and without a repetition, also
//! across restores; so the records of one key, which share a channel, keep their order too.
//!
//! Every item carries its sender's count; the receiver compares it with its own.

use super::{Oracle, Verdict, show_time};
use crate::config::CheckpointMode;
use crate::event::{Event, Stamped};
use crate::world::{Outcome, World};

/// Its name.
pub const NAME: &str = "order";

/// The oracle.
#[derive(Clone, Debug, Default, Hash)]
pub struct Order {
    first: Option<Stamped>,
}

impl Oracle for Order {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, world: &World, event: &Stamped) {
        let Event::OrderBroken { repeated, .. } = event.event else { return };
        // A repetition is what at least once means; a gap is not.
        let allowed = repeated && world.topology().config.checkpointing.mode == CheckpointMode::AtLeastOnce;
        if self.first.is_none() && !allowed {
            self.first = Some(*event);
        }
    }

    fn objects(&self) -> bool {
        self.first.is_some()
    }

    fn verdict(&mut self, world: &World, _outcome: Outcome) -> Verdict {
        let Some(Stamped {
            time,
            event: Event::OrderBroken { channel, sequence, expected, repeated, lineage },
            ..
        }) = self.first
        else {
            return Verdict::Pass;
        };
        let topology = world.topology();
        let ends = &topology.channels[channel.index()];
        let (from, to) = (topology.task_name(ends.from), topology.task_name(ends.to));
        let relation = if repeated { "it was delivered before" } else { "those between were skipped" };
        Verdict::Fail(format!(
            "At {} {to} took the record with lineage {lineage:#018x} from the channel {from} -> {to}. It is item {sequence} \
             by the count of {from}, but {to} had taken {} before it, so item {expected} was next: {relation}. So the \
             channel did not keep the order of sending.",
            show_time(time),
            expected - 1
        ))
    }
}
