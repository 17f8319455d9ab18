//! The arguments of `cutline cluster`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use cutline::sim::protocol::SnapshotMethod;

use crate::arguments::{Seed, time_budget};

/// `cutline cluster`
#[derive(Debug, Args)]
pub struct ClusterArguments {
    /// A scenario of the library (see `cutline list scenarios`), or a scenario file
    pub scenario: String,
    /// Read this text file instead of the scenario's own
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The checkpoint strategy, or a planted bug
    #[arg(long, value_name = "STRATEGY", default_value = "aligned")]
    pub strategy: String,
    /// The number of task managers, each a process
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub processes: u32,
    /// Kill a task manager, chosen by the seed, with SIGKILL this often, such as `2s`; it is started again. If that takes longer than the
    /// time between two kills, the job never comes to its end: see `--most-kills`
    #[arg(long, value_name = "TIME", value_parser = time_budget)]
    pub kill_every: Option<Duration>,
    /// Kill so often and no more
    #[arg(long, value_name = "N", requires = "kill_every")]
    pub most_kills: Option<u32>,
    /// How fast sources read, such as `100/s` for each split
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,
    /// Keep checkpoints and results in this folder, which must be empty or absent; by default in one that is deleted at the end
    #[arg(long, value_name = "DIR")]
    pub checkpoints: Option<PathBuf>,
    /// How snapshots reach the store, whatever the strategy's own way
    #[arg(long, value_name = "METHOD", value_parser = PossibleValuesParser::new(SnapshotMethod::ALL.map(SnapshotMethod::name)))]
    pub snapshot: Option<String>,
    /// The seed of inputs, and of who is killed; `random` draws one and prints it before anything else
    #[arg(long, value_name = "N|random", default_value = "1")]
    pub seed: Seed,
    /// Override a key of the scenario, such as `execution.checkpointing.interval=200ms`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Where the coordinator listens on this machine's own address; by default any free port
    #[arg(long, value_name = "PORT", default_value = "0")]
    pub port: u16,
    /// Give up on task managers that are not there for this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time_budget)]
    pub patience: Duration,
    /// Give up on a job that takes longer than this: a stall
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time_budget)]
    pub time_limit: Duration,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// `cutline task-manager`
#[derive(Debug, Args)]
pub struct TaskManagerArguments {
    /// Where the coordinator listens
    #[arg(long, value_name = "ADDRESS")]
    pub coordinator: SocketAddr,
    /// Its number
    #[arg(long, value_name = "N")]
    pub node: u32,
    /// What keeps the task managers of other jobs away
    #[arg(long, value_name = "N")]
    pub token: u64,
}
