//! Cutline: a deterministic simulation testbed for the checkpoint algorithms of stream processors.
//!
//! This crate is a facade over the crates of the workspace; its binary is the command line.

pub use cutline_algorithms as algorithms;
pub use cutline_reports as reports;
pub use cutline_scenarios as scenarios;
pub use cutline_sim as sim;
