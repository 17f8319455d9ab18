//! Lets the first record of each key pass, in the order of event time, and drops the others of that key for a while: until
//! `time-to-live` has passed since the one that went through. Of several records of one instant that with the smallest
//! lineage and value passes.
//!
//! Which one is the first is known when the watermark has reached it, so records wait for that. What passes is unchanged.

use std::sync::Arc;

use cutline_sim::handles::{MapState, ValueState};
use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use cutline_sim::state::Timer;
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError};
use crate::units::PositiveSpan;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Deduplication {
    /// How long, in event time, a record that has passed keeps others of its key from passing. One that comes exactly so much
    /// later passes.
    pub time_to_live: PositiveSpan,
}

struct First {
    time_to_live: Time,
}

/// Under their event time, the parts of the record of an instant that may pass.
const LINEAGE: MapState = MapState(0);
const VALUE: MapState = MapState(1);
const SIZE: MapState = MapState(2);
/// The event time of the record that has passed, as long as that counts.
const PASSED: ValueState = ValueState(3);

/// Slots of timers: what has passed is forgotten before what comes at the same instant is looked at.
const FORGET: u64 = 0;
const LOOK: u64 = 1;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &Deduplication, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(First { time_to_live: settings.time_to_live.nanoseconds() }))
}

impl Operator for First {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let Record { lineage, key, value, event_time: time, size } = *record;
        if cx.watermark > 0 && time <= cx.watermark {
            return;
        }
        let part = |map: MapState| map.get(cx.state, key, time);
        let waiting = part(LINEAGE).zip(part(VALUE)).zip(part(SIZE));
        let mine = ((lineage as i64, value), i64::from(size));
        if waiting.is_none_or(|waiting| mine < waiting) {
            LINEAGE.put(cx.state, key, time, lineage as i64);
            VALUE.put(cx.state, key, time, value);
            SIZE.put(cx.state, key, time, i64::from(size));
            cx.state.set_timer(Timer { time, key, slot: LOOK });
        }
    }

    fn on_timer(&self, Timer { time, key, slot }: Timer, cx: &mut Context<'_>) {
        if slot == FORGET {
            PASSED.clear(cx.state, key);
            return;
        }
        let mut take = |map: MapState| map.remove(cx.state, key, time).unwrap_or(0);
        let (lineage, value, size) = (take(LINEAGE) as u64, take(VALUE), take(SIZE) as u32);
        if PASSED.get(cx.state, key).is_none() {
            PASSED.set(cx.state, key, time as i64);
            cx.state.set_timer(Timer { time: time.saturating_add(self.time_to_live), key, slot: FORGET });
            cx.out.push(Record { lineage, key, value, event_time: time, size });
        }
    }

    /// Timers come in the order of time, and of one instant one record at most passes.
    fn is_ordered_per_key(&self) -> bool {
        true
    }

    fn goes_by_event_time(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    const FIRST: First = First { time_to_live: 10 };

    fn passing(times: &[Time], watermark: Time) -> (usize, Vec<Time>) {
        let records: Vec<_> = times.iter().map(|&time| (0, record(1, 7, time))).collect();
        let (state, out) = run(&FIRST, &records, watermark);
        assert!(out.iter().all(|out| records.contains(&(0, *out))), "records pass as they are");
        (state.len(), out.iter().map(|out| out.event_time).collect())
    }

    #[test]
    fn the_first_passes_and_others_do_once_its_time_is_over() {
        assert_eq!(passing(&[0, 9, 10, 19, 21], Time::MAX), (0, vec![0, 10, 21]));
        assert_eq!(passing(&[21, 10, 0, 19, 9], Time::MAX), (0, vec![0, 10, 21]));
    }

    #[test]
    fn a_key_is_forgotten_when_its_time_is_over() {
        assert_eq!(passing(&[5], 4), (4, vec![]));
        assert_eq!(passing(&[5], 14), (2, vec![5]));
        assert_eq!(passing(&[5], 15), (0, vec![5]));
    }

    #[test]
    fn of_one_instant_one_passes_whichever_came_first() {
        let (one, other) = ((0, record(1, 7, 5)), (0, record(1, 8, 5)));
        let out = |records: &[(u32, Record)]| run(&FIRST, records, Time::MAX).1;
        assert_eq!(out(&[one, other]).len(), 1);
        assert_eq!(out(&[one, other]), out(&[other, one]));
    }
}
