//! What a task asks of the store: its snapshots, and the transactions of a sink.

use std::sync::Arc;
use std::time::Duration;

use cutline_sim::external::TransactionId;
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::protocol::Handle;
use cutline_sim::record::Record;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Event;
use super::running::give_up;
use crate::messages::ToCoordinator;
use crate::object::{PREPARED, ending, parse_transaction, seal, shared, transaction};
use crate::snapshot::Final;
use crate::store::{Store, StoreError, commit};
use crate::task::Mail;
use crate::together::Together;

/// How long a sink waits before it asks again for a commit that has failed.
const RETRY: Duration = Duration::from_secs(1);

/// A request to the store.
pub(super) enum Request {
    /// A snapshot, after its files.
    Write(CheckpointId, Vec<(Handle, Vec<u8>)>),
    /// A file on its own.
    Beside(Handle, Vec<u8>),
    /// A sink begins.
    Begin(Vec<TransactionId>),
    /// A transaction.
    Prepare(TransactionId, Arc<Vec<Record>>),
    /// Transactions that may become visible.
    Commit(Vec<TransactionId>),
    /// What the task ended with.
    Finish(Final),
}

/// Does for a task what it asks of the store.
#[derive(Clone)]
pub(super) struct Keeper {
    pub task: TaskId,
    pub attempt: Attempt,
    pub store: Arc<dyn Store>,
    pub mail: UnboundedSender<Mail>,
    pub up: UnboundedSender<ToCoordinator>,
    pub events: UnboundedSender<Event>,
}

impl Keeper {
    /// Takes requests and does them one after the other.
    pub fn work_off(self, together: &Together) -> UnboundedSender<Request> {
        let (sender, requests) = unbounded_channel();
        together.spawn(self.run(requests));
        sender
    }

    async fn run(self, mut requests: UnboundedReceiver<Request>) {
        while let Some(request) = requests.recv().await {
            if let Err(error) = self.act(request).await {
                return give_up(&self.events, self.attempt, error.to_string());
            }
        }
    }

    /// An error is one that the task cannot get over.
    async fn act(&self, request: Request) -> Result<(), StoreError> {
        let mail = match request {
            Request::Write(id, objects) => Mail::Written(id, self.write(objects).await),
            Request::Beside(handle, bytes) => {
                Mail::Stored(handle, self.store.put(shared(handle), bytes).await.is_ok())
            }
            Request::Begin(pending) => {
                self.forget_all_but(&pending).await?;
                if pending.is_empty() {
                    return Ok(());
                }
                self.commit(pending).await
            }
            // The records of a transaction that cannot be prepared are in no snapshot: they must be made again.
            Request::Prepare(name, records) => {
                self.store.put(transaction(PREPARED, name), seal(&*records)).await?;
                Mail::Prepared(name.id)
            }
            Request::Commit(names) => self.commit(names).await,
            Request::Finish(last) => {
                self.store.put(ending(self.task), seal(&last)).await?;
                let _ = self.up.send(ToCoordinator::Finished(self.attempt, self.task));
                return Ok(());
            }
        };
        let _ = self.mail.send(mail);
        Ok(())
    }

    async fn write(&self, objects: Vec<(Handle, Vec<u8>)>) -> bool {
        for (handle, bytes) in objects {
            if self.store.put(shared(handle), bytes).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Aborts what this sink had prepared in former lives, but for what is to be committed.
    async fn forget_all_but(&self, pending: &[TransactionId]) -> Result<(), StoreError> {
        for name in self.store.list(PREPARED).await? {
            let mine = parse_transaction(&name).filter(|it| it.task == self.task && !pending.contains(it));
            if mine.is_some() {
                self.store.delete(name).await?;
            }
        }
        Ok(())
    }

    /// What is visible is not asked for again, or many transactions would need many requests to succeed in a row.
    async fn commit(&self, mut names: Vec<TransactionId>) -> Mail {
        let open = names.split_off(commit(&*self.store, &names).await);
        if open.is_empty() {
            return Mail::Committed(names);
        }
        tokio::time::sleep(RETRY).await;
        Mail::NotCommitted(names, open)
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;
    use crate::object::VISIBLE;
    use crate::store::Folder;

    const SINK: TaskId = TaskId(6);

    fn name(task: TaskId, id: u64, attempt: u32) -> TransactionId {
        TransactionId { task, id: CheckpointId(id), attempt: Attempt(attempt) }
    }

    /// The first of two transactions can be made visible, the second cannot: something else is in its place.
    #[test]
    fn what_has_become_visible_is_not_asked_for_again() {
        let place = tempfile::tempdir().expect("a folder");
        let kept = place.path().join("kept");
        let folder = Folder::new(&kept);
        folder.begin().expect("an empty folder");
        let (first, second) = (name(SINK, 3, 1), name(SINK, 4, 1));
        std::fs::create_dir_all(kept.join(transaction(VISIBLE, second)).join("something")).expect("room");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for it in [first, second] {
                folder.put(transaction(PREPARED, it), seal(&vec![Record::default()])).await.expect("room");
            }
            let (mail, mut mailbox) = unbounded_channel();
            let (up, _told) = unbounded_channel();
            let (events, _heard) = unbounded_channel();
            let keeper =
                Keeper { task: SINK, attempt: Attempt(1), store: Arc::new(folder), mail, up, events };
            keeper.act(Request::Commit(vec![first, second])).await.expect("it is tried again");
            assert_eq!(mailbox.recv().await, Some(Mail::NotCommitted(vec![first], vec![second])));
        });
    }

    /// A sink was killed: at any moment of the commit of one transaction, with another one prepared behind it.
    #[test]
    fn a_sink_that_was_killed_during_a_commit_commits_it_once_and_forgets_the_rest() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(place.path().join("kept"));
        folder.begin().expect("an empty folder");
        let store: Arc<dyn Store> = Arc::new(folder);
        let (complete, open, other) = (name(SINK, 3, 1), name(SINK, 4, 1), name(TaskId(7), 4, 1));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for it in [complete, open, other] {
                store.put(transaction(PREPARED, it), seal(&vec![Record::default()])).await.expect("room");
            }
            let (mail, mut mailbox) = unbounded_channel();
            let (up, _told) = unbounded_channel();
            let (events, _heard) = unbounded_channel();
            let keeper =
                Keeper { task: SINK, attempt: Attempt(2), store: Arc::clone(&store), mail, up, events };
            for _ in 0..2 {
                keeper.act(Request::Begin(vec![complete])).await.expect("a folder that can be written to");
                assert_eq!(mailbox.recv().await, Some(Mail::Committed(vec![complete])));
                let names = |folder| store.list(folder);
                assert_eq!(names(VISIBLE).await.expect("a list"), [transaction(VISIBLE, complete)]);
                assert_eq!(names(PREPARED).await.expect("a list"), [transaction(PREPARED, other)]);
            }
        });
    }
}
