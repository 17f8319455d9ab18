//! How tasks get their state: from the store, and from nowhere else.

use std::sync::Arc;

use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::protocol::Handle;
use serde::de::DeserializeOwned;

use super::Worker;
use crate::messages::Deployment;
use crate::object::{shared, unseal};
use crate::snapshot::{FileForm, Replay, Snapshot};
use crate::task::{Replayed, Restored, Task, clip};

impl Worker {
    /// Makes tasks, each from its snapshot.
    pub(super) async fn load(
        &self,
        attempt: Attempt,
        checkpoint: Option<CheckpointId>,
        tasks: Vec<Deployment>,
    ) -> Result<Vec<Task>, String> {
        let mut loaded = Vec::with_capacity(tasks.len());
        for Deployment { task, snapshot, replays } in tasks {
            if task.index() >= self.job.topology.tasks.len() {
                return Err(format!(
                    "the coordinator speaks of task {task}, and the job has none of that number"
                ));
            }
            let restored = match (checkpoint, snapshot) {
                (Some(checkpoint), Some(handle)) => {
                    Some(self.restored(checkpoint, task, handle, &replays).await?)
                }
                _ => None,
            };
            loaded.push(Task::new(&self.job, task, attempt, restored));
        }
        Ok(loaded)
    }

    async fn restored(
        &self,
        checkpoint: CheckpointId,
        task: TaskId,
        handle: Handle,
        replays: &[Replay],
    ) -> Result<Restored, String> {
        let snapshot: Snapshot = self.read(checkpoint, handle).await?;
        if snapshot.task != task {
            let name = self.store.place(&shared(handle));
            return Err(format!(
                "cannot restore checkpoint {checkpoint}: `{name}` is a snapshot of task {}, and that of task {task} was wanted",
                snapshot.task
            ));
        }
        if !snapshot.fits(&self.job.topology.tasks[task.index()]) {
            let name = self.store.place(&shared(handle));
            return Err(format!(
                "cannot restore checkpoint {checkpoint}: `{name}` is a snapshot of a task with other channels, so of another job"
            ));
        }
        let mut files = Vec::with_capacity(snapshot.parts.len());
        for part in &snapshot.parts {
            let file: FileForm = self.read(checkpoint, part.handle).await?;
            files.push((*part, Arc::new(file.build())));
        }
        let mut replayed = Vec::with_capacity(replays.len());
        for replay in replays {
            replayed.push(self.replayed(checkpoint, &snapshot, replay).await?);
        }
        Ok(Restored { checkpoint, snapshot, files, replayed })
    }

    /// Reads from the log what was in transit to an input. It must be what its sender had sent, item by item.
    async fn replayed(
        &self,
        checkpoint: CheckpointId,
        snapshot: &Snapshot,
        replay: &Replay,
    ) -> Result<Replayed, String> {
        let (mut items, mut tags) = (Vec::new(), Vec::new());
        for &(handle, after, until) in &replay.parts {
            let sender: Snapshot = self.read(checkpoint, handle).await?;
            let Some(logged) = sender.logged.iter().find(|logged| logged.at == replay.output) else {
                continue;
            };
            let place = |number: u64| (number + 1).saturating_sub(logged.first) as usize;
            items.extend(logged.items.get(place(after)..place(until)).unwrap_or_default());
            tags.extend(clip(&logged.tags, after, until));
        }
        let received = snapshot.received.get(replay.input as usize).copied().unwrap_or_default();
        if received.after(&items) != replay.sent {
            let channel = self.job.topology.tasks[snapshot.task.index()].inputs.get(replay.input as usize);
            let name = channel.map_or_else(String::new, |&channel| self.job.topology.channel_name(channel));
            return Err(format!(
                "cannot restore checkpoint {checkpoint}: of channel {name} {} items had been received and {} sent, and the log                  does not hold what lies between",
                received.count, replay.sent.count
            ));
        }
        Ok(Replayed { input: replay.input, items, tags })
    }

    async fn read<T: DeserializeOwned>(&self, checkpoint: CheckpointId, handle: Handle) -> Result<T, String> {
        let name = shared(handle);
        let wrong = |error: String| {
            format!(
                "cannot restore checkpoint {checkpoint}: {error}. It is the newest one, and results up to it are visible, so none \
                 that is older can take its place: put the file back as it was"
            )
        };
        let bytes = self.store.get(name.clone()).await.map_err(|error| wrong(error.to_string()))?;
        unseal(&self.store.place(&name), &bytes).map_err(|error| wrong(error.to_string()))
    }
}
