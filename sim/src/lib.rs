//! The machine: a seeded, simulated cluster that runs a dataflow, takes checkpoints, crashes and recovers. It names no
//! checkpoint algorithm.

pub mod config;
pub mod graph;
pub mod ids;
pub mod input;
pub mod operator;
pub mod oracles;
pub mod random;
pub mod record;
pub mod state;
pub mod time;
