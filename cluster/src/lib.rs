//! The same strategies on another runtime: the state machines of `algorithms`, driven by asynchronous tasks over TCP.
//!
//! A *coordinator* and *task managers* are parties that speak to each other over connections ([`wire`], [`messages`]); every channel of
//! the job is a connection of its own; what survives everybody is in a [`store`]. There is one driver and there are two runtimes,
//! for tokio has two implementations under one name:
//!
//! - **real** (`processes`): the task managers are processes of this machine, over sockets of its own address, with checkpoints in a
//!   folder. They can be killed with SIGKILL and are started again.
//! - **simulated** (`simulated`, with `--cfg madsim`): all parties are nodes of madsim, in one process and by one seed, with kills, pauses,
//!   clogged links and lost packets as faults; the disk of the store is a model.
//!
//! What is the same as in the simulated machine is the very same code: the strategies, state backends, bookkeeping of sinks,
//! operators, inputs, and the oracles that judge the result. What a task does with them ([`task`]) was written a second time, from the
//! description: so a disagreement says that one of the two is wrong.
//!
//! ```
//! use cutline_cluster::job::Job;
//! use cutline_scenarios::library_files::resolve;
//! use cutline_scenarios::prepare::Prepared;
//! use cutline_scenarios::run::Contender;
//! use cutline_scenarios::spec::ScenarioError;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let job = |overrides: &[&str]| {
//!     let prepared = Prepared::load(&resolve("wordcount").expect("a scenario"), overrides, 1)?;
//!     let contender = Contender::named("unaligned").expect("a strategy");
//!     let topology = prepared.topology_under(contender.guarantee);
//!     Ok::<Job, ScenarioError>(Job { topology, cut: contender.cut, snapshot: contender.snapshot })
//! };
//! assert_eq!(job(&[])?.check(), Ok(()));
//! let refused = job(&["cancel.at=2s"])?.check().expect_err("the user would cancel it");
//! assert!(refused.to_string().contains("leave `[savepoint]` and `[cancel]` out"));
//! # Ok(())
//! # }
//! ```
//!
//! `processes::run` takes such a job, the words by which a task manager builds it anew, and how one is started; [`differential`] has runs of
//! it that can be looked at.
//!
//! # What the driver cannot do
//!
//! It drives every strategy. It refuses, with the reason ([`job::Unsupported`]), sinks that are not transactional, savepoints and
//! cancellations.
//!
//! # What is not modelled, or is otherwise
//!
//! - The coordinator does not fail: its books are in memory. When it goes, the job is over and the task managers go.
//! - Tasks are dealt out over the task managers in turn; slots do not matter.
//! - What was sent is logged with the snapshots, as in the simulator; that the log holds what a line needs of it is looked at by numbers when
//!   the line is stored, and item by item when it is restored.
//! - How old a checkpoint is, is reckoned from the clocks of two processes, which differ by what a message takes.
//! - A credit is for a frame of at most 64 items and of a buffer's size; there are exclusive buffers only, a frame leaves as
//!   soon as it may (there is no buffer time-out), and channels inside one process are connections too.
//! - The time that a record takes is waited for in steps of a millisecond; its jitter is left out.
//! - Transactions do not expire. A commit that fails is tried again.
//! - What a former attempt has left in the store is deleted at the next restore, or stays when the job is over.
//! - Of the oracles `state`, `ledger`, `cut`, `order`, `zigzag` and `liveness` are asked, and `store`: whether a checkpoint refers to what was given
//!   back, whether the newest stay, and whether a snapshot is left to which nothing leads. There is no world that could be forked.
//! - In the real mode nothing is repeatable but the choice of who is killed. With madsim, a seed gives one run.

pub mod coordinator;
pub mod differential;
pub mod job;
pub mod messages;
pub mod object;
#[cfg(not(madsim))]
pub mod processes;
#[cfg(madsim)]
pub mod simulated;
pub mod snapshot;
pub mod store;
pub mod task;
mod together;
pub mod verdict;
pub mod wire;
pub mod worker;
