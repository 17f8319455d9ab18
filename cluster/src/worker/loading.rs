//! How tasks get their state: from the store, and from nowhere else.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use cutline_sim::channel::Position;
use cutline_sim::ids::{Attempt, CheckpointId, TaskId};
use cutline_sim::protocol::Handle;
use serde::de::DeserializeOwned;

use super::Worker;
use crate::messages::Deployment;
use crate::object::{shared, unseal};
use crate::snapshot::{FileForm, Logged, Replay, Snapshot};
use crate::task::{Replayed, Restored, Task, clip};

/// What snapshots of senders hold of their logs.
type Logs = BTreeMap<Handle, Vec<Logged>>;

/// What was in transit to an input, from the parts of the log; nothing, if that is not, item by item, what its sender had sent.
fn put_together(replay: &Replay, received: Position, senders: &Logs) -> Option<Replayed> {
    let (mut items, mut tags) = (Vec::new(), Vec::new());
    for &(handle, after, until) in &replay.parts {
        let logged = senders.get(&handle)?.iter().find(|logged| logged.at == replay.output)?;
        let before = logged.first.checked_sub(1)?;
        let place = |number: u64| usize::try_from(number.checked_sub(before)?).ok();
        items.extend(logged.items.get(place(after)?..place(until)?)?);
        tags.extend(clip(&logged.tags, after, until));
    }
    (received.after(&items) == replay.sent).then_some(Replayed { input: replay.input, items, tags })
}

impl Worker {
    /// Makes tasks, each from its snapshot.
    pub(super) async fn load(
        &self,
        attempt: Attempt,
        checkpoint: Option<CheckpointId>,
        tasks: Vec<Deployment>,
    ) -> Result<Vec<Task>, String> {
        let mut loaded = Vec::with_capacity(tasks.len());
        let mut senders = Logs::new();
        for Deployment { task, snapshot, replays, open } in tasks {
            if task.index() >= self.job.topology.tasks.len() {
                return Err(format!(
                    "the coordinator speaks of task {task}, and the job has none of that number"
                ));
            }
            let restored = match (checkpoint, snapshot) {
                (Some(checkpoint), Some(handle)) => {
                    let restored = self.restored(checkpoint, task, handle, &replays, &mut senders).await?;
                    Some(Restored { open, ..restored })
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
        senders: &mut Logs,
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
            for &(part, ..) in &replay.parts {
                if let Entry::Vacant(place) = senders.entry(part) {
                    let Snapshot { logged, .. } = self.read(checkpoint, part).await?;
                    place.insert(logged);
                }
            }
            let received = snapshot.received.get(replay.input as usize).copied().unwrap_or_default();
            let Some(it) = put_together(replay, received, senders) else {
                let channel = self.job.topology.tasks[task.index()].inputs.get(replay.input as usize);
                let name =
                    channel.map_or_else(String::new, |&channel| self.job.topology.channel_name(channel));
                return Err(format!(
                    "cannot restore checkpoint {checkpoint}: of channel {name} {} items had been received and {} sent, \
                     and the log does not hold what lies between",
                    received.count, replay.sent.count
                ));
            };
            replayed.push(it);
        }
        Ok(Restored { checkpoint, snapshot, files, replayed, open: Vec::new() })
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

#[cfg(test)]
mod tests {
    use cutline_sim::channel::Item;

    use super::*;
    use crate::snapshot::Tag;

    /// Ten items are sent on output 1; the first snapshot of the sender holds the first six of them, the second one the rest.
    fn logs() -> (Logs, Position) {
        let items: Vec<Item> = (1..=10).map(Item::Watermark).collect();
        let logged = |first: u64, items: &[Item], tags: &[(u64, u32)]| {
            let tags = tags.iter().map(|&(from, word)| Tag { from, words: vec![word] }).collect();
            vec![Logged { at: 1, first, items: items.to_vec(), tags }]
        };
        let first = logged(1, &items[..6], &[(1, 7), (5, 8)]);
        let second = logged(7, &items[6..], &[(7, 8), (9, 9)]);
        (Logs::from([(Handle(1), first), (Handle(2), second)]), Position::default().after(&items))
    }

    fn replay(parts: &[(u64, u64, u64)], sent: Position) -> Replay {
        let parts = parts.iter().map(|&(handle, after, until)| (Handle(handle), after, until)).collect();
        Replay { input: 0, sent, output: 1, parts }
    }

    fn has_received(count: u64) -> Position {
        let items: Vec<Item> = (1..=count).map(Item::Watermark).collect();
        Position::default().after(&items)
    }

    #[test]
    fn what_was_in_transit_comes_with_its_tags() {
        let (logs, sent) = logs();
        let replayed = put_together(&replay(&[(1, 3, 6), (2, 6, 10)], sent), has_received(3), &logs);
        let replayed = replayed.expect("all of it is there");
        assert_eq!(replayed.items, (4..=10).map(Item::Watermark).collect::<Vec<_>>());
        let tags: Vec<(u64, u32)> = replayed.tags.iter().map(|tag| (tag.from, tag.words[0])).collect();
        assert_eq!(tags, [(4, 7), (5, 8), (7, 8), (9, 9)]);
    }

    #[test]
    fn what_is_not_what_was_sent_is_not_replayed() {
        let (logs, sent) = logs();
        for (parts, received) in [
            (&[(1, 3, 6)][..], 3),
            (&[(2, 6, 10)], 3),
            (&[(1, 3, 6), (2, 6, 11)], 3),
            (&[(1, 3, 6), (3, 6, 10)], 3),
            (&[(1, 3, 6), (2, 6, 10)], 2),
            (&[(2, 3, 10)], 3),
            (&[(1, 6, 3)], 6),
            (&[(1, 3, u64::MAX)], 3),
        ] {
            let replayed = put_together(&replay(parts, sent), has_received(received), &logs);
            assert_eq!(replayed, None, "{parts:?}");
        }
    }
}
