//! The bench `memory`: what a channel costs that carries little more than the marks of a checkpoint.
//!
//! Two operators with an all-to-all edge; every source emits two records, so nearly all channels stay idle but for
//! the marks of the checkpoints. First one bare world, to see what a channel takes (topology, data plane and snapshots
//! together); then a whole run with its oracles, to see the peak of the process. What one freed the
//! other uses again, so the peak is that of the run with oracles.

use std::sync::Arc;
use std::time::Instant;

use cutline_benches::engine::{Engine, OPTIONS, bare_world};
use cutline_scenarios::record::Class;
use cutline_sim::event::{Event, Stamped};
use cutline_sim::faults::FaultPlan;
use cutline_sim::world::Outcome;

/// Bytes that an idle channel may take, all in all.
const LIMIT: u64 = 400;
/// Bytes that the whole process may take at the largest parallelism.
const PEAK: u64 = 1_000_000_000;

fn scenario(parallelism: u64) -> String {
    format!(
        r#"
        name = "all-to-all"
        about = "Two operators, every task of the one connected with every task of the other."
        [input.keys]
        kind = {{ keys = {{ count = {}, keys = 1024, rate = "10/s", splits = {parallelism} }} }}
        [[job.operator]]
        uid = "source"
        does = {{ source = "keys" }}
        parallelism = {parallelism}
        [[job.operator]]
        uid = "count"
        does = {{ counter = {{ keys = 1024 }} }}
        parallelism = {parallelism}
        service = "10us"
        [[job.edge]]
        from = "source"
        to = "count"
        ship = "hash"
        [cluster]
        nodes = {parallelism}
        slot-sharing = false
        [taskmanager]
        numberOfTaskSlots = 2
        [pipeline]
        max-parallelism = 1024
        [execution]
        buffer-timeout.interval = "0s"
        checkpointing.interval = "50ms"
        "#,
        2 * parallelism
    )
}

/// A line of this process's status, in bytes; `None` where there is no such file.
fn status(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|text| text.strip_prefix(line))?.split_whitespace().nth(1)?;
    Some(kib.parse::<u64>().ok()? * 1024)
}

/// What a channel takes in one bare world when the first checkpoint is complete.
fn bytes_per_channel(parallelism: u64) -> Option<u64> {
    let before = status("VmRSS")?;
    let mut world = bare_world("all-to-all", scenario(parallelism), 7);
    world.begin(7, Arc::new(FaultPlan::default()));
    let mut then = None;
    let outcome = world.run(&mut |_, events| {
        let complete = |event: &Stamped| matches!(event.event, Event::CheckpointCompleted { .. });
        if then.is_none() && events.iter().any(complete) {
            then = status("VmRSS");
        }
    });
    assert_eq!(outcome, Outcome::Finished);
    Some((then? - before) / (parallelism * parallelism))
}

fn main() {
    let Some(bytes) = bytes_per_channel(1000) else {
        return println!("no /proc/self/status here: nothing to measure");
    };
    println!("1000000 channels: {bytes} bytes each in one world after a checkpoint");
    let start = Instant::now();
    let mut engine = Engine::of("all-to-all", scenario(1000), 7);
    let record = engine.run(7, &Arc::new(FaultPlan::default()), &OPTIONS);
    assert_eq!(record.class(), Class::Pass, "{:?}", record.verdicts);
    let peak = status("VmHWM").unwrap_or_default();
    println!(
        "1000000 channels, one checkpoint, all oracles: {:.1} s, peak {} MB",
        start.elapsed().as_secs_f64(),
        peak / 1_000_000
    );
    assert!(bytes <= LIMIT, "more than {LIMIT} bytes per idle channel");
    assert!(peak < PEAK, "more than {PEAK} bytes");
}
