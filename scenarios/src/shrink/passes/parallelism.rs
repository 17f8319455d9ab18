//! Fewer subtasks: of all operators at once, of those that forward edges tie to each other, of a single one.

use std::collections::BTreeSet;

use cutline_sim::graph::Ship;

use super::{Candidates, smaller};
use crate::shrink::Given;
use crate::shrink::case::Case;
use crate::spec::names::Name;

/// Jobs with fewer subtasks.
pub(super) fn propose(case: &Case, given: &Given<'_>) -> Candidates {
    let job = &case.scenario.spec.job;
    let all: BTreeSet<usize> = (0..job.operator.len()).collect();
    let mut groups = vec![all];
    for at in 0..job.operator.len() {
        let tied = tied(case, at);
        if !groups.contains(&tied) {
            groups.push(tied);
        }
    }
    let mut candidates = Candidates::new();
    for group in groups {
        let most = group.iter().map(|&at| job.operator[at].parallelism()).max().unwrap_or(1);
        for fewer in smaller(most.into(), 1) {
            let edited = case.edited(given, |sheet| {
                for &at in &group {
                    let operator = &job.operator[at];
                    if u64::from(operator.parallelism()) <= fewer {
                        continue;
                    }
                    let way = ["job", "operator", operator.uid.as_str(), "parallelism"];
                    match fewer {
                        1 => sheet.remove(&way)?,
                        _ => sheet.set(&way, fewer as i64)?,
                    }
                }
                Some(())
            });
            let names: Vec<&str> = group.iter().map(|&at| job.operator[at].uid.as_str()).collect();
            let what = format!("at most {fewer} subtasks of {}", names.join(", "));
            candidates.extend(edited.map(|case| (what, case)));
        }
    }
    candidates
}

/// An operator and those that must have as many subtasks.
fn tied(case: &Case, at: usize) -> BTreeSet<usize> {
    let job = &case.scenario.spec.job;
    let mut tied = BTreeSet::from([at]);
    loop {
        let before = tied.len();
        for edge in job.edge.iter().filter(|edge| edge.ship == Ship::Forward) {
            let place = |uid: &Name| job.operator.iter().position(|operator| operator.uid == *uid);
            if let (Some(from), Some(to)) = (place(&edge.from), place(&edge.to))
                && (tied.contains(&from) || tied.contains(&to))
            {
                tied.extend([from, to]);
            }
        }
        if tied.len() == before {
            return tied;
        }
    }
}
