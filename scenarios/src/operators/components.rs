//! The connected components of a graph that grows, by label propagation: every vertex has a label, at first its own number, and takes
//! any smaller one that a neighbour offers; in the end all vertices of a component have the smallest number in it.
//!
//! Port 0 brings edges: key u and value v, and that edge the other way round as well (see `undirected`). Port 1 brings offers, over a feedback
//! edge: key v and a label. A vertex offers its label to a new neighbour, and a new label to all of its neighbours. An offer has
//! the receiver for its key, so the edge that takes it around goes by the key.
//!
//! The final labels do not depend on the order of edges and offers, for a minimum does not. Which offers there are does: a vertex that
//! hears of the smallest label at once makes fewer. So this operator *refines*, and of the offers only the least for each vertex is
//! determined.

use std::sync::Arc;

use cutline_sim::handles::MapState;
use cutline_sim::operator::{Context, Operator};
use cutline_sim::record::{Record, key_lineage};

use super::{Contents, OperatorError, RESULT_BYTES};

/// The port of the offers.
const OFFERS: u32 = 1;

/// The neighbours of a vertex.
const NEIGHBOURS: MapState = MapState(0);

struct Components;

/// Makes the operator.
///
/// # Errors
/// None.
pub fn build(_contents: &Contents) -> Result<Arc<dyn Operator>, OperatorError> {
    Ok(Arc::new(Components))
}

fn offer(vertex: u64, label: i64, event_time: u64) -> Record {
    let lineage = key_lineage(vertex, label as u64);
    Record { lineage, key: vertex, value: label, event_time, size: RESULT_BYTES }
}

impl Operator for Components {
    fn on_record(&self, port: u32, record: &Record, cx: &mut Context<'_>) {
        let (vertex, time) = (record.key, record.event_time);
        let label = cx.state.value(vertex).unwrap_or(vertex as i64);
        if port != OFFERS {
            cx.state.set_value(vertex, label);
            let neighbour = record.value as u64;
            NEIGHBOURS.put(cx.state, vertex, neighbour, 1);
            cx.out.push(offer(neighbour, label, time));
        } else if record.value < label {
            cx.state.set_value(vertex, record.value);
            let neighbours = NEIGHBOURS.entries(cx.state, vertex);
            cx.out.extend(neighbours.map(|(neighbour, _)| offer(neighbour, record.value, time)));
        }
    }

    fn refines(&self) -> bool {
        true
    }

    fn takes_least(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, run};
    use super::*;

    #[test]
    fn a_vertex_offers_its_label_to_a_new_neighbour_and_a_new_label_to_all() {
        let records =
            [(0, record(5, 7, 0)), (0, record(5, 9, 1)), (1, record(5, 6, 2)), (1, record(5, 4, 3))];
        let offers = |count: usize| -> Vec<(u64, i64)> {
            run(&Components, &records[..count], 0).1.iter().map(|out| (out.key, out.value)).collect()
        };
        assert_eq!(offers(3), [(7, 5), (9, 5)], "6 is no better");
        assert_eq!(offers(4)[2..], [(7, 4), (9, 4)]);
    }

    #[test]
    fn labels_do_not_depend_on_the_order() {
        let mut records =
            vec![(0, record(5, 7, 0)), (1, record(5, 6, 2)), (1, record(5, 4, 3)), (0, record(5, 9, 1))];
        let state = run(&Components, &records, 0).0;
        records.reverse();
        assert_eq!(run(&Components, &records, 0).0, state);
        assert_eq!(state.value(5), Some(4));
    }
}
