//! Adds up the values of each key and emits the sums at the end of the input: one record per key.
//!
//! A running sum, unlike a running count, passes through values that depend on the order of its terms. So nothing is
//! emitted before the last term: a timer at the last instant of all, `u64::MAX`, fires when the final watermark says that
//! no input has anything left, and the sum that is emitted then is the same for every interleaving. Its event time is
//! that instant, since an earlier one would be late. The sums stay in the state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use cutline_sim::state::Timer;
use cutline_sim::time::NEVER;

use super::{Contents, OperatorError, send_value};

struct KeyedSum;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(KeyedSum))
}

impl Operator for KeyedSum {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        if cx.state.value(record.key).is_none() {
            cx.state.set_timer(Timer { time: NEVER, key: record.key, slot: 0 });
        }
        cx.state.add(record.key, record.value);
    }

    fn on_timer(&self, timer: Timer, cx: &mut Context<'_>) {
        send_value(timer, cx);
    }

    /// Each key has one output.
    fn is_ordered_per_key(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn sums_come_at_the_end_and_stay() {
        let records = [(0, record(1, 5, 0)), (0, record(2, -5, 1)), (0, record(1, 6, 2))];
        assert!(run(&KeyedSum, &records, NEVER - 1).1.is_empty());
        let (state, out) = run(&KeyedSum, &records, NEVER);
        assert!(out.iter().map(|out| (out.key, out.value)).eq([(1, 11), (2, -5)]));
        assert!(state.values().eq([(1, 11), (2, -5)]));
        assert_eq!(state.len(), 2, "no timer is left");
    }
}
