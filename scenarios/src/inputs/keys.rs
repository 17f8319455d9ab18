//! Records with a key drawn evenly from `0..keys` and the value 1: what the benchmarks count. Which keys come, and in
//! which order, depends on the seed; the n-th record of all is a pure function of the seed and n.

use std::sync::Arc;

use cutline_sim::input::{Entry, Input};
use cutline_sim::random::{Stream, below, draw, key};
use cutline_sim::record::Record;
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{BuiltInput, Content, InputError, Records, Splits, Texts, check_length, dealt};
use crate::units::{Count, Rate};

/// The wire size of a record in bytes: its key and its value.
const RECORD_BYTES: u32 = 16;

/// The settings of this input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Keys {
    /// How many records there are, over all splits; those of the splits differ by one at most.
    pub count: Records,
    /// How many keys there are.
    pub keys: Count<1, { 1 << 32 }>,
    /// How fast each split is.
    pub rate: Rate,
    /// The number of splits.
    pub splits: Splits,
}

impl Keys {
    /// Makes the input.
    ///
    /// # Errors
    /// [`InputError::TooLong`].
    pub fn build(&self, seed: u64, _texts: &mut Texts) -> Result<BuiltInput, InputError> {
        let (count, splits, period) = (self.count.get(), self.splits.get_u32(), self.rate.period());
        check_length(dealt(count, splits, 0), period)?;
        let mut base = 0;
        let splits = (0..splits).map(|split| {
            let records = dealt(count, splits, split);
            base += records;
            Split { base: base - records, records }
        });
        let input =
            Drawn { seed: key(seed, Stream::Input), keys: self.keys.get(), period, splits: splits.collect() };
        Ok(BuiltInput { input: Arc::new(input), content: Content::Plain })
    }
}

/// A contiguous range of the records.
struct Split {
    base: u64,
    records: u64,
}

/// An offset is the index of a record within its split.
struct Drawn {
    seed: u64,
    keys: u64,
    period: Time,
    splits: Vec<Split>,
}

impl Input for Drawn {
    fn splits(&self) -> u32 {
        self.splits.len() as u32
    }

    fn start(&self, _split: u32) -> u64 {
        0
    }

    #[inline]
    fn read(&self, split: u32, offset: u64) -> Option<Entry> {
        let split = &self.splits[split as usize];
        if offset >= split.records {
            return None;
        }
        let record = Record {
            lineage: 0,
            key: below(draw(self.seed, split.base + offset), self.keys),
            value: 1,
            event_time: offset * self.period,
            size: RECORD_BYTES,
        };
        Some(Entry { record, next: offset + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kind, records};
    use super::*;

    fn drawn(seed: u64, splits: u32) -> Vec<u64> {
        let keys =
            kind(&format!("keys = {{ count = 1000, keys = 10, rate = \"1000/s\", splits = {splits} }}"));
        let input = keys.build(seed, &mut Texts::default()).expect("an input").input;
        let all = (0..splits).flat_map(|split| records(&*input, split));
        all.map(|record| record.key).collect()
    }

    #[test]
    fn the_seed_decides_the_keys_and_the_splits_only_cut_them() {
        assert_eq!(drawn(1, 1).len(), 1000);
        assert_eq!(drawn(1, 1), drawn(1, 7));
        assert_ne!(drawn(1, 1), drawn(2, 1));
    }

    #[test]
    fn every_key_comes() {
        let keys = drawn(3, 2);
        for key in 0..10 {
            let times = keys.iter().filter(|&&drawn| drawn == key).count();
            assert!((60..140).contains(&times), "key {key} comes {times} times");
        }
        assert!(keys.iter().all(|&key| key < 10));
    }
}
