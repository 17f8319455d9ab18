//! A task that stands still waits for the word to go on, however long: when that word is lost, it stands for ever, and with it
//! all that wait for its output. Whoever stops for the sake of another must be able to go on without it.

use cutline_sim::protocol::{TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};

use crate::freeze_the_world::FreezeTheWorld;
use crate::mutants::TaskMutation;

/// Drops the timers.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct FrozenForEver;

impl TaskMutation for FrozenForEver {
    type Of = FreezeTheWorld;

    fn on(
        &mut self,
        machine: &mut FreezeTheWorld,
        task: &TaskCtx<'_>,
        event: TaskEvent,
        fx: &mut TaskEffects,
    ) {
        machine.on(task, event, fx);
        fx.0.retain(|effect| !matches!(effect, TaskEffect::Timer(..)));
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::{Down::Trigger, READING, TaskEvent::Control};

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::{HandTask, id};

    #[test]
    fn no_timer_wakes_it() {
        let mut source = HandTask::<MutantTask<FrozenForEver>>::source();
        let effects = source.on(Control(Trigger(id(1))));
        assert!(effects.contains(&TaskEffect::Block(READING)), "{effects:?}");
        assert!(!effects.iter().any(|effect| matches!(effect, TaskEffect::Timer(..))), "{effects:?}");
    }
}
