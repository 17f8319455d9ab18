//! The records with the largest values of each key and tumbling window of event time, emitted when the watermark has reached
//! the end of the window, the largest first. Ties go to the record with the smaller identity, a hash of its lineage, value
//! and event time.
//!
//! A result has the key, the value and the last instant of its window; its lineage is made of the record and its rank. Only
//! `n` records of a window are kept at any time. A record that comes twice, as it may under at least once, takes one place.
//!
//! Not modelled: windows of one key whose numbers differ by a multiple of 2^32 would be mixed up if both were open at once,
//! which would take a watermark that far behind the records.

use std::cmp::Reverse;
use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, derive_lineage};
use cutline_sim::state::{KeyedState, Slot, Timer};
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError, RESULT_BYTES, identity, is_late, window_of};
use crate::units::{Count, PositiveSpan};

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TopN {
    /// How many records of a window are emitted at most.
    pub n: Count<1, 1000>,
    /// How long a window is. Windows begin at multiples of it.
    pub size: PositiveSpan,
}

struct Ranking {
    n: usize,
    size: Time,
}

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &TopN, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Ranking { n: settings.n.get() as usize, size: settings.size.nanoseconds() }))
}

/// The best of what a window holds: its value and identity.
fn best(state: &KeyedState, key: u64, map: u32) -> Option<(i64, u64)> {
    let all = state.entries(key, map).map(|(identity, value)| (value, Reverse(identity)));
    all.max().map(|(value, Reverse(identity))| (value, identity))
}

/// The identity of the worst of what a window holds.
fn worst(state: &KeyedState, key: u64, map: u32) -> Option<u64> {
    let all = state.entries(key, map).map(|(identity, value)| (value, Reverse(identity)));
    all.min().map(|(_, Reverse(identity))| identity)
}

impl Operator for Ranking {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let window = window_of(record.event_time, self.size);
        if is_late(window, cx.watermark) {
            return;
        }
        let (key, map) = (record.key, window.index as u32);
        cx.state.set_entry(Slot { key, map, slot: identity(record) }, record.value);
        cx.state.set_timer(Timer { time: window.last, key, slot: window.index });
        if cx.state.entries(key, map).nth(self.n).is_some()
            && let Some(slot) = worst(cx.state, key, map)
        {
            cx.state.remove_entry(Slot { key, map, slot });
        }
    }

    fn on_timer(&self, Timer { time, key, slot: window }: Timer, cx: &mut Context<'_>) {
        let map = window as u32;
        let mut rank = 0;
        while let Some((value, slot)) = best(cx.state, key, map) {
            cx.state.remove_entry(Slot { key, map, slot });
            let lineage = derive_lineage(slot, rank);
            cx.out.push(Record { lineage, key, value, event_time: time, size: RESULT_BYTES });
            rank += 1;
        }
    }

    /// Timers come in the order of time, no window opens behind one of its key that has fired, and a window is emitted in the
    /// order of values and identities.
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

    const BEST: Ranking = Ranking { n: 2, size: 10 };

    #[test]
    fn each_window_has_its_largest_values_the_largest_first() {
        let values = [(5, 0), (9, 3), (7, 9), (1, 10), (3, 12), (2, 19), (8, 25)];
        let records: Vec<_> = values.iter().map(|&(value, time)| (0, record(1, value, time))).collect();
        let results = |watermark| {
            let (state, out) = run(&BEST, &records, watermark);
            let results: Vec<_> = out.iter().map(|out| (out.event_time, out.value)).collect();
            (state.len(), results)
        };
        assert_eq!(
            results(8),
            (8, vec![]),
            "two records each of two windows, one of a third, and three timers"
        );
        assert_eq!(results(9), (5, vec![(9, 9), (9, 7)]));
        assert_eq!(results(Time::MAX), (0, vec![(9, 9), (9, 7), (19, 3), (19, 2), (29, 8)]));
    }

    #[test]
    fn ties_do_not_depend_on_the_order_of_arrival() {
        let of = |time| (0, record(1, 4, time));
        let out = |times: [Time; 3]| run(&BEST, &times.map(of), Time::MAX).1;
        assert_eq!(out([1, 2, 3]), out([3, 2, 1]));
        assert_eq!(out([1, 2, 3]), out([2, 3, 1]));
        assert_eq!(out([1, 1, 1]).len(), 1, "a record that comes twice takes one place");
        let mut identities = [1, 2, 3].map(|time| identity(&of(time).1));
        identities.sort();
        let expected = [derive_lineage(identities[0], 0), derive_lineage(identities[1], 1)];
        assert!(out([3, 1, 2]).iter().map(|out| out.lineage).eq(expected), "the smaller identities win");
    }
}
