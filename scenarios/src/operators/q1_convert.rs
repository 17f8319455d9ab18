//! NexMark query 1, "currency conversion": keeps bids, with the price in euro cents as value and the auction as key. One
//! dollar is 0.908 euros, as in the suite of Flink; the price is rounded down to whole cents.
//!
//! Needs the input `nexmark`, whose records' values are events. The record keeps its lineage, its event time and its size:
//! the event goes on whole. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;

use super::{Contents, OperatorError};
use crate::inputs::nexmark::{NexmarkEvent, NexmarkEvents};

struct Convert {
    events: Arc<NexmarkEvents>,
}

/// Makes the operator.
///
/// # Errors
/// The job has no NexMark events.
pub fn build(contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Convert { events: contents.nexmark("q1-convert")? }))
}

impl Operator for Convert {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        if let Some(NexmarkEvent::Bid { auction, price, .. }) = self.events.get(record.value) {
            cx.out.push(Record { key: auction, value: i64::from(price) * 908 / 1000, ..*record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::OperatorKind;
    use super::super::tests::run_nexmark;
    use super::*;

    #[test]
    fn prices_become_euros() {
        let (events, out) = run_nexmark(OperatorKind::Q1Convert);
        let expected = events.into_iter().filter_map(|event| match event {
            NexmarkEvent::Bid { auction, price, .. } => Some((auction, price)),
            _ => None,
        });
        assert_eq!(out.len(), 920);
        for (out, (auction, price)) in out.iter().zip(expected) {
            let loss = u64::from(price) * 908 - out.value as u64 * 1000;
            assert!(out.key == auction && loss < 1000);
        }
    }
}
