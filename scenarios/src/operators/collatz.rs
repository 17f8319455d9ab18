//! One step of the Collatz sequence: n / 2 of an even n, 3 n + 1 of an odd one; nothing follows 1, or what is less. Around a
//! feedback edge every record walks the sequence that begins with its value, alone, until it is 1.
//!
//! The new value is also the key, so a walk goes from subtask to subtask. The state is, for each value, how many walks came through
//! it. Which records there are, and their lineages, depends on no other record: so a record that was lost or doubled on its way
//! around shows in the sums of an operator. A value beyond 63 bits wraps around, and ends a walk below 1.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, derive_lineage};

use super::{Contents, OperatorError};

struct Collatz;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Collatz))
}

impl Operator for Collatz {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        cx.state.add(record.key, 1);
        if record.value > 1 {
            let value = match record.value % 2 {
                0 => record.value / 2,
                _ => record.value.wrapping_mul(3).wrapping_add(1),
            };
            let lineage = derive_lineage(record.lineage, 0);
            cx.out.push(Record { lineage, key: value as u64, value, ..*record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn a_walk_goes_on_until_it_is_at_1() {
        let mut walk = vec![record(6, 6, 9)];
        while let [next] = run(&Collatz, &[(1, walk[walk.len() - 1])], 0).1[..] {
            walk.push(next);
        }
        assert!(walk.iter().map(|record| record.value).eq([6, 3, 10, 5, 16, 8, 4, 2, 1]));
        assert!(walk.iter().all(|record| record.key == record.value as u64 && record.event_time == 9));
    }

    #[test]
    fn numbers_below_1_have_no_walk() {
        let (state, out) = run(&Collatz, &[(0, record(0, 0, 0)), (0, record(5, -5, 0))], 0);
        assert!(out.is_empty() && state.values().eq([(0, 1), (5, 1)]));
    }
}
