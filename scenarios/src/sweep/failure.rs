//! A run of a sweep that did not pass, as one line of JSON: what objects and why, and how to do it again.

use serde::{Deserialize, Serialize};

use super::row::{Row, joined};
use super::tally::Cell;
use crate::record::{Class, RunRecord, Verdict};

/// A run that did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// The number of the run in its sweep.
    pub run: u64,
    /// The scenario.
    pub scenario: String,
    /// What was laid over it.
    pub overrides: Vec<String>,
    /// The strategy, or the planted bug.
    pub strategy: String,
    /// How snapshots reached the store.
    pub snapshot: String,
    /// The fault profile.
    pub faults: String,
    /// The seed.
    pub seed: u64,
    /// What kind of failure it is.
    pub class: Class,
    /// The oracles that object, and why.
    pub objections: Vec<Objection>,
    /// The faults that were drawn, a line each.
    pub plan: Vec<String>,
    /// The digest of everything observable.
    pub digest: String,
    /// The command that does it again.
    pub command: String,
    /// The capsule, within the folder of the sweep, if one was kept.
    pub capsule: Option<String>,
}

/// An oracle that objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Objection {
    /// The oracle.
    pub oracle: String,
    /// Its proof, in prose.
    pub proof: String,
}

/// What failures of one kind have in common. Of each kind a sweep keeps the capsules of the first few.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    scenario: String,
    overrides: Vec<String>,
    strategy: String,
    class: Class,
    oracles: Vec<String>,
}

impl Failure {
    /// The failure of a run.
    pub fn new(row: &Row, overrides: &[String], command: String, record: &RunRecord) -> Failure {
        let objections = record.verdicts.iter().filter_map(|verdict| match &verdict.verdict {
            Verdict::Fail(proof) => Some(Objection { oracle: verdict.oracle.clone(), proof: proof.clone() }),
            _ => None,
        });
        Failure {
            run: row.run,
            scenario: row.scenario.clone(),
            overrides: overrides.to_vec(),
            strategy: row.strategy.clone(),
            snapshot: row.snapshot.clone(),
            faults: row.faults.clone(),
            seed: row.seed,
            class: row.class,
            objections: objections.collect(),
            plan: record.plan.clone(),
            digest: row.digest.clone(),
            command,
            capsule: None,
        }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        Kind {
            scenario: self.scenario.clone(),
            overrides: self.overrides.clone(),
            strategy: self.strategy.clone(),
            class: self.class,
            oracles: self.objections.iter().map(|objection| objection.oracle.clone()).collect(),
        }
    }

    /// Which cell of the sweep it is in.
    pub fn cell(&self) -> Cell {
        Cell {
            scenario: self.scenario.clone(),
            overrides: joined(&self.overrides),
            strategy: self.strategy.clone(),
            faults: self.faults.clone(),
        }
    }

    /// The oracles that object, a space between one and the next.
    pub fn oracles(&self) -> String {
        self.objections.iter().map(|objection| objection.oracle.as_str()).collect::<Vec<_>>().join(" ")
    }
}
