//! A counter that belongs to the process, not to the world: what a run does depends on the runs before it. Every third
//! acknowledgement is sent late.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

static ACKS: AtomicU64 = AtomicU64::new(0); // tidy-allow: statics this bug is about it

#[derive(Clone, Default)]
pub(super) struct GlobalCounter;

impl TaskBug for GlobalCounter {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        put_off_acks(fx, |_| match ACKS.fetch_add(1, Ordering::Relaxed) % 3 {
            2 => LATE, // the mutation
            _ => 0,
        });
        put_off_until_now(event).into_iter().for_each(|id| fx.tell(Up::Ack(id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_second_run_differs_from_the_first() {
        let events = [1, 2].map(|n| TaskEvent::Persisted(id(n)));
        let run = || HandTask::<BadTask<GlobalCounter>>::with_inputs(1).run(&events);
        let runs = [run(), run(), run()];
        assert!(runs.iter().any(|other| *other != runs[0]), "{runs:?}");
        let good = || HandTask::<Aligned>::with_inputs(1).run(&events);
        assert_eq!(good(), good());
    }
}
