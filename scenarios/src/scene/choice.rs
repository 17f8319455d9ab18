//! Which part of a run a scene shows.

use std::fmt;

use cutline_sim::ids::CheckpointId;
use cutline_sim::time::Time;

use super::{Survey, Window};
use crate::units::show_time;

/// A run with no more flights than this is shown as a whole.
const SMALL: u64 = 150;
/// The margin on both sides of what is shown, as a part of it.
const MARGIN: u64 = 8;

/// What is to be shown of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// From when, in nanoseconds.
    pub from: Option<Time>,
    /// Until when.
    pub to: Option<Time>,
    /// Or around what.
    pub around: Around,
}

/// Around what a window is laid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Around {
    /// The violation; without one all of a small run, and of others the first checkpoint, or else the first crash.
    #[default]
    Best,
    /// The first checkpoint that completed, or else that began.
    FirstCheckpoint,
    /// This checkpoint.
    Checkpoint(CheckpointId),
    /// The n-th crash, the first being 1, and the recovery behind it.
    Crash(u64),
}

/// Why a view shows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewError {
    /// Nothing happened in the run.
    Nothing,
    /// The window ends before it begins.
    Empty {
        /// The begin.
        from: Time,
        /// The end.
        to: Time,
    },
    /// The window begins behind the end of the run.
    Outside {
        /// The begin.
        from: Time,
        /// The end of the run.
        end: Time,
    },
    /// There is no such checkpoint.
    Checkpoint {
        /// The one asked for.
        asked: CheckpointId,
        /// The first and the last that there are.
        there_are: Option<(CheckpointId, CheckpointId)>,
    },
    /// There are not so many crashes.
    Crash {
        /// The one asked for.
        asked: u64,
        /// How many there are.
        there_are: u64,
    },
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = show_time;
        match *self {
            ViewError::Nothing => f.write_str("nothing happened in it: there is nothing to be drawn"),
            ViewError::Empty { from, to } => {
                write!(
                    f,
                    "the window from {} to {} is empty: it must end behind its begin",
                    show(from),
                    show(to)
                )
            }
            ViewError::Outside { from, end } => write!(
                f,
                "the window begins at {}, and the run ends at {}: let it begin before that",
                show(from),
                show(end)
            ),
            ViewError::Checkpoint { asked, there_are: Some((first, last)) } => {
                write!(f, "the run has no checkpoint {asked}: it has {first} to {last}")
            }
            ViewError::Checkpoint { asked, there_are: None } => {
                write!(f, "the run has no checkpoint {asked}: none was begun")
            }
            ViewError::Crash { asked, there_are: 0 } => {
                write!(f, "the run has no crash {asked}: nothing crashed")
            }
            ViewError::Crash { asked, there_are } => {
                write!(f, "the run has no crash {asked}: it has {there_are}, and the first is 1")
            }
        }
    }
}

impl std::error::Error for ViewError {}

impl View {
    /// The window.
    ///
    /// # Errors
    /// If it would show nothing: see [`ViewError`].
    pub fn window(&self, survey: &Survey) -> Result<Window, ViewError> {
        if survey.entries == 0 {
            return Err(ViewError::Nothing);
        }
        let end = survey.end.max(1);
        if self.from.is_some() || self.to.is_some() {
            let (from, to) = (self.from.unwrap_or(0), self.to.unwrap_or(end));
            if from >= to && self.to.is_some() {
                return Err(ViewError::Empty { from, to });
            }
            if from >= end {
                return Err(ViewError::Outside { from, end });
            }
            return Ok(Window { time: from..to.min(end), end, reason: "as it was asked for".to_owned() });
        }
        let (span, reason) = match self.around {
            Around::Best => best(survey),
            Around::FirstCheckpoint => first_checkpoint(survey),
            Around::Checkpoint(asked) => {
                let span =
                    survey.asked_span.ok_or(ViewError::Checkpoint { asked, there_are: survey.range })?;
                (span, format!("around checkpoint {asked}"))
            }
            Around::Crash(asked) => {
                let there_are = survey.crashes;
                let span = survey.crash_span.ok_or(ViewError::Crash { asked, there_are })?;
                (span, format!("around crash {asked}"))
            }
        };
        let (from, to) = span;
        let margin = ((to - from) / MARGIN).max(100_000);
        let time = from.saturating_sub(margin)..to.saturating_add(margin).min(end);
        Ok(Window { time, end, reason })
    }
}

type Chosen = ((Time, Time), String);

fn best(survey: &Survey) -> Chosen {
    let whole = ((0, survey.end), "all of it".to_owned());
    match (survey.guilty_span, survey.flown.is_some_and(|flown| flown <= SMALL)) {
        // A violation that fills a good part of a small run is shown with all that led to it.
        (Some((from, to)), small) if !small || (to - from) < survey.end / 3 => {
            ((from, to), "around the violation".to_owned())
        }
        (_, true) => whole,
        _ => first_checkpoint(survey),
    }
}

fn first_checkpoint(survey: &Survey) -> Chosen {
    match (survey.first_span, survey.begun_span, survey.crash_span) {
        (Some((id, from, to)), ..) => {
            let with = if survey.has_records { " with records in it" } else { "" };
            ((from, to), format!("around checkpoint {id}, the first to complete{with}"))
        }
        (None, Some((id, from, to)), _) => {
            ((from, to), format!("around checkpoint {id}, the first to begin; none completed"))
        }
        (None, None, Some(span)) => (span, "around the first crash; no checkpoint began".to_owned()),
        _ => ((0, survey.end), "all of it; no checkpoint began and nothing crashed".to_owned()),
    }
}
