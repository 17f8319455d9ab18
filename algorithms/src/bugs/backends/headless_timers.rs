//! FLINK-25465: the log begins with what says how to read it, once for every kind of state. After a materialisation the log is cut
//! off and has to say it again; but the flag for that was reset for keyed state only, and not for the queues of timers. So what the
//! log held of timers since the first materialisation could not be read.

use cutline_sim::backend::{Backend, BackendCtx, Saved};
use cutline_sim::ids::CheckpointId;
use cutline_sim::state::{Changes, EntryKey, KeyedState};

use crate::mutant_backend::BackendMutation;

/// Leaves timers out of the log from the first materialisation on.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct HeadlessTimers {
    is_cut_off: bool,
}

impl BackendMutation for HeadlessTimers {
    fn save(
        &mut self,
        backend: &mut dyn Backend,
        cx: &mut BackendCtx<'_>,
        id: CheckpointId,
        state: &KeyedState,
        mut changes: Changes,
    ) -> Saved {
        changes.retain(|(key, _)| !(self.is_cut_off && matches!(key, EntryKey::Timer(_))));
        let saved = backend.save(cx, id, state, changes);
        self.is_cut_off |= saved.beside.is_some();
        saved
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::SnapshotMethod;
    use cutline_sim::state::Timer;
    use cutline_sim::time::SECOND;

    use super::*;
    use crate::hand::HandBackend;

    #[test]
    fn timers_are_missing_after_a_materialisation() {
        let mut hand = HandBackend::<HeadlessTimers>::new(SnapshotMethod::Changelog);
        let timer = |time| (EntryKey::Timer(Timer { time, key: 1, slot: 0 }), Some(0));
        let entries = |saved: &Saved| saved.new.last().map_or(0, |(_, file)| file.entries.len());
        hand.now = 10_000 * SECOND;
        let first = hand.save_updates(1, vec![timer(5)]);
        assert_eq!((entries(&first), first.beside.is_some()), (1, true));
        hand.backend.completed(CheckpointId(1));
        let value = (EntryKey::Value(7), Some(1));
        assert_eq!(entries(&hand.save_updates(2, vec![timer(6), value])), 1);
    }
}
