//! What to run: scenario files, their units and the library of ready-made scenarios.

pub mod inputs;
pub mod operators;
pub mod units;
