//! What a cluster runs, and what of it the driver cannot do.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use cutline_sim::erased::Protocol;
use cutline_sim::graph::{Role, SinkMode};
use cutline_sim::protocol::{JobCtx, SnapshotMethod};
use cutline_sim::topology::Topology;
use serde::{Deserialize, Serialize};

/// A job, and the strategy that checkpoints it.
#[derive(Clone)]
pub struct Job {
    /// Its tasks and channels.
    pub topology: Arc<Topology>,
    /// Makes the machines of the cut protocol.
    pub cut: fn(&JobCtx<'_>) -> Box<dyn Protocol>,
    /// How the state of tasks gets into the store.
    pub snapshot: SnapshotMethod,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({} tasks, {})", self.topology.tasks.len(), self.snapshot.name())
    }
}

/// The same in words, for a task manager that is another process: it builds the job anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The name of the scenario's file, for errors.
    pub file: String,
    /// Where its relative paths begin.
    pub folder: Option<PathBuf>,
    /// The text of the scenario.
    pub scenario: String,
    /// What is laid over it.
    pub overrides: Vec<String>,
    /// The text file that is read in place of the scenario's own.
    pub input: Option<PathBuf>,
    /// The seed of what is random in inputs.
    pub seed: u64,
    /// The strategy or planted bug.
    pub strategy: String,
    /// How snapshots reach the store.
    pub snapshot: String,
    /// The folder of checkpoints and results.
    pub store: PathBuf,
}

impl Job {
    /// The machines of the job.
    pub fn machines(&self) -> Box<dyn Protocol> {
        let topology = &self.topology;
        let none = cutline_sim::protocol::InputSet::default();
        (self.cut)(&JobCtx {
            now: 0,
            attempt: cutline_sim::ids::Attempt(0),
            first_checkpoint: cutline_sim::ids::CheckpointId(1),
            tasks: topology.tasks.len() as u32,
            finished: &none,
            roots: &[],
            channels: &topology.channels,
            config: &topology.config.checkpointing,
        })
    }

    /// Whether the driver can do what this job needs.
    ///
    /// # Errors
    /// The first thing that it cannot.
    pub fn check(&self) -> Result<(), Unsupported> {
        for operator in &self.topology.operators {
            if let Role::Sink(SinkMode::Plain | SinkMode::Idempotent) = operator.role {
                return Err(Unsupported::Sink(operator.uid.clone()));
            }
        }
        let life = &self.topology.config.life;
        if life.savepoint.is_some() || life.cancel.is_some() {
            return Err(Unsupported::Order);
        }
        Ok(())
    }
}

/// What the driver cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// A sink that is not transactional.
    Sink(String),
    /// Savepoints and cancellations that a scenario asks for.
    Order,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsupported::Sink(uid) => write!(
                f,
                "sink `{uid}` is not transactional, and the cluster writes transactions only: set its `does` to \
                 {{ sink = \"transactional\" }}"
            ),
            Unsupported::Order => f.write_str(
                "the scenario asks for a savepoint or a cancellation, which the cluster cannot do: leave `[savepoint]` and \
                 `[cancel]` out",
            ),
        }
    }
}

impl std::error::Error for Unsupported {}
