//! A job that starts from a savepoint takes over values and maps, but no timers, as if they were always where the state of its
//! own checkpoints has them. What was to fire never does.

use std::sync::Arc;

use cutline_sim::backend::{Backend, BackendCtx, Part, StateFile};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::{KeyedState, Timer};

use crate::mutant_backend::BackendMutation;

/// Deletes timers that do not come from a file.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct LostTimers;

impl BackendMutation for LostTimers {
    fn restore(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        snapshot: CheckpointId,
        files: &[(Part, Arc<StateFile>)],
        state: &mut KeyedState,
    ) -> u64 {
        let timers: Vec<Timer> = state.timers().collect();
        for timer in timers {
            state.delete_timer(timer);
        }
        backend.restore(cx, snapshot, files, state)
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn values_stay_and_timers_go() {
        let mut state = KeyedState::default();
        state.set_value(1, 2);
        state.set_timer(Timer { time: 3, key: 1, slot: 0 });
        HandBackend::<LostTimers>::new(SnapshotMethod::Incremental).start_from(&mut state);
        assert_eq!((state.value(1), state.timers().next()), (Some(2), None));
    }
}
