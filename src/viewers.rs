//! What `cutline run` and `cutline replay` write for existing viewers; and `cutline graph`.

use std::path::{Path, PathBuf};

use clap::Args;
use cutline::reports::viewers;
use cutline::reports::viewers::shiviz::{self, Log};
use cutline::scenarios::library_files;
use cutline::scenarios::scene::Cast;
use cutline::scenarios::story::{EVENTS_MAX, Story};
use cutline::sim::event::Stamped;
use cutline::sim::world::World;

use crate::failure::Failure;
use crate::files::Output;
use crate::screen::Screen;
use crate::setup::Setup;

/// What is to be written of a run.
#[derive(Debug, Args)]
pub struct ViewerArguments {
    /// Write the run as a trace that ui.perfetto.dev opens: checkpoints, snapshots, recoveries, faults, and what waits for each task
    #[arg(long, value_name = "FILE")]
    pub perfetto: Option<PathBuf>,
    /// Write the run as a log that ShiViz draws as a space-time diagram of everything that was said between tasks and coordinator; records carry clocks, and only barriers are told
    #[arg(long, value_name = "FILE")]
    pub shiviz: Option<PathBuf>,
}

/// `cutline graph`
#[derive(Debug, Args)]
pub struct GraphArguments {
    /// A scenario of the library (see `cutline list scenarios`), or a scenario file
    pub scenario: String,
    /// Read this text file instead of the scenario's own
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Override a key of the scenario, such as `job.operator.count.parallelism=4`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
}

/// The files that are being written, and what goes into them.
pub struct Viewers {
    perfetto: Option<(Output, Story)>,
    shiviz: Option<(Output, Log)>,
}

impl ViewerArguments {
    /// The files.
    pub fn files(&self) -> [Option<&Path>; 2] {
        [self.perfetto.as_deref(), self.shiviz.as_deref()]
    }

    /// Begins the files, if any are asked for: one that cannot be written is known before the wait.
    pub fn begin(&self, setup: &Setup, strategy: &str, seed: u64) -> Result<Option<Viewers>, Failure> {
        if self.perfetto.is_none() && self.shiviz.is_none() {
            return Ok(None);
        }
        let topology = setup.prepared.topology();
        let title = format!("{} under {strategy}, seed {seed}", setup.prepared.name());
        let perfetto = self.perfetto.as_deref().map(Output::create).transpose()?;
        let shiviz = self.shiviz.as_deref().map(Output::create).transpose()?;
        Ok(Some(Viewers {
            perfetto: perfetto.map(|output| (output, Story::new(topology, title))),
            shiviz: shiviz.map(|output| (output, Log::new(Cast::new(topology, String::new(), false)))),
        }))
    }
}

impl Viewers {
    /// True if they are to be told what goes through channels.
    pub fn wants_passages(&self) -> bool {
        self.shiviz.is_some()
    }

    /// Something happened.
    pub fn observe(&mut self, world: &World, events: &[Stamped]) {
        if let Some((_, story)) = &mut self.perfetto {
            story.observe(world, events);
        }
        if let Some((_, log)) = &mut self.shiviz {
            log.observe(world.passages(), events);
        }
    }

    /// Writes the files.
    pub fn finish(self, screen: &mut Screen) -> Result<(), Failure> {
        let Viewers { perfetto, shiviz } = self;
        let (story, log) = (perfetto.as_ref().map(|(_, it)| it), shiviz.as_ref().map(|(_, it)| it));
        let cut_short = [
            (story.is_some_and(|story| story.is_cut_short), "--perfetto", EVENTS_MAX as u64),
            (log.is_some_and(Log::is_cut_short), "--shiviz", shiviz::EVENTS_MAX),
        ];
        for (_, argument, most) in cut_short.into_iter().filter(|(is_cut_short, ..)| *is_cut_short) {
            screen.note(&format!(
                "the run has more than the {most} events that a viewer opens: what is behind them is not in the file of `{argument}`\n"
            ))?;
        }
        let perfetto = perfetto.map_or(Ok(()), |(file, story)| file.complete(&viewers::perfetto(&story)));
        let shiviz = shiviz.map_or(Ok(()), |(file, log)| file.complete(&log.finish()));
        perfetto.and(shiviz)
    }
}

/// Prints the job of a scenario in the language of Graphviz.
pub fn graph(arguments: &GraphArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let source = library_files::resolve(&arguments.scenario)?;
    let setup = Setup::new(source, &arguments.overrides, arguments.input.as_deref(), 1)?;
    let prepared = &setup.prepared;
    screen.result(&viewers::dot(prepared.name(), &prepared.topology().graph))?;
    Ok(0)
}
