//! NexoSim: a model for the source and one for each stage, connected by ports, on its executor for one thread.
//!
//! As its documentation has models wait: an input schedules another input of the same model. An item carries the instant at which it
//! is sent, so no model has to ask for the time; the input reckons when it has been served, with the very [`Way`] of the bare
//! loop, and schedules that. So a hop is one scheduled event and one message, and row and loop end at the same nanosecond.
//!
//! Building the models is measured too; it takes microseconds.

use std::time::Duration;

use cutline_sim::time::Time;
use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::{EventSinkReader, Output, SinkState, event_queue};
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

use super::{Row, SEED, version_of};
use crate::workload::{Counts, HOPS, Item, Outcome, STAGES, Way, emitted};

/// The rows.
pub fn rows() -> Vec<Row> {
    vec![Row {
        name: "NexoSim",
        version: version_of("nexosim"),
        includes: "exact times, checkpoint; no faults, no oracles",
        hops: HOPS,
        run: Box::new(|| run(SEED)),
    }]
}

/// What is sent from model to model, and when; nothing more comes behind `None`.
type Sent = (Option<Item>, Time);

/// What a stage says when it has ended: its number, its state, and when it had served the last record.
type Ended = (usize, Counts, Time);

#[derive(Serialize, Deserialize)]
struct Source {
    output: Output<Sent>,
    seed: u64,
    /// Items not yet sent, the next one last.
    items: Vec<(Time, Item)>,
}

#[Model]
impl Source {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        self.items = emitted(self.seed).collect();
        self.items.reverse();
        self.emit((), cx).await;
    }

    /// Sends what is due now, and comes again when something else is.
    #[nexosim(schedulable)]
    async fn emit(&mut self, _: (), cx: &Context<Self>) {
        let now = self.items.last().map_or(0, |(at, _)| *at);
        while let Some((at, item)) = self.items.pop_if(|(at, _)| *at == now) {
            self.output.send((Some(item), at)).await;
        }
        match self.items.last() {
            Some((at, _)) => cx
                .schedule_event(Duration::from_nanos(at - now), schedulable!(Self::emit), ())
                .expect("an instant to come"),
            None => self.output.send((None, now)).await,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Stage {
    output: Output<Sent>,
    ended: Output<Ended>,
    number: usize,
    way: Way,
    counts: Counts,
    now: Time,
}

#[Model]
impl Stage {
    /// Something is on its way here. The end takes the time of a barrier.
    fn sent(&mut self, (item, now): Sent, cx: &Context<Self>) {
        let served = self.way.send(item.unwrap_or(Item::Barrier), now);
        cx.schedule_event(Duration::from_nanos(served - now), schedulable!(Self::served), (item, served))
            .expect("an instant to come");
    }

    /// It has been served.
    #[nexosim(schedulable)]
    async fn served(&mut self, (item, now): Sent) {
        if let Some(item) = item {
            self.now = now;
            self.output.send((Some(self.counts.handle(item)), now)).await;
        } else {
            self.ended.send((self.number, self.counts.clone(), self.now)).await;
            self.output.send((None, now)).await;
        }
    }
}

fn run(seed: u64) -> Outcome {
    let (sink, mut ended) = event_queue(SinkState::Enabled);
    let stage = |(number, way)| {
        let (output, ended) = (Output::new(), Output::new());
        let mut stage = Stage { output, ended, number, way, counts: Counts::new(), now: 0 };
        stage.ended.connect_sink(sink.clone());
        (stage, Mailbox::new())
    };
    let mut source = Source { output: Output::new(), seed, items: Vec::new() };
    let mut stages: Vec<(Stage, Mailbox<Stage>)> = Way::all(seed).enumerate().map(stage).collect();
    source.output.connect(Stage::sent, &stages[0].1);
    for at in 1..STAGES {
        let (before, behind) = stages.split_at_mut(at);
        before[at - 1].0.output.connect(Stage::sent, &behind[0].1);
    }
    let mut bench = SimInit::with_num_threads(1).add_model(source, Mailbox::new(), "source");
    for (stage, mailbox) in stages {
        let name = format!("stage-{}", 1 + stage.number);
        bench = bench.add_model(stage, mailbox, &name);
    }
    let mut simulation = bench.init(MonotonicTime::EPOCH).unwrap_or_else(|error| panic!("{error}"));
    simulation.run().unwrap_or_else(|error| panic!("{error}"));
    let mut results: Vec<Ended> = std::iter::from_fn(|| ended.try_read()).collect();
    results.sort_by_key(|(number, ..)| *number);
    let end = results.last().map(|(_, _, now)| *now);
    Outcome::of(results.into_iter().map(|(_, counts, _)| counts).collect(), end)
}
