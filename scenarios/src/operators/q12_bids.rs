//! NexMark query 12, "how many bids does a user make within a fixed processing time limit?", its first step: keeps bids,
//! with the bidder as key and the value 1. A `tumbling-window` completes the query, here in windows of event time: those of
//! processing time, as in the original, would depend on the run, and there would be nothing to compare it with.
//!
//! Needs the input `nexmark`, whose records' values are events. The record keeps its lineage, its event time and its size:
//! the event goes on whole. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;

use super::{Contents, OperatorError};
use crate::inputs::nexmark::{NexmarkEvent, NexmarkEvents};

struct Bids {
    events: Arc<NexmarkEvents>,
}

/// Makes the operator.
///
/// # Errors
/// The job has no NexMark events.
pub fn build(contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Bids { events: contents.nexmark("q12-bids")? }))
}

impl Operator for Bids {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        if let Some(NexmarkEvent::Bid { bidder, .. }) = self.events.get(record.value) {
            cx.out.push(Record { key: bidder, value: 1, ..*record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::OperatorKind;
    use super::super::tests::run_nexmark;
    use super::*;

    #[test]
    fn bids_pass() {
        let (events, out) = run_nexmark(OperatorKind::Q12Bids);
        let expected = events.into_iter().filter_map(|event| match event {
            NexmarkEvent::Bid { bidder, .. } => Some((bidder, 1)),
            _ => None,
        });
        assert!(!out.is_empty());
        assert!(out.iter().map(|out| (out.key, out.value)).eq(expected));
    }
}
