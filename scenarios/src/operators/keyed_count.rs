//! Counts the records of each key and emits every new count: a record with the key and the count so far. With a
//! `tokenizer` before it, this is the word count of Carbone et al., "Lightweight asynchronous snapshots for distributed
//! dataflows" (2015).
//!
//! The output's lineage is made of the key and the count, so the outputs are the same whichever record raised the count;
//! only their event time is that of the record that did (see the [module](super)).

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, key_lineage};

use super::{Contents, OperatorError, RESULT_BYTES};

struct KeyedCount;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(KeyedCount))
}

impl Operator for KeyedCount {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let count = cx.state.add(record.key, 1);
        cx.out.push(Record {
            lineage: key_lineage(record.key, count as u64),
            key: record.key,
            value: count,
            event_time: record.event_time,
            size: RESULT_BYTES,
        });
    }

    /// The count of a key grows by one with each output, whichever record made it grow.
    fn is_ordered_per_key(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn every_record_raises_the_count_of_its_key() {
        let records = [(0, record(1, 5, 0)), (0, record(2, 5, 1)), (0, record(1, 5, 2))];
        let (state, out) = run(&KeyedCount, &records, 0);
        assert!(out.iter().map(|out| (out.key, out.value)).eq([(1, 1), (2, 1), (1, 2)]));
        assert!(state.values().eq([(1, 2), (2, 1)]));
        assert!(out[0].lineage != out[2].lineage && out[0].lineage != out[1].lineage);
    }
}
