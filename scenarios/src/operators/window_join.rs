//! Joins the records of port 0 with those of port 1 that have the same key and lie in the same tumbling window of event
//! time. All pairs of a window are emitted when the watermark has reached its end; the window is forgotten then. With
//! `q8-auctions` and `q8-persons` before it, this is NexMark query 8, "who has entered the system and created an auction
//! in the last period?".
//!
//! A pair has a lineage in which both sides count the same, the value of port 0, and the last instant of its window. A
//! record that comes twice, as it may under at least once, takes one place in the window.
//!
//! Not modelled: windows of one key whose numbers differ by a multiple of 2^31 would be mixed up if both were open at
//! once, which would take a watermark that far behind the records.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, derive_lineage, join_lineage};
use cutline_sim::state::{KeyedState, Slot, Timer};
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError, RESULT_BYTES, is_late, window_of};
use crate::units::PositiveSpan;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WindowJoin {
    /// How long a window is. Windows begin at multiples of it.
    pub size: PositiveSpan,
}

struct Windows {
    size: Time,
}

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &WindowJoin, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Windows { size: settings.size.nanoseconds() }))
}

/// The map that holds one side of a window.
fn side_of(window: u64, port: u32) -> u32 {
    (window as u32) << 1 | port.min(1)
}

fn first_slot(state: &KeyedState, key: u64, map: u32) -> Option<u64> {
    state.entries(key, map).next().map(|(slot, _)| slot)
}

impl Operator for Windows {
    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>) {
        let window = window_of(record.event_time, self.size);
        if is_late(window, cx.watermark) {
            return;
        }
        let (key, map) = (record.key, side_of(window.index, port));
        let slot = derive_lineage(record.lineage, record.value as u64);
        cx.state.set_entry(Slot { key, map, slot }, record.value);
        cx.state.set_timer(Timer { time: window.last, key, slot: window.index });
    }

    fn on_timer(&self, Timer { time, key, slot }: Timer, cx: &mut Context<'_>) {
        let sides = [side_of(slot, 0), side_of(slot, 1)];
        for (left, value) in cx.state.entries(key, sides[0]) {
            cx.out.extend(cx.state.entries(key, sides[1]).map(|(right, _)| Record {
                lineage: join_lineage(left, right),
                key,
                value,
                event_time: time,
                size: RESULT_BYTES,
            }));
        }
        for map in sides {
            while let Some(slot) = first_slot(cx.state, key, map) {
                cx.state.remove_entry(Slot { key, map, slot });
            }
        }
    }

    /// Timers come in the order of time, no window opens behind one of its key that has fired, and a window is emitted whole,
    /// in the order of the lineages on both sides.
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

    #[test]
    fn only_records_of_one_window_meet() {
        let windows = Windows { size: 10 };
        let left = [(1, 100, 0), (1, 101, 9), (1, 102, 10), (2, 103, 5)];
        let right = [(1, 200, 4), (1, 201, 5), (1, 202, 25), (3, 203, 5)];
        let of = |port, (key, value, time)| (port, record(key, value, time));
        let records: Vec<_> =
            left.map(|side| of(0, side)).into_iter().chain(right.map(|side| of(1, side))).collect();
        let (state, out) = run(&windows, &records, Time::MAX);
        assert!(state.is_empty());
        let mut pairs: Vec<_> = out.iter().map(|out| (out.key, out.value, out.event_time)).collect();
        pairs.sort();
        assert_eq!(pairs, [(1, 100, 9), (1, 100, 9), (1, 101, 9), (1, 101, 9)]);
        let slot = |record: Record| derive_lineage(record.lineage, record.value as u64);
        let expected = join_lineage(slot(record(1, 101, 9)), slot(record(1, 201, 5)));
        assert_eq!(out.iter().filter(|out| out.lineage == expected).count(), 1);
    }
}
