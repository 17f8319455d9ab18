//! Simpler faults: they strike earlier and at rounder instants, last for a shorter time, come at an earlier one of the points they
//! wait for, strike always instead of sometimes, and delay by less.

use cutline_sim::faults::{Aims, FaultPlan, Planned, When};

use super::{Candidates, rounded, smaller};
use crate::shrink::Given;
use crate::shrink::case::Case;

/// Plans with simpler faults.
pub(super) fn propose(case: &Case, _given: &Given<'_>) -> Candidates {
    let mut candidates = Candidates::new();
    for (at, planned) in case.plan.faults.iter().enumerate() {
        let simpler =
            whens(planned.when).into_iter().map(|when| Planned { when, fault: planned.fault.clone() });
        let aims = aims(&planned.fault.aims());
        let milder = aims.iter().map(|aims| Planned { when: planned.when, fault: planned.fault.with(aims) });
        for simpler in simpler.chain(milder).filter(|simpler| simpler != planned) {
            let mut faults = case.plan.faults.clone();
            faults[at] = simpler;
            let plan = FaultPlan { faults, heal: case.plan.heal };
            candidates.push((plan.describe(&case.topology)[at].clone(), case.with_plan(plan)));
        }
    }
    candidates
}

/// Earlier and rounder: none is later.
fn earlier(time: u64) -> Vec<u64> {
    [
        rounded(time / 4, 1),
        rounded(time / 2, 1),
        rounded(time, 1),
        rounded(time, 2),
        rounded(time, 3),
        rounded(time, 4),
    ]
    .into_iter()
    .filter(|&earlier| earlier < time)
    .collect()
}

fn whens(when: When) -> Vec<When> {
    match when {
        When::At(time) => earlier(time).into_iter().map(When::At).collect(),
        When::Point(point, nth) => {
            smaller(nth.into(), 1).into_iter().map(|nth| When::Point(point, nth as u32)).collect()
        }
        When::Event(nth) => smaller(nth, 0).into_iter().map(When::Event).collect(),
        When::Between(from, until) => {
            let half = until.saturating_sub(from) / 2;
            let shorter = [(from, from + half / 4), (from, from + half), (from + half, until)];
            let ends = earlier(until).into_iter().filter(|&until| until > from).map(|until| (from, until));
            let shifted = earlier(from).into_iter().map(|begin| (begin, begin + until.saturating_sub(from)));
            let all = shorter.into_iter().chain(ends).chain(shifted);
            all.map(|(from, until)| When::Between(from, until)).collect()
        }
    }
}

fn aims(aims: &Aims) -> Vec<Aims> {
    let always = aims.per_mille.filter(|&chance| chance < 1000);
    let always = always.map(|_| Aims { per_mille: Some(1000), ..*aims });
    let delays = earlier(aims.delay).into_iter().map(|delay| Aims { delay, ..*aims });
    let factors = aims.factor.into_iter().flat_map(|factor| smaller(factor.into(), 2));
    let factors = factors.map(|factor| Aims { factor: Some(factor as u32), ..*aims });
    always.into_iter().chain(delays).chain(factors).collect()
}
