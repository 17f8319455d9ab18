//! The world stands still, so what is on the channels is believed to stay there, and nothing is captured. But a crash empties
//! channels: what is in flight at the cut was sent by its sender and is neither received nor captured by its receiver. It is lost
//! after a restore.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::freeze_the_world::FreezeTheWorld;
use crate::mutants::TaskMutation;

/// Drops the captures.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct StillWorld;

impl TaskMutation for StillWorld {
    type Of = FreezeTheWorld;

    fn on(
        &mut self,
        machine: &mut FreezeTheWorld,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(..)));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Trigger, TaskEvent::Control};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn nothing_is_captured() {
        let mut task = HandTask::<MutantTask<StillWorld>>::with_inputs(2);
        let effects = task.on(Control(Trigger(id(1))));
        assert!(effects.contains(&TaskEffect::Snapshot(id(1))) && effects.contains(&TaskEffect::Block(1)));
        assert!(!effects.iter().any(|effect| matches!(effect, TaskEffect::Capture(..))), "{effects:?}");
    }
}
