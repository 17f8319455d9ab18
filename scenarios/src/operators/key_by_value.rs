//! Sets the key to the value modulo a number: `modulus = 2` keys numbers by parity. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use serde::Deserialize;

use super::{Contents, OperatorError};
use crate::units::Count;

/// The settings of this operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeyByValue {
    /// The number of keys.
    pub modulus: Count<1, { 1 << 32 }>,
}

struct Modulus(i64);

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(settings: &KeyByValue, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Modulus(settings.modulus.get() as i64)))
}

impl Operator for Modulus {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        cx.out.push(Record { key: record.value.rem_euclid(self.0) as u64, ..*record });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn negative_values_have_a_key_too() {
        let records: Vec<_> = (-3..4).map(|value| (0, record(7, value, 0))).collect();
        let (_, out) = run(&Modulus(3), &records, 0);
        assert!(out.iter().map(|record| record.key).eq([0, 1, 2, 0, 1, 2, 0]));
    }
}
