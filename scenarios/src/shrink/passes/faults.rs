//! Fewer faults, by delta debugging: all at once, halves, quarters, and so on to one at a time (Zeller and Hildebrandt 2002). And
//! faults that are over earlier.

use cutline_sim::faults::{FaultPlan, When};
use cutline_sim::time::Time;

use super::Candidates;
use crate::shrink::Given;
use crate::shrink::case::Case;

/// Plans with fewer faults.
pub(super) fn propose(case: &Case, _given: &Given<'_>) -> Candidates {
    let plan = &case.plan;
    let count = plan.faults.len();
    let mut candidates = Candidates::new();
    let mut chunk = count;
    while chunk > 0 {
        for begin in (0..count).step_by(chunk) {
            let end = count.min(begin + chunk);
            let mut faults = plan.faults.clone();
            faults.drain(begin..end);
            let what = match end - begin {
                all if all == count => "without faults".to_owned(),
                1 => format!("without {}", plan.faults[begin].fault),
                some => format!("without {some} of {count} faults"),
            };
            let heal = healed(&faults).unwrap_or(plan.heal).min(plan.heal);
            candidates.push((what.clone(), case.with_plan(FaultPlan { faults: faults.clone(), heal })));
            candidates.push((what, case.with_plan(FaultPlan { faults, heal: plan.heal })));
        }
        chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
    }
    if let Some(heal) = healed(&plan.faults).filter(|&heal| heal < plan.heal) {
        let earlier = FaultPlan { faults: plan.faults.clone(), heal };
        candidates.push(("faults over with the last of them".to_owned(), case.with_plan(earlier)));
    }
    candidates
}

/// When faults are over; `None` if one waits for a point or an event, which may come at any time.
fn healed(faults: &[cutline_sim::faults::Planned]) -> Option<Time> {
    faults.iter().try_fold(0, |last: Time, planned| match planned.when {
        When::At(at) => Some(last.max(at.saturating_add(1))),
        When::Between(_, until) => Some(last.max(until)),
        When::Point(..) | When::Event(_) => None,
    })
}
