//! Joins the records of port 0 with those of port 1 that have the same key, whenever they came: a symmetric hash join
//! without a window, as in NexMark query 3. Both sides stay in the state for ever.
//!
//! Each pair is emitted once, by whichever of the two comes last; its lineage is the same either way, its value is that of
//! port 0, and its event time is that of the last to come (so it depends on the interleaving, see the
//! [module](super)). Records of one lineage and value are copies (a broadcast edge makes some), and each of them has its own
//! pairs: the state counts them.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, derive_lineage, join_lineage};
use cutline_sim::state::Slot;

use super::{Contents, OperatorError, RESULT_BYTES};

struct Join;

/// The maps 0 and 1 hold the values of each side, those from here on how many copies of each record came.
const COPIES: u32 = 2;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Join))
}

impl Operator for Join {
    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>) {
        let (key, side) = (record.key, port.min(1));
        // Records of one lineage with other values came other ways, and are others.
        let slot = derive_lineage(record.lineage, record.value as u64);
        cx.state.set_entry(Slot { key, map: side, slot }, record.value);
        cx.state.add_entry(Slot { key, map: COPIES + side, slot }, 1);
        for (other, value) in cx.state.entries(key, 1 - side) {
            let copies = cx.state.entry(Slot { key, map: COPIES + 1 - side, slot: other });
            let pair = Record {
                lineage: join_lineage(slot, other),
                key,
                value: if side == 0 { record.value } else { value },
                event_time: record.event_time,
                size: RESULT_BYTES,
            };
            cx.out.extend((0..copies.unwrap_or(0)).map(|_| pair));
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
            assert_eq!(state.len(), 8);
            let mut results: Vec<Record> = out.into_iter().map(Record::result).collect();
            results.sort();
            results
        };
        let mut values: Vec<i64> = results(&records).iter().map(|result| result.value).collect();
        values.sort();
        assert_eq!(values, [10, 11]);
        assert_eq!(results(&records), results(&reversed));
    }

    #[test]
    fn each_copy_has_its_own_pairs_in_any_order() {
        let (a, b) = ((0, record(1, 10, 0)), (1, record(1, 20, 1)));
        for order in [[a, a, b, b], [a, b, a, b], [b, a, a, b], [a, b, b, a]] {
            assert_eq!(run(&Join, &order, 0).1.len(), 4, "two copies of each: four pairs");
        }
    }
}
