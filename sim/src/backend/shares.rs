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

/// A file, and its name in the store.
type Named = (FileNumber, Handle);

/// The files of one snapshot, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Taken {
    id: CheckpointId,
    files: Vec<Named>,
}

impl Taken {
    fn new(id: CheckpointId, mut files: Vec<Named>) -> Taken {
        files.sort_unstable();
        Taken { id, files }
    }

    fn has(&self, file: &Named) -> bool {
        self.files.binary_search(file).is_ok()
    }
}

/// What was uploaded, and what of it is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shares {
    /// Of the newest checkpoint that is known to be complete.
    completed: Taken,
    /// Of those that are neither complete nor given up, oldest first.
    pending: Vec<Taken>,
    /// What can be shared, by number, if it was worked out since the last notice.
    safe: Option<Vec<Named>>,
}

impl Shares {
    /// A restore from a snapshot that refers to these files.
    pub fn restored(id: CheckpointId, files: Vec<Named>) -> Shares {
        Shares { completed: Taken::new(id, files), ..Shares::default() }
    }

    /// The name under which a file can be shared, if it is safe.
    pub fn name_of(&mut self, file: FileNumber) -> Option<Handle> {
        let Shares { completed, pending, safe } = self;
        let in_all = |file: &&Named| pending.iter().all(|later| later.has(file));
        let safe = safe.get_or_insert_with(|| completed.files.iter().filter(in_all).copied().collect());
        let at = safe.binary_search_by_key(&file, |&(number, _)| number).ok()?;
        Some(safe[at].1)
    }

    /// True if the newest checkpoint that is known to be complete has this file.
    pub fn has_completed(&self, file: FileNumber) -> bool {
        self.completed.files.binary_search_by_key(&file, |&(number, _)| number).is_ok()
    }

    /// A snapshot was taken that refers to these files.
    pub fn taken(&mut self, id: CheckpointId, files: Vec<Named>) {
        let taken = Taken::new(id, files);
        if let Some(safe) = &mut self.safe {
            safe.retain(|file| taken.has(file));
        }
        self.pending.push(taken);
    }

    /// A checkpoint is complete: its files are safe, and older ones that are pending will never complete. False if it is not
    /// pending.
    pub fn completed(&mut self, id: CheckpointId) -> bool {
        let Some(at) = self.pending.iter().position(|taken| taken.id == id) else { return false };
        self.completed = self.pending.drain(..=at).next_back().unwrap_or_default();
        self.safe = None;
        true
    }

    /// The files of a checkpoint are not safe.
    pub fn given_up(&mut self, id: CheckpointId) {
        self.pending.retain(|taken| taken.id != id);
        self.safe = None;
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
