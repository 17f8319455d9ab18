//! How tasks get their state: from the store, and from nowhere else.

use std::sync::Arc;

use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::protocol::Handle;
use serde::de::DeserializeOwned;

use super::Worker;
use crate::object::{shared, unseal};
use crate::snapshot::{FileForm, Snapshot};
use crate::task::{Restored, Task};

impl Worker {
    /// Makes tasks, each from its snapshot.
    pub(super) async fn load(
        &self,
        attempt: Attempt,
        checkpoint: Option<CheckpointId>,
        tasks: Vec<(TaskId, Option<Handle>)>,
    ) -> Result<Vec<Task>, String> {
        let mut loaded = Vec::with_capacity(tasks.len());
        for (task, handle) in tasks {
            if task.index() >= self.job.topology.tasks.len() {
                return Err(format!(
                    "the coordinator speaks of task {task}, and the job has none of that number"
                ));
            }
            let restored = match (checkpoint, handle) {
                (Some(checkpoint), Some(handle)) => Some(self.restored(checkpoint, task, handle).await?),
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
    ) -> Result<Restored, String> {
        let snapshot: Snapshot = self.read(checkpoint, handle).await?;
        if snapshot.task != task {
            let name = self.store.place(&shared(handle));
            return Err(format!(
                "cannot restore checkpoint {checkpoint}: `{name}` is a snapshot of task {}, and that of task {task} was wanted",
                snapshot.task
            ));
        }
        let mut files = Vec::with_capacity(snapshot.parts.len());
        for part in &snapshot.parts {
            let file: FileForm = self.read(checkpoint, part.handle).await?;
            files.push((*part, Arc::new(file.build())));
        }
        Ok(Restored { checkpoint, snapshot, files })
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
