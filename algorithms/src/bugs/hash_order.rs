//! The classic: the order of a standard hash map, seeded anew for each map, leaks into what a run does. Here it decides
//! how late an acknowledgement is sent.

use std::hash::BuildHasher;

use super::*;

#[derive(Clone, Default)]
pub(super) struct HashOrder;

impl TaskBug for HashOrder {
    type Of = Aligned;

    fn on(&mut self, correct: &mut Aligned, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        correct.on(task, event, fx);
        #[expect(clippy::disallowed_types, reason = "this bug is about it")]
        let order = std::hash::RandomState::new(); // tidy-allow: hash-maps this bug is about it
        put_off_acks(fx, |id| order.hash_one(id) % LATE); // the mutation
        put_off_until_now(event).into_iter().for_each(|id| fx.tell(Up::Ack(id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::{HandTask, id};

    #[test]
    fn a_second_run_differs_from_the_first() {
        let events: Vec<_> = (1..10).map(|n| TaskEvent::Persisted(id(n))).collect();
        let run = || HandTask::<BadTask<HashOrder>>::with_inputs(1).run(&events);
        assert_ne!(run(), run(), "nine delays out of five million are the same twice");
        let good = || HandTask::<Aligned>::with_inputs(1).run(&events);
        assert_eq!(good(), good());
    }
}
