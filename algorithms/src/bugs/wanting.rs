//! The bugs of the zoo that are not planted, each with what the model lacks for it.

/// A bug that happened in a real system and that cannot be planted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanting {
    /// Its number in the zoo, the project's collection of such bugs: see [`Bug::zoo`](super::Bug::zoo).
    pub zoo: &'static str,
    /// The issue in which it was found.
    pub source: &'static str,
    /// What went wrong, in one sentence.
    pub about: &'static str,
    /// What the model would have to have.
    pub lacks: &'static str,
}

/// All of them, in the order of the zoo.
pub const WANTING: &[Wanting] = &[];
