//! The arguments, and their help.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cutline::scenarios::capsule::CapsuleOptions;
use cutline::sim::protocol::SnapshotMethod;
use jiff::SignedDuration;

use crate::compare::arguments::CompareArguments;
use crate::diff::DiffArguments;
use crate::draw::DrawArguments;
use crate::explore::arguments::ExploreArguments;
use crate::processes::arguments::{ClusterArguments, TaskManagerArguments};
use crate::report::ReportArguments;
use crate::savepoints::Origin;
use crate::sweep::arguments::{MergeArguments, SweepArguments};
use crate::viewers::{GraphArguments, ViewerArguments};
use crate::zoo::arguments::ZooArguments;

/// Runs checkpoint strategies of stream processors on a simulated cluster, with the same input and the same faults, and
/// proves after every crash that the result is what a failure-free run would have produced.
#[derive(Debug, Parser)]
#[command(name = "cutline", version = env!("CUTLINE_VERSION"), max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 pass, 1 safety violation, 2 usage or bad input, 3 stall, 4 non-determinism";

const CLUSTER_EXIT_CODES: &str = "Exit codes: 0 pass, 1 safety violation, 2 usage or bad input, or a cluster that cannot go on; 3 stall; \
    130 interrupted";

const SWEEP_EXIT_CODES: &str = "Exit codes: 0 all runs passed; 1 safety violation, 3 stall, 4 non-determinism: the worst of all runs; \
    1 also if --require-coverage is not met; 2 usage or bad input; 130 interrupted before anything failed";

/// The sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and ask every oracle
    #[command(after_help = EXIT_CODES)]
    Run(RunArguments),
    /// Run a scenario under several strategies, with the same input and faults, and show them side by side
    #[command(after_help = EXIT_CODES)]
    Compare(CompareArguments),
    /// Run a scenario with every kind of sink under every strategy, with crashes, and say what readers of its results get
    #[command(after_help = "Exit codes: 0 nothing went wrong, 1 something did, 2 usage or bad input")]
    Guarantees(GuaranteesArguments),
    /// Fork a run after every event, let every fault strike there, and ask every oracle: complete for single faults
    #[command(after_help = EXIT_CODES)]
    Explore(ExploreArguments),
    /// Run many seeds of scenarios under strategies and fault profiles, on all cores, and keep a row of each run
    #[command(after_help = SWEEP_EXIT_CODES)]
    Sweep(Box<SweepArguments>),
    /// Join the parts of a sweep: the same result as one that was done in one go
    #[command(after_help = SWEEP_EXIT_CODES)]
    Merge(MergeArguments),
    /// Make a page of a sweep: pass and fail, coverage, the slowest and largest runs, and each kind of failure with its smallest run
    #[command(after_help = "Exit codes: 0 the page was written, 2 usage or bad input")]
    Report(ReportArguments),
    /// Run again what a failing run has left, and compare
    #[command(
        after_help = "Exit codes: that of the run if it is the same again, 2 usage or bad input, 4 it is another run"
    )]
    Replay(ReplayArguments),
    /// Show two runs side by side, and the first event that differs
    #[command(after_help = "Exit codes: 0 the runs are the same, 1 they differ, 2 usage or bad input")]
    Diff(DiffArguments),
    /// Make of a failing run the smallest that still fails in the same way: a capsule, a scenario and a test in Rust
    #[command(
        after_help = "Exit codes: 0 the failure is still there, in a smaller run; 2 usage or bad input; 4 it is another run, and nothing \
                      was written"
    )]
    Shrink(ShrinkArguments),
    /// Hunt every planted bug, and show which oracle catches it, after how many seeds, and how small a run shows it
    #[command(
        after_help = "Exit codes: 0 every bug is caught within its budget; 1 one is not, or an oracle objects to a correct strategy; \
                      2 usage or bad input; 130 interrupted before anything was wrong"
    )]
    Zoo(ZooArguments),
    /// Draw one run as a space-time diagram: tasks as lines, records and barriers as arrows, the cut of each checkpoint, what is wrong with it
    #[command(after_help = "Exit codes: 0 drawn, 2 usage or bad input")]
    Draw(DrawArguments),
    /// Run a scenario for real: as processes of this machine that speak over TCP, with checkpoints in a folder, and kill -9
    #[command(after_help = CLUSTER_EXIT_CODES)]
    Cluster(ClusterArguments),
    /// A task manager of `cluster`, which starts it
    #[command(hide = true)]
    TaskManager(TaskManagerArguments),
    /// Print the job of a scenario as a graph in the language of Graphviz: `cutline graph fraud | dot -Tsvg`
    Graph(GraphArguments),
    /// List what there is
    List(ListArguments),
    /// Print completions for a shell, to be put where it looks for them
    Completions(CompletionsArguments),
}

/// What to run: common to all commands that run a scenario.
#[derive(Debug, Args)]
pub struct Subject {
    /// A scenario of the library (see `cutline list scenarios`), or a scenario file
    pub scenario: String,
    /// Read this text file instead of the scenario's own
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The fault profile: one of `cutline list faults`, or a profile file
    #[arg(long, value_name = "PROFILE", default_value = "none")]
    pub faults: String,
    /// The seed; `random` draws one and prints it before anything else
    #[arg(long, value_name = "N|random", default_value = "1")]
    pub seed: Seed,
    /// Override a key of the scenario, such as `execution.checkpointing.interval=200ms`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// How snapshots reach the store, whatever the strategy's own way: short for
    /// `--set execution.checkpointing.snapshot=METHOD`
    #[arg(long, value_name = "METHOD", value_parser = PossibleValuesParser::new(SnapshotMethod::ALL.map(SnapshotMethod::name)))]
    pub snapshot: Option<String>,
    /// Start from this savepoint instead of from nothing. The job may be another than the one that it was taken of: operators
    /// find their state by their uid
    #[arg(long, value_name = "FILE")]
    pub from_savepoint: Option<PathBuf>,
    /// Drop state of the savepoint that no operator of the job claims, instead of refusing to start
    #[arg(long, requires = "from_savepoint")]
    pub allow_non_restored_state: bool,
    /// What the user asks of the job
    #[command(flatten)]
    pub life: LifeArguments,
    /// Run twice more and compare event for event
    #[arg(long)]
    pub check_determinism: bool,
    /// Restore every completed checkpoint in a fork of the world, however large the run and however many there are
    #[arg(long, conflicts_with = "no_forks")]
    pub forks: bool,
    /// Restore no checkpoint in forks (the default for large runs)
    #[arg(long)]
    pub no_forks: bool,
    /// The folder for what a failing run leaves
    #[arg(long, value_name = "DIR", default_value = "cutline-out/capsules")]
    pub capsule_dir: PathBuf,
    /// Draw checkpoints, crashes and recoveries over virtual time
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

impl Subject {
    /// The files that may be read.
    pub fn files(&self) -> [Option<&Path>; 4] {
        let (scenario, faults) = (Path::new(&self.scenario), Path::new(&self.faults));
        [self.input.as_deref(), self.from_savepoint.as_deref(), Some(scenario), Some(faults)]
    }

    /// The savepoint to start from.
    pub fn origin(&self) -> Option<Origin<'_>> {
        let allow_non_restored_state = self.allow_non_restored_state;
        self.from_savepoint.as_deref().map(|path| Origin { path, allow_non_restored_state, was: None })
    }

    /// What is laid over the scenario, as for `--set`.
    pub fn overrides(&self) -> Vec<String> {
        let snapshot =
            self.snapshot.iter().map(|method| format!("execution.checkpointing.snapshot={method}"));
        self.overrides.iter().cloned().chain(snapshot).chain(self.life.overrides()).collect()
    }

    /// What a run does beyond running.
    pub fn options(&self) -> CapsuleOptions {
        // Neither: small runs only.
        let forks = (self.forks || self.no_forks).then_some(self.forks);
        CapsuleOptions { forks, check_determinism: self.check_determinism, lookahead: true }
    }
}

/// What the user asks of the job while it runs: short for keys of the scenario.
#[derive(Debug, Args)]
pub struct LifeArguments {
    /// Ask for a savepoint at this time, such as `30s`, and let the job go on: short for `--set savepoint.at=TIME`
    #[arg(long, value_name = "TIME", conflicts_with = "stop_at")]
    pub savepoint_at: Option<String>,
    /// Stop the job with a savepoint at this time: the sources stop reading, and the job can go on from there. Short for
    /// `--set savepoint.at=TIME --set savepoint.then=suspend`
    #[arg(long, value_name = "TIME")]
    pub stop_at: Option<String>,
    /// With `--stop-at`: the sources end where they are, and the job comes to its end. Short for `--set savepoint.then=drain`
    #[arg(long, requires = "stop_at", conflicts_with = "savepoint_at")]
    pub drain: bool,
    /// Cancel the job at this time: short for `--set cancel.at=TIME`
    #[arg(long, value_name = "TIME")]
    pub cancel_at: Option<String>,
}

impl LifeArguments {
    fn overrides(&self) -> Vec<String> {
        let mut overrides = Vec::new();
        let mut set = |key: &str, value: &str| overrides.push(format!("{key}={value}"));
        if let Some(at) = self.savepoint_at.as_ref().or(self.stop_at.as_ref()) {
            set("savepoint.at", at);
        }
        if self.stop_at.is_some() {
            set("savepoint.then", if self.drain { "drain" } else { "suspend" });
        } else if self.savepoint_at.is_some() {
            set("savepoint.then", "run");
        }
        if let Some(at) = &self.cancel_at {
            set("cancel.at", at);
        }
        overrides
    }
}

/// `cutline run`
#[derive(Debug, Args)]
pub struct RunArguments {
    /// What to run.
    #[command(flatten)]
    pub subject: Subject,
    /// The checkpoint strategy: one of `cutline list strategies`, or a planted bug of `cutline list bugs`
    #[arg(long, value_name = "STRATEGY", default_value = "aligned")]
    pub strategy: String,
    /// Write the savepoint that is asked for, or the newest checkpoint of a job that was cancelled, if it is retained: for
    /// `--from-savepoint`
    #[arg(long, value_name = "FILE")]
    pub savepoint: Option<PathBuf>,
    /// Write the final counts as CSV
    #[arg(long, value_name = "FILE")]
    pub counts: Option<PathBuf>,
    /// Write all events, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// In the trace, also one event for every record and every mark
    #[arg(long, requires = "trace")]
    pub trace_records: bool,
    /// For existing viewers.
    #[command(flatten)]
    pub viewers: ViewerArguments,
}

/// `cutline guarantees`
#[derive(Debug, Args)]
pub struct GuaranteesArguments {
    /// A scenario of the library (see `cutline list scenarios`), or a scenario file
    #[arg(default_value = "wordcount")]
    pub scenario: String,
    /// Read this text file instead of the scenario's own
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The strategies (or planted bugs), separated by commas; if absent all that can checkpoint the job
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub strategies: Vec<String>,
    /// The fault profile: one of `cutline list faults`, or a profile file
    #[arg(long, value_name = "PROFILE", default_value = "crashes")]
    pub faults: String,
    /// How many runs of each, with one seed after the other
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub runs: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Override a key of the scenario, such as `execution.checkpointing.interval=200ms`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// `cutline replay`
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The file that a failing run has left
    pub capsule: PathBuf,
    /// Where the input file is now, if it has moved
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Where the savepoint is now that the run started from, if it has moved
    #[arg(long, value_name = "FILE")]
    pub from_savepoint: Option<PathBuf>,
    /// Walk through the run event by event in the terminal, forwards and backwards
    #[arg(long, conflicts_with_all = ["trace", "perfetto", "shiviz", "json"])]
    pub step: bool,
    /// Write all events, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// In the trace, also one event for every record and every mark
    #[arg(long, requires = "trace")]
    pub trace_records: bool,
    /// For existing viewers.
    #[command(flatten)]
    pub viewers: ViewerArguments,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// `cutline shrink`
#[derive(Debug, Args)]
pub struct ShrinkArguments {
    /// The file that a failing run has left
    pub capsule: PathBuf,
    /// Write the smaller capsule, scenario and test into this folder; by default beside the capsule
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Try for so long, such as `60s`; what is smallest by then is the result
    #[arg(long, value_name = "TIME", value_parser = time_budget, default_value = "60s")]
    pub budget: Duration,
    /// Try so many runs at most: a bound that is the same on every machine
    #[arg(long, value_name = "N", default_value = "20000", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: u64,
    /// Where the input file is now, if it has moved
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Where the savepoint is now that the run started from, if it has moved
    #[arg(long, value_name = "FILE")]
    pub from_savepoint: Option<PathBuf>,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// `cutline list`
#[derive(Debug, Args)]
pub struct ListArguments {
    /// What to list
    pub what: Listing,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Listing {
    /// Checkpoint strategies
    Strategies,
    /// Scenarios of the library
    Scenarios,
    /// Fault profiles, and the kinds of faults they are made of
    Faults,
    /// Operators for scenario files
    Operators,
    /// Oracles
    Oracles,
    /// Planted bugs
    Bugs,
}

/// `cutline completions`
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// A seed, or the wish for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// This one.
    Number(u64),
    /// Any.
    Random,
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Seed, String> {
        match text.parse() {
            Ok(number) => Ok(Seed::Number(number)),
            Err(_) if text == "random" => Ok(Seed::Random),
            Err(_) => Err(format!("write a number from 0 to {}, or `random`", u64::MAX)),
        }
    }
}

impl Seed {
    /// The number. A drawn one has at most 53 bits, so that every reader of JSON gets it whole.
    #[expect(
        clippy::disallowed_types,
        reason = "a drawn seed is the one thing that is to differ from run to run"
    )]
    pub fn number(self) -> u64 {
        use std::hash::{BuildHasher, RandomState};
        match self {
            Seed::Number(number) => number,
            Seed::Random => RandomState::new().hash_one(std::process::id()) >> 11,
        }
    }
}

/// A time as people write it, longer than none.
pub fn time_budget(text: &str) -> Result<Duration, String> {
    let span = text.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    span.filter(|span| !span.is_zero())
        .ok_or_else(|| "write a time with a unit, such as `10m` or `1h 30m`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seeds_are_numbers_or_random() {
        assert_eq!("18446744073709551615".parse(), Ok(Seed::Number(u64::MAX)));
        assert_eq!("random".parse(), Ok(Seed::Random));
        for wrong in ["", "-1", "18446744073709551616", "0x7", "seven", "Random"] {
            assert!(wrong.parse::<Seed>().is_err(), "{wrong}");
        }
        assert!(Seed::Random.number() < 1 << 53);
    }
}
