//! A part of a sweep: `3/16` is the third of sixteen. The parts are disjoint, and together they are the whole.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of several parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Partition {
    /// Which, beginning with 0.
    part: u64,
    of: u64,
}

/// More parts than any scheduler starts.
const PARTS_MAX: u64 = 1_000_000;

impl Partition {
    /// All of it.
    pub const WHOLE: Partition = Partition { part: 0, of: 1 };

    /// The part of this number, beginning with 1.
    ///
    /// # Errors
    /// If there is no such part.
    pub fn new(number: u64, of: u64) -> Result<Partition, String> {
        match number.checked_sub(1) {
            Some(_) if of > PARTS_MAX => Err(format!("a sweep has at most {PARTS_MAX} parts")),
            Some(part) if part < of => Ok(Partition { part, of }),
            _ => Err(format!("there is no part {number} of {of}: write `1/{0}` to `{0}/{0}`", of.max(1))),
        }
    }

    /// True if a unit of this number is in it.
    pub fn has(self, unit: u64) -> bool {
        unit % self.of == self.part
    }

    /// How many units are in it of those that come `step` after each other, `count` of them, the first of which is `first`.
    pub(super) fn count(self, first: u64, step: u64, count: u64) -> u64 {
        // After so many of them the parts come again.
        let period = self.of;
        let within = |count: u64| {
            (0..count).filter(|n| self.has(first % self.of + n * (step % self.of))).count() as u64
        };
        (count / period) * within(period) + within(count % period)
    }

    /// Which part, beginning with 1.
    pub fn number(self) -> u64 {
        self.part + 1
    }

    /// How many parts there are.
    pub fn of(self) -> u64 {
        self.of
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Partition, String> {
        let numbers =
            text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        let (number, of) = numbers.ok_or_else(|| {
            format!("`{text}` is no part of a sweep: write `3/16` for the third of sixteen parts")
        })?;
        Partition::new(number, of)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number(), self.of)
    }
}

impl From<Partition> for String {
    fn from(partition: Partition) -> String {
        partition.to_string()
    }
}

impl TryFrom<String> for Partition {
    type Error = String;

    fn try_from(text: String) -> Result<Partition, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_in_one_part() {
        for unit in 0..50 {
            let parts = (1..=16).filter(|&part| Partition::new(part, 16).expect("a part").has(unit));
            assert_eq!(parts.count(), 1, "{unit}");
            assert!(Partition::WHOLE.has(unit));
        }
    }

    #[test]
    fn parts_are_read_as_they_are_written() {
        assert_eq!("3/16".parse::<Partition>().expect("a part").to_string(), "3/16");
        for (text, word) in [
            ("5/4", "no part 5 of 4"),
            ("0/4", "no part 0 of 4"),
            ("1/0", "no part 1 of 0"),
            ("3", "third of sixteen"),
            ("a/b", "third of sixteen"),
            ("1/4/2", "third of sixteen"),
            ("1/1000001", "at most 1000000 parts"),
            ("-1/4", "third of sixteen"),
        ] {
            let error = text.parse::<Partition>().expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
