//! Bugs of the talk between tasks and coordinator: what is acknowledged and counted, which checkpoint is complete, which is
//! restored, and which are kept.

mod ack_before_durable;
mod count_acks;
mod deleted_by_age;
mod forget_trigger;
mod gives_all_back;
mod global_counter;
mod hash_order;
mod ignore_late_ack;
mod keeps_the_newest;
mod lost_start;
mod mixed_line;
mod old_source;
mod savepoint_passed_over;
mod stale_ack;
mod stale_standing;
mod string_order;
mod subsume_early;
mod told_unwritten;

use cutline_sim::oracles::{determinism, fencing, ledger, liveness, order, restore, state, store};

use super::Bug;
use crate::mutants::{aligned_coordinator, aligned_task};

/// Its rows, by the oracle that must catch them.
pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "old-source",
        about: "the savepoint that is asked for has the first source where the newest checkpoint had it",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: state::NAME,
        cut: aligned_coordinator::<old_source::OldSource>,
    },
    Bug {
        name: "savepoint-passed-over",
        about: "a savepoint commits, but the job is restored from the newest checkpoint that is none",
        of: "aligned",
        source: "FLINK-10354",
        zoo: Some("C06"),
        caught_by: ledger::NAME,
        cut: aligned_coordinator::<savepoint_passed_over::SavepointPassedOver>,
    },
    Bug {
        name: "told-unwritten",
        about: "tasks hear that the last checkpoint is complete while its metadata are being written",
        of: "aligned",
        source: "Arroyo #1124",
        zoo: Some("C20"),
        caught_by: ledger::NAME,
        cut: aligned_coordinator::<told_unwritten::ToldUnwritten>,
    },
    Bug {
        name: "count-acks",
        about: "acknowledgements are counted, so one that comes twice stands for one that is missing",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: restore::NAME,
        cut: aligned_coordinator::<count_acks::CountAcks>,
    },
    Bug {
        name: "ack-before-durable",
        about: "a task acknowledges when its snapshot is taken, before it is written",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: restore::NAME,
        cut: aligned_task::<ack_before_durable::AckBeforeDurable>,
    },
    Bug {
        name: "mixed-line",
        about: "one task is restored from the checkpoint before the one from which all others are",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: order::NAME,
        cut: aligned_coordinator::<mixed_line::MixedLine>,
    },
    Bug {
        name: "stale-ack",
        about: "acknowledgements of older attempts count, and ids are given out again after a restore",
        of: "aligned",
        source: "Hazelcast Jet #2504",
        zoo: Some("C16"),
        caught_by: fencing::NAME,
        cut: aligned_coordinator::<stale_ack::StaleAck>,
    },
    Bug {
        name: "string-order",
        about: "the checkpoint restored is the last in the order of strings, in which 9 comes after 10",
        of: "aligned",
        source: "FLINK-6284",
        zoo: Some("C01"),
        caught_by: fencing::NAME,
        cut: aligned_coordinator::<string_order::StringOrder>,
    },
    Bug {
        name: "subsume-early",
        about: "an older checkpoint is given back when the metadata of the new one is sent, before it is durable",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: aligned_coordinator::<subsume_early::SubsumeEarly>,
    },
    Bug {
        name: "gives-all-back",
        about: "the checkpoints of a cancelled job go, though they are to be retained",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: aligned_coordinator::<gives_all_back::GivesAllBack>,
    },
    Bug {
        name: "keeps-the-newest",
        about: "the newest checkpoint of a cancelled job stays, though none is to be retained",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: aligned_coordinator::<keeps_the_newest::KeepsTheNewest>,
    },
    Bug {
        name: "stale-standing",
        about: "a finished task is represented for ever by the snapshot it finished with, though that may be deleted",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: store::NAME,
        cut: aligned_coordinator::<stale_standing::StaleStanding>,
    },
    Bug {
        name: "ignore-late-ack",
        about: "an acknowledgement of a checkpoint that was given up is ignored, and its snapshot is never deleted",
        of: "aligned",
        source: "FLINK-5063",
        zoo: Some("C10"),
        caught_by: store::NAME,
        cut: aligned_coordinator::<ignore_late_ack::IgnoreLateAck>,
    },
    Bug {
        name: "deleted-by-age",
        about: "what was uploaded for a checkpoint that is still on its way is deleted when it has been there for long",
        of: "aligned",
        source: "RisingWave #18757",
        zoo: Some("D12"),
        caught_by: store::NAME,
        cut: aligned_coordinator::<deleted_by_age::DeletedByAge>,
    },
    Bug {
        name: "forget-trigger",
        about: "after the first checkpoint that is given up no other is ever triggered",
        of: "aligned",
        source: "FLINK-26394",
        zoo: Some("C11"),
        caught_by: liveness::NAME,
        cut: aligned_coordinator::<forget_trigger::ForgetTrigger>,
    },
    Bug {
        name: "lost-start",
        about: "a checkpoint of which a message is lost never expires, and no other one begins",
        of: "aligned",
        source: "Hazelcast Jet #1435",
        zoo: Some("A14"),
        caught_by: liveness::NAME,
        cut: aligned_coordinator::<lost_start::LostStart>,
    },
    Bug {
        name: "global-counter",
        about: "a counter of the whole process decides how long an acknowledgement waits",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: determinism::NAME,
        cut: aligned_task::<global_counter::GlobalCounter>,
    },
    Bug {
        name: "hash-order",
        about: "the order of a randomly seeded hash set decides which task is told first",
        of: "aligned",
        source: "invented",
        zoo: None,
        caught_by: determinism::NAME,
        cut: aligned_coordinator::<hash_order::HashOrder>,
    },
];
