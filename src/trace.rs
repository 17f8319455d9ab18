//! Traces that are being written: see [`cutline::scenarios::trace`].

use std::io::{self, Write};
use std::path::Path;

use cutline::scenarios::prepare::Prepared;
use cutline::scenarios::record::RunRecord;
use cutline::scenarios::run::{Contender, Runner};
use cutline::scenarios::scene::{Cast, Entry, Suspects, Witness, entries};
use cutline::scenarios::trace::{End, Header, Line};
use cutline::sim::event::Stamped;
use cutline::sim::oracles::cut::Tear;
use cutline::sim::passage::Passes;
use cutline::sim::time::Time;
use cutline::sim::world::World;
use serde::Serialize;

use crate::failure::Failure;
use crate::files::Output;

/// A trace that is being written.
pub struct Trace {
    output: Output,
    cast: Cast,
    suspects: Suspects,
    now: Time,
    problem: Option<io::Error>,
}

impl Trace {
    /// Begins a trace. With `records` every record is an event and has its passages.
    pub fn create(
        path: &Path,
        prepared: &Prepared,
        (contender, seed): (Contender, u64),
        records: bool,
    ) -> Result<Trace, Failure> {
        let own_snapshots = Runner::new(prepared, contender).world().logs_sent();
        let cast = Cast::new(prepared.topology(), String::new(), own_snapshots);
        let cast = Cast { has_records: records, ..cast };
        let header = Header::new(&cast, env!("CUTLINE_VERSION"), (prepared.name(), contender.name, seed));
        let output = Output::create(path)?;
        let mut trace = Trace { output, cast, suspects: Suspects::default(), now: 0, problem: None };
        trace.write(&header);
        Ok(trace)
    }

    /// True if every record and mark is to be an event.
    pub fn wants_records(&self) -> bool {
        self.cast.has_records
    }

    /// Adds what has happened. A file that cannot be written is forgiven until the end: the run goes on.
    pub fn observe(&mut self, world: &World, events: &[Stamped]) {
        entries(world, events, &mut |entry| {
            self.suspects.see(&entry);
            if self.cast.has_records || !is_of_items(&entry) {
                self.now = entry.time();
                let line = Line::of(&entry, &self.cast);
                self.write(&line);
            }
        });
    }

    /// Adds how the run has ended, and makes the file whole; or says why it cannot be.
    pub fn finish(mut self, record: &RunRecord, tear: Option<Tear>) -> Result<(), Failure> {
        let witness = Witness::of(&record.verdicts, tear, &self.suspects);
        let end = End { outcome: record.outcome, verdicts: record.verdicts.clone(), witness };
        self.write(&Line::end(self.now.max(record.duration), end));
        match self.problem {
            Some(error) => Err(Failure::writing(self.output.path(), &error)),
            None => self.output.finish(),
        }
    }

    fn write(&mut self, value: &impl Serialize) {
        if self.problem.is_none() {
            let written = serde_json::to_writer(&mut self.output, value).map_err(io::Error::from);
            self.problem = written.and_then(|()| self.output.write_all(b"\n")).err();
        }
    }
}

/// True for a passage of a record, a watermark or the like, of which there are many.
fn is_of_items(entry: &Entry) -> bool {
    let Entry::Passage(passage) = entry else { return false };
    match passage.what {
        Passes::Sent { thing, .. } | Passes::Taken { thing, .. } | Passes::PutBack { thing, .. } => {
            thing.number().is_some()
        }
        _ => false,
    }
}
