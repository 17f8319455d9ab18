//! Fewer splits of the inputs.

use super::{Candidates, smaller};
use crate::shrink::Given;
use crate::shrink::case::Case;

/// Inputs with fewer splits.
pub(super) fn propose(case: &Case, given: &Given<'_>) -> Candidates {
    let mut candidates = Candidates::new();
    for (name, entry) in &case.scenario.spec.input {
        let way = ["input", name.as_str(), "kind", entry.kind.name(), "splits"];
        let Some(count) = case.sheet.number(&way) else { continue };
        for fewer in smaller(count, 1) {
            let edited = case.edited(given, |sheet| sheet.set(&way, fewer as i64));
            candidates.extend(edited.map(|case| (format!("{fewer} of {count} splits of {name}"), case)));
        }
    }
    candidates
}
