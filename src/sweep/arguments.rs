//! The arguments of `cutline sweep` and `cutline merge`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use cutline::scenarios::situations::ROWS;
use cutline::scenarios::sweep::partition::Partition;
use cutline::scenarios::sweep::regressions;
use cutline::scenarios::sweep::seeds::Seeds;
use cutline::sim::protocol::SnapshotMethod;

use crate::arguments::time_budget;

/// `cutline sweep`
#[derive(Debug, Args)]
pub struct SweepArguments {
    /// Scenarios of the library (see `cutline list scenarios`), or scenario files
    #[arg(required_unless_present = "resume")]
    pub scenarios: Vec<String>,
    /// The strategies (or planted bugs), separated by commas; `all` for all strategies
    #[arg(
        long,
        visible_alias = "strategies",
        value_name = "A,B,...",
        value_delimiter = ',',
        default_value = "all"
    )]
    pub strategy: Vec<String>,
    /// The fault profiles, separated by commas: some of `cutline list faults`, or profile files; `all` for all of the library
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', default_value = "all")]
    pub faults: Vec<String>,
    /// The seeds, such as `0..10000` or `7,20..30`; `fresh` or `fresh:N` for N that depend on the commit that is checked out
    /// here, so that every commit tests others
    #[arg(long, value_name = "SEEDS", default_value = "0..100")]
    pub seeds: AskedSeeds,
    /// So many threads; by default one per core
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Read this text file instead of the scenarios' own
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Override a key of all scenarios, such as `execution.checkpointing.interval=200ms`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// How snapshots reach the store, whatever the strategies' own way
    #[arg(long, value_name = "METHOD", value_parser = PossibleValuesParser::new(SnapshotMethod::ALL.map(SnapshotMethod::name)))]
    pub snapshot: Option<String>,
    /// Run everything twice more and compare event for event
    #[arg(long)]
    pub check_determinism: bool,
    /// Restore every completed checkpoint in a fork of the world, however large the run and however many there are
    #[arg(long, conflicts_with = "no_forks")]
    pub forks: bool,
    /// Restore no checkpoint in forks (the default for large runs)
    #[arg(long)]
    pub no_forks: bool,
    /// Keep sweeps in this folder, each in one of its own; `latest` there leads to the newest
    #[arg(long, value_name = "DIR", default_value = "cutline-out/sweeps")]
    pub out: PathBuf,
    /// Go on with the sweep in this folder, which was interrupted or stopped
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["scenarios", "strategy", "faults", "seeds", "input", "overrides", "snapshot", "check_determinism",
            "forks", "no_forks", "out", "partition", "regressions"]
    )]
    pub resume: Option<PathBuf>,
    /// Do only this part of the sweep, such as `3/16`, the third of sixteen; `auto`: the one that Slurm, Kubernetes, GitLab,
    /// CircleCI or Buildkite ask for, as their variables say it. `cutline merge` joins the parts
    #[arg(long, value_name = "PART/OF|auto")]
    pub partition: Option<AskedPartition>,
    /// Stop when so many runs have failed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_failures: Option<u64>,
    /// Begin no further run after this time, such as `10m`
    #[arg(long, value_name = "TIME", value_parser = time_budget)]
    pub time_budget: Option<Duration>,
    /// Do not shrink the first failure of each kind at the end
    #[arg(long)]
    pub no_shrink: bool,
    /// The file of runs that have failed once: they are run first, and the first failures of each kind are added to it. A part
    /// of a sweep adds nothing, for the parts must all run the same: `cutline merge` does
    #[arg(long, value_name = "FILE", default_value = regressions::FILE)]
    pub regressions: PathBuf,
    /// Neither read nor write the file of regressions
    #[arg(long, conflicts_with = "regressions")]
    pub no_regressions: bool,
    /// What is asked of the result.
    #[command(flatten)]
    pub wishes: Wishes,
}

impl SweepArguments {
    /// The files that may be read.
    pub fn files(&self) -> Vec<Option<&Path>> {
        let named = self.scenarios.iter().chain(&self.faults).map(|name| Some(Path::new(name)));
        named.chain([self.input.as_deref(), Some(self.regressions.as_path())]).collect()
    }
}

/// What is asked of the result of a sweep, whole or joined.
#[derive(Debug, Args)]
pub struct Wishes {
    /// Fail if a situation was met by no run; all of them, or only these
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', num_args = 0.., require_equals = true, default_missing_value = "all",
        value_parser = PossibleValuesParser::new(situations()))]
    pub require_coverage: Option<Vec<String>>,
    /// Write the result as JUnit XML, a test case for each scenario, strategy and fault profile
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print the summary as JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// `cutline merge`
#[derive(Debug, Args)]
pub struct MergeArguments {
    /// The folders of all parts
    #[arg(required = true, value_name = "DIR")]
    pub parts: Vec<PathBuf>,
    /// Keep the whole in this folder, in one of its own; `latest` there leads to the newest
    #[arg(long, value_name = "DIR", default_value = "cutline-out/sweeps")]
    pub out: PathBuf,
    /// The file of runs that have failed once: the first failures of each kind are added to it
    #[arg(long, value_name = "FILE", default_value = regressions::FILE)]
    pub regressions: PathBuf,
    /// Do not write the file of regressions
    #[arg(long, conflicts_with = "regressions")]
    pub no_regressions: bool,
    /// What is asked of the result.
    #[command(flatten)]
    pub wishes: Wishes,
}

/// The names of all situations, and one for all of them.
fn situations() -> Vec<&'static str> {
    std::iter::once("all").chain(ROWS.iter().map(|row| row.name)).collect()
}

/// A part of a sweep, or the wish for the one that the scheduler asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedPartition {
    /// This one.
    This(Partition),
    /// The one that the environment names.
    Auto,
}

impl FromStr for AskedPartition {
    type Err = String;

    fn from_str(text: &str) -> Result<AskedPartition, String> {
        if text == "auto" { Ok(AskedPartition::Auto) } else { text.parse().map(AskedPartition::This) }
    }
}

/// The seeds of a sweep, or the wish for new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedSeeds {
    /// These.
    These(Seeds),
    /// So many that depend on the commit that is checked out.
    Fresh(u64),
}

impl FromStr for AskedSeeds {
    type Err = String;

    fn from_str(text: &str) -> Result<AskedSeeds, String> {
        match text.split_once(':') {
            None if text == "fresh" => Ok(AskedSeeds::Fresh(FRESH)),
            Some(("fresh", count)) => match count.parse() {
                Ok(count @ 1..=FRESH_MAX) => Ok(AskedSeeds::Fresh(count)),
                _ => Err(format!("write `fresh:N` with a number from 1 to {FRESH_MAX}")),
            },
            _ => text.parse().map(AskedSeeds::These),
        }
    }
}

/// How many seeds `fresh` means.
const FRESH: u64 = 100;
/// The most that can be asked for.
const FRESH_MAX: u64 = 1 << 32;
