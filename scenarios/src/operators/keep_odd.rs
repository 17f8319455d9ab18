//! Keeps records with an odd value and gives them the key 1, so that a `keyed-sum` behind it has one sum. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;

use super::{Contents, OperatorError};

struct KeepOdd;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(KeepOdd))
}

impl Operator for KeepOdd {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        if record.value & 1 == 1 {
            cx.out.push(Record { key: 1, ..*record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn only_odd_values_pass() {
        let records: Vec<_> = (-3..4).map(|value| (0, record(7, value, 0))).collect();
        let (_, out) = run(&KeepOdd, &records, 0);
        assert!(out.iter().map(|record| (record.key, record.value)).eq([(1, -3), (1, -1), (1, 1), (1, 3)]));
    }
}
