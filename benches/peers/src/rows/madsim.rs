//! madsim: a node for the source and one for each stage over its TCP; and the driver of `cluster/`, a whole cluster on the same network.
//!
//! The network's latency is drawn evenly between 1 and 2 ms. There is no service time, for every sleep lasts at least a millisecond. A stream
//! hands over what was written at one time at most once per millisecond, so where every record is written alone the run takes ten times as
//! long as the source does: 25 s of simulated time. A run needs a thread of its own, which is measured too.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use cutline_cluster::job::Job;
use cutline_cluster::simulated::{self, Plan};
use cutline_sim::oracles::Verdict;
use cutline_sim::oracles::state;
use madsim::net::{TcpListener, TcpStream};
use madsim::runtime::{Handle, Runtime};
use madsim::time::sleep;

use super::{Row, SEED, cutline, version_of};
use crate::streams::{self, Together};
use crate::workload::{Counts, HOPS, Outcome, STAGES};

/// The port of every stage.
const PORT: u16 = 6000;
/// Until then everybody listens. A barrier of tokio's would not do: it wakes those who wait in an order that no seed decides.
const LISTENING: Duration = Duration::from_millis(5);

/// The rows.
pub fn rows() -> Vec<Row> {
    let streams = |name, together| {
        let mut first = None;
        let run = move || {
            let (outcome, took) = run(SEED, together);
            assert_eq!(*first.get_or_insert(took), took, "{name}: a seed gives one run");
            outcome
        };
        Row {
            name,
            version: version_of("madsim"),
            includes: "seed, checkpoint; kills, pauses, clogs and losses possible, no oracles",
            hops: HOPS,
            run: Box::new(run),
        }
    };
    vec![
        streams("madsim, TCP, a record a packet", Together::One),
        streams("madsim, TCP, ten records a packet", Together::Millisecond),
        Row {
            name: "Cutline's `cluster/` on madsim",
            version: version_of("madsim"),
            includes: "seed, aligned checkpoints into a store, credits; the same faults possible, six oracles",
            hops: HOPS,
            run: cluster(),
        },
    ]
}

/// What comes out, and how much simulated time it takes.
fn run(seed: u64, together: Together) -> (Outcome, Duration) {
    let simulate = move || {
        let mut config = madsim::Config::default();
        config.net.send_latency = Duration::from_millis(1)..Duration::from_millis(2);
        Runtime::with_seed_and_config(seed, config).block_on(simulate(seed, together))
    };
    match thread::spawn(simulate).join() {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn address(number: usize) -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, 1 + number as u8), PORT).into()
}

async fn simulate(seed: u64, together: Together) -> (Outcome, Duration) {
    let (handle, began) = (Handle::current(), Instant::now());
    let node = |number| handle.create_node().name(format!("stage-{number}")).ip(address(number).ip()).build();
    let stages: Vec<_> = (1..=STAGES).map(|number| node(number).spawn(stage(number))).collect();
    let source = node(0).spawn(async move {
        sleep(LISTENING).await;
        let output = TcpStream::connect(address(1)).await?;
        streams::source(seed, together, output, sleep).await
    });
    let mut ended = Vec::new();
    for stage in stages {
        ended.push(stage.await.expect("a node that is not killed").unwrap_or_else(|error| panic!("{error}")));
    }
    source.await.expect("a node that is not killed").unwrap_or_else(|error| panic!("{error}"));
    (Outcome::of(ended, None), began.elapsed())
}

async fn stage(number: usize) -> std::io::Result<Counts> {
    let listener = TcpListener::bind(address(number)).await?;
    sleep(LISTENING).await;
    let output = match number {
        STAGES => None,
        _ => Some(TcpStream::connect(address(number + 1)).await?),
    };
    let (input, _) = listener.accept().await?;
    streams::stage(input, output).await
}

/// The driver, with a task manager for every task, as in Cutline's own rows. Its oracles hold the final state against what the interpreter says, so
/// that is what is compared with the bare loop.
fn cluster() -> Box<dyn FnMut() -> Outcome> {
    let (prepared, contender) = (cutline::prepared(SEED), cutline::contender());
    let topology = prepared.topology_under(contender.guarantee);
    let job = Job { topology, cut: contender.cut, snapshot: contender.snapshot };
    let plan = Plan { nodes: 1 + STAGES as u32, ..Plan::QUIET };
    let reference = cutline::reference(&prepared);
    Box::new(move || {
        let report = simulated::run(&prepared, &job, plan, SEED);
        assert_eq!(report.objection(), None);
        let same = report.verdicts.contains(&(state::NAME, Verdict::Pass));
        assert!(same, "nobody has looked at the final state: {:?}", report.verdicts);
        assert!(report.outcome.is_ok_and(|outcome| outcome.completed > 0), "no checkpoint");
        reference.clone()
    })
}
