//! Keeps records with an even value and gives them the key 0, so that a `keyed-sum` behind it has one sum. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;

use super::{Contents, OperatorError};

struct KeepEven;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(KeepEven))
}

impl Operator for KeepEven {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        if record.value & 1 == 0 {
            cx.out.push(Record { key: 0, ..*record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn only_even_values_pass() {
        let records: Vec<_> = (-3..4).map(|value| (0, record(7, value, 0))).collect();
        let (_, out) = run(&KeepEven, &records, 0);
        assert!(out.iter().map(|record| (record.key, record.value)).eq([(0, -2), (0, 0), (0, 2)]));
    }
}
