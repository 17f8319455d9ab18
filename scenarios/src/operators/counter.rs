//! The stage of the benchmarks: adds the record's value to the value of its key in the state, and sends the record on with
//! another key and the same lineage, so that the next hash edge shuffles again.
//!
//! The new key is a permutation of the old one within `0..keys`, so that any number of stages keeps all keys in use. Sums
//! do not depend on the order of their terms, and every output depends on its record alone.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use serde::Deserialize;

use super::{Contents, OperatorError};
use crate::units::Count;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Counter {
    /// The number of keys with which records are sent on, a power of two.
    pub keys: Count<1, { 1 << 32 }>,
}

struct Stage {
    mask: u64,
}

/// Makes the operator.
///
/// # Errors
/// The number of keys is no power of two.
pub fn build(settings: &Counter, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    let keys = settings.keys.get();
    match keys.is_power_of_two() {
        true => Ok(Arc::new(Stage { mask: keys - 1 })),
        false => Err(OperatorError::Keys(keys)),
    }
}

/// An odd number: multiplying by it permutes the keys.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The key with which a counter of `mask + 1` keys sends a record on.
#[inline]
pub fn next_key(key: u64, mask: u64) -> u64 {
    (key + 1).wrapping_mul(FACTOR) & mask
}

impl Operator for Stage {
    #[inline]
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        cx.state.add(record.key, record.value);
        cx.out.push(Record { key: next_key(record.key, self.mask), ..*record });
    }
}

#[cfg(test)]
mod tests {
    use super::super::OperatorKind;
    use super::super::tests::{record, run};
    use super::*;

    fn counter(keys: u64) -> Result<Arc<dyn Operator>, OperatorError> {
        let kind: OperatorKind = toml::from_str(&format!("counter = {{ keys = {keys} }}")).expect("a kind");
        kind.build(&Contents::default())
    }

    #[test]
    fn sums_are_kept_and_no_key_is_lost_from_stage_to_stage() {
        let records: Vec<_> = (0..64).map(|n| (0, record(n, 3, n))).collect();
        let (state, out) = run(&*counter(64).expect("a power of two"), &records, 0);
        assert!(state.values().eq((0..64).map(|key| (key, 3))));
        let mut keys: Vec<u64> = out.iter().map(|record| record.key).collect();
        assert_ne!(keys, (0..64).collect::<Vec<_>>());
        keys.sort();
        assert_eq!(keys, (0..64).collect::<Vec<_>>());
        assert!(out.iter().zip(&records).all(|(out, (_, record))| out.lineage == record.lineage));
    }

    #[test]
    fn the_number_of_keys_must_be_a_power_of_two() {
        assert_eq!(counter(100).err(), Some(OperatorError::Keys(100)));
    }
}
