//! The bugs of the zoo that are not planted, each with what the model lacks for it. The zoo is the project's collection of
//! checkpoint and recovery bugs that happened in real systems; it ranks them by how much they teach, and the first two ranks are to be
//! planted.

/// A bug that happened in a real system and that cannot be planted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanting {
    /// Its number in the zoo: see [`Bug::zoo`](super::Bug::zoo).
    pub zoo: &'static str,
    /// The issue in which it was found.
    pub source: &'static str,
    /// What went wrong, in one sentence.
    pub about: &'static str,
    /// What the model would have to have.
    pub lacks: &'static str,
}

/// All of them: those of the first rank, then those of the second, in the order of the zoo.
pub const WANTING: &[Wanting] = &[
    row(
        "B01",
        "FLINK-17564",
        "two threads wrote what was captured of one channel, and its records got into the checkpoint in another order",
        "threads inside a task: one party captures, in the order of the channel",
    ),
    row(
        "B09",
        "FLINK-40016",
        "what was restored into a channel was captured at the start of a checkpoint, and once more when the task polled it",
        "a queue of restored buffers beside that of the channel: here they are one",
    ),
    row(
        "B11",
        "FLINK-22815",
        "what was in flight on a broadcast edge was dealt out anew, and some subtasks had an event twice or not at all",
        "a place for a mutation where a savepoint deals out what is in flight",
    ),
    row(
        "B13",
        "FLINK-31963",
        "operators without state got no mapping for what their neighbours had stored of the edge between them",
        "a place for a mutation where a savepoint deals out what is in flight",
    ),
    row(
        "B22",
        "FLINK-36287",
        "a barrier overtook what a writer had sent to its committer, and that was filed under the wrong checkpoint and dropped",
        "writers and committers as two operators, with what is to be committed as records between them",
    ),
    row(
        "C03",
        "FLINK-22502",
        "a checkpoint whose metadata could not be read was skipped, and an older one was restored",
        "reads of the store that fail",
    ),
    row(
        "C04",
        "FLINK-22494",
        "a write that had timed out but had been done was taken for a failure, and the checkpoint was deleted",
        "writes of metadata whose outcome is not known",
    ),
    row(
        "C08",
        "FLINK-18677",
        "a worker that no longer saw the registry missed that there was a new leader, and its tasks went on",
        "a coordinator that fails and is replaced, and a registry of leaders",
    ),
    row(
        "D02",
        "FLINK-24611",
        "a file of an attempt that had failed was kept under the key that a new file got, and the new one was dropped",
        "uploads of a lost attempt that stay in the store, and names that are given twice",
    ),
    row(
        "D03",
        "FLINK-7268",
        "a deletion that was still waiting at a restart counted references down that had been counted anew",
        "deletions that take time, and a registry of files that is made anew by a coordinator's restart",
    ),
    row(
        "D14",
        "SPOI-4384",
        "metadata were written in place, and a crash left half of them under their final name",
        "torn writes, and checksums by which they are seen",
    ),
    row(
        "E02",
        "FLINK-26062",
        "the log said that a timer was polled and not which: of equal ones the replay took another",
        "a snapshot between two timers of one instant: those that are due fire together",
    ),
    row(
        "E08",
        "KAFKA-16017",
        "a task that was closed while it restored wrote down what it had written and not what it had restored",
        "local state that outlives a task",
    ),
    row(
        "F14",
        "RisingWave #26498",
        "a coordinator acknowledged an epoch without data and did not store it: after a crash the writers never agreed on where to go on",
        "a log of each sink, and sinks that agree through a coordinator of theirs",
    ),
    row(
        "G01",
        "FLINK-21996",
        "the message that gave a split to a reader was lost, and a checkpoint had the split neither here nor there",
        "splits that move from a coordinator to readers",
    ),
    row(
        "G06",
        "FLINK-40469",
        "splits that readers had handed back after a restore were in no checkpoint until they were given out again",
        "splits that move between readers and a coordinator",
    ),
    row(
        "H01",
        "CheckMate 891c693",
        "messages from before the failure were accepted after the recovery, beside their replay",
        "messages that outlive their channel: a restore empties all of them at one instant",
    ),
    row(
        "H03",
        "CheckMate 8ea7e64",
        "the offset of a message was noted before it was handled, and a snapshot came between the two",
        "a snapshot in the middle of a step: a record is handled whole",
    ),
    row(
        "H07",
        "CheckMate 39f1c5e",
        "a message was sent before an older one, but logged after it, so the replay took the older one for received",
        "a log that can have another order than the channel: the machine writes both in one step",
    ),
    row(
        "B06",
        "FLINK-21104",
        "where an obsolete barrier stood was taken for the place up to which the next checkpoint stores a channel",
        "a boundary that a strategy sets: the machine captures up to the mark of the checkpoint",
    ),
    row(
        "B12",
        "FLINK-21936",
        "what was in flight on a forward edge was restored at another parallelism, where senders have other receivers",
        "savepoints that are dealt out across forward edges: they are refused",
    ),
    row(
        "B18",
        "FLINK-28474",
        "the start of a write came after its cancellation, and made a result that nobody completed",
        "a writer of what is captured that has a queue of its own",
    ),
    row(
        "C05",
        "FLINK-28265",
        "a write was repeated that had been done, and that it was there already was taken for a failure",
        "writes of metadata whose outcome is not known",
    ),
    row(
        "C07",
        "FLINK-25486",
        "a coordinator that lost its leadership while the job restarted cleaned up as if the job had ended",
        "a coordinator that fails and is replaced",
    ),
    row(
        "C13",
        "FLINK-18641",
        "a checkpoint was completed when all tasks had acknowledged, though the state of a coordinator was still missing",
        "coordinators of operators that have a part in checkpoints",
    ),
    row(
        "D05",
        "FLINK-26985",
        "files that belonged to the checkpoint from which the job was started were deleted when it needed them no more",
        "files that belong to another job: one that starts from a savepoint takes its state over whole",
    ),
    row(
        "D06",
        "FLINK-25395",
        "a worker whose checkpoint had failed deleted all that it referred to, also what older checkpoints shared",
        "workers that delete what a checkpoint refers to: the store counts, and lets them not",
    ),
    row(
        "D10",
        "SPARK-43404",
        "a file was taken for one that had been uploaded before a rollback under the same name",
        "a worker that outlives the attempt of its tasks, and names that are given twice",
    ),
    row(
        "D15",
        "FLINK-34063",
        "the offsets into a compressed list of state led into the middle of a frame, and elements were lost",
        "state as bytes",
    ),
    row(
        "D16",
        "FLINK-9269",
        "the asynchronous part of a snapshot read tables that had changed since",
        "an asynchronous part that reads what the task still changes: it has a copy",
    ),
    row(
        "E07",
        "FLINK-28440",
        "a file of the log held changes of several tasks and went when the first of them needed it no more",
        "one file of the log for several tasks",
    ),
    row(
        "E09",
        "KAFKA-7192",
        "after a crash, uncommitted state on the local disk was used because the file with its offset was missing",
        "local state that outlives a task",
    ),
    row(
        "F02",
        "FLINK-10377",
        "the notice of a checkpoint came after that of a newer one, nothing was left to commit, and the sink took that for an error",
        "a sink that fails by its own decision, and savepoints that may complete behind a newer checkpoint",
    ),
    row(
        "F04",
        "FLINK-36368",
        "what was to be committed was stamped with the new parallelism after a restore, and its committer waited for parts that never came",
        "committers that await a number of parts",
    ),
    row(
        "F11",
        "FLINK-21132",
        "a stop without a drain told operators that their input had ended",
        "a place for a mutation where a stop tells tasks what to do",
    ),
    row(
        "F12",
        "FLINK-21080",
        "a checkpoint in which some subtasks had finished held a part of a union list, and the rest was lost",
        "union lists: a list is dealt out, and each subtask saves its own share",
    ),
    row(
        "F16",
        "RisingWave #20615",
        "a sink left at a rescaling, and the one that took its keys over did not read the rest of its log",
        "a log of each sink, and rescaling while the job runs",
    ),
    row(
        "F17",
        "Iceberg #16008",
        "commits were told apart by the number of the job, which a restart changes, and by the greatest checkpoint, which going back does not",
        "an external system that outlives a job which is started anew under another name or from an older savepoint",
    ),
    row(
        "F18",
        "HUDI-5576",
        "a commit began when the notice came, before all writers had said what they had written",
        "a coordinator of the sinks that commits for all of them",
    ),
    row(
        "F19",
        "KAFKA-9274",
        "a commit that had timed out was repeated, though it may have been done",
        "commits that can not be repeated: here a second one under the same name does nothing",
    ),
    row(
        "F21",
        "SAMZA-2526",
        "a write that failed between the flush and the acknowledgement was not noticed",
        "writes of a sink that fail, other than commits",
    ),
    row(
        "G02",
        "FLINK-28606",
        "events for operators behind a source were let through when the barrier was at the source",
        "events from coordinators to operators",
    ),
    row(
        "G03",
        "FLINK-18071",
        "an event meant for one attempt of a reader reached the next one",
        "events from coordinators to operators",
    ),
    row(
        "G05",
        "FLINK-38453",
        "partitions were stored without their start, which was looked up once more after a restore",
        "partitions that are discovered while the job runs",
    ),
    row(
        "G07",
        "FLINK-6006",
        "restored partitions were dropped that a fresh list did not have, because a broker was down",
        "a list of partitions that can be incomplete",
    ),
    row(
        "G09",
        "RisingWave #16058",
        "offsets were confirmed to the source before a checkpoint had completed, and the source deleted what was read",
        "inputs that forget what was confirmed",
    ),
    row(
        "G11",
        "FLINK-36663",
        "the watermark was not restored, or the greatest of several was, and late records were taken or timers fired early",
        "records that are late by the watermarks of their input",
    ),
    row(
        "H04",
        "CheckMate c8fb66f",
        "the bound of the replay was looked up under the wrong key, and nothing was replayed",
        "a place for a mutation where the log is replayed",
    ),
    row(
        "H05",
        "CheckMate 55a86a0",
        "each worker went on when it was restored itself, and sent to those that were not",
        "a restore that is not one instant for all channels",
    ),
    row(
        "H08",
        "CheckMate c9df74f",
        "operators whose checkpoint on the line was the initial one got no replay",
        "a place for a mutation where the log is replayed",
    ),
];

const fn row(zoo: &'static str, source: &'static str, about: &'static str, lacks: &'static str) -> Wanting {
    Wanting { zoo, source, about, lacks }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::bugs;

    /// The entries of the zoo, in its order.
    const FIRST_RANK: &[&str] = &[
        "A01", "A03", "B01", "B02", "B04", "B08", "B09", "B11", "B13", "B22", "C01", "C03", "C04", "C06",
        "C08", "C16", "D01", "D02", "D03", "D14", "E01", "E02", "E08", "F01", "F03", "F14", "G01", "G06",
        "G08", "H01", "H03", "H06", "H07",
    ];
    const SECOND_RANK: &[&str] = &[
        "A05", "A07", "A08", "A11", "A14", "A15", "B03", "B06", "B12", "B15", "B18", "B21", "C05", "C07",
        "C10", "C11", "C13", "C20", "D05", "D06", "D09", "D10", "D12", "D15", "D16", "E03", "E05", "E07",
        "E09", "F02", "F04", "F06", "F10", "F11", "F12", "F16", "F17", "F18", "F19", "F21", "G02", "G03",
        "G05", "G07", "G09", "G11", "H04", "H05", "H08",
    ];

    #[test]
    fn every_bug_of_the_zoo_is_planted_or_wanting() {
        assert_eq!((FIRST_RANK.len(), SECOND_RANK.len()), (33, 49));
        let all: BTreeSet<&str> = FIRST_RANK.iter().chain(SECOND_RANK).copied().collect();
        let planted: BTreeSet<&str> = bugs::all().filter_map(|bug| bug.zoo).collect();
        let wanting: BTreeSet<&str> = WANTING.iter().map(|bug| bug.zoo).collect();
        assert!(planted.is_disjoint(&wanting), "planted: {:?}", planted.intersection(&wanting));
        assert_eq!(planted.union(&wanting).copied().collect::<BTreeSet<_>>(), all);
    }

    #[test]
    fn what_is_wanting_stands_in_the_order_of_the_zoo_and_says_why() {
        let order =
            FIRST_RANK.iter().chain(SECOND_RANK).filter(|zoo| WANTING.iter().any(|bug| bug.zoo == **zoo));
        assert_eq!(WANTING.iter().map(|bug| bug.zoo).collect::<Vec<_>>(), order.copied().collect::<Vec<_>>());
        for Wanting { zoo, source, about, lacks } in WANTING {
            assert!(![source, about, lacks].iter().any(|text| text.is_empty()), "{zoo}");
        }
    }

    #[test]
    fn what_is_in_the_zoo_happened_somewhere() {
        for bug in bugs::all().filter(|bug| bug.zoo.is_some()) {
            assert_ne!(bug.source, "invented", "{}", bug.name);
        }
    }
}
