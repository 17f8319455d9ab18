//! What `cutline run` and `cutline replay` write for existing viewers; and `cutline graph`.

use std::path::{Path, PathBuf};

use clap::Args;
use cutline::reports::viewers;
use cutline::scenarios::library_files;
use cutline::scenarios::story::{EVENTS_MAX, Story};

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
    /// Write the run as a log that ShiViz draws as a space-time diagram of what is said between coordinator and tasks; records and barriers have no clocks there
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
    perfetto: Option<Output>,
    shiviz: Option<Output>,
    story: Story,
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
        let title = format!("{} under {strategy}, seed {seed}", setup.prepared.name());
        Ok(Some(Viewers {
            perfetto: self.perfetto.as_deref().map(Output::create).transpose()?,
            shiviz: self.shiviz.as_deref().map(Output::create).transpose()?,
            story: Story::new(setup.prepared.topology(), title),
        }))
    }
}

impl Viewers {
    /// What is told of the run.
    pub fn story(&mut self) -> &mut Story {
        &mut self.story
    }

    /// Writes the files.
    pub fn finish(self, screen: &mut Screen) -> Result<(), Failure> {
        let Viewers { perfetto, shiviz, story } = self;
        if story.is_cut_short {
            screen.note(&format!(
                "the run has more than the {EVENTS_MAX} events that a viewer opens: what is behind them is left out"
            ))?;
        }
        let perfetto = perfetto.map_or(Ok(()), |output| output.complete(&viewers::perfetto(&story)));
        let shiviz = shiviz.map_or(Ok(()), |output| output.complete(&viewers::shiviz(&story)));
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
