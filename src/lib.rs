//! Cutline: a deterministic simulation testbed for the checkpoint algorithms of stream processors.
//!
//! This crate is a facade over the crates of the workspace, and the command line. A program with a strategy of its own calls
//! [`command_line::main`] and has all of it. Whoever wants runs and no command line takes a scenario, a strategy and faults, and reads the
//! verdict:
//!
//! ```
//! use std::sync::Arc;
//!
//! use cutline::scenarios::faults;
//! use cutline::scenarios::library_files::resolve;
//! use cutline::scenarios::prepare::Prepared;
//! use cutline::scenarios::record::Class;
//! use cutline::scenarios::run::{Contender, Options, Runner};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let seed = 7;
//! let faster = ["execution.checkpointing.interval=50ms"];
//! let prepared = Prepared::load(&resolve("tiny")?, &faster, seed)?;
//! let plan = faults::draw(&faults::resolve("crashes")?, prepared.topology(), prepared.duration(), seed);
//!
//! let unaligned = Contender::named("unaligned").ok_or("there is no such strategy")?;
//! let record = Runner::new(&prepared, unaligned).run(seed, &Arc::new(plan), &Options::default(), None);
//!
//! assert_eq!(record.class(), Class::Pass, "{:?}", record.verdicts);
//! println!("{}", cutline::reports::table(&record));
//! # Ok(())
//! # }
//! ```
//!
//! | crate | what is in it |
//! |---|---|
//! | [`sim`] | the machine: time, network, tasks, state, store, faults, oracles |
//! | [`algorithms`] | the strategies and the planted bugs, as pure state machines |
//! | [`scenarios`] | what to run, and how: scenario files, fault profiles, runs, sweeps, exploration |
//! | [`reports`] | tables, plots and pages of what was run |
//! | [`cluster`] | the same strategies on processes, sockets and files |

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
