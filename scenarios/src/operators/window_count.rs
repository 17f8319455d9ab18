//! Counts the records of each key in tumbling windows of event time, and emits each count when the watermark has reached
//! the end of its window; the window is forgotten then. With `q12-bids` before it, this is NexMark query 12.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, key_lineage};
use cutline_sim::state::{Slot, Timer};
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{Contents, OperatorError, RESULT_BYTES, is_late, window_of};
use crate::units::PositiveSpan;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WindowCount {
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
pub fn build(settings: &WindowCount, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Windows { size: settings.size.nanoseconds() }))
}

impl Operator for Windows {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let window = window_of(record.event_time, self.size);
        if is_late(window, cx.watermark) {
            return;
        }
        let (key, slot) = (record.key, window.index);
        if cx.state.add_entry(Slot { key, map: 0, slot }, 1) == 1 {
            cx.state.set_timer(Timer { time: window.last, key, slot });
        }
    }

    fn on_timer(&self, Timer { time, key, slot }: Timer, cx: &mut Context<'_>) {
        let count = cx.state.remove_entry(Slot { key, map: 0, slot }).unwrap_or(0);
        cx.out.push(Record {
            lineage: key_lineage(key, slot),
            key,
            value: count,
            event_time: time,
            size: RESULT_BYTES,
        });
    }

    /// Timers come in the order of time, and no window opens behind one of its key that has fired.
    fn is_ordered_per_key(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn a_window_is_emitted_once_at_its_end_and_forgotten() {
        let windows = Windows { size: 10 };
        let records: Vec<_> = [0, 3, 9, 10, 25].iter().map(|&time| (0, record(1, 7, time))).collect();
        let counts = |watermark| {
            let (state, out) = run(&windows, &records, watermark);
            let counts: Vec<_> = out.iter().map(|out| (out.event_time, out.value)).collect();
            (state.len(), counts)
        };
        assert_eq!(counts(8), (6, vec![]));
        assert_eq!(counts(9), (4, vec![(9, 3)]));
        assert_eq!(counts(Time::MAX), (0, vec![(9, 3), (19, 1), (29, 1)]));
    }
}
