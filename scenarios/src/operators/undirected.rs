//! Sends an edge of a graph on in both directions: what comes with key u and value v goes on as it is, and with key v and value u.
//! Negative values are no vertices and are dropped. No state.

use std::sync::Arc;

use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, derive_lineage};

use super::{Contents, OperatorError};

struct Undirected;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Undirected))
}

impl Operator for Undirected {
    fn on_record(&self, _port: u32, record: &Record, cx: &mut Context<'_>) {
        if let Ok(other) = u64::try_from(record.value) {
            let lineage = |way| derive_lineage(record.lineage, way);
            cx.out.push(Record { lineage: lineage(0), ..*record });
            cx.out.push(Record { lineage: lineage(1), key: other, value: record.key as i64, ..*record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn an_edge_leads_both_ways() {
        let (_, out) = run(&Undirected, &[(0, record(3, 8, 5)), (0, record(1, -1, 6))], 0);
        assert!(out.iter().map(|out| (out.key, out.value, out.event_time)).eq([(3, 8, 5), (8, 3, 5)]));
        assert_ne!(out[0].lineage, out[1].lineage);
    }
}
