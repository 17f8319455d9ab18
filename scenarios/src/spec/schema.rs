//! What a scenario file may say. A field that is absent has the default of the simulator's configuration; the names are
//! Flink's own where Flink has one.

use std::collections::BTreeMap;

use cutline_sim::config::{CheckpointMode, Config, Retention};
use cutline_sim::graph::Ship;
use cutline_sim::protocol::SnapshotMethod;
use serde::Deserialize;

use super::InputKind;
use super::does::Does;
use super::life::{CancelSpec, SavepointSpec, life};
use super::names::{Folder, Name};
use crate::units::{
    Bandwidth, Beat, BoundedBytes, BoundedSpan, Cost, Count, Latency, Patience, PositiveSpan, Span, TEBIBYTE,
    Wait,
};

/// Most subtasks of an operator, and most key groups, as in Flink.
pub const PARALLELISM_MAX: u64 = 32_768;
/// Most nodes of a cluster.
pub const NODES_MAX: u64 = 10_000;

/// A number of 32 bits, zero allowed.
type Number = Count<0, { u32::MAX as u64 }>;
/// A number of 16 bits or so, at least 1: large enough for every counted thing of a cluster.
type Few = Count<1, 65_536>;
/// A number of subtasks.
type Parallelism = Count<1, PARALLELISM_MAX>;

/// A scenario: the job, its inputs, and the cluster it runs on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScenarioSpec {
    /// The name by which reports call it.
    pub name: Name,
    /// One line for a list.
    pub about: String,
    /// Inputs by name.
    pub input: BTreeMap<Name, InputEntry>,
    /// The job.
    pub job: JobSpec,
    /// Machines, links, store and costs.
    #[serde(default)]
    pub cluster: ClusterSpec,
    /// `taskmanager.*`
    #[serde(default)]
    pub taskmanager: TaskManagerSpec,
    /// `pipeline.*`
    #[serde(default)]
    pub pipeline: PipelineSpec,
    /// `execution.*`
    #[serde(default)]
    pub execution: ExecutionSpec,
    /// `state.*`
    #[serde(default)]
    pub state: StateSpec,
    /// `heartbeat.*`
    #[serde(default)]
    pub heartbeat: HeartbeatSpec,
    /// `restart-strategy.*`
    #[serde(default)]
    pub restart_strategy: RestartSpec,
    /// Checkpoint triggers beyond the interval.
    #[serde(default)]
    pub trigger: TriggerSpec,
    /// A savepoint that the user asks for; none if absent.
    pub savepoint: Option<SavepointSpec>,
    /// The user cancels the job; not if absent.
    pub cancel: Option<CancelSpec>,
    /// When a run is given up.
    #[serde(default)]
    pub bounds: BoundsSpec,
}

/// An input.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InputEntry {
    /// What it holds.
    pub kind: InputKind,
}

/// The job: operators and edges.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JobSpec {
    /// `[[job.operator]]`
    pub operator: Vec<OperatorEntry>,
    /// `[[job.edge]]`
    #[serde(default)]
    pub edge: Vec<EdgeEntry>,
}

/// An operator of the job.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OperatorEntry {
    /// The name by which edges and checkpoints know it; unique.
    pub uid: Name,
    /// What it does.
    pub does: Does,
    /// Number of subtasks; 1 if absent.
    pub parallelism: Option<Parallelism>,
    /// How long a record takes; nothing if absent.
    pub service: Option<Cost>,
    /// How much longer per KiB of the record; nothing if absent.
    pub service_per_kib: Option<Cost>,
    /// Up to how much longer, at random; nothing if absent.
    pub service_jitter: Option<Cost>,
    /// Bytes that the state of a subtask has beyond its entries: entries that never change; none if absent.
    pub state_bytes: Option<BoundedBytes<0, TEBIBYTE>>,
    /// Bytes of an entry of state; 24 if absent.
    pub state_entry_bytes: Option<BoundedBytes<1, 0x4000_0000>>,
}

impl OperatorEntry {
    /// The number of subtasks.
    pub fn parallelism(&self) -> u32 {
        self.parallelism.map_or(1, Parallelism::get_u32)
    }
}

/// An edge of the job.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EdgeEntry {
    /// The uid of the sending operator.
    pub from: Name,
    /// The uid of the receiving operator.
    pub to: Name,
    /// How the receiving subtask is chosen.
    pub ship: Ship,
    /// Which input of the receiving operator this is.
    #[serde(default = "port_zero")]
    pub port: Count<0, 63>,
    /// True for an edge that closes a cycle.
    #[serde(default)]
    pub feedback: bool,
}

fn port_zero() -> Count<0, 63> {
    Count::MIN
}

/// Machines, links, store and costs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClusterSpec {
    /// Number of nodes.
    pub nodes: Option<Count<1, NODES_MAX>>,
    /// True: subtask i of every operator shares slot i. False: every subtask has a slot of its own.
    pub slot_sharing: Option<bool>,
    /// Links.
    #[serde(default)]
    pub network: NetworkSpec,
    /// The durable store.
    #[serde(default)]
    pub store: StoreSpec,
    /// The external system of the sinks.
    #[serde(default)]
    pub external: ExternalSpec,
    /// What snapshots and recoveries cost.
    #[serde(default)]
    pub costs: CostsSpec,
}

/// Links between nodes, and control messages.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NetworkSpec {
    /// Least time of a buffer between two nodes.
    pub latency: Option<Latency>,
    /// Up to how much longer, at random.
    pub latency_jitter: Option<Cost>,
    /// Time of a buffer inside a node.
    pub local_latency: Option<Latency>,
    /// Bytes per second of one channel between nodes.
    pub bandwidth: Option<Bandwidth>,
    /// Least time of a control message.
    pub control_latency: Option<Latency>,
    /// Up to how much longer, at random.
    pub control_jitter: Option<Cost>,
}

/// The durable store.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoreSpec {
    /// Time of a request without its data.
    pub latency: Option<Latency>,
    /// Bytes per second of one write.
    pub write_bandwidth: Option<Bandwidth>,
    /// Bytes per second of one read.
    pub read_bandwidth: Option<Bandwidth>,
}

/// The external system of the sinks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExternalSpec {
    /// How long a transaction may be open, from its first record to its commit; then it is aborted (Kafka:
    /// `transaction.timeout.ms`).
    pub transaction_timeout: Option<PositiveSpan>,
}

/// What snapshots and recoveries cost.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CostsSpec {
    /// The synchronous part of a snapshot.
    pub snapshot_sync: Option<Cost>,
    /// More per MiB of state that is copied in the synchronous part.
    pub snapshot_copy_per_mib: Option<Cost>,
    /// Bytes per second that a compaction reads.
    pub compaction_bandwidth: Option<Bandwidth>,
    /// At a restore, per MiB of a log that is applied.
    pub log_replay_per_mib: Option<Cost>,
    /// From the deployment message to a task that begins to read its state.
    pub deploy: Option<Wait>,
    /// How long a crashed node stays away.
    pub node_downtime: Option<Wait>,
}

/// `taskmanager.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TaskManagerSpec {
    /// Slots of each node.
    #[serde(rename = "numberOfTaskSlots")]
    pub number_of_task_slots: Option<Few>,
    /// `taskmanager.memory.*`
    #[serde(default)]
    pub memory: MemorySpec,
    /// `taskmanager.network.*`
    #[serde(default)]
    pub network: TaskManagerNetworkSpec,
}

/// `taskmanager.memory.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MemorySpec {
    /// Size of a network buffer.
    pub segment_size: Option<BoundedBytes<64, 0x4000_0000>>,
}

/// `taskmanager.network.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TaskManagerNetworkSpec {
    /// `taskmanager.network.memory.*`
    #[serde(default)]
    pub memory: NetworkMemorySpec,
}

/// `taskmanager.network.memory.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NetworkMemorySpec {
    /// Buffers of each remote channel.
    pub buffers_per_channel: Option<Few>,
    /// Buffers shared by the channels of a gate.
    pub floating_buffers_per_gate: Option<Count<0, 65_536>>,
}

/// `pipeline.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PipelineSpec {
    /// Number of key groups.
    pub max_parallelism: Option<Parallelism>,
}

/// `execution.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExecutionSpec {
    /// `execution.buffer-timeout.*`
    #[serde(default)]
    pub buffer_timeout: BufferTimeoutSpec,
    /// `execution.checkpointing.*`
    #[serde(default)]
    pub checkpointing: CheckpointingSpec,
}

/// `execution.buffer-timeout.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BufferTimeoutSpec {
    /// A partly filled buffer is sent at the latest after this time; `"0s"`: after every record.
    pub interval: Option<Span>,
}

/// `execution.checkpointing.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CheckpointingSpec {
    /// From one periodic trigger to the next; `"0s"`: no periodic trigger.
    pub interval: Option<Span>,
    /// Least time from the end of a checkpoint to the start of the next.
    pub min_pause: Option<Wait>,
    /// A checkpoint that takes longer is aborted.
    pub timeout: Option<Patience>,
    /// From the trigger on, until barriers may overtake.
    pub aligned_checkpoint_timeout: Option<Wait>,
    /// Most checkpoints in flight.
    pub max_concurrent_checkpoints: Option<Few>,
    /// The job fails over after more than this many failed checkpoints in a row.
    pub tolerable_failed_checkpoints: Option<Number>,
    /// Completed checkpoints kept.
    pub num_retained: Option<Few>,
    /// What becomes of the completed checkpoints when the job is cancelled or fails.
    pub externalized_checkpoint_retention: Option<Retention>,
    /// What the job promises; by default what the strategy guarantees.
    pub mode: Option<CheckpointMode>,
    /// How snapshots reach the store; absent: as the strategy does it by itself. (Flink spreads this over `state.backend.type`,
    /// `execution.checkpointing.incremental` and `state.changelog.enabled`.)
    pub snapshot: Option<SnapshotMethod>,
    /// The folder of all checkpoints: each is named `DIR/chk-ID`.
    pub dir: Option<Folder>,
}

/// `state.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StateSpec {
    /// `state.backend.*`
    #[serde(default)]
    pub backend: BackendSpec,
    /// `state.changelog.*`
    #[serde(default)]
    pub changelog: ChangelogSpec,
}

/// `state.backend.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BackendSpec {
    /// `state.backend.rocksdb.*`
    #[serde(default)]
    pub rocksdb: RocksDbSpec,
}

/// `state.backend.rocksdb.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RocksDbSpec {
    /// `state.backend.rocksdb.compaction.*`
    #[serde(default)]
    pub compaction: CompactionSpec,
}

/// `state.backend.rocksdb.compaction.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CompactionSpec {
    /// `state.backend.rocksdb.compaction.level.*`
    #[serde(default)]
    pub level: LevelSpec,
}

/// `state.backend.rocksdb.compaction.level.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LevelSpec {
    /// Files of level 0 that are merged into level 1 (RocksDB: `level0_file_num_compaction_trigger`).
    pub level0_file_num_trigger: Option<Few>,
    /// Bytes that level 1 may hold; every deeper level may hold ten times as many.
    pub max_size_level_base: Option<BoundedBytes<1, TEBIBYTE>>,
}

/// `state.changelog.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChangelogSpec {
    /// `state.changelog.periodic-materialize.*`
    #[serde(default)]
    pub periodic_materialize: PeriodicMaterializeSpec,
}

/// `state.changelog.periodic-materialize.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PeriodicMaterializeSpec {
    /// From one materialisation of a task's state to the next.
    pub interval: Option<PositiveSpan>,
}

/// `heartbeat.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HeartbeatSpec {
    /// How often a node reports.
    pub interval: Option<Beat>,
    /// After how long a silent node is taken for dead.
    pub timeout: Option<PositiveSpan>,
}

/// `restart-strategy.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RestartSpec {
    /// `restart-strategy.fixed-delay.*`
    #[serde(default)]
    pub fixed_delay: FixedDelaySpec,
}

/// `restart-strategy.fixed-delay.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FixedDelaySpec {
    /// From the last confirmed cancellation to the redeployment.
    pub delay: Option<Wait>,
    /// Restarts before the job fails for good.
    pub attempts: Option<Number>,
}

/// Checkpoint triggers beyond the interval.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TriggerSpec {
    /// Whenever a source subtask has emitted so many records; 0: never.
    pub every_records: Option<Count<0, 1_000_000_000_000>>,
    /// When the first record of one of these event times or later is emitted.
    pub at: Option<Vec<Span>>,
}

/// When a run is given up.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BoundsSpec {
    /// Most steps. (What a party schedules is numbered with 32 bits.)
    pub steps: Option<Count<1, 4_000_000_000>>,
    /// Latest instant of virtual time.
    pub time: Option<PositiveSpan>,
    /// Most events waiting in the queue.
    pub queue: Option<Count<1, 1_000_000_000>>,
    /// After all faults have ended, how much longer than a failure-free run the job may take.
    pub heal: Option<PositiveSpan>,
}

impl ScenarioSpec {
    /// The configuration of the simulator: its defaults, overwritten by what the scenario says. A `min-pause` above zero
    /// makes the number of concurrent checkpoints 1, as in Flink.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        self.configure_cluster(&mut config);
        self.configure_network(&mut config);
        self.configure_checkpointing(&mut config);
        self.configure_state(&mut config);
        self.configure_recovery(&mut config);
        config.life = life(self.savepoint, self.cancel);
        let bounds = &self.bounds;
        put(&mut config.bounds.steps, bounds.steps.map(Count::get));
        put(&mut config.bounds.time, bounds.time.map(BoundedSpan::nanoseconds));
        put(&mut config.bounds.queue, bounds.queue.map(|count| count.get_u32() as usize));
        put(&mut config.bounds.heal, bounds.heal.map(BoundedSpan::nanoseconds));
        config
    }

    fn configure_cluster(&self, config: &mut Config) {
        put(&mut config.cluster.nodes, self.cluster.nodes.map(Count::get_u32));
        put(&mut config.cluster.slot_sharing, self.cluster.slot_sharing);
        put(&mut config.cluster.slots_per_node, self.taskmanager.number_of_task_slots.map(Count::get_u32));
        put(&mut config.cluster.max_parallelism, self.pipeline.max_parallelism.map(Count::get_u32));
        let store = &self.cluster.store;
        put(&mut config.store.latency, store.latency.map(BoundedSpan::nanoseconds));
        put(&mut config.store.write_bandwidth, store.write_bandwidth.map(Bandwidth::bytes_per_second));
        put(&mut config.store.read_bandwidth, store.read_bandwidth.map(Bandwidth::bytes_per_second));
        let timeout = self.cluster.external.transaction_timeout;
        put(&mut config.external.transaction_timeout, timeout.map(BoundedSpan::nanoseconds));
        let costs = &self.cluster.costs;
        put(&mut config.snapshot.sync, costs.snapshot_sync.map(BoundedSpan::nanoseconds));
        put(&mut config.snapshot.copy_per_mib, costs.snapshot_copy_per_mib.map(BoundedSpan::nanoseconds));
        let compaction = costs.compaction_bandwidth.map(Bandwidth::bytes_per_second);
        put(&mut config.snapshot.compaction_bandwidth, compaction);
        put(&mut config.snapshot.replay_per_mib, costs.log_replay_per_mib.map(BoundedSpan::nanoseconds));
        put(&mut config.recovery.deploy, costs.deploy.map(BoundedSpan::nanoseconds));
        put(&mut config.recovery.node_downtime, costs.node_downtime.map(BoundedSpan::nanoseconds));
    }

    fn configure_network(&self, config: &mut Config) {
        let (into, network) = (&mut config.network, &self.cluster.network);
        put(&mut into.latency, network.latency.map(BoundedSpan::nanoseconds));
        put(&mut into.latency_jitter, network.latency_jitter.map(BoundedSpan::nanoseconds));
        put(&mut into.local_latency, network.local_latency.map(BoundedSpan::nanoseconds));
        put(&mut into.bandwidth, network.bandwidth.map(Bandwidth::bytes_per_second));
        put(&mut into.control_latency, network.control_latency.map(BoundedSpan::nanoseconds));
        put(&mut into.control_jitter, network.control_jitter.map(BoundedSpan::nanoseconds));
        let segment = self.taskmanager.memory.segment_size;
        put(&mut into.buffer_bytes, segment.map(|size| u32::try_from(size.bytes()).unwrap_or(u32::MAX)));
        let memory = &self.taskmanager.network.memory;
        put(&mut into.exclusive_buffers, memory.buffers_per_channel.map(Count::get_u32));
        put(&mut into.floating_buffers, memory.floating_buffers_per_gate.map(Count::get_u32));
        put(&mut into.buffer_timeout, self.execution.buffer_timeout.interval.map(BoundedSpan::nanoseconds));
    }

    fn configure_checkpointing(&self, config: &mut Config) {
        let (into, checkpointing) = (&mut config.checkpointing, &self.execution.checkpointing);
        put(&mut into.interval, checkpointing.interval.map(BoundedSpan::nanoseconds));
        put(&mut into.min_pause, checkpointing.min_pause.map(BoundedSpan::nanoseconds));
        put(&mut into.timeout, checkpointing.timeout.map(BoundedSpan::nanoseconds));
        put(
            &mut into.alignment_timeout,
            checkpointing.aligned_checkpoint_timeout.map(BoundedSpan::nanoseconds),
        );
        put(&mut into.max_concurrent, checkpointing.max_concurrent_checkpoints.map(Count::get_u32));
        put(&mut into.tolerable_failed, checkpointing.tolerable_failed_checkpoints.map(Count::get_u32));
        put(&mut into.retained, checkpointing.num_retained.map(Count::get_u32));
        put(&mut into.retention, checkpointing.externalized_checkpoint_retention);
        put(&mut into.mode, checkpointing.mode);
        put(&mut into.snapshot, checkpointing.snapshot.map(Some));
        put(&mut into.dir, checkpointing.dir.clone().map(String::from));
        if into.min_pause > 0 {
            into.max_concurrent = 1;
        }
        put(&mut into.every_records, self.trigger.every_records.map(Count::get));
        let at = self.trigger.at.as_ref();
        put(&mut into.at_records, at.map(|times| times.iter().map(|time| time.nanoseconds()).collect()));
        into.at_records.sort_unstable();
    }

    fn configure_state(&self, config: &mut Config) {
        let into = &mut config.snapshot;
        let level = &self.state.backend.rocksdb.compaction.level;
        put(&mut into.level0_trigger, level.level0_file_num_trigger.map(Count::get_u32));
        put(&mut into.level1_bytes, level.max_size_level_base.map(BoundedBytes::bytes));
        let interval = self.state.changelog.periodic_materialize.interval;
        put(&mut into.materialization_interval, interval.map(BoundedSpan::nanoseconds));
    }

    fn configure_recovery(&self, config: &mut Config) {
        let into = &mut config.recovery;
        put(&mut into.heartbeat_interval, self.heartbeat.interval.map(BoundedSpan::nanoseconds));
        put(&mut into.heartbeat_timeout, self.heartbeat.timeout.map(BoundedSpan::nanoseconds));
        let restart = &self.restart_strategy.fixed_delay;
        put(&mut into.restart_delay, restart.delay.map(BoundedSpan::nanoseconds));
        put(&mut into.restart_attempts, restart.attempts.map(Count::get_u32));
    }
}

/// Overwrites a default by what the scenario says, if it says anything.
fn put<T>(into: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *into = value;
    }
}
