//! Holds all records back until the end of the input: they wait in the list of the subtask, whatever their key. What is sent
//! then has an instant of its own, the last of all, since its former one would be late.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use cutline_sim::time::NEVER;

use super::{Contents, OperatorError};

struct HoldBack;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(HoldBack))
}

impl Operator for HoldBack {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        cx.state.list.push(*record);
    }

    fn on_close(&self, cx: &mut Context<'_>) {
        cx.out.extend(cx.state.list.drain().map(|record| Record { event_time: NEVER, ..record }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn nothing_is_sent_before_the_end_and_nothing_is_left_after_it() {
        let records = [(0, record(1, 5, 0)), (0, record(2, 6, 1))];
        let (state, out) = run(&HoldBack, &records, 100);
        assert_eq!((state.len(), out.len()), (2, 0));
        let (state, out) = run(&HoldBack, &records, NEVER);
        assert!(state.is_empty());
        assert!(out.iter().map(|out| (out.key, out.value)).eq([(1, 5), (2, 6)]));
        assert!(out.iter().all(|out| out.event_time == NEVER));
    }
}
