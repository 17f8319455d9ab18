//! The machine: a seeded, simulated cluster that runs a dataflow, takes checkpoints, crashes and recovers. It names no
//! checkpoint algorithm.
//!
//! What a strategy is to the machine stands in [`protocol`]: in every task a pure state machine, events in, effects out, and another one
//! in the coordinator. So a strategy can be tried without a machine. This one makes its cut at the first barrier and looks at no other:
//!
//! ```
//! use cutline_sim::config::CheckpointConfig;
//! use cutline_sim::ids::{CheckpointId, TaskId};
//! use cutline_sim::protocol::{InputSet, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent, Up};
//! use cutline_sim::record::Mark;
//!
//! #[derive(Clone, Debug, Hash)]
//! struct FirstBarrier {
//!     newest: CheckpointId,
//! }
//!
//! impl TaskCut for FirstBarrier {
//!     type Durable = CheckpointId;
//!
//!     fn new(_task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
//!         FirstBarrier { newest: restored }
//!     }
//!
//!     fn durable(&self) -> CheckpointId {
//!         self.newest
//!     }
//!
//!     fn on(&mut self, _task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
//!         match event {
//!             TaskEvent::Reached(_, Mark::Cut(id)) if id > self.newest => {
//!                 self.newest = id;
//!                 fx.emit(Mark::Cut(id));
//!                 fx.snapshot(id);
//!             }
//!             TaskEvent::Persisted(id) => fx.tell(Up::Ack(id)),
//!             _ => {}
//!         }
//!     }
//! }
//!
//! let (open, none, config) = (InputSet::full(2), InputSet::default(), CheckpointConfig::default());
//! let task = TaskCtx {
//!     task: TaskId(2),
//!     inputs: 2,
//!     open: &open,
//!     feedback: &none,
//!     is_source: false,
//!     tasks: 3,
//!     sent_to: &none,
//!     config: &config,
//!     age: 0,
//! };
//! let (mut machine, mut fx) = (FirstBarrier::new(&task, CheckpointId(0)), TaskEffects::default());
//! let first = CheckpointId(1);
//! machine.on(&task, TaskEvent::Reached(0, Mark::Cut(first)), &mut fx);
//! machine.on(&task, TaskEvent::Reached(1, Mark::Cut(first)), &mut fx);
//! assert_eq!(fx.0, [TaskEffect::Emit(Mark::Cut(first)), TaskEffect::Snapshot(first)]);
//! ```
//!
//! What came on the second input before its barrier is lost by that, and the oracle [`cut`](oracles::cut) says so: it is one of the planted
//! bugs. How a world is made and run is shown by the crate `cutline-scenarios`, which builds jobs from files; [`world`] has the loop, and
//! [`event`] all that can be observed.

pub mod backend;
mod chance;
pub mod channel;
mod cluster;
pub mod committer;
pub mod config;
mod coordinator;
pub mod course;
mod digest;
pub mod ending;
pub mod erased;
pub mod event;
pub mod external;
pub mod faults;
pub mod fork;
pub mod graph;
pub mod handles;
pub mod ids;
pub mod input;
pub mod interleaving;
mod lane;
pub mod log;
mod mail;
mod network;
pub mod operator;
pub mod operator_state;
pub mod oracles;
mod outcome;
pub mod passage;
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
pub mod termination;
pub mod time;
pub mod topology;
mod tournament;
mod untold;
pub mod view;
pub mod waiting;
pub mod world;

pub use task::Status;
