//! Keeps the records whose value meets every condition given, and drops the others. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::Record;
use serde::Deserialize;

use super::{Contents, OperatorError};
use crate::units::Count;

/// The settings of this operator: `{ filter = { modulus = 2, remainder = 1, min = 10 } }` keeps odd values from 10 on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Filter {
    /// What the remainder is of; 1 if it is absent, and then every value has the remainder 0.
    #[serde(default = "one")]
    pub modulus: Count<1, { 1 << 32 }>,
    /// The remainder of a value that passes, 0 if it is absent. Remainders are never negative, those of negative values
    /// neither.
    #[serde(default)]
    pub remainder: i64,
    /// The smallest value that passes.
    #[serde(default = "smallest")]
    pub min: i64,
    /// The largest value that passes.
    #[serde(default = "largest")]
    pub max: i64,
}

fn one() -> Count<1, { 1 << 32 }> {
    Count::MIN
}

fn smallest() -> i64 {
    i64::MIN
}

fn largest() -> i64 {
    i64::MAX
}

/// Makes the operator.
///
/// # Errors
/// No value meets the conditions.
pub fn build(settings: &Filter, _contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    let Filter { modulus, remainder, min, max } = *settings;
    if !(0..modulus.get() as i64).contains(&remainder) {
        return Err(OperatorError::Remainder { modulus: modulus.get(), remainder });
    }
    match min <= max {
        true => Ok(Arc::new(settings.clone())),
        false => Err(OperatorError::Bounds { min, max }),
    }
}

impl Operator for Filter {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        let fits = record.value.rem_euclid(self.modulus.get() as i64) == self.remainder;
        if fits && (self.min..=self.max).contains(&record.value) {
            cx.out.push(*record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kind, record, run};
    use super::*;

    fn filter(settings: &str) -> Result<Arc<dyn Operator>, OperatorError> {
        kind(&format!("{{ filter = {settings} }}")).build(&Contents::default())
    }

    fn kept(settings: &str) -> Vec<i64> {
        let records: Vec<_> = (-4..5).map(|value| (0, record(7, value, 0))).collect();
        let (_, out) = run(&*filter(settings).expect("an operator"), &records, 0);
        assert!(out.iter().all(|out| records.contains(&(0, *out))), "records pass as they are");
        out.iter().map(|out| out.value).collect()
    }

    #[test]
    fn every_condition_must_hold() {
        assert_eq!(kept("{ modulus = 3, remainder = 1 }"), [-2, 1, 4]);
        assert_eq!(kept("{ modulus = 2 }"), [-4, -2, 0, 2, 4]);
        assert_eq!(kept("{ min = -1, max = 1 }"), [-1, 0, 1]);
        assert_eq!(kept("{ modulus = 2, remainder = 1, min = 0 }"), [1, 3]);
        assert_eq!(kept("{}").len(), 9);
    }

    #[test]
    fn what_lets_nothing_pass_is_a_mistake() {
        let error = filter("{ modulus = 2, remainder = 2 }").err();
        assert_eq!(error, Some(OperatorError::Remainder { modulus: 2, remainder: 2 }));
        assert_eq!(filter("{ min = 1, max = 0 }").err(), Some(OperatorError::Bounds { min: 1, max: 0 }));
    }
}
