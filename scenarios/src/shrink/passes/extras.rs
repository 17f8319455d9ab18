//! Without what a run does beyond running: forks that restore checkpoints, repetitions that compare.

use super::Candidates;
use crate::capsule::CapsuleOptions;
use crate::shrink::Given;
use crate::shrink::case::Case;

/// Less beyond running.
pub(super) fn propose(case: &Case, _given: &Given<'_>) -> Candidates {
    let options = case.options;
    let without_forks = CapsuleOptions { forks: Some(false), ..options };
    [
        ("without forks and repetitions", CapsuleOptions { check_determinism: false, ..without_forks }),
        ("without forks", without_forks),
        ("without repetitions", CapsuleOptions { check_determinism: false, ..options }),
    ]
    .into_iter()
    .map(|(what, options)| (what.to_owned(), Case { options, ..case.clone() }))
    .collect()
}
