//! Bugs of checkpoints that tasks take on their own: which of them make a line, which are forced, and which are garbage.

mod adopted_index;
mod deaf_clocks;
mod delivered_meanwhile;
mod equal_index;
mod forced_unwritten;
mod hoard;
mod newest_of_all;
mod undead;

use cutline_sim::oracles::{cut, liveness, restore, store, zigzag};

use super::Bug;
use crate::mutants::{indexing_task, inducing_task, recovery_line};

/// Its rows, by the oracle that must catch them.
pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "newest-of-all",
        about: "the line is everyone's newest checkpoint, whatever was received and not sent by then",
        of: "uncoordinated",
        source: "invented",
        zoo: None,
        caught_by: cut::NAME,
        cut: recovery_line::<newest_of_all::NewestOfAll>,
    },
    Bug {
        name: "forced-unwritten",
        about: "a forced checkpoint is acknowledged before it is written",
        of: "communication-induced",
        source: "invented",
        zoo: None,
        caught_by: restore::NAME,
        cut: inducing_task::<forced_unwritten::ForcedUnwritten>,
    },
    Bug {
        name: "hoard",
        about: "checkpoints that no line can contain any more are never deleted",
        of: "uncoordinated",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: recovery_line::<hoard::Hoard>,
    },
    Bug {
        name: "undead",
        about: "checkpoints that a restore has undone may still lie on the next line",
        of: "uncoordinated",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: recovery_line::<undead::Undead>,
    },
    Bug {
        name: "deaf-clocks",
        about: "what a delivery says of the checkpoints of others is not taken over into the clocks",
        of: "communication-induced",
        source: "invented",
        zoo: None,
        caught_by: zigzag::NAME,
        cut: inducing_task::<deaf_clocks::DeafClocks>,
    },
    Bug {
        name: "adopted-index",
        about: "a greater index is taken over without the checkpoint that it stands for",
        of: "communication-induced-bcs",
        source: "invented",
        zoo: None,
        caught_by: zigzag::NAME,
        cut: indexing_task::<adopted_index::AdoptedIndex>,
    },
    Bug {
        name: "delivered-meanwhile",
        about: "what forces a checkpoint is delivered while that is being taken",
        of: "communication-induced",
        source: "CheckMate cd8c5be",
        zoo: Some("H06"),
        caught_by: zigzag::NAME,
        cut: inducing_task::<delivered_meanwhile::DeliveredMeanwhile>,
    },
    Bug {
        name: "equal-index",
        about: "what carries the index that the task has already forces a checkpoint, too",
        of: "communication-induced-bcs",
        source: "invented",
        zoo: None,
        caught_by: liveness::NAME,
        cut: indexing_task::<equal_index::EqualIndex>,
    },
];
