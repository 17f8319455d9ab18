//! Aggregates the records of each key in sliding windows of event time: windows of one size that begin at multiples of
//! `slide`, and so overlap if that is shorter. Each is emitted when the watermark has reached its end, and forgotten then.
//! The result has the key, the aggregate and the last instant of the window.
//!
//! Windows that begin before the first instant are there too, as in Flink, with what lies in them. If `slide` is longer than
//! `size` there are gaps, and records in them belong to no window.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, key_lineage};
use cutline_sim::state::{Slot, Timer};
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError, RESULT_BYTES, Window, is_late};
use crate::aggregate::Aggregate;
use crate::units::PositiveSpan;

/// A record belongs to so many windows at most.
const OVERLAP_MAX: u64 = 1000;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SlidingWindow {
    /// How long a window is.
    pub size: PositiveSpan,
    /// How much later the next one begins.
    pub slide: PositiveSpan,
    /// What is computed of a window; the number of its records, if it is absent.
    #[serde(default)]
    pub aggregate: Aggregate,
}

/// Windows of one size at equal distances.
pub(super) struct Windows {
    size: Time,
    slide: Time,
    aggregate: Aggregate,
}

/// Makes the operator.
///
/// # Errors
/// A record would belong to more than 1000 windows.
pub fn build(settings: &SlidingWindow, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    let (size, slide) = (settings.size.nanoseconds(), settings.slide.nanoseconds());
    match size.div_ceil(slide) {
        0..=OVERLAP_MAX => Ok(Arc::new(Windows::new(size, slide, settings.aggregate))),
        overlap => Err(OperatorError::Windows { overlap, most: OVERLAP_MAX }),
    }
}

impl Windows {
    /// Windows of this size that begin at multiples of `slide`.
    pub(super) fn new(size: Time, slide: Time, aggregate: Aggregate) -> Windows {
        Windows { size, slide, aggregate }
    }

    /// The windows of an instant, the last to begin first. They are numbered so that the first one of all has the number 0:
    /// with an overlap of n, n - 1 windows begin before the first instant.
    fn of(&self, time: Time) -> impl Iterator<Item = Window> + use<'_> {
        let before = self.size.div_ceil(self.slide) - 1;
        let newest = (time / self.slide).saturating_add(before);
        let windows = (newest - before..=newest).rev().map(move |index| {
            let end = u128::from(index) * u128::from(self.slide) + u128::from(self.size);
            let last = end - u128::from(before) * u128::from(self.slide) - 1;
            Window { index, last: Time::try_from(last).unwrap_or(Time::MAX) }
        });
        windows.take_while(move |window| window.last >= time)
    }
}

impl Operator for Windows {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        for window in self.of(record.event_time).filter(|&window| !is_late(window, cx.watermark)) {
            let (key, value) = (record.key, self.aggregate.of(record.value));
            let slot = Slot { key, map: 0, slot: window.index };
            match cx.state.entry(slot) {
                Some(part) => drop(cx.state.set_entry(slot, self.aggregate.merge(part, value))),
                None => {
                    cx.state.set_entry(slot, value);
                    cx.state.set_timer(Timer { time: window.last, key, slot: window.index });
                }
            }
        }
    }

    fn on_timer(&self, Timer { time, key, slot }: Timer, cx: &mut Context<'_>) {
        let Some(value) = cx.state.remove_entry(Slot { key, map: 0, slot }) else { return };
        cx.out.push(Record {
            lineage: key_lineage(key, slot),
            key,
            value,
            event_time: time,
            size: RESULT_BYTES,
        });
    }

    /// Timers come in the order of time, and no window opens behind one of its key that has fired.
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

    fn sliding(size: Time, slide: Time) -> Windows {
        Windows { size, slide, aggregate: Aggregate::Count }
    }

    fn lasts(windows: &Windows, time: Time) -> Vec<Time> {
        windows.of(time).map(|window| window.last).collect()
    }

    #[test]
    fn an_instant_lies_in_every_window_that_has_begun_and_not_ended() {
        assert_eq!(lasts(&sliding(10, 5), 0), [9, 4]);
        assert_eq!(lasts(&sliding(10, 5), 4), [9, 4]);
        assert_eq!(lasts(&sliding(10, 5), 5), [14, 9]);
        assert_eq!(lasts(&sliding(10, 4), 8), [17, 13, 9]);
        assert_eq!(lasts(&sliding(10, 4), 10), [17, 13]);
        assert_eq!(lasts(&sliding(3, 5), 7), [7]);
        assert!(lasts(&sliding(3, 5), 8).is_empty(), "between two windows");
        assert_eq!(lasts(&sliding(10, 5), Time::MAX), [Time::MAX, Time::MAX]);
    }

    #[test]
    fn a_window_is_emitted_once_at_its_end_and_forgotten() {
        let records: Vec<_> = [0, 3, 7, 12].iter().map(|&time| (0, record(1, 7, time))).collect();
        let counts = |watermark| {
            let (state, out) = run(&sliding(10, 5), &records, watermark);
            (state.len(), out.iter().map(|out| (out.event_time, out.value)).collect::<Vec<_>>())
        };
        assert_eq!(counts(3), (8, vec![]));
        assert_eq!(counts(9), (4, vec![(4, 2), (9, 3)]));
        assert_eq!(counts(Time::MAX), (0, vec![(4, 2), (9, 3), (14, 2), (19, 1)]));
    }

    #[test]
    fn windows_without_number_are_refused() {
        let build = |slide: &str| {
            kind(&format!("{{ sliding-window = {{ size = \"1s\", slide = \"{slide}\" }} }}"))
                .build(&Contents::default())
                .err()
        };
        assert_eq!(build("1ms"), None);
        assert_eq!(build("999us"), Some(OperatorError::Windows { overlap: 1002, most: OVERLAP_MAX }));
    }
}
