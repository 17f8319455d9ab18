//! How a run ended.

/// A bound that a run has exceeded: see [`Bounds`](crate::config::Bounds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Too many steps.
    Steps,
    /// Too late.
    Time,
    /// Too many actions waiting.
    Queue,
    /// Nothing will ever happen again.
    Quiet,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All tasks have finished.
    Finished,
    /// The sources were told to end where they were, and all tasks have finished.
    Drained,
    /// The job was stopped with a savepoint, from which it can go on.
    Suspended,
    /// The job was cancelled.
    Cancelled,
    /// The job has failed for good: it used up its restarts.
    Failed,
    /// It was given up.
    Exceeded(Bound),
}

impl Outcome {
    /// True if the job has come to the end of its input, or to where it was told to end.
    pub fn is_finished(self) -> bool {
        matches!(self, Outcome::Finished | Outcome::Drained)
    }

    /// True if the job has ended as it was meant to: by itself, or as its user asked.
    pub fn is_wanted(self) -> bool {
        self.is_finished() || matches!(self, Outcome::Suspended | Outcome::Cancelled)
    }
}
