//! Clocks that count but do not listen: a task's own checkpoints move them, and what a delivery says of the checkpoints of others
//! is not taken over. So nobody sees that a path of messages comes back.

use cutline_sim::protocol::TaskCtx;

use crate::communication_induced::CommunicationInduced;
use crate::mutants::TaskMutation;

/// Forgets what it hears.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct DeafClocks;

impl TaskMutation for DeafClocks {
    type Of = CommunicationInduced;

    fn delivered(&mut self, _machine: &mut CommunicationInduced, _task: &TaskCtx<'_>, _tag: &[u32]) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use cutline_sim::protocol::TaskCut;
    use cutline_sim::protocol::TaskEvent::Started;

    use super::*;
    use crate::bugs::MutantTask;
    use crate::hand::HandTask;

    #[test]
    fn a_delivery_teaches_nothing() {
        let mut correct = HandTask::<CommunicationInduced>::with_inputs(1);
        let mut task = HandTask::<MutantTask<DeafClocks>>::with_inputs(1);
        let mut before = Vec::new();
        correct.on(Started);
        task.on(Started);
        task.machine.tag(&mut before);
        let ahead = [7, 1, 3, 0, 0b101, 0b100];
        assert!(correct.delivered(&ahead) && !task.delivered(&ahead));
        let mut after = Vec::new();
        task.machine.tag(&mut after);
        assert_eq!(after, before);
    }
}
