//! The passes: each proposes cases that are smaller than the present one in one respect, those that would gain most first. What
//! a pass proposes goes in one direction only, so that no two passes undo each other's work for ever.

mod checkpoints;
mod cluster;
mod extras;
mod faults;
mod instants;
mod operators;
mod parallelism;
mod records;
mod settings;
mod splits;

use super::Given;
use super::case::Case;

/// What a pass proposes: in words, and as a case.
pub(super) type Candidates = Vec<(String, Case)>;

/// A pass.
pub(super) struct Pass {
    /// Its name.
    pub name: &'static str,
    /// What it proposes.
    pub propose: fn(&Case, &Given<'_>) -> Candidates,
}

/// All passes, in the order in which they are tried: first what makes the runs behind it cheap.
pub(super) const PASSES: &[Pass] = &[
    Pass { name: "extras", propose: extras::propose },
    Pass { name: "faults", propose: faults::propose },
    Pass { name: "records", propose: records::propose },
    Pass { name: "operators", propose: operators::propose },
    Pass { name: "parallelism", propose: parallelism::propose },
    Pass { name: "splits", propose: splits::propose },
    Pass { name: "cluster", propose: cluster::propose },
    Pass { name: "checkpoints", propose: checkpoints::propose },
    Pass { name: "settings", propose: settings::propose },
    Pass { name: "instants", propose: instants::propose },
];

/// Smaller numbers to try, the smallest first: none is below `least`.
fn smaller(number: u64, least: u64) -> Vec<u64> {
    let parts = [number / 16, number / 4, number / 2, number - number / 4, number.saturating_sub(1)];
    let mut smaller: Vec<u64> =
        parts.into_iter().map(|part| part.max(least)).filter(|&part| part < number).collect();
    smaller.dedup();
    smaller
}

/// The number with so many leading decimal digits, and zeros behind them.
fn rounded(number: u64, digits: u32) -> u64 {
    let magnitude = number.checked_ilog10().map_or(1, |last| last + 1);
    let unit = 10u64.pow(magnitude.saturating_sub(digits));
    number / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_numbers_end_at_the_least() {
        assert_eq!(smaller(100, 1), [6, 25, 50, 75, 99]);
        assert_eq!(smaller(2, 1), [1]);
        assert_eq!(smaller(1, 1), [0; 0]);
        assert_eq!(smaller(1, 0), [0]);
    }

    #[test]
    fn round_numbers_have_few_digits() {
        assert_eq!(rounded(1_394_095, 1), 1_000_000);
        assert_eq!(rounded(1_394_095, 3), 1_390_000);
        assert_eq!(rounded(7, 3), 7);
        assert_eq!(rounded(0, 1), 0);
    }
}
