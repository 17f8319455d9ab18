//! Fewer nodes.

use super::{Candidates, smaller};
use crate::shrink::Given;
use crate::shrink::case::Case;
use crate::shrink::sheet::Sheet;

/// Where the number of slots of a node stands.
const SLOTS: [&str; 2] = ["taskmanager", "numberOfTaskSlots"];

/// Smaller clusters, with the slots of a node as they are or as many as there are by default.
pub(super) fn propose(case: &Case, given: &Given<'_>) -> Candidates {
    let nodes = u64::from(case.topology.config.cluster.nodes);
    let mut candidates = Candidates::new();
    for fewer in smaller(nodes, 1) {
        let what = format!("{fewer} of {nodes} nodes");
        let set = |sheet: &mut Sheet| sheet.set(&["cluster", "nodes"], fewer as i64);
        let more_slots = case.edited(given, |sheet| {
            sheet.remove(&SLOTS)?;
            set(sheet)
        });
        candidates.extend(more_slots.map(|case| (format!("{what}, slots as by default"), case)));
        candidates.extend(case.edited(given, set).map(|case| (what, case)));
    }
    let slots = case.edited(given, |sheet| sheet.remove(&SLOTS));
    candidates.extend(slots.map(|case| ("slots as by default".to_owned(), case)));
    candidates
}
