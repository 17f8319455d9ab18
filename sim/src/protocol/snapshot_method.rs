//! The second half of a strategy, by name; what each does is in [`backend`](crate::backend).

use std::fmt;

/// How a task's state reaches the store: see [`backend`](crate::backend).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotMethod {
    /// The task stands still until its whole state is in the store.
    FullSync,
    /// The task stands still for the synchronous part only; the whole state is written while it goes on.
    FullAsync,
    /// A log-structured merge tree, all of whose files are written every time.
    FullFiles,
    /// A log-structured merge tree; only files that no completed checkpoint has are written.
    Incremental,
    /// A log of all changes; only what was appended since the last completed checkpoint is written.
    Changelog,
}

impl SnapshotMethod {
    /// All methods.
    pub const ALL: [SnapshotMethod; 5] = [
        SnapshotMethod::FullSync,
        SnapshotMethod::FullAsync,
        SnapshotMethod::FullFiles,
        SnapshotMethod::Incremental,
        SnapshotMethod::Changelog,
    ];

    /// The name, as scenario files and records have it.
    pub fn name(self) -> &'static str {
        match self {
            SnapshotMethod::FullSync => "full-sync",
            SnapshotMethod::FullAsync => "full-async",
            SnapshotMethod::FullFiles => "full-files",
            SnapshotMethod::Incremental => "incremental",
            SnapshotMethod::Changelog => "changelog",
        }
    }
}

impl fmt::Display for SnapshotMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SnapshotMethod::FullSync => "full, synchronous",
            SnapshotMethod::FullAsync => "full, asynchronous",
            SnapshotMethod::FullFiles => "all files, asynchronous",
            SnapshotMethod::Incremental => "new files, asynchronous",
            SnapshotMethod::Changelog => "tail of the log, asynchronous",
        })
    }
}
