//! Every key of a scenario reaches the configuration of the simulator.

use super::*;

#[test]
fn every_key_reaches_the_configuration() {
    let sets = [
        "cluster.nodes=9",
        "cluster.slot-sharing=false",
        "cluster.network.latency=1ms",
        "cluster.network.latency-jitter=2ms",
        "cluster.network.local-latency=3ms",
        "cluster.network.bandwidth=4 MiB/s",
        "cluster.network.control-latency=5ms",
        "cluster.network.control-jitter=6ms",
        "cluster.store.latency=7ms",
        "cluster.store.write-bandwidth=8 MiB/s",
        "cluster.store.read-bandwidth=unlimited",
        "cluster.costs.snapshot-sync=9ms",
        "cluster.costs.snapshot-copy-per-mib=10ms",
        "cluster.costs.compaction-bandwidth=32 MiB/s",
        "cluster.costs.log-replay-per-mib=33ms",
        "cluster.costs.deploy=11ms",
        "cluster.costs.node-downtime=12ms",
        "taskmanager.numberOfTaskSlots=13",
        "taskmanager.memory.segment-size=1 KiB",
        "taskmanager.network.memory.buffers-per-channel=14",
        "taskmanager.network.memory.floating-buffers-per-gate=15",
        "pipeline.max-parallelism=16",
        "execution.buffer-timeout.interval=0s",
        "execution.checkpointing.interval=17ms",
        "execution.checkpointing.min-pause=0s",
        "execution.checkpointing.timeout=19ms",
        "execution.checkpointing.max-concurrent-checkpoints=20",
        "execution.checkpointing.tolerable-failed-checkpoints=21",
        "execution.checkpointing.num-retained=22",
        "execution.checkpointing.externalized-checkpoint-retention=DELETE_ON_CANCELLATION",
        "execution.checkpointing.mode=AT_LEAST_ONCE",
        "execution.checkpointing.snapshot=incremental",
        "execution.checkpointing.dir=elsewhere",
        "state.backend.rocksdb.compaction.level.level0-file-num-trigger=34",
        "state.backend.rocksdb.compaction.level.max-size-level-base=35 B",
        "state.changelog.periodic-materialize.interval=36ms",
        "heartbeat.interval=23ms",
        "heartbeat.timeout=24ms",
        "restart-strategy.fixed-delay.delay=25ms",
        "restart-strategy.fixed-delay.attempts=26",
        "trigger.every-records=27",
        "trigger.at=['2s', '1s']",
        "savepoint.at=37ms",
        "savepoint.then=drain",
        "cancel.at=38ms",
        "bounds.steps=28",
        "bounds.time=29ms",
        "bounds.queue=30",
        "bounds.heal=31ms",
    ];
    let scenario = try_load(SMALL, &sets).expect("a scenario");
    assert_eq!(scenario.document.overrides().collect::<Vec<_>>(), sets);
    let config = scenario.spec.config();
    let ms = MILLISECOND;
    let (cluster, network, store) = (&config.cluster, &config.network, &config.store);
    assert_eq!((cluster.nodes, cluster.slots_per_node, cluster.slot_sharing), (9, 13, false));
    assert_eq!(cluster.max_parallelism, 16);
    assert_eq!((network.latency, network.latency_jitter, network.local_latency), (ms, 2 * ms, 3 * ms));
    assert_eq!(
        (network.bandwidth, network.control_latency, network.control_jitter),
        (4 << 20, 5 * ms, 6 * ms)
    );
    assert_eq!((network.buffer_bytes, network.exclusive_buffers, network.floating_buffers), (1024, 14, 15));
    assert_eq!(network.buffer_timeout, 0);
    assert_eq!((store.latency, store.write_bandwidth, store.read_bandwidth), (7 * ms, 8 << 20, 0));
    assert_eq!((config.snapshot.sync, config.snapshot.copy_per_mib), (9 * ms, 10 * ms));
    let snapshot = &config.snapshot;
    assert_eq!((snapshot.compaction_bandwidth, snapshot.replay_per_mib), (32 << 20, 33 * ms));
    assert_eq!((snapshot.level0_trigger, snapshot.level1_bytes), (34, 35));
    assert_eq!(snapshot.materialization_interval, 36 * ms);
    let checkpointing = &config.checkpointing;
    assert_eq!(checkpointing.snapshot, Some(SnapshotMethod::Incremental));
    assert_eq!(
        (checkpointing.interval, checkpointing.min_pause, checkpointing.timeout),
        (17 * ms, 0, 19 * ms)
    );
    assert_eq!(
        (checkpointing.max_concurrent, checkpointing.tolerable_failed, checkpointing.retained),
        (20, 21, 22)
    );
    assert_eq!(checkpointing.mode, CheckpointMode::AtLeastOnce);
    assert_eq!((checkpointing.dir.as_str(), checkpointing.every_records), ("elsewhere", 27));
    assert_eq!(checkpointing.at_records, [SECOND, 2 * SECOND]);
    assert_eq!(checkpointing.retention, Retention::DeleteOnCancellation);
    let savepoint = SavepointOrder { at: 37 * ms, then: Then::Drain };
    assert_eq!(config.life, LifeConfig { savepoint: Some(savepoint), cancel: Some(38 * ms) });
    let recovery = &config.recovery;
    assert_eq!((recovery.heartbeat_interval, recovery.heartbeat_timeout), (23 * ms, 24 * ms));
    assert_eq!((recovery.restart_delay, recovery.restart_attempts), (25 * ms, 26));
    assert_eq!((recovery.deploy, recovery.node_downtime), (11 * ms, 12 * ms));
    let bounds = &config.bounds;
    assert_eq!((bounds.steps, bounds.time, bounds.queue, bounds.heal), (28, 29 * ms, 30, 31 * ms));
}

#[test]
fn a_minimum_pause_means_one_checkpoint_at_a_time() {
    let sets =
        ["execution.checkpointing.min-pause=1s", "execution.checkpointing.max-concurrent-checkpoints=4"];
    assert_eq!(try_load(SMALL, &sets).expect("a scenario").spec.config().checkpointing.max_concurrent, 1);
}
