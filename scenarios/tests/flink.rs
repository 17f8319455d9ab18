//! What was measured on a real Flink 1.20.5, on one machine with two task managers of four slots: 4 sources, a hash, 4 workers with
//! records of 1,000 bytes and 1 ms for each, so 1,000 records a second and worker; heap state of 1 MB in all; a checkpoint every
//! 2 s; Flink's defaults for buffers. The scenario has the shape of that job, but that records are dealt out in turn (the measured job
//! was balanced, and one with keys drawn at random is not) and that the state is a size and not keyed. Nothing is fitted to a case;
//! parameters of the model are its defaults. Durations of whole seconds moved by 5 to 10 % there, those of milliseconds by more;
//! here they must be within the factor that each test states.

use std::fmt::Write;
use std::sync::Arc;

use cutline_algorithms::find;
use cutline_scenarios::library_files::ScenarioText;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::record::{CheckpointRecord, Class};
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_sim::time::{MILLISECOND, SECOND, Time};

const JOB: &str = r#"
name = "flink"
about = "Four sources, a hash, four workers that take 1 ms for a record."

[input.records]
kind = { events = { count = 40000, keys = 4294967296, values = 100, rate = "500/s", splits = 4, size = "1000 B" } }

[[job.operator]]
uid = "source"
does = { source = "records" }
parallelism = 4

[[job.operator]]
uid = "worker"
does = { map = { add = 1 } }
parallelism = 4
service = "1ms"
state-bytes = "256 KiB"

[[job.edge]]
from = "source"
to = "worker"
ship = "rebalance"

[cluster]
nodes = 2
slot-sharing = false

[taskmanager]
numberOfTaskSlots = 4

[execution]
checkpointing.interval = "2s"
"#;

/// Medians over the checkpoints of the steady part of a run.
#[derive(Debug)]
struct Medians {
    duration: Time,
    alignment: Time,
    start_delay: Time,
    persisted: u64,
}

fn measure(strategy: &str, utilisation: u64, overrides: &[&str]) -> Medians {
    measure_job(JOB, strategy, utilisation, overrides)
}

fn measure_job(job: &str, strategy: &str, utilisation: u64, overrides: &[&str]) -> Medians {
    let text = ScenarioText::new("flink.toml", job);
    let (rate, count) = (10 * utilisation, 800 * utilisation); // 20 s
    let load_keys = [
        format!("input.records.kind.events.rate=\"{rate}/s\""),
        format!("input.records.kind.events.count={count}"),
    ];
    let overrides: Vec<String> =
        load_keys.into_iter().chain(overrides.iter().map(|&key| key.to_owned())).collect();
    let prepared = Prepared::load(&text, &overrides, 1).unwrap_or_else(|error| panic!("{error}"));
    let contender = Contender::from(find(strategy).expect("a strategy"));
    let options = Options { forks: Some(false), ..Options::default() };
    let record = Runner::new(&prepared, contender).run(1, &Arc::default(), &options, None);
    assert_eq!(record.class(), Class::Pass, "{:?}", record.verdicts);
    // Not the first, while buffers fill, and none after the end of the input.
    let (first, last) = (record.duration * 15 / 100, record.duration * 75 / 100);
    let steady: Vec<&CheckpointRecord> =
        record.completed().filter(|it| (first..last).contains(&it.triggered)).collect();
    assert!(steady.len() >= 5, "{} checkpoints", steady.len());
    let median = |figure: fn(&CheckpointRecord) -> u64| {
        let mut figures: Vec<u64> = steady.iter().map(|&it| figure(it)).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    };
    Medians {
        duration: median(|it| it.duration),
        alignment: median(|it| it.alignment),
        start_delay: median(|it| it.start_delay),
        persisted: median(|it| it.persisted_in_flight_data),
    }
}

/// Buffers of a channel and of a gate, and how large they are.
const EXCLUSIVE: u64 = 2;
const FLOATING: u64 = 8;
const BUFFER: u64 = 32 * 1024;
/// Subtasks on each side; all channels are remote.
const SUBTASKS: u64 = 4;
/// What fits into the buffers of a subtask at both ends: E*p + F, twice.
const FITS: u64 = 2 * (EXCLUSIVE * SUBTASKS + FLOATING) * BUFFER;
/// Bytes that a worker handles in a second.
const SPEED: u64 = 1_000_000;

/// True if a figure lies between two percentages of another.
fn within(figure: u64, percent: std::ops::RangeInclusive<u64>, of: u64) -> bool {
    (percent.start() * of / 100..=percent.end() * of / 100).contains(&figure)
}

/// Relation 16: an overloaded unaligned checkpoint persists 0.86 to 0.92 of what fits into the buffers at both ends. Here some buffers
/// are filled in part, too, and what waits for a buffer counts: 0.80 to 1.00.
#[test]
fn an_unaligned_checkpoint_under_overload_holds_what_fits_into_the_buffers() {
    let unaligned = measure("unaligned", 120, &[]);
    assert!(within(unaligned.persisted, 80..=100, SUBTASKS * FITS), "{unaligned:?}");
}

/// Relation 17: an overloaded aligned checkpoint takes 0.83 to 1.01 of the time in which a worker handles all that fits; most of it is
/// start delay, and the alignment is about p buffers. Here the alignment is that within a factor of 2.
#[test]
fn an_aligned_checkpoint_under_overload_waits_for_what_is_queued() {
    let aligned = measure("aligned", 120, &[]);
    assert!(within(aligned.duration, 83..=101, FITS * SECOND / SPEED), "{aligned:?}");
    assert!(aligned.start_delay > aligned.duration / 2, "{aligned:?}");
    assert!(within(aligned.alignment, 50..=200, SUBTASKS * BUFFER * SECOND / SPEED), "{aligned:?}");
    assert_eq!(aligned.persisted, 0);
}

/// Relation 17, too: it is linear in the service time and in the size of buffers, and inverse in the size of records. (Halves and
/// doubles, within 10 %.)
#[test]
fn an_aligned_checkpoint_under_overload_is_linear_in_what_it_waits_for() {
    let duration = |utilisation, keys: &[&str]| {
        let measured = measure("aligned", utilisation, keys);
        measured.duration - 10 * MILLISECOND // what a checkpoint takes when nothing is queued
    };
    let base = duration(120, &["execution.checkpointing.interval=2500ms"]);
    // Half as many records a second are as much of an overload for workers that take twice as long: all is twice as slow.
    let slow = duration(
        60,
        &[
            "job.operator.worker.service=2ms",
            "input.records.kind.events.count=96000",
            "execution.checkpointing.interval=5s",
        ],
    );
    assert!(within(slow, 90..=110, 2 * base), "service: {slow} for twice {base}");
    let small_buffers =
        duration(120, &["taskmanager.memory.segment-size=16KiB", "execution.checkpointing.interval=1250ms"]);
    assert!(within(small_buffers, 90..=110, base / 2), "buffers: {small_buffers} for half of {base}");
    let large_records = duration(
        120,
        &["input.records.kind.events.size=\"2000 B\"", "execution.checkpointing.interval=1250ms"],
    );
    assert!(within(large_records, 90..=110, base / 2), "records: {large_records} for half of {base}");
}

/// The same job through so many shuffles: between sources and workers stand maps that take no time, on nodes of their own.
fn through(hops: u64) -> String {
    let mut job = JOB.to_owned();
    for nth in 1..hops {
        let before = if nth == 1 { "source".to_owned() } else { format!("relay-{}", nth - 1) };
        let (last, edge) = (format!("from = \"{before}\"\nto = \"worker\""), "ship = \"rebalance\"\n");
        assert_eq!(job.matches(&last).count(), 1);
        job = job.replace(&last, &format!("from = \"relay-{nth}\"\nto = \"worker\""));
        let _ = write!(
            job,
            "[[job.operator]]\nuid = \"relay-{nth}\"\ndoes = {{ map = {{ add = 1 }} }}\nparallelism = 4\n\
             [[job.edge]]\nfrom = \"{before}\"\nto = \"relay-{nth}\"\n{edge}"
        );
    }
    job
}

/// Relation 17, too: it is linear in the hops. Each is full, and all that is in them goes through the workers: 0.83 to 1.01 of the time
/// that they need for it, through one to four shuffles.
#[test]
fn an_aligned_checkpoint_under_overload_is_linear_in_the_hops() {
    for hops in 1..=4 {
        // As many checkpoints in each run, and each is over before the next.
        let keys = [
            format!("cluster.nodes={}", hops + 1),
            format!("input.records.kind.events.count={}", 96_000 * hops),
            format!("execution.checkpointing.interval={}ms", 2_000 * hops),
        ];
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let aligned = measure_job(&through(hops), "aligned", 120, &keys);
        assert!(within(aligned.duration, 83..=101, hops * FITS * SECOND / SPEED), "{hops} hops: {aligned:?}");
    }
}

/// Relation 17, too: beside a quiet input nearly all of it is alignment, for the barrier of the quiet one waits for a turn and no more: a
/// buffer of each of the p others. So the start delay is that, and 10 ms that a checkpoint takes in any case; the rest is alignment, 85 % here.
/// (A record on the quiet input just before the barrier makes it two turns; there is one in ten seconds. The quiet input comes on an edge
/// of its own, so it has a gate of its own, whose floating buffers the full inputs cannot use: in all it takes no longer than without it.)
#[test]
fn beside_a_quiet_input_an_aligned_checkpoint_under_overload_aligns() {
    let quiet = "\n[input.quiet]\n\
                 kind = { events = { count = 3, keys = 4, values = 100, rate = \"6/min\", splits = 1 } }\n\
                 [[job.operator]]\nuid = \"quiet\"\ndoes = { source = \"quiet\" }\n\
                 [[job.edge]]\nfrom = \"quiet\"\nto = \"worker\"\nship = \"rebalance\"\n";
    let equal = measure("aligned", 120, &[]);
    let aligned = measure_job(&format!("{JOB}{quiet}"), "aligned", 120, &["cluster.nodes=3"]);
    assert!(within(aligned.duration, 83..=101, FITS * SECOND / SPEED), "{aligned:?}");
    assert!(aligned.alignment > 85 * aligned.duration / 100, "{aligned:?}");
    assert!(aligned.start_delay < SUBTASKS * BUFFER * SECOND / SPEED + 10 * MILLISECOND, "{aligned:?}");
    assert!(equal.alignment < equal.duration / 2, "{equal:?}: where all inputs are equal it is start delay");
}

/// Relation 18: aligned with a time-out takes the time-out and about 20 ms, and persists what an unaligned one does less what is
/// handled until then. (Measured: 322 ms for 300; 2.09 MB where the unaligned one has 3.27 and 1.2 are handled. Here within 10 %.)
#[test]
fn an_alignment_that_times_out_saves_what_is_left() {
    let unaligned = measure("unaligned", 120, &[]);
    let turned =
        measure("aligned-timeout", 120, &["execution.checkpointing.aligned-checkpoint-timeout=300ms"]);
    assert!((300 * MILLISECOND..=325 * MILLISECOND).contains(&turned.duration), "{turned:?}");
    let left = unaligned.persisted - SUBTASKS * SPEED * 300 / 1000;
    assert!(within(turned.persisted, 90..=110, left), "{turned:?}, {unaligned:?}");
}

/// Relation 19: below saturation the buffer time-out dominates. (Measured at u = 50 %: 50 to 64 ms with 100 ms, 10 ms with 10 ms; the
/// floor, an idle job's checkpoint, is 6 to 13 ms.)
#[test]
fn below_saturation_the_buffer_timeout_dominates() {
    let idle = measure("aligned", 1, &["execution.buffer-timeout.interval=1ms"]).duration;
    let long = measure("aligned", 50, &["execution.buffer-timeout.interval=100ms"]).duration;
    let short = measure("aligned", 50, &["execution.buffer-timeout.interval=10ms"]).duration;
    assert!((6 * MILLISECOND..=13 * MILLISECOND).contains(&idle), "{idle}");
    assert!(short < 2 * idle && long > 2 * short, "{long} and {short}, {idle} when idle");
    // The table: within a factor of 2 of the least and of the most that was measured.
    for (utilisation, least, most) in [(50, 56, 64), (80, 78, 80), (95, 90, 94), (120, 877, 946)] {
        let took = measure("aligned", utilisation, &[]).duration;
        assert!(
            (least * MILLISECOND / 2..=2 * most * MILLISECOND).contains(&took),
            "{utilisation} %: {took}"
        );
    }
}
