//! What the rows of a sweep say together: how many runs of each scenario, strategy and profile passed, and how many went through each
//! situation. The same for the rows in any order.

use std::collections::BTreeMap;

use cutline_sim::oracles;
use serde::{Deserialize, Serialize};

use super::row::SeenRow;
use crate::record::Class;
use crate::situations::{ROWS, Situation};

/// The sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    cells: BTreeMap<Cell, Counts>,
    situations: Vec<u64>,
    /// Of each oracle, by its place in the registry: how often it objected, and how often it had nothing to judge.
    oracles: Vec<(u64, u64)>,
    runs: u64,
}

/// What tells the runs of a sweep apart, but for the seed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The scenario.
    pub scenario: String,
    /// What was laid over it, as a row says it.
    pub overrides: String,
    /// The strategy, or the planted bug.
    pub strategy: String,
    /// The fault profile.
    pub faults: String,
}

/// How runs ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// All of them.
    pub runs: u64,
    /// No oracle objects.
    pub passed: u64,
    /// An oracle of safety objects.
    pub safety: u64,
    /// The job did not come to its end.
    pub stall: u64,
    /// The same run was another one.
    pub non_determinism: u64,
    /// Runs that went back to a checkpoint.
    pub restored: u64,
    /// Checkpoints that completed.
    pub checkpoints: u64,
}

/// The runs of a scenario under a strategy and a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CellCounts {
    /// The scenario.
    pub scenario: String,
    /// What was laid over it, a space between one and the next.
    pub overrides: String,
    /// The strategy.
    pub strategy: String,
    /// The profile.
    pub faults: String,
    /// Its runs.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What an oracle has said of all runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OracleCounts {
    /// The oracle.
    pub oracle: String,
    /// It has judged, and does not object.
    pub passed: u64,
    /// It objects.
    pub failed: u64,
    /// It had nothing to judge.
    pub unknown: u64,
}

/// How many runs went through a situation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Covered {
    /// The situation.
    pub situation: String,
    /// What it is.
    pub about: String,
    /// How many runs.
    pub runs: u64,
}

impl CellCounts {
    /// Whose runs these are.
    pub fn cell(&self) -> Cell {
        let CellCounts { scenario, overrides, strategy, faults, .. } = self.clone();
        Cell { scenario, overrides, strategy, faults }
    }
}

impl Counts {
    /// Takes a run in.
    pub fn add(&mut self, row: &SeenRow) {
        self.runs += 1;
        self.restored += u64::from(row.row.restored_checkpoints > 0);
        self.checkpoints += row.row.checkpoints;
        *match row.row.class {
            Class::Pass => &mut self.passed,
            Class::Safety => &mut self.safety,
            Class::Stall => &mut self.stall,
            Class::NonDeterminism => &mut self.non_determinism,
        } += 1;
    }

    fn sum(mut self, other: Counts) -> Counts {
        let Counts { runs, passed, safety, stall, non_determinism, restored, checkpoints } = other;
        self.runs += runs;
        self.passed += passed;
        self.safety += safety;
        self.stall += stall;
        self.non_determinism += non_determinism;
        self.restored += restored;
        self.checkpoints += checkpoints;
        self
    }

    /// Those that did not pass.
    pub fn failed(&self) -> u64 {
        self.runs - self.passed
    }

    /// The worst class of all: what the exit code says.
    pub fn class(&self) -> Class {
        match (self.non_determinism, self.safety, self.stall) {
            (1.., _, _) => Class::NonDeterminism,
            (_, 1.., _) => Class::Safety,
            (_, _, 1..) => Class::Stall,
            _ => Class::Pass,
        }
    }
}

impl Tally {
    /// Takes a run in.
    pub fn add(&mut self, row: &SeenRow) {
        let of = &row.row;
        let cell = Cell {
            scenario: of.scenario.clone(),
            overrides: of.overrides.clone(),
            strategy: of.strategy.clone(),
            faults: of.faults.clone(),
        };
        self.cells.entry(cell).or_default().add(row);
        self.situations.resize(ROWS.len(), 0);
        for (&situation, count) in Situation::ALL.iter().zip(&mut self.situations) {
            *count += u64::from(row.seen.has(situation));
        }
        self.oracles.resize(oracles::ROWS.len(), (0, 0));
        for (oracle, (failed, unknown)) in oracles::ROWS.iter().zip(&mut self.oracles) {
            let names = |list: &str| u64::from(list.split_whitespace().any(|name| name == oracle.name));
            *failed += names(&of.failed);
            *unknown += names(&of.unknown);
        }
        self.runs += 1;
    }

    /// What each oracle has said, in the order of `cutline list oracles`.
    pub fn oracles(&self) -> Vec<OracleCounts> {
        let counts = |(place, row): (usize, &oracles::OracleRow)| {
            let (failed, unknown) = self.oracles.get(place).copied().unwrap_or_default();
            let passed = self.runs.saturating_sub(failed + unknown);
            OracleCounts { oracle: row.name.to_owned(), passed, failed, unknown }
        };
        oracles::ROWS.iter().enumerate().map(counts).collect()
    }

    /// All runs.
    pub fn total(&self) -> Counts {
        self.cells.values().copied().fold(Counts::default(), Counts::sum)
    }

    /// The cells, by scenario, strategy and profile.
    pub fn cells(&self) -> Vec<CellCounts> {
        let cell = |(cell, &counts): (&Cell, &Counts)| CellCounts {
            scenario: cell.scenario.clone(),
            overrides: cell.overrides.clone(),
            strategy: cell.strategy.clone(),
            faults: cell.faults.clone(),
            counts,
        };
        self.cells.iter().map(cell).collect()
    }

    /// All situations, and how many runs went through each.
    pub fn coverage(&self) -> Vec<Covered> {
        let covered = |(at, row): (usize, &crate::situations::SituationRow)| Covered {
            situation: row.name.to_owned(),
            about: row.about.to_owned(),
            runs: self.situations.get(at).copied().unwrap_or(0),
        };
        ROWS.iter().enumerate().map(covered).collect()
    }
}
