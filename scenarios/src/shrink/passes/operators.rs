//! Fewer operators: one with one input and one output is left out and its edges are joined; one is left out with everything that
//! makes no sense without it, a branch, say.

use std::collections::BTreeSet;

use super::Candidates;
use crate::shrink::Given;
use crate::shrink::case::Case;
use crate::spec::Does;
use crate::spec::names::Name;

/// Jobs with fewer operators.
pub(super) fn propose(case: &Case, given: &Given<'_>) -> Candidates {
    let job = &case.scenario.spec.job;
    let mut branches = Vec::new();
    let mut joined = Vec::new();
    for (at, operator) in job.operator.iter().enumerate() {
        let without = with_what_depends_on(case, at);
        if without.len() < job.operator.len() {
            let names: Vec<&str> = without.iter().map(|&at| job.operator[at].uid.as_str()).collect();
            let what = format!("without {}", names.join(", "));
            let edited = case.edited(given, |sheet| {
                let uids: BTreeSet<&str> = names.iter().copied().collect();
                let touches = |edge: usize| {
                    uids.contains(job.edge[edge].from.as_str()) || uids.contains(job.edge[edge].to.as_str())
                };
                sheet.keep("edge", |edge| !touches(edge))?;
                sheet.keep("operator", |at| !without.contains(&at))?;
                let reads = |name: &str| {
                    let left = job.operator.iter().enumerate().filter(|(at, _)| !without.contains(at));
                    left.into_iter()
                        .any(|(_, it)| matches!(&it.does, Does::Source(input) if input.as_str() == name))
                };
                for name in case.scenario.spec.input.keys().filter(|name| !reads(name.as_str())) {
                    sheet.remove(&["input", name.as_str()])?;
                }
                Some(())
            });
            branches.extend(edited.map(|case| (without.len(), what, case)));
        }
        if let Does::Transform(_) = operator.does {
            joined.extend(join(case, given, at));
        }
    }
    // The largest branch first.
    branches.sort_by_key(|(size, ..)| std::cmp::Reverse(*size));
    let branches = branches.into_iter().map(|(_, what, case)| (what, case));
    branches.chain(joined).collect()
}

/// An operator, what has no input without it, and what has no output without it.
fn with_what_depends_on(case: &Case, at: usize) -> BTreeSet<usize> {
    let job = &case.scenario.spec.job;
    let mut without = BTreeSet::from([at]);
    loop {
        let before = without.len();
        for (at, operator) in job.operator.iter().enumerate() {
            let gone = |uid: &Name| {
                job.operator.iter().enumerate().any(|(at, it)| it.uid == *uid && without.contains(&at))
            };
            let inputs = || job.edge.iter().filter(|edge| edge.to == operator.uid && !edge.feedback);
            let outputs = || job.edge.iter().filter(|edge| edge.from == operator.uid);
            let starves = inputs().next().is_some() && inputs().all(|edge| gone(&edge.from));
            let talks_to_nobody = outputs().next().is_some() && outputs().all(|edge| gone(&edge.to));
            if starves || talks_to_nobody {
                without.insert(at);
            }
        }
        if without.len() == before {
            return without;
        }
    }
}

/// Without one operator between two others: the edge into it leads to the next one.
fn join(case: &Case, given: &Given<'_>, at: usize) -> Candidates {
    let job = &case.scenario.spec.job;
    let uid = &job.operator[at].uid;
    let inputs: Vec<usize> = (0..job.edge.len()).filter(|&edge| job.edge[edge].to == *uid).collect();
    let outputs: Vec<usize> = (0..job.edge.len()).filter(|&edge| job.edge[edge].from == *uid).collect();
    let (&[input], &[output]) = (inputs.as_slice(), outputs.as_slice()) else { return Candidates::new() };
    if job.edge[input].feedback || job.edge[output].feedback {
        return Candidates::new();
    }
    let ship = |edge: usize| case.sheet.string(&["job", "edge", &edge.to_string(), "ship"]);
    let mut ships = Vec::new();
    for ship in [ship(output), ship(input), Some("rebalance")].into_iter().flatten() {
        if !ships.contains(&ship) {
            ships.push(ship);
        }
    }
    let with = |ship: &str| {
        let edited = case.edited(given, |sheet| {
            let (from, edge) = (job.edge[input].from.to_string(), output.to_string());
            sheet.set(&["job", "edge", &edge, "from"], from.as_str())?;
            sheet.set(&["job", "edge", &edge, "ship"], ship)?;
            sheet.keep("edge", |edge| edge != input)?;
            sheet.keep("operator", |other| other != at)
        });
        edited.map(|case| (format!("without {uid}"), case))
    };
    ships.into_iter().filter_map(with).collect()
}
