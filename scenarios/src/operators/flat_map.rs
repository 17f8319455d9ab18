//! Makes any number of records of each record: copies of it, the numbers below its value, or the digits of its value. No
//! state.
//!
//! What is made has the key, the event time and the size of the record, and a lineage of its own, derived from that of the
//! record and its place. A `map` with `key-modulus` behind it gives the results keys by their values.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, derive_lineage};
use serde::Deserialize;

use super::{Contents, OperatorError};
use crate::units::Count;

/// The settings of this operator: `{ flat-map = { copies = 3 } }`, `{ flat-map = { range = 10 } }`, `{ flat-map = "digits" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlatMap {
    /// So many copies of the record.
    Copies(Count<1, 1000>),
    /// The numbers from 0 up to the value, without it, but no more than so many; none for a negative value.
    Range(Count<1, 1000>),
    /// The decimal digits of the value without its sign, the highest first; 0 has one digit.
    Digits,
}

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &FlatMap, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(settings.clone()))
}

impl Operator for FlatMap {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let mut send = |index: u64, value: i64| {
            cx.out.push(Record { lineage: derive_lineage(record.lineage, index), value, ..*record });
        };
        match self {
            FlatMap::Copies(count) => (0..count.get()).for_each(|index| send(index, record.value)),
            FlatMap::Range(most) => {
                (0..record.value.min(most.get() as i64)).for_each(|n| send(n as u64, n));
            }
            FlatMap::Digits => {
                let value = record.value.unsigned_abs();
                let places = value.checked_ilog10().unwrap_or(0);
                for index in 0..=places {
                    send(index.into(), (value / 10u64.pow(places - index) % 10) as i64);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kind, record, run};
    use super::*;

    fn values(settings: &str, value: i64) -> Vec<i64> {
        let flat_map =
            kind(&format!("{{ flat-map = {settings} }}")).build(&Contents::default()).expect("an operator");
        let of = record(7, value, 5);
        let (state, out) = run(&*flat_map, &[(0, of)], 0);
        assert!(state.is_empty());
        assert!(out.iter().all(|out| (out.key, out.event_time, out.size) == (7, 5, of.size)));
        let mut lineages: Vec<u64> = out.iter().map(|out| out.lineage).collect();
        lineages.sort();
        lineages.dedup();
        assert_eq!(lineages.len(), out.len(), "every result has a lineage of its own");
        out.iter().map(|out| out.value).collect()
    }

    #[test]
    fn copies_have_the_same_value() {
        assert_eq!(values("{ copies = 3 }", -9), [-9, -9, -9]);
    }

    #[test]
    fn a_range_ends_before_the_value_or_at_its_bound() {
        assert_eq!(values("{ range = 4 }", 3), [0, 1, 2]);
        assert_eq!(values("{ range = 4 }", i64::MAX), [0, 1, 2, 3]);
        assert!(values("{ range = 4 }", 0).is_empty() && values("{ range = 4 }", -5).is_empty());
    }

    #[test]
    fn digits_come_highest_first() {
        assert_eq!(values("\"digits\"", 1203), [1, 2, 0, 3]);
        assert_eq!(values("\"digits\"", 0), [0]);
        assert_eq!(values("\"digits\"", -45), [4, 5]);
        assert_eq!(values("\"digits\"", i64::MIN).len(), 19);
    }
}
