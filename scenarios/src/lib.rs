//! What to run: scenario files, their units and the library of ready-made scenarios.

pub mod inputs;
pub mod library_files;
pub mod operators;
pub mod spec;
pub mod units;
