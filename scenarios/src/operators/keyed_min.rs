//! Keeps the least value of each key and emits it at the end of the input: one record per key. What it depends on is that value
//! alone, however often it or larger ones come: so behind an operator that refines a result its own results are determined.
//!
//! As `keyed-sum`, it emits when a timer at the last instant of all fires.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use cutline_sim::state::Timer;
use cutline_sim::time::NEVER;

use super::{Contents, OperatorError, send_value};

struct KeyedMin;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(KeyedMin))
}

impl Operator for KeyedMin {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        match cx.state.value(record.key) {
            None => cx.state.set_timer(Timer { time: NEVER, key: record.key, slot: 0 }),
            Some(least) if least <= record.value => return,
            Some(_) => {}
        }
        cx.state.set_value(record.key, record.value);
    }

    fn on_timer(&self, timer: Timer, cx: &mut Context<'_>) {
        send_value(timer, cx);
    }

    fn takes_least(&self) -> bool {
        true
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
    fn the_least_value_comes_at_the_end_and_stays() {
        let records =
            [(0, record(1, 5, 0)), (0, record(2, -5, 1)), (0, record(1, 4, 2)), (0, record(1, 6, 3))];
        assert!(run(&KeyedMin, &records, NEVER - 1).1.is_empty());
        let (state, out) = run(&KeyedMin, &records, NEVER);
        assert!(out.iter().map(|out| (out.key, out.value)).eq([(1, 4), (2, -5)]));
        assert!(state.values().eq([(1, 4), (2, -5)]));
        assert_eq!(state.len(), 2, "no timer is left");
    }
}
