//! The numbers of a run: cluster, network, store, checkpointing, bounds. Plain data; the defaults are Flink's where Flink
//! has one. Times are in nanoseconds, sizes in bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::CheckpointId;
use crate::protocol::SnapshotMethod;
use crate::time::{MICROSECOND, MILLISECOND, SECOND, Time};

/// Everything about a run that is neither the job, nor the strategy, nor the seed, nor the faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Machines and slots.
    pub cluster: ClusterConfig,
    /// Channels and control messages.
    pub network: NetworkConfig,
    /// The durable store.
    pub store: StoreConfig,
    /// The external system of the sinks.
    pub external: ExternalConfig,
    /// When checkpoints are taken, and what becomes of them.
    pub checkpointing: CheckpointConfig,
    /// What snapshots cost beside the store's part.
    pub snapshot: SnapshotCosts,
    /// How failures are noticed and what happens then.
    pub recovery: RecoveryConfig,
    /// What the user asks of the job while it runs.
    pub life: LifeConfig,
    /// A source sends a watermark whenever event time has advanced by this much (`pipeline.auto-watermark-interval`,
    /// which in Flink goes by the clock).
    pub watermark_interval: Time,
    /// When a run is given up.
    pub bounds: Bounds,
    /// The least time that a message, a request or a buffer takes: 1 ns, so that tasks can run ahead of each other; 0 where every order is
    /// gone through, see [`Config::at_once`].
    pub least: Time,
}

impl Config {
    /// The same with everything that takes time taking none: what follows from what happens at one instant then happens at that
    /// instant, in whatever order ([`World::choices`](crate::world::World::choices)). What somebody waits for (the time-out of a heartbeat,
    /// the next checkpoint) takes its time as ever.
    pub fn at_once(&self) -> Config {
        let mut config = self.clone();
        config.least = 0;
        let network = &mut config.network;
        (network.latency, network.latency_jitter, network.local_latency, network.bandwidth) = (0, 0, 0, 0);
        (network.control_latency, network.control_jitter, network.buffer_timeout) = (0, 0, 0);
        (config.store.latency, config.store.write_bandwidth, config.store.read_bandwidth) = (0, 0, 0);
        let costs = &mut config.snapshot;
        (costs.sync, costs.copy_per_mib, costs.compaction_bandwidth, costs.replay_per_mib) = (0, 0, 0, 0);
        (config.recovery.deploy, config.recovery.restart_delay) = (0, 0);
        config
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            cluster: ClusterConfig::default(),
            network: NetworkConfig::default(),
            store: StoreConfig::default(),
            external: ExternalConfig::default(),
            checkpointing: CheckpointConfig::default(),
            snapshot: SnapshotCosts::default(),
            recovery: RecoveryConfig::default(),
            life: LifeConfig::default(),
            watermark_interval: 200 * MILLISECOND,
            bounds: Bounds::default(),
            least: 1,
        }
    }
}

/// Machines and slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Number of nodes (task managers); at least 1.
    pub nodes: u32,
    /// Slots of each node (`taskmanager.numberOfTaskSlots`); at least 1.
    pub slots_per_node: u32,
    /// True: subtask i of every operator shares slot i, as in Flink. False: every task has a slot of its own.
    pub slot_sharing: bool,
    /// Number of key groups (`pipeline.max-parallelism`); at least the largest parallelism.
    pub max_parallelism: u32,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        ClusterConfig { nodes: 2, slots_per_node: 4, slot_sharing: true, max_parallelism: 128 }
    }
}

/// Channels and control messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetworkConfig {
    /// Least time a buffer is on the way between two nodes; at least 1 ns.
    pub latency: Time,
    /// Up to so much more, uniformly drawn per buffer; order is kept.
    pub latency_jitter: Time,
    /// Time a buffer is on the way inside one node; at least 1 ns.
    pub local_latency: Time,
    /// Bytes per second of one channel between nodes; 0: unlimited.
    pub bandwidth: u64,
    /// Least time of a control message between any two parties; at least 1 ns.
    pub control_latency: Time,
    /// Up to so much more, uniformly drawn per message. Control messages may overtake each other only by a fault.
    pub control_jitter: Time,
    /// Size of a network buffer (`taskmanager.memory.segment-size`).
    pub buffer_bytes: u32,
    /// Buffers of each remote channel (`taskmanager.network.memory.buffers-per-channel`); at least 1.
    pub exclusive_buffers: u32,
    /// Buffers shared by the channels of a gate (`taskmanager.network.memory.floating-buffers-per-gate`).
    pub floating_buffers: u32,
    /// A partly filled buffer is sent at the latest after this time (`execution.buffer-timeout.interval`); 0: after every
    /// record.
    pub buffer_timeout: Time,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        NetworkConfig {
            latency: 500 * MICROSECOND,
            latency_jitter: 0,
            local_latency: 20 * MICROSECOND,
            bandwidth: 0,
            control_latency: MILLISECOND,
            control_jitter: 0,
            buffer_bytes: 32 * 1024,
            exclusive_buffers: 2,
            floating_buffers: 8,
            buffer_timeout: 100 * MILLISECOND,
        }
    }
}

/// The durable store: every request takes the latency plus the object's size over the bandwidth; requests of different
/// tasks do not slow each other down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Time of a request without its data; at least 1 ns.
    pub latency: Time,
    /// Bytes per second of one write; 0: unlimited.
    pub write_bandwidth: u64,
    /// Bytes per second of one read; 0: unlimited.
    pub read_bandwidth: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig { latency: 2 * MILLISECOND, write_bandwidth: 200 << 20, read_bandwidth: 200 << 20 }
    }
}

/// The external system of the sinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalConfig {
    /// How long a transaction may be open, from its first record to its commit (Kafka: `transaction.timeout.ms`); at least 1 ns.
    /// One hour, as Flink's Kafka sink sets it. (A Kafka broker allows 15 minutes unless its `transaction.max.timeout.ms` is
    /// raised.)
    pub transaction_timeout: Time,
}

impl Default for ExternalConfig {
    fn default() -> Self {
        ExternalConfig { transaction_timeout: 3600 * SECOND }
    }
}

/// What the job promises about its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointMode {
    /// Every record counts once.
    #[default]
    ExactlyOnce,
    /// Every record counts, some twice after a restore.
    AtLeastOnce,
}

impl fmt::Display for CheckpointMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CheckpointMode::ExactlyOnce => "exactly once",
            CheckpointMode::AtLeastOnce => "at least once",
        })
    }
}

/// What becomes of the completed checkpoints when the job is cancelled, or has failed for good
/// (`execution.checkpointing.externalized-checkpoint-retention`). Those of a job that came to its end stay, to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Retention {
    /// They stay.
    RetainOnCancellation,
    /// They are deleted when the job is cancelled; those of a job that failed stay.
    DeleteOnCancellation,
    /// They are deleted in both cases.
    #[default]
    NoExternalizedCheckpoints,
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Retention::RetainOnCancellation => "RETAIN_ON_CANCELLATION",
            Retention::DeleteOnCancellation => "DELETE_ON_CANCELLATION",
            Retention::NoExternalizedCheckpoints => "NO_EXTERNALIZED_CHECKPOINTS",
        })
    }
}

/// What follows a savepoint that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// The job goes on.
    Run,
    /// The sources have stopped reading, and the job stops: it can go on from the savepoint.
    Suspend,
    /// The sources end where they are, as if there were no more input, and the job comes to its end.
    Drain,
}

/// A savepoint that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavepointOrder {
    /// When. A job that does not run then is asked when it does.
    pub at: Time,
    /// What follows it.
    pub then: Then,
}

/// What the user asks of the job while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LifeConfig {
    /// A savepoint, perhaps to stop with.
    pub savepoint: Option<SavepointOrder>,
    /// When the job is cancelled.
    pub cancel: Option<Time>,
}

/// When checkpoints are taken, and what becomes of them (`execution.checkpointing.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointConfig {
    /// From one periodic trigger to the next; 0: no periodic trigger.
    pub interval: Time,
    /// Least time between the end of one checkpoint and the start of the next.
    pub min_pause: Time,
    /// A checkpoint that takes longer is aborted.
    pub timeout: Time,
    /// When a checkpoint is so old, barriers that have waited until then overtake, under a strategy that changes over
    /// (`aligned-checkpoint-timeout`; Flink's default is 0, which lets them overtake from the beginning).
    pub alignment_timeout: Time,
    /// Most checkpoints in flight; at least 1. With a `min_pause` above 0 it is 1, as in Flink.
    pub max_concurrent: u32,
    /// The job fails over after more than this many failed checkpoints in a row.
    pub tolerable_failed: u32,
    /// Completed checkpoints kept; at least 1.
    pub retained: u32,
    /// What becomes of them when the job is over before its end.
    pub retention: Retention,
    /// What the job promises of its state. It is what oracles hold the job to; a strategy that can only do less does not
    /// change by it.
    pub mode: CheckpointMode,
    /// How snapshots reach the store; absent: as the strategy does it by itself.
    pub snapshot: Option<SnapshotMethod>,
    /// The folder of all checkpoints (`execution.checkpointing.dir`): see [`CheckpointConfig::path`].
    pub dir: String,
    /// Trigger whenever a source subtask has emitted so many records since it last asked; 0: never. Requests that come
    /// while a checkpoint is in flight are served by one more.
    pub every_records: u64,
    /// Trigger when a source subtask emits its first record with one of these event times (nanoseconds) or later: marked
    /// records.
    pub at_records: Vec<Time>,
}

impl CheckpointConfig {
    /// Where a checkpoint is in the store, in Flink's layout: `DIR/chk-ID`.
    pub fn path(&self, id: CheckpointId) -> String {
        format!("{}/chk-{id}", self.dir.trim_end_matches('/'))
    }
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        CheckpointConfig {
            interval: 500 * MILLISECOND,
            min_pause: 0,
            timeout: 600 * SECOND,
            alignment_timeout: 200 * MILLISECOND,
            max_concurrent: 1,
            tolerable_failed: 0,
            retained: 1,
            retention: Retention::default(),
            mode: CheckpointMode::ExactlyOnce,
            snapshot: None,
            dir: "checkpoints".to_owned(),
            every_records: 0,
            at_records: Vec::new(),
        }
    }
}

/// What snapshots and state backends cost beside the store's part ([`StoreConfig`]); the model is that of
/// [`backend`](crate::backend).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotCosts {
    /// The synchronous part of a snapshot, during which the task handles nothing else.
    pub sync: Time,
    /// More per MiB that is copied in the synchronous part.
    pub copy_per_mib: Time,
    /// Bytes per second that a compaction reads; 0: unlimited.
    pub compaction_bandwidth: u64,
    /// Runs of level 0 that are merged into level 1 (RocksDB: `level0_file_num_compaction_trigger`); at least 1.
    pub level0_trigger: u32,
    /// Bytes that level 1 may hold (`state.backend.rocksdb.compaction.level.max-size-level-base`).
    pub level1_bytes: u64,
    /// From one materialisation to the next (`state.changelog.periodic-materialize.interval`).
    pub materialization_interval: Time,
    /// At a restore, per MiB of a log that is applied.
    pub replay_per_mib: Time,
}

impl Default for SnapshotCosts {
    fn default() -> Self {
        SnapshotCosts {
            sync: MILLISECOND,
            copy_per_mib: MILLISECOND,
            compaction_bandwidth: 100 << 20,
            level0_trigger: 4,
            level1_bytes: 256 << 20,
            materialization_interval: 600 * SECOND,
            replay_per_mib: 200 * MILLISECOND,
        }
    }
}

/// How failures are noticed and what happens then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryConfig {
    /// A node reports this often (`heartbeat.interval`; Flink's default is 10 s, and here runs are short).
    pub heartbeat_interval: Time,
    /// A node that was not heard of for this long is taken for dead (`heartbeat.timeout`; Flink's default is 50 s).
    pub heartbeat_timeout: Time,
    /// From the last confirmed cancellation to the redeployment (`restart-strategy.fixed-delay.delay`).
    pub restart_delay: Time,
    /// Restarts before the job fails for good (`restart-strategy.fixed-delay.attempts`; without limit by default, as in Flink
    /// with checkpointing on).
    pub restart_attempts: u32,
    /// How long a crashed node stays away.
    pub node_downtime: Time,
    /// From the deployment message to a task that begins to read its state.
    pub deploy: Time,
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        RecoveryConfig {
            heartbeat_interval: SECOND,
            heartbeat_timeout: 5 * SECOND,
            restart_delay: SECOND,
            restart_attempts: u32::MAX,
            node_downtime: 3 * SECOND,
            deploy: 10 * MILLISECOND,
        }
    }
}

/// When a run is given up: each bound is a named failure, not a hang.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most steps: events of the queue and handled items together.
    pub steps: u64,
    /// Latest instant.
    pub time: Time,
    /// Most events waiting in the queue.
    pub queue: usize,
    /// After all faults have ended, the job must finish within this much more than a failure-free run needs.
    pub heal: Time,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { steps: 4_000_000_000, time: 30 * 24 * 3600 * SECOND, queue: 10_000_000, heal: 600 * SECOND }
    }
}
