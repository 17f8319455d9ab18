//! The first failure of each kind of a sweep, shrunk: what is left of it goes beside the capsules, and nothing of it is a row.

use std::path::Path;

use cutline::scenarios::sweep::failure::Failure as FailedRun;
use serde::Serialize;

use crate::failure::Failure;
use crate::screen::Screen;
use crate::shrink::{Written, shrink_into};

/// The folder, within that of the sweep.
pub const SHRUNK: &str = "shrunk";

/// A failure that was shrunk; paths are within the folder of the sweep.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShrunkRun {
    /// The number of the run in its sweep.
    pub run: u64,
    /// The capsule of the smaller run.
    pub capsule: String,
    /// Its scenario.
    pub scenario: String,
    /// The test that does it again, if a scenario is all that it needs.
    pub test: Option<String>,
}

/// Shrinks the first failure of each kind, as long as nobody says to stop. What was shrunk before is taken as it is. One that cannot be
/// shrunk is said so of, and left out: the sweep is none the worse for it.
pub fn shrink(
    folder: &Path,
    first_of_kind: &[FailedRun],
    stop: &(dyn Fn() -> bool + Sync),
    screen: &mut Screen,
) -> Result<Vec<ShrunkRun>, Failure> {
    let out = folder.join(SHRUNK);
    let mut all = Vec::new();
    for failure in first_of_kind {
        let Some(capsule) = &failure.capsule else { continue };
        if stop() {
            break;
        }
        let capsule = folder.join(capsule);
        let before = Written::of(&capsule, Some(&out));
        let written = match before.capsule.exists() {
            true => Ok(Written { test: before.test.filter(|test| test.exists()), ..before }),
            false => {
                screen.note(&format!("shrinking run {}: {}\n", failure.run, failure.oracles()))?;
                shrink_into(&capsule, &out, stop)
            }
        };
        let within = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        match written {
            Ok(written) => all.push(ShrunkRun {
                run: failure.run,
                capsule: within(&written.capsule),
                scenario: within(&written.scenario),
                test: written.test.as_deref().map(within),
            }),
            Err(error) => screen.note(&format!("run {} was not shrunk: {error}\n", failure.run))?,
        }
    }
    Ok(all)
}
