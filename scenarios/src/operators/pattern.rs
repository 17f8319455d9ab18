//! A pattern over the records of one key, in event time: a small value followed by a large one within some time, whatever
//! lies between them. With payments by account this is the fraud detection of Flink's first tutorial: a small payment to try
//! a stolen card, then a large one.
//!
//! Each large record is emitted once if there is a small one before it, strictly, and at most `within` before it. It keeps
//! its key, value and event time; the lineage is made of both records, the small one being the last that fits. Large records
//! wait for the watermark, so that nothing that belongs before them is missing; small ones are forgotten when nothing can
//! follow them in time. A record that comes twice, as it may under at least once, takes one place.

use std::sync::Arc;

use cutline_sim::handles::MapState;
use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, join_lineage};
use cutline_sim::state::Timer;
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError, RESULT_BYTES, identity};
use crate::units::PositiveSpan;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pattern {
    /// The largest value of a small record.
    pub small: i64,
    /// The smallest value of a large record; above `small`.
    pub large: i64,
    /// How long a large record may follow a small one, this time included.
    pub within: PositiveSpan,
}

struct Sequence {
    small: i64,
    large: i64,
    within: Time,
}

/// Under its event time, the identity of a small record: the largest of those of one instant.
const SMALL: MapState = MapState(0);
/// Under its identity, the value of a large record.
const LARGE: MapState = MapState(1);
/// The slot of the timers that forget a small record; no record has this identity.
const FORGET: u64 = 0;

/// Makes the operator.
///
/// # Errors
/// A value would be small and large.
pub fn build(settings: &Pattern, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    let (small, large, within) = (settings.small, settings.large, settings.within.nanoseconds());
    match small < large {
        true => Ok(Arc::new(Sequence { small, large, within })),
        false => Err(OperatorError::Overlap { small, large }),
    }
}

impl Sequence {
    /// The instant from which on no record can follow a small one in time.
    fn forgotten(&self, small: Time) -> Time {
        small.saturating_add(self.within).saturating_add(1)
    }
}

impl Operator for Sequence {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let Record { key, value, event_time: time, .. } = *record;
        if cx.watermark > 0 && time <= cx.watermark {
            return;
        }
        let identity = identity(record);
        if value <= self.small {
            let other = SMALL.get(cx.state, key, time).map_or(0, |other| other as u64);
            SMALL.put(cx.state, key, time, identity.max(other) as i64);
            cx.state.set_timer(Timer { time: self.forgotten(time), key, slot: FORGET });
        } else if value >= self.large {
            LARGE.put(cx.state, key, identity, value);
            cx.state.set_timer(Timer { time, key, slot: identity });
        }
    }

    fn on_timer(&self, Timer { time, key, slot }: Timer, cx: &mut Context<'_>) {
        if slot == FORGET {
            let first = SMALL.entries(cx.state, key).next();
            if let Some((small, _)) = first.filter(|&(small, _)| self.forgotten(small) <= time) {
                SMALL.remove(cx.state, key, small);
            }
            return;
        }
        let Some(value) = LARGE.remove(cx.state, key, slot) else { return };
        let earliest = time.saturating_sub(self.within);
        let small = SMALL.entries_in(cx.state, key, earliest..time).next_back();
        cx.out.extend(small.map(|(_, small)| Record {
            lineage: join_lineage(small as u64, slot),
            key,
            value,
            event_time: time,
            size: RESULT_BYTES,
        }));
    }

    /// Timers come in the order of time and of the records' identity, and no record is older than a timer that has fired.
    fn is_ordered_per_key(&self) -> bool {
        true
    }

    fn goes_by_event_time(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kind, record, run};
    use super::*;

    const PATTERN: Sequence = Sequence { small: 1, large: 100, within: 10 };

    /// The event times and values of what is emitted for payments of one account, and the size of the state then.
    fn alerts(payments: &[(i64, Time)], watermark: Time) -> (usize, Vec<(Time, i64)>) {
        let records: Vec<_> = payments.iter().map(|&(value, time)| (0, record(1, value, time))).collect();
        let (state, out) = run(&PATTERN, &records, watermark);
        (state.len(), out.iter().map(|out| (out.event_time, out.value)).collect())
    }

    #[test]
    fn a_large_record_needs_a_small_one_before_it_and_not_too_long_before() {
        assert_eq!(alerts(&[(1, 5), (100, 15)], Time::MAX), (0, vec![(15, 100)]));
        assert_eq!(alerts(&[(1, 5), (100, 16)], Time::MAX), (0, vec![]));
        assert_eq!(alerts(&[(1, 5), (100, 5)], Time::MAX), (0, vec![]));
        assert_eq!(alerts(&[(1, 5), (100, 4)], Time::MAX), (0, vec![]));
        assert_eq!(alerts(&[(2, 5), (100, 6), (1, 7), (99, 8)], Time::MAX), (0, vec![]));
    }

    #[test]
    fn what_lies_between_does_not_matter_nor_does_the_order_of_arrival() {
        let expected = (0, vec![(4, 100), (6, 200)]);
        assert_eq!(alerts(&[(1, 0), (50, 2), (100, 4), (200, 6)], Time::MAX), expected);
        assert_eq!(alerts(&[(200, 6), (100, 4), (1, 0), (50, 2)], Time::MAX), expected);
    }

    #[test]
    fn a_small_record_is_kept_as_long_as_it_can_be_followed() {
        assert_eq!(alerts(&[(1, 5)], 15).0, 2);
        assert_eq!(alerts(&[(1, 5)], 16).0, 0);
        assert_eq!(alerts(&[(1, 5), (1, 9), (100, 19)], 16).0, 4, "the second one, and the large one");
    }

    #[test]
    fn a_value_cannot_be_small_and_large() {
        let kind = kind("{ pattern = { small = 5, large = 5, within = \"1s\" } }");
        assert_eq!(
            kind.build(&Contents::default()).err(),
            Some(OperatorError::Overlap { small: 5, large: 5 })
        );
    }
}
