//! Judges: what a run is held against.

pub mod reference;
