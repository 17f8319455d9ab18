//! Joins the records of port 0 with those of port 1 that have the same key, whenever they came: a symmetric hash join
//! without a window, as in NexMark query 3. Both sides stay in the state for ever.
//!
//! Each pair is emitted once, by whichever of the two comes last; its lineage is the same either way, its value is that of
//! port 0, and its event time is that of the last to come (so it depends on the interleaving, see the
//! [module](super)). A record that comes twice, as it may under at least once, takes one place in the state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, join_lineage};
use cutline_sim::state::Slot;

use super::{Contents, OperatorError, RESULT_BYTES};

struct Join;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Join))
}

impl Operator for Join {
    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>) {
        let side = port.min(1);
        cx.state.set_entry(Slot { key: record.key, map: side, slot: record.lineage }, record.value);
        for (lineage, value) in cx.state.entries(record.key, 1 - side) {
            cx.out.push(Record {
                lineage: join_lineage(record.lineage, lineage),
                key: record.key,
                value: if side == 0 { record.value } else { value },
                event_time: record.event_time,
                size: RESULT_BYTES,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn every_pair_comes_once_whichever_side_was_first() {
        let records =
            [(0, record(1, 10, 0)), (1, record(1, 20, 1)), (0, record(1, 11, 2)), (1, record(2, 21, 3))];
        let reversed: Vec<_> = records.iter().rev().copied().collect();
        let results = |records: &[(u32, Record)]| {
            let (state, out) = run(&Join, records, 0);
            assert_eq!(state.len(), 4);
            let mut results: Vec<Record> = out.into_iter().map(Record::result).collect();
            results.sort();
            results
        };
        let mut values: Vec<i64> = results(&records).iter().map(|result| result.value).collect();
        values.sort();
        assert_eq!(values, [10, 11]);
        assert_eq!(results(&records), results(&reversed));
    }
}
