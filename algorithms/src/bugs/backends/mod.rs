//! Bugs of state backends: what reaches the files of a snapshot, which files snapshots share, and what a restore makes of them.

mod aborted_share;
mod early_truncation;
mod headless_timers;
mod hung_upload;
mod ignored_tail;
mod inclusive_boundary;
mod lost_timers;
mod lost_tombstone;
mod rootless_log;
mod saved_while_loading;
mod stale_copy;
mod uncounted_files;
mod unflushed_rows;
mod unresolved_placeholder;

use cutline_sim::oracles::{liveness, restore, state, store};

use super::Bug;
use crate::mutants::{aligned_over, aligned_task};

/// Its rows, by the oracle that must catch them.
pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "lost-tombstone",
        about: "what was removed from the state does not reach the file: an older file brings it back",
        of: "async-incremental",
        source: "invented",
        zoo: None,
        caught_by: state::NAME,
        cut: aligned_over::<lost_tombstone::LostTombstone>,
    },
    Bug {
        name: "inclusive-boundary",
        about: "the first change after a materialisation is taken to be in it, and is not in the log",
        of: "changelog",
        source: "FLINK-25492",
        zoo: Some("E01"),
        caught_by: state::NAME,
        cut: aligned_over::<inclusive_boundary::InclusiveBoundary>,
    },
    Bug {
        name: "lost-timers",
        about: "a job that starts from a savepoint takes over values and maps, but no timers",
        of: "async-incremental",
        source: "invented",
        zoo: None,
        caught_by: state::NAME,
        cut: aligned_over::<lost_timers::LostTimers>,
    },
    Bug {
        name: "rootless-log",
        about: "the log of a job that starts from a savepoint holds the changes since, and not what they are changes of",
        of: "changelog",
        source: "invented",
        zoo: None,
        caught_by: state::NAME,
        cut: aligned_over::<rootless_log::RootlessLog>,
    },
    Bug {
        name: "unflushed-rows",
        about: "the last few changes before a snapshot wait for a flush, and are not in it",
        of: "async-incremental",
        source: "RisingWave #25848",
        zoo: Some("G08"),
        caught_by: state::NAME,
        cut: aligned_over::<unflushed_rows::UnflushedRows>,
    },
    Bug {
        name: "headless-timers",
        about: "after a materialisation the log has nothing of timers",
        of: "changelog",
        source: "FLINK-25465",
        zoo: Some("E03"),
        caught_by: state::NAME,
        cut: aligned_over::<headless_timers::HeadlessTimers>,
    },
    Bug {
        name: "ignored-tail",
        about: "a restore applies the log but for its last segment",
        of: "changelog",
        source: "invented",
        zoo: None,
        caught_by: restore::NAME,
        cut: aligned_over::<ignored_tail::IgnoredTail>,
    },
    Bug {
        name: "saved-while-loading",
        about: "the first snapshot after a restore is taken before the state has been loaded",
        of: "aligned",
        source: "Hazelcast Jet #1100",
        zoo: Some("A11"),
        caught_by: restore::NAME,
        cut: aligned_over::<saved_while_loading::SavedWhileLoading>,
    },
    Bug {
        name: "aborted-share",
        about: "a snapshot shares files of a checkpoint that was given up, which may be deleted",
        of: "async-incremental",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: aligned_over::<aborted_share::AbortedShare>,
    },
    Bug {
        name: "stale-copy",
        about: "a late notice makes a task share the copy of a file that goes, though it has written a newer one",
        of: "async-incremental",
        source: "FLINK-38574",
        zoo: Some("D01"),
        caught_by: store::NAME,
        cut: aligned_over::<stale_copy::StaleCopy>,
    },
    Bug {
        name: "uncounted-files",
        about: "the files of a subsumed checkpoint are deleted although newer ones share them",
        of: "async-incremental",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: aligned_over::<uncounted_files::UncountedFiles>,
    },
    Bug {
        name: "early-truncation",
        about: "the log is cut off where a materialisation began, before that is in the store",
        of: "changelog",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: aligned_over::<early_truncation::EarlyTruncation>,
    },
    Bug {
        name: "unresolved-placeholder",
        about: "a snapshot has placeholders in the place of the files that it shares",
        of: "async-incremental",
        source: "FLINK-6633",
        zoo: Some("D09"),
        caught_by: store::NAME,
        cut: aligned_over::<unresolved_placeholder::UnresolvedPlaceholder>,
    },
    Bug {
        name: "hung-upload",
        about: "a task keeps it to itself that a write has failed",
        of: "changelog",
        source: "FLINK-26396",
        zoo: Some("E05"),
        caught_by: liveness::NAME,
        cut: aligned_task::<hung_upload::HungUpload>,
    },
];
