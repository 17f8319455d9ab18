//! Aggregates the records of each key in tumbling windows of event time, and emits each window when the watermark has
//! reached its end; the window is forgotten then. With `q12-bids` before it, this is NexMark query 12.
//!
//! These are [sliding windows](super::sliding_window) that begin where the one before them ends.

use std::sync::Arc;

use cutline_sim::operator::Operator;
use serde::Deserialize;

use super::sliding_window::Windows;
use super::{Contents, OperatorError};
use crate::aggregate::Aggregate;
use crate::units::PositiveSpan;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TumblingWindow {
    /// How long a window is. Windows begin at multiples of it.
    pub size: PositiveSpan,
    /// What is computed of a window; the number of its records, if it is absent.
    #[serde(default)]
    pub aggregate: Aggregate,
}

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &TumblingWindow, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    let size = settings.size.nanoseconds();
    Ok(Arc::new(Windows::new(size, size, settings.aggregate)))
}

#[cfg(test)]
mod tests {
    use cutline_sim::time::Time;

    use super::super::tests::{kind, record, run};
    use super::*;

    #[test]
    fn a_window_is_emitted_once_at_its_end_and_forgotten() {
        let results = |aggregate: &str, watermark| {
            let windows = kind(&format!("{{ tumbling-window = {{ size = \"10ns\"{aggregate} }} }}"));
            let windows = windows.build(&Contents::default()).expect("an operator");
            let records: Vec<_> =
                [0, 3, 9, 10, 25].iter().map(|&time| (0, record(1, time as i64, time))).collect();
            let (state, out) = run(&*windows, &records, watermark);
            let results: Vec<_> = out.iter().map(|out| (out.event_time, out.value)).collect();
            (state.len(), results)
        };
        assert_eq!(results("", 8), (6, vec![]));
        assert_eq!(results("", 9), (4, vec![(9, 3)]));
        assert_eq!(results("", Time::MAX), (0, vec![(9, 3), (19, 1), (29, 1)]));
        assert_eq!(results(", aggregate = \"sum\"", Time::MAX).1, [(9, 12), (19, 10), (29, 25)]);
    }
}
