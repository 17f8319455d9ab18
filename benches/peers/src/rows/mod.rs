//! The rows of the table, a file for each program, in the order in which they are shown. The first row is the bar.

pub mod bare;
mod cutline;
#[cfg(madsim)]
mod madsim;
mod nexosim;
mod turmoil;

use crate::workload::Outcome;

/// The seed of every row.
const SEED: u64 = 7;

/// A program with one way to run the pipe.
pub struct Row {
    /// Its name, and what is special about this way.
    pub name: &'static str,
    /// The version of the program.
    pub version: String,
    /// What of determinism, faults and oracles is part of the run, in short.
    pub includes: &'static str,
    /// The hops of one measurement.
    pub hops: u64,
    /// One measurement, begun from nothing or from what the program lets one use again.
    pub run: Box<dyn FnMut() -> Outcome>,
}

/// All rows.
pub fn all() -> Vec<Row> {
    let mut rows = bare::rows();
    rows.extend(cutline::rows());
    rows.extend(nexosim::rows());
    rows.extend(turmoil::rows());
    #[cfg(madsim)]
    rows.extend(madsim::rows());
    rows
}

/// The version of a crate that this program was built with.
///
/// # Panics
/// If there is none of that name.
fn version_of(name: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let after =
        lock.split_once(&format!("name = \"{name}\"\nversion = \"")).expect("a crate of the lock file").1;
    after.split('"').next().unwrap_or_default().to_owned()
}
