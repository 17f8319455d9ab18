//! The machine: a seeded, simulated cluster that runs a dataflow, takes checkpoints, crashes and recovers. It names no
//! checkpoint algorithm.

pub mod backend;
pub mod channel;
mod cluster;
pub mod committer;
pub mod config;
mod coordinator;
pub mod erased;
pub mod event;
pub mod external;
pub mod faults;
pub mod graph;
pub mod handles;
pub mod ids;
pub mod input;
pub mod log;
mod mail;
mod network;
pub mod operator;
pub mod operator_state;
pub mod oracles;
mod outcome;
pub mod piggyback;
mod post;
pub mod protocol;
mod queue;
pub mod random;
pub mod record;
mod reusable;
mod ring;
pub mod savepoint;
mod sending;
mod shared;
pub mod snapshot;
mod source;
pub mod state;
mod step;
mod stopping;
pub mod store;
mod task;
mod termination;
pub mod time;
pub mod topology;
mod tournament;
pub mod world;

pub use task::Status;
