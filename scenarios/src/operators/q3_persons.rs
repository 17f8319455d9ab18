//! NexMark query 3, "local item suggestion", the side of the persons: keeps persons in Oregon, Idaho and California, with
//! the person as key and value. A `join` with `q3-auctions` completes the query.
//!
//! Needs the input `nexmark`, whose records' values are events. The record keeps its lineage, its event time and its size:
//! the event goes on whole. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;

use super::{Contents, OperatorError};
use crate::inputs::nexmark::{NexmarkEvent, NexmarkEvents};

/// The states the query asks for.
const STATES: [&[u8; 2]; 3] = [b"or", b"id", b"ca"];

struct Persons {
    events: Arc<NexmarkEvents>,
}

/// Makes the operator.
///
/// # Errors
/// The job has no NexMark events.
pub fn build(contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Persons { events: contents.nexmark("q3-persons")? }))
}

impl Operator for Persons {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        if let Some(NexmarkEvent::Person { id, state }) = self.events.get(record.value)
            && STATES.contains(&&state)
        {
            cx.out.push(Record { key: id, value: id as i64, ..*record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::OperatorKind;
    use super::super::tests::run_nexmark;
    use super::*;

    #[test]
    fn persons_of_three_states_pass() {
        let (events, out) = run_nexmark(OperatorKind::Q3Persons);
        let expected = events.into_iter().filter_map(|event| match event {
            NexmarkEvent::Person { id, state } if [*b"or", *b"id", *b"ca"].contains(&state) => {
                Some((id, id as i64))
            }
            _ => None,
        });
        assert!(!out.is_empty());
        assert!(out.iter().map(|out| (out.key, out.value)).eq(expected));
    }
}
