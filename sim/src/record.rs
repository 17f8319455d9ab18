//! What flows through a channel.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::ids::CheckpointId;
use crate::random::mix;
use crate::time::Time;

/// A record: small, `Copy`, and with a lineage, a hash of where it came from. What is too large for `value` (a line of
/// text, say) stays in the immutable input, and the value says where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Record {
    /// Where the record came from: see [`source_lineage`] and [`derive_lineage`].
    pub lineage: u64,
    /// The key that hash edges and keyed state go by.
    pub key: u64,
    /// The payload.
    pub value: i64,
    /// Event time in nanoseconds since the start of the input; also the instant at which the source may emit the record.
    pub event_time: Time,
    /// Size on the wire in bytes.
    pub size: u32,
}

impl Record {
    /// The part of the record that a run must reproduce: everything but the event time. The output of a running
    /// aggregate has the event time of the record that happened to complete it, so it differs between interleavings that
    /// are equally right; two lists of results are compared by this part.
    #[inline]
    pub fn result(self) -> Record {
        Record { event_time: 0, ..self }
    }

    /// A hash of [`Record::result`]. The wrapping sum over a list is a fingerprint that does not depend on its order.
    #[inline]
    pub fn result_hash(&self) -> u64 {
        [self.lineage, self.key, self.value as u64, u64::from(self.size)]
            .into_iter()
            .fold(0, |hash, word| mix(hash.wrapping_add(word).wrapping_add(0x9e37_79b9_7f4a_7c15)))
    }
}

/// What tells the lineages of one source from those of another: a hash of its uid. Its number would not do, for that depends on
/// where a scenario names it, and a job goes on from a savepoint also where it is named elsewhere.
pub fn origin(uid: &str) -> u64 {
    xxh3_64(uid.as_bytes())
}

/// The lineage of the record that a source of this [`origin`] reads at an offset of a split.
#[inline]
pub fn source_lineage(origin: u64, split: u32, offset: u64) -> u64 {
    mix(mix(origin.wrapping_add(u64::from(split))) ^ offset)
}

/// The lineage of the `index`-th record that an operator makes of a record (or of a state) with lineage `parent`.
#[inline]
pub fn derive_lineage(parent: u64, index: u64) -> u64 {
    mix(parent.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(1))
}

/// The lineage of what an operator makes of two records: the same whichever of them came first.
#[inline]
pub fn join_lineage(one: u64, other: u64) -> u64 {
    mix(mix(one).wrapping_add(mix(other)))
}

/// The lineage of what an operator makes of its state of a key, in contrast to one record: `index` tells the results of
/// one key apart. It does not depend on the records that made up the state, nor on their order.
#[inline]
pub fn key_lineage(key: u64, index: u64) -> u64 {
    derive_lineage(mix(key ^ 0xa076_1d64_78bd_642f), index)
}

/// What one received record adds to the exactly-once sum of an operator: the wrapping sum of the weights of all records
/// received, port by port, is the same in two runs if (but for a chance of about 2^-64) both received the same multiset
/// of records. The order of arrival and the subtask do not matter.
#[inline]
pub fn lineage_weight(lineage: u64, port: u32) -> u64 {
    // A lineage is a hash already; the port must only keep equal lineages apart.
    lineage ^ u64::from(port).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A mark of a cut protocol inside a channel. It separates what belongs before the cut from what comes after it, and is
/// no item of the dataflow: positions do not count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mark {
    /// The cut of this checkpoint: a barrier or a marker.
    Cut(CheckpointId),
    /// This checkpoint has been given up: do not wait for its cut.
    Cancel(CheckpointId),
}

impl Mark {
    /// The checkpoint it speaks of.
    pub fn id(self) -> CheckpointId {
        match self {
            Mark::Cut(id) | Mark::Cancel(id) => id,
        }
    }
}
