//! Seeds of a sweep, as people write them: `0..10000`, `0..=9`, `7`, `1,5,20..30`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Seeds, each once, in the order in which they were written. Never none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seeds(Vec<Range<u64>>);

/// How seeds are written.
const FORM: &str = "write seeds as `0..1000`, `7`, or `1,5,20..30`; the number behind `..` does not count, after `..=` it does";

impl Seeds {
    /// So many seeds that depend on a text, such as the name of a commit, and on nothing else. They have at most 53 bits, so that
    /// every reader of JSON and CSV gets them whole.
    pub fn fresh(text: &str, count: u64) -> Seeds {
        let first = xxh3_64(text.as_bytes()) >> 12;
        Seeds(std::iter::once(first..first + count.clamp(1, 1 << 32)).collect())
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).fold(0, u64::saturating_add)
    }

    /// The seed in this place, beginning with 0.
    pub fn nth(&self, mut place: u64) -> Option<u64> {
        for range in &self.0 {
            let count = range.end - range.start;
            if place < count {
                return Some(range.start + place);
            }
            place -= count;
        }
        None
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        let number = |text: &str| {
            let whole = text.trim().replace('_', "").parse::<u64>();
            whole.map_err(|_| format!("`{text}` is no number from 0 to {}: {FORM}", u64::MAX))
        };
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for part in text.split(',') {
            let range = match part.split_once("..") {
                Some((from, to)) => match to.strip_prefix('=') {
                    Some(last) => number(from)?..after(number(last)?)?,
                    None => number(from)?..number(to)?,
                },
                None => number(part)?..after(number(part)?)?,
            };
            if range.is_empty() {
                return Err(format!("`{part}` is an empty range of seeds: {FORM}"));
            }
            if let Some(other) =
                ranges.iter().find(|other| other.start < range.end && range.start < other.end)
            {
                let seed = other.start.max(range.start);
                return Err(format!("seed {seed} is named twice: name each seed once"));
            }
            ranges.push(range);
        }
        Ok(Seeds(ranges))
    }
}

/// The end of a range whose last number is this one.
fn after(last: u64) -> Result<u64, String> {
    last.checked_add(1).ok_or_else(|| format!("the largest seed of a sweep is {}", u64::MAX - 1))
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match range.end - range.start {
                1 => write!(f, "{comma}{}", range.start)?,
                _ => write!(f, "{comma}{}..{}", range.start, range.end)?,
            }
        }
        Ok(())
    }
}

impl From<Seeds> for String {
    fn from(seeds: Seeds) -> String {
        seeds.to_string()
    }
}

impl TryFrom<String> for Seeds {
    type Error = String;

    fn try_from(text: String) -> Result<Seeds, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<u64> {
        let seeds: Seeds = text.parse().expect("seeds");
        assert_eq!(seeds.to_string().parse::<Seeds>().as_ref(), Ok(&seeds));
        (0..seeds.count()).map(|place| seeds.nth(place).expect("a seed")).collect()
    }

    #[test]
    fn seeds_are_read_as_they_are_written() {
        assert_eq!(all("3..6"), [3, 4, 5]);
        assert_eq!(all("0..=2"), [0, 1, 2]);
        assert_eq!(all("7"), [7]);
        assert_eq!(all("9,1, 20..22"), [9, 1, 20, 21]);
        assert_eq!(all("1_000"), [1000]);
        assert_eq!("5..6".parse::<Seeds>().expect("seeds").nth(1), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("", "no number"),
            ("5..5", "empty range"),
            ("6..5", "empty range"),
            ("-1", "no number"),
            ("0..18446744073709551616", "no number"),
            ("0..=18446744073709551615", "largest seed"),
            ("18446744073709551615", "largest seed"),
            ("1,1", "seed 1 is named twice"),
            ("0..10,5..20", "seed 5 is named twice"),
            ("1,,2", "no number"),
        ] {
            let error = text.parse::<Seeds>().expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn fresh_seeds_depend_on_the_text_alone() {
        let (one, other) = (Seeds::fresh("abc", 5), Seeds::fresh("abd", 5));
        assert_eq!(one, Seeds::fresh("abc", 5));
        assert_ne!(one, other);
        assert_eq!(one.count(), 5);
        assert!(one.nth(4).is_some_and(|seed| seed < 1 << 53));
        assert_eq!(Seeds::fresh("abc", 0).count(), 1);
    }
}
