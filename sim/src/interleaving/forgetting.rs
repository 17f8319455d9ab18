//! What is over: a world whose next step somebody chooses forgets at once what will never change anything again, so that states which have
//! one future are one.
//!
//! - *What nobody heeds any more*: a letter of another attempt, a write of a task that is gone, a report or a timer of an attempt that
//!   is over. Attempts only grow, so whenever its turn came nothing would happen.
//! - *What waits for a task that is gone.* It begins anew with an empty mailbox.
//! - *When a task was woken*, if it has nothing to do: it says anew when it will.

use crate::fork::{Part, Parts};
use crate::ids::{Attempt, TaskId};
use crate::queue::{Action, Message, Timer};
use crate::task::Task;
use crate::world::World;

impl World {
    /// Turns that off (or on): there are more states, and they come to the same.
    pub fn set_forgetting(&mut self, on: bool) {
        self.forgets = on;
    }

    /// True for an action that would do nothing, if such things are forgotten.
    pub(crate) fn forgets_action(&self, action: &Action) -> bool {
        self.forgets && is_over(action, self.coordinator.attempt, &self.tasks)
    }

    /// Forgets what is over, of these parts.
    pub(super) fn forget(&mut self, parts: Parts) {
        let attempt = self.coordinator.attempt;
        let tasks = &self.tasks;
        self.shared.queue.drop_all(|action| is_over(action, attempt, tasks));
        for id in (0..self.tasks.len() as u32).map(TaskId) {
            if parts.contains(Part::Task(id)) {
                self.tasks[id.index()].forget();
            }
            if parts.contains(Part::Wires(id)) {
                self.lie_down(id);
            }
        }
    }

    /// A task says anew when it acts next.
    fn lie_down(&mut self, id: TaskId) {
        if self.tasks[id.index()].status.is_dead() {
            return self.network.silence(id);
        }
        let mut step = self.step_of(id, self.now);
        let wake = step.next_action().min(step.net.ports[id.index()].flush_at);
        step.sleep(wake);
    }
}

impl Task {
    fn forget(&mut self) {
        let Task { attempt, mailbox, .. } = self;
        if !self.status.is_dead() {
            return mailbox.retain(|letter| letter.attempt == *attempt);
        }
        mailbox.clear();
    }
}

/// True for an action that would do nothing.
fn is_over(action: &Action, now: Attempt, tasks: &[Task]) -> bool {
    match action {
        Action::Written(task, attempt, ..) => {
            let writer = &tasks[task.index()];
            writer.attempt != *attempt || writer.status.is_dead()
        }
        Action::Deploy(_, attempt, _)
        | Action::Timer(Timer::Retry(attempt) | Timer::Restart(attempt) | Timer::Pursue(attempt)) => {
            *attempt != now
        }
        Action::Tell(Message::Status(report)) => report.attempt != now,
        _ => false,
    }
}
