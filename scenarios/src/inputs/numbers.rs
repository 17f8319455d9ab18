//! The numbers `0..count`. Split s has s, s + splits, s + 2 splits, ...; a record's value and key are the number.

use std::sync::Arc;

use cutline_sim::input::{Entry, Input};
use cutline_sim::record::Record;
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{BuiltInput, Content, InputError, Records, Splits, Texts, check_length, dealt};
use crate::units::Rate;

/// The wire size of a number in bytes: its key and its value.
const RECORD_BYTES: u32 = 16;

/// The settings of this input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Numbers {
    /// How many numbers there are.
    pub count: Records,
    /// How fast each split is.
    pub rate: Rate,
    /// The number of splits.
    pub splits: Splits,
}

impl Numbers {
    /// Makes the input; nothing in it is random.
    ///
    /// # Errors
    /// [`InputError::TooLong`].
    pub fn build(&self, _seed: u64, _texts: &mut Texts) -> Result<BuiltInput, InputError> {
        let (count, splits, period) = (self.count.get(), self.splits.get_u32(), self.rate.period());
        check_length(dealt(count, splits, 0), period)?;
        Ok(BuiltInput { input: Arc::new(Numbered { count, splits, period }), content: Content::Plain })
    }
}

/// An offset is the index of a number within its split.
struct Numbered {
    count: u64,
    splits: u32,
    period: Time,
}

impl Numbered {
    fn number(&self, split: u32, offset: u64) -> u64 {
        offset * u64::from(self.splits) + u64::from(split)
    }
}

impl Input for Numbered {
    fn splits(&self) -> u32 {
        self.splits
    }

    fn start(&self, _split: u32) -> u64 {
        0
    }

    fn read(&self, split: u32, offset: u64) -> Option<Entry> {
        let number = self.number(split, offset);
        let record = Record {
            lineage: 0,
            key: number,
            value: number as i64,
            event_time: offset * self.period,
            size: RECORD_BYTES,
        };
        (number < self.count).then_some(Entry { record, next: offset + 1 })
    }

    fn describe(&self, split: u32, offset: u64) -> String {
        format!("the number {}", self.number(split, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kind, records};
    use super::*;

    #[test]
    fn numbers_are_dealt_in_turn() {
        let numbers = kind("numbers = { count = 8, rate = \"1000/s\", splits = 3 }");
        let input = numbers.build(1, &mut Texts::default()).expect("an input").input;
        let values = |split| records(&*input, split).iter().map(|record| record.value).collect::<Vec<_>>();
        assert_eq!([values(0), values(1), values(2)], [vec![0, 3, 6], vec![1, 4, 7], vec![2, 5]]);
        assert_eq!(records(&*input, 0)[2].event_time, 2_000_000);
        assert_eq!(input.describe(1, 2), "the number 7");
    }

    #[test]
    fn there_may_be_none() {
        let none = kind("numbers = { count = 0, rate = \"1/h\", splits = 2 }");
        let input = none.build(1, &mut Texts::default()).expect("an input").input;
        assert!(records(&*input, 0).is_empty() && records(&*input, 1).is_empty());
    }
}
