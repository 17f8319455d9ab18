//! What a task may share: which of its files are in the store because a completed checkpoint refers to them.
//!
//! Only files of the newest checkpoint that the task knows to be complete are shared (Flink: `notifyCheckpointComplete` and
//! `RocksDBIncrementalCheckpointUtils`). A file that was written for a checkpoint which never completed may be deleted at any moment, so the
//! next snapshot writes it again.
//!
//! And of those only files that every later snapshot shares too. A snapshot that was taken before the task knew has written the
//! file again under another name; when its checkpoint completes the older one goes, and the first copy with it (FLINK-38574).
//! So with several checkpoints in flight at any time young files are written more than once.

use crate::ids::CheckpointId;
use crate::protocol::Handle;

/// A task's number for a file of its own.
pub type FileNumber = u64;

/// The files of one snapshot, each with its name in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Taken {
    id: CheckpointId,
    files: Vec<(FileNumber, Handle)>,
}

/// What was uploaded, and what of it is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Of the newest checkpoint that is known to be complete.
    completed: Taken,
    /// Of those that are neither complete nor given up, oldest first.
    pending: Vec<Taken>,
}

impl Shares {
    /// A restore from a snapshot that refers to these files.
    pub fn restored(id: CheckpointId, files: Vec<(FileNumber, Handle)>) -> Shares {
        Shares { completed: Taken { id, files }, pending: Vec::new() }
    }

    /// The name under which a file can be shared, if it is safe.
    pub fn name_of(&self, file: FileNumber) -> Option<Handle> {
        let shared = self.completed.files.iter().find(|&&(number, _)| number == file)?;
        let in_all = self.pending.iter().all(|later| later.files.contains(shared));
        in_all.then_some(shared.1)
    }

    /// True if the newest checkpoint that is known to be complete has this file.
    pub fn has_completed(&self, file: FileNumber) -> bool {
        self.completed.files.iter().any(|&(number, _)| number == file)
    }

    /// True if a checkpoint has this file that is complete or may still be.
    pub fn knows(&self, file: FileNumber) -> bool {
        let mut files = self.pending.iter().flat_map(|taken| &taken.files);
        self.has_completed(file) || files.any(|&(number, _)| number == file)
    }

    /// A snapshot was taken that refers to these files.
    pub fn taken(&mut self, id: CheckpointId, files: Vec<(FileNumber, Handle)>) {
        self.pending.push(Taken { id, files });
    }

    /// A checkpoint is complete: its files are safe, and older ones that are pending will never complete.
    pub fn completed(&mut self, id: CheckpointId) -> bool {
        let Some(at) = self.pending.iter().position(|taken| taken.id == id) else { return false };
        self.completed = self.pending.drain(..=at).next_back().unwrap_or_default();
        true
    }

    /// The files of a checkpoint are not safe.
    pub fn given_up(&mut self, id: CheckpointId) {
        self.pending.retain(|taken| taken.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(n: u64) -> CheckpointId {
        CheckpointId(n)
    }

    #[test]
    fn only_files_of_completed_checkpoints_are_shared() {
        let mut shares = Shares::default();
        shares.taken(id(1), vec![(1, Handle(1))]);
        assert_eq!(shares.name_of(1), None, "not complete");
        shares.given_up(id(1));
        assert!(!shares.completed(id(1)));
        assert_eq!(shares.name_of(1), None, "given up");
        shares.taken(id(2), vec![(1, Handle(2)), (2, Handle(3))]);
        assert!(shares.completed(id(2)));
        assert_eq!(
            (shares.name_of(1), shares.name_of(2), shares.name_of(3)),
            (Some(Handle(2)), Some(Handle(3)), None)
        );
    }

    #[test]
    fn a_file_that_a_later_snapshot_wrote_again_is_not_shared() {
        let mut shares = Shares::default();
        shares.taken(id(1), vec![(1, Handle(1))]);
        assert!(shares.completed(id(1)));
        shares.taken(id(2), vec![(1, Handle(1)), (2, Handle(2))]);
        shares.taken(id(3), vec![(1, Handle(1)), (2, Handle(3))]);
        assert!(shares.completed(id(2)), "late");
        assert_eq!((shares.name_of(1), shares.name_of(2)), (Some(Handle(1)), None));
        shares.given_up(id(3));
        assert_eq!(shares.name_of(2), Some(Handle(2)));
    }
}
