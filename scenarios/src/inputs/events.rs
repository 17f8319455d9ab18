//! Records with a random key and a random value, whose event times may be out of order: visits of a web site, payments,
//! measurements. All of it depends on the seed; the n-th record of all is a pure function of the seed and n.

use std::sync::Arc;

use cutline_sim::input::{Entry, Input};
use cutline_sim::random::{Stream, below, draw, key};
use cutline_sim::record::Record;
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{BuiltInput, Content, InputError, LATEST, Records, Splits, Texts, check_length, dealt};
use crate::units::{BoundedBytes, Count, Rate, Span};

/// The wire size of a record in bytes, unless another is asked for: key, value and instant.
const RECORD_BYTES: u32 = 24;
/// Draws per record: key, heat, value, delay.
const DRAWS: u64 = 4;

/// The settings of this input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Events {
    /// How many records there are, over all splits; those of the splits differ by one at most.
    pub count: Records,
    /// How many keys there are, numbered from 0.
    pub keys: Count<1, { 1 << 32 }>,
    /// How many of 1000 records have the key 0, whatever is drawn for the others; none if it is absent.
    #[serde(default = "least")]
    pub hot_per_mille: Count<0, 1000>,
    /// Values are drawn evenly from 0 up to this number, without it; all are 0 if it is absent.
    #[serde(default = "least")]
    pub values: Count<1, { 1 << 32 }>,
    /// How fast each split is.
    pub rate: Rate,
    /// The number of splits.
    pub splits: Splits,
    /// The wire size of a record; 24 B, a key, a value and an instant, if it is absent. What operators make of it has theirs.
    pub size: Option<BoundedBytes<1, 0x10_0000>>,
    /// Event times are late by up to so much against the regular beat of the rate, so a record may be older than one read
    /// before it by this much. Nothing if it is absent: then they come in order.
    pub disorder: Option<Span>,
    /// Tells inputs of one job apart: those of the same number draw the same. 0 if it is absent.
    #[serde(default = "least")]
    pub series: Count<0, 1000>,
}

fn least<const MIN: u64, const MAX: u64>() -> Count<MIN, MAX> {
    Count::MIN
}

impl Events {
    /// Makes the input.
    ///
    /// # Errors
    /// [`InputError::TooLong`].
    pub fn build(&self, seed: u64, _texts: &mut Texts) -> Result<BuiltInput, InputError> {
        let (count, splits, period) = (self.count.get(), self.splits.get_u32(), self.rate.period());
        let (longest, disorder) = (dealt(count, splits, 0), self.disorder.map_or(0, Span::nanoseconds));
        check_length(longest, period)?;
        if (longest + 1) * period > LATEST - disorder {
            return Err(InputError::TooLong { records: longest, period });
        }
        let input = Drawn {
            seed: draw(key(seed, Stream::Input), self.series.get()),
            settings: self.clone(),
            splits,
            period,
            disorder,
            size: self.size.map_or(RECORD_BYTES, |size| size.bytes() as u32),
        };
        Ok(BuiltInput { input: Arc::new(input), content: Content::Plain })
    }
}

/// An offset is the index of a record within its split; records are dealt in turn to the splits.
struct Drawn {
    seed: u64,
    settings: Events,
    splits: u32,
    period: Time,
    disorder: Time,
    size: u32,
}

impl Input for Drawn {
    fn splits(&self) -> u32 {
        self.splits
    }

    fn start(&self, _split: u32) -> u64 {
        0
    }

    fn read(&self, split: u32, offset: u64) -> Option<Entry> {
        let settings = &self.settings;
        if offset >= dealt(settings.count.get(), self.splits, split) {
            return None;
        }
        let number = offset * u64::from(self.splits) + u64::from(split);
        let drawn = |what: u64, n: u64| below(draw(self.seed, number * DRAWS + what), n);
        let hot = drawn(1, 1000) < settings.hot_per_mille.get();
        let record = Record {
            lineage: 0,
            key: if hot { 0 } else { drawn(0, settings.keys.get()) },
            value: drawn(2, settings.values.get()) as i64,
            event_time: offset * self.period + drawn(3, self.disorder + 1),
            size: self.size,
        };
        Some(Entry { record, next: offset + 1 })
    }

    fn disorder(&self) -> u64 {
        self.disorder
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kind, records_as_read};
    use super::*;

    fn all(settings: &str, seed: u64) -> Vec<Vec<Record>> {
        let events = kind(&format!("events = {{ rate = \"1000/s\", {settings} }}"));
        let input = events.build(seed, &mut Texts::default()).expect("an input").input;
        (0..input.splits()).map(|split| records_as_read(&*input, split)).collect()
    }

    #[test]
    fn keys_and_values_stay_in_their_ranges_and_depend_on_the_seed_and_the_series() {
        let settings = "count = 1000, keys = 10, values = 5, splits = 3";
        let (first, again) = (all(settings, 1).concat(), all(settings, 1).concat());
        assert_eq!(first.len(), 1000);
        assert_eq!(first, again);
        assert_ne!(first, all(settings, 2).concat());
        assert_ne!(first, all(&format!("{settings}, series = 1"), 1).concat());
        for drawn in 0..10 {
            let times = first.iter().filter(|record| record.key == drawn).count();
            assert!((60..140).contains(&times), "key {drawn} comes {times} times");
            let times = first.iter().filter(|record| record.value == drawn as i64).count();
            assert_eq!(times > 0, drawn < 5, "value {drawn} comes {times} times");
        }
        assert!(first.iter().all(|record| record.key < 10 && (0..5).contains(&record.value)));
    }

    #[test]
    fn records_are_as_large_as_asked_for() {
        let sizes = |settings| all(settings, 1).concat().iter().map(|record| record.size).collect::<Vec<_>>();
        assert_eq!(sizes("count = 2, keys = 1, splits = 1"), [24, 24]);
        assert_eq!(sizes("count = 2, keys = 1, splits = 1, size = \"1000 B\""), [1000, 1000]);
    }

    #[test]
    fn a_hot_key_takes_its_share() {
        let records = all("count = 1000, keys = 100, hot-per-mille = 800, splits = 1", 1).concat();
        let hot = records.iter().filter(|record| record.key == 0).count();
        assert!((770..840).contains(&hot), "{hot}");
    }

    #[test]
    fn event_times_are_out_of_order_within_the_bound() {
        let settings = "count = 1000, keys = 9, splits = 2";
        assert!(all(settings, 1).iter().all(|split| split.is_sorted_by_key(|record| record.event_time)));
        for split in all(&format!("{settings}, disorder = \"5ms\""), 1) {
            let (mut largest, mut furthest) = (0, 0);
            for record in split {
                furthest = furthest.max(Time::saturating_sub(largest, record.event_time));
                largest = largest.max(record.event_time);
            }
            assert!((3_000_000..=5_000_000).contains(&furthest), "{furthest}");
        }
    }

    #[test]
    fn a_delay_beyond_the_end_of_time_is_refused() {
        let settings =
            "events = { count = 500000, rate = \"1/h\", keys = 1, splits = 1, disorder = \"876000h\" }";
        assert!(kind(settings).build(0, &mut Texts::default()).is_ok());
        let longer = settings.replace("500000", "1800000");
        assert!(matches!(kind(&longer).build(0, &mut Texts::default()), Err(InputError::TooLong { .. })));
    }
}
