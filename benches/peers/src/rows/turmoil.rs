//! turmoil: a host for the source and one for each stage, over its TCP.
//!
//! The network's latency is what it can be here: between 1 and 2 ms, of which turmoil draws more small ones than large ones, and which ends with a
//! tick of a millisecond. There is no service time, for tokio's timers know milliseconds only. The last stage is what turmoil
//! calls a client: the simulation ends when it does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use turmoil::net::{TcpListener, TcpStream};

use super::{Row, SEED, version_of};
use crate::streams::{self, Together};
use crate::workload::{Counts, HOPS, Outcome, STAGES};

/// The port of every stage.
const PORT: u16 = 6000;
/// Long enough for everything.
const LIMIT: Duration = Duration::from_secs(60);

/// The rows.
pub fn rows() -> Vec<Row> {
    let row = |name, together| Row {
        name,
        version: version_of("turmoil"),
        includes: "seeded network, checkpoint; crashes and partitions possible, no oracles",
        hops: HOPS,
        run: Box::new(move || run(SEED, together)),
    };
    vec![
        row("turmoil, TCP, a record a segment", Together::One),
        row("turmoil, TCP, ten records a segment", Together::Millisecond),
    ]
}

/// The states of stages that have ended.
type Ended = Rc<RefCell<BTreeMap<usize, Counts>>>;

fn run(seed: u64, together: Together) -> Outcome {
    let ended = Ended::default();
    let mut builder = turmoil::Builder::new();
    builder
        .rng_seed(seed)
        .simulation_duration(LIMIT)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(2));
    let mut simulation = builder.build();
    // Hosts run in this order in every tick: who is connected to listens before.
    simulation.client(host(STAGES), stage(STAGES, Rc::clone(&ended)));
    for number in (1..STAGES).rev() {
        let ended = Rc::clone(&ended);
        simulation.host(host(number), move || stage(number, Rc::clone(&ended)));
    }
    simulation.host(host(0), move || async move {
        let output = TcpStream::connect((host(1), PORT)).await?;
        Ok(streams::source(seed, together, output, tokio::time::sleep).await?)
    });
    simulation.run().unwrap_or_else(|error| panic!("{error}"));
    drop(simulation);
    Outcome::of(ended.take().into_values().collect(), None)
}

fn host(number: usize) -> String {
    format!("stage-{number}")
}

async fn stage(number: usize, ended: Ended) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let output = match number {
        STAGES => None,
        _ => Some(TcpStream::connect((host(number + 1), PORT)).await?),
    };
    let (input, _) = listener.accept().await?;
    let counts = streams::stage(input, output).await?;
    ended.borrow_mut().insert(number, counts);
    Ok(())
}
