//! Traces: one JSON object per line, first a header, then the events in the order of time.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use cutline::sim::event::{Event, Stamped, TRACE_VERSION};
use cutline::sim::ids::TaskId;
use cutline::sim::topology::Topology;
use serde::Serialize;

use crate::failure::Failure;
use crate::files::Output;

/// A trace that is being written.
pub struct Trace {
    output: Output,
    topology: Arc<Topology>,
    names: Vec<String>,
    records: bool,
    problem: Option<io::Error>,
}

/// The first line.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Header<'a> {
    trace_version: u32,
    program_version: &'a str,
    scenario: &'a str,
    strategy: &'a str,
    seed: u64,
    records: bool,
    tasks: &'a [String],
    channels: usize,
}

/// Every other line.
#[derive(Serialize)]
struct Line<'a> {
    time: u64,
    origin: &'a str,
    event: Event,
}

impl Trace {
    /// Begins a trace.
    pub fn create(
        path: &Path,
        topology: &Arc<Topology>,
        (scenario, strategy, seed): (&str, &str, u64),
        records: bool,
    ) -> Result<Trace, Failure> {
        let names: Vec<String> =
            (0..topology.tasks.len() as u32).map(|task| topology.task_name(TaskId(task))).collect();
        let output = Output::create(path)?;
        let mut trace = Trace { output, topology: Arc::clone(topology), names, records, problem: None };
        let header = Header {
            trace_version: TRACE_VERSION,
            program_version: env!("CUTLINE_VERSION"),
            scenario,
            strategy,
            seed,
            records,
            tasks: &trace.names,
            channels: trace.topology.channels.len(),
        };
        trace.problem = line(&mut trace.output, &header).err();
        Ok(trace)
    }

    /// True if every record and mark is to be an event.
    pub fn wants_records(&self) -> bool {
        self.records
    }

    /// Adds an event. A file that cannot be written is forgiven until the end: the run goes on.
    pub fn write(&mut self, stamped: &Stamped) {
        if self.problem.is_some() {
            return;
        }
        let other;
        let task = stamped.origin.as_task().and_then(|task| self.names.get(task.index()));
        let origin = match task {
            Some(name) => name,
            None => {
                other = stamped.origin.to_string();
                &other
            }
        };
        let written = line(&mut self.output, &Line { time: stamped.time, origin, event: stamped.event });
        self.problem = written.err();
    }

    /// Makes the file whole, or says why it cannot be.
    pub fn finish(self) -> Result<(), Failure> {
        match self.problem {
            Some(error) => Err(Failure::writing(self.output.path(), &error)),
            None => self.output.finish(),
        }
    }
}

fn line(output: &mut Output, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b"\n")
}
