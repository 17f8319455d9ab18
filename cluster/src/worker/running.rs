//! What drives a task: mail, work, and the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cutline_sim::ids::{Attempt, ChannelId, TaskId};
use cutline_sim::time::{NEVER, Time};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::storing::{Keeper, Request};
use super::{Event, Worker};
use crate::messages::{Back, ChannelFrame, ToCoordinator};
use crate::store::Store;
use crate::task::{Mail, Step, Task, Want};
use crate::together::Together;

/// A task does so many things before it looks for mail.
const STRIDE: usize = 64;
/// A task waits for mail at most so long, and looks again.
const LONGEST: Duration = Duration::from_secs(3600);

/// Where a task's channels begin and end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// What goes back up its inputs.
    pub inputs: Vec<(ChannelId, UnboundedSender<Back>)>,
    /// What goes down its outputs.
    pub outputs: Vec<UnboundedSender<ChannelFrame>>,
}

/// A task that runs.
struct Running {
    task: Task,
    attempt: Attempt,
    began: Instant,
    ends: Ends,
    mail: UnboundedSender<Mail>,
    up: UnboundedSender<ToCoordinator>,
    events: UnboundedSender<Event>,
    /// Its writes, and what it asks of the system that its results go to: each kind one after the other.
    writes: UnboundedSender<Request>,
    results: UnboundedSender<Request>,
    together: Together,
}

impl Worker {
    /// Begins to run a task.
    pub(super) fn begin(
        &self,
        task: Task,
        mailbox: UnboundedReceiver<Mail>,
        mail: UnboundedSender<Mail>,
        ends: Ends,
        began: Instant,
        together: &Together,
    ) {
        let keeper = Keeper {
            task: task.id(),
            attempt: task.attempt(),
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            mail: mail.clone(),
            up: self.up.clone(),
            events: self.events.clone(),
        };
        let (writes, results) = (keeper.clone().work_off(together), keeper.work_off(together));
        let (attempt, up, events) = (task.attempt(), self.up.clone(), self.events.clone());
        let _ = mail.send(Mail::Start);
        let running = Running {
            task,
            attempt,
            began,
            ends,
            mail,
            up,
            events,
            writes,
            results,
            together: together.clone(),
        };
        together.spawn(running.run(mailbox));
    }
}

impl Running {
    fn now(&self) -> Time {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(NEVER)
    }

    async fn run(mut self, mut mailbox: UnboundedReceiver<Mail>) {
        loop {
            while let Ok(mail) = mailbox.try_recv() {
                let now = self.now();
                self.task.mail(mail, now);
            }
            self.settle();
            let mut step = Step::Acted;
            for _ in 0..STRIDE {
                let now = self.now();
                step = self.task.step(now);
                self.settle();
                if step != Step::Acted {
                    break;
                }
            }
            let Step::Waits(until) = step else {
                tokio::task::yield_now().await;
                continue;
            };
            if !mailbox.is_empty() {
                continue;
            }
            let wait = Duration::from_nanos(until.saturating_sub(self.now()));
            match tokio::time::timeout(wait.min(LONGEST), mailbox.recv()).await {
                Ok(Some(mail)) => {
                    let now = self.now();
                    self.task.mail(mail, now);
                }
                Ok(None) => return,
                Err(_) => {} // it is time
            }
        }
    }

    /// Does what the task wants done, and sends what may leave.
    fn settle(&mut self) {
        self.grant_all();
        for (outbound, sender) in self.task.outputs().iter_mut().zip(&self.ends.outputs) {
            while let Some(frame) = outbound.next_frame() {
                let _ = sender.send(frame);
            }
        }
        self.task.left();
        self.grant_all();
    }

    fn grant_all(&mut self) {
        self.task.take_wants().into_iter().for_each(|want| self.grant(want));
    }

    fn grant(&mut self, want: Want) {
        let id = self.task.id();
        match want {
            Want::Tell(up, saved) => drop(self.up.send(ToCoordinator::Up(self.attempt, id, up, saved))),
            Want::Useless(handle) => drop(self.up.send(ToCoordinator::Useless(handle))),
            Want::Write(checkpoint, objects) => {
                let _ = self.writes.send(Request::Write(checkpoint, objects));
            }
            Want::Beside(handle, bytes) => drop(self.writes.send(Request::Beside(handle, bytes))),
            Want::Begin(pending) => drop(self.results.send(Request::Begin(pending))),
            Want::Prepare(name, records) => drop(self.results.send(Request::Prepare(name, records))),
            Want::Commit(names) => drop(self.results.send(Request::Commit(names))),
            Want::Finish(ending) => drop(self.results.send(Request::Finish(ending))),
            Want::After(time, mail) => {
                let sender = self.mail.clone();
                self.together.spawn(async move {
                    tokio::time::sleep(Duration::from_nanos(time)).await;
                    let _ = sender.send(mail);
                });
            }
            Want::Taken(checkpoint, positions) => {
                let _ = self.up.send(ToCoordinator::Taken(self.attempt, id, checkpoint, positions));
            }
            Want::Hopeless(wrong) => drop(self.up.send(ToCoordinator::Hopeless(wrong))),
            Want::Credit(input) => self.back(input, Back::Credit),
            Want::EndConsumed(input) => self.back(input, Back::EndConsumed),
            Want::Senseless(input, wrong) => {
                let channel = self.ends.inputs.get(input as usize).map_or(0, |(channel, _)| channel.0);
                give_up(&self.events, self.attempt, format!("channel {channel}: {wrong}"));
            }
            Want::Disorder(input, wrong) => {
                if let Some((channel, _)) = self.ends.inputs.get(input as usize) {
                    let _ = self.up.send(ToCoordinator::Disorder(self.attempt, *channel, wrong));
                }
            }
        }
    }

    fn back(&self, input: u32, back: Back) {
        if let Some((_, sender)) = self.ends.inputs.get(input as usize) {
            let _ = sender.send(back);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A task that panics is a bug; the job is to notice it, and not to wait for ever.
        if std::thread::panicking() {
            let _ = self.up.send(ToCoordinator::Hopeless(panicked(self.task.id())));
        }
    }
}

fn panicked(task: TaskId) -> String {
    format!("task {task} has panicked: this is a bug, of the strategy, of the operator or of cutline")
}

/// Tells of something that this attempt cannot get over.
pub(super) fn give_up(events: &UnboundedSender<Event>, attempt: Attempt, wrong: String) {
    let _ = events.send(Event::Broken(attempt, wrong));
}
