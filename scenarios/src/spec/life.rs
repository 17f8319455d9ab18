//! What a scenario file may say about the life of the job: a savepoint, and its cancellation.

use cutline_sim::config::{LifeConfig, SavepointOrder, Then};
use serde::Deserialize;

use crate::units::Span;

/// `[savepoint]`
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SavepointSpec {
    /// When it is asked for, from the beginning of the run.
    pub at: Span,
    /// What follows it; the job goes on if absent.
    pub then: Option<Then>,
}

/// `[cancel]`
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CancelSpec {
    /// When the job is cancelled, from the beginning of the run.
    pub at: Span,
}

/// What the user asks of the job.
pub(super) fn life(savepoint: Option<SavepointSpec>, cancel: Option<CancelSpec>) -> LifeConfig {
    let order = |spec: SavepointSpec| SavepointOrder {
        at: spec.at.nanoseconds(),
        then: spec.then.unwrap_or(Then::Run),
    };
    LifeConfig { savepoint: savepoint.map(order), cancel: cancel.map(|spec| spec.at.nanoseconds()) }
}
