//! What to run: scenario files, their units and the library of ready-made scenarios.

pub mod library;
pub mod library_files;
pub mod spec;
pub mod units;
