//! Cutline: a deterministic simulation testbed for the checkpoint algorithms of stream processors.
//!
//! This crate is a facade over the crates of the workspace, and the command line: see [`command_line::main`].

// The modules of the command line name the facade as those outside of it do.
extern crate self as cutline;

pub use cutline_algorithms as algorithms;
pub use cutline_cluster as cluster;
pub use cutline_reports as reports;
pub use cutline_scenarios as scenarios;
pub use cutline_sim as sim;

mod arguments;
mod capsules;
pub mod command_line;
mod compare;
mod completions;
mod diff;
mod draw;
mod execute;
mod explore;
mod failure;
mod files;
mod guarantees;
mod interrupts;
mod list;
mod processes;
mod registry;
mod replay;
mod report;
mod run;
mod savepoints;
mod screen;
mod setup;
mod shrink;
mod step;
mod sweep;
mod threads;
mod trace;
mod viewers;
mod zoo;
