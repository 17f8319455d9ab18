//! What sources had read. A savepoint means nothing over another input: its state is made of records that the new job would
//! never have read. So it holds a fingerprint of the part of each split that was read, and a source that would go on must find
//! the same there. What comes behind its positions may be anything: an input that has grown, say.
//!
//! The price is to read that part once more, at the savepoint and at the start, which the failure-free reference does anyway.

use std::collections::BTreeMap;

use crate::input::Input;
use crate::random::mix;
use crate::snapshot::SplitPosition;

/// The fingerprint of what was read of each split.
pub(super) fn read(input: &dyn Input, splits: &BTreeMap<u32, SplitPosition>) -> BTreeMap<u32, u64> {
    let each = splits.values().filter_map(|at| Some((at.split, fingerprint(input, at)?)));
    each.collect()
}

/// The first split of which something else was read than is there now.
pub(super) fn other(
    input: &dyn Input,
    splits: &BTreeMap<u32, SplitPosition>,
    read: &BTreeMap<u32, u64>,
) -> Option<u32> {
    let is_other = |at: &&SplitPosition| {
        let is = fingerprint(input, at);
        is.is_none() || is.as_ref() != read.get(&at.split)
    };
    splits.values().find(is_other).map(|at| at.split)
}

/// A hash of the records before a position; `None` if no record of the split ends there.
fn fingerprint(input: &dyn Input, at: &SplitPosition) -> Option<u64> {
    let mut hash = mix(input.disorder());
    let mut offset = input.start(at.split);
    while offset != at.offset {
        let entry = input.read(at.split, offset)?;
        let record = entry.record;
        let words = [record.key, record.value as u64, record.event_time, u64::from(record.size), entry.next];
        let words = words.into_iter().chain([input.behind(at.split, offset)]);
        hash = words.fold(hash, |hash, word| {
            mix(hash.rotate_left(1).wrapping_add(word).wrapping_add(0x9e37_79b9_7f4a_7c15))
        });
        offset = entry.next;
    }
    Some(hash)
}

/// True if there is something to read where the former job had found the end, or of which it knew nothing.
pub(super) fn has_more_than_was_there(input: &dyn Input, splits: &BTreeMap<u32, SplitPosition>) -> bool {
    (0..input.splits()).any(|split| match splits.get(&split) {
        Some(at) => at.ended && input.read(split, at.offset).is_some(),
        None => input.read(split, input.start(split)).is_some(),
    })
}
