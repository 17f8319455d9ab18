//! Computes a new value from the value of each record: `value * multiply + add`, and, if asked, a new key from the new
//! value. No state.
//!
//! Arithmetic wraps around at 64 bits. The record keeps its lineage, its event time and its size.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use serde::Deserialize;

use super::{Contents, OperatorError};
use crate::units::Count;

/// The settings of this operator: `{ map = { multiply = 3, add = 1 } }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Map {
    /// The factor; 1 if it is absent.
    #[serde(default = "one")]
    pub multiply: i64,
    /// What is added after that; 0 if it is absent.
    #[serde(default)]
    pub add: i64,
    /// The key becomes the new value modulo this number; without it the record keeps its key.
    pub key_modulus: Option<Count<1, { 1 << 32 }>>,
}

fn one() -> i64 {
    1
}

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &Map, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(settings.clone()))
}

impl Operator for Map {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let value = record.value.wrapping_mul(self.multiply).wrapping_add(self.add);
        let key =
            self.key_modulus.map_or(record.key, |modulus| value.rem_euclid(modulus.get() as i64) as u64);
        cx.out.push(Record { key, value, ..*record });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kind, record, run};
    use super::*;

    fn results(settings: &str, values: &[i64]) -> Vec<(u64, i64)> {
        let map = kind(&format!("{{ map = {settings} }}")).build(&Contents::default()).expect("an operator");
        let records: Vec<_> = values.iter().map(|&value| (0, record(7, value, 5))).collect();
        let (state, out) = run(&*map, &records, 0);
        assert!(state.is_empty());
        assert!(out.iter().zip(&records).all(|(out, (_, of))| {
            (out.lineage, out.event_time, out.size) == (of.lineage, of.event_time, of.size)
        }));
        out.iter().map(|out| (out.key, out.value)).collect()
    }

    #[test]
    fn the_product_comes_before_the_sum() {
        assert_eq!(results("{ multiply = 3, add = 1 }", &[-2, 0, 5]), [(7, -5), (7, 1), (7, 16)]);
        assert_eq!(results("{}", &[4]), [(7, 4)]);
    }

    #[test]
    fn the_key_is_taken_from_the_new_value_if_asked() {
        assert_eq!(results("{ add = -4, key-modulus = 3 }", &[0, 4, 9]), [(2, -4), (0, 0), (2, 5)]);
    }

    #[test]
    fn arithmetic_wraps_around() {
        assert_eq!(results("{ multiply = 2, add = 1 }", &[i64::MAX]), [(7, -1)]);
    }
}
