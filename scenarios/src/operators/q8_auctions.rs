//! NexMark query 8, "monitor new users", the side of the auctions: keeps auctions, with the seller as key and the auction
//! as value. A `window-join` with `q8-persons` completes the query.
//!
//! Needs the input `nexmark`, whose records' values are events. The record keeps its lineage, its event time and its size:
//! the event goes on whole. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;

use super::{Contents, OperatorError};
use crate::inputs::nexmark::{NexmarkEvent, NexmarkEvents};

struct Auctions {
    events: Arc<NexmarkEvents>,
}

/// Makes the operator.
///
/// # Errors
/// The job has no NexMark events.
pub fn build(contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Auctions { events: contents.nexmark("q8-auctions")? }))
}

impl Operator for Auctions {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        if let Some(NexmarkEvent::Auction { id, seller, .. }) = self.events.get(record.value) {
            cx.out.push(Record { key: seller, value: id as i64, ..*record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::OperatorKind;
    use super::super::tests::run_nexmark;
    use super::*;

    #[test]
    fn auctions_pass() {
        let (events, out) = run_nexmark(OperatorKind::Q8Auctions);
        let expected = events.into_iter().filter_map(|event| match event {
            NexmarkEvent::Auction { id, seller, .. } => Some((seller, id as i64)),
            _ => None,
        });
        assert!(!out.is_empty());
        assert!(out.iter().map(|out| (out.key, out.value)).eq(expected));
    }
}
