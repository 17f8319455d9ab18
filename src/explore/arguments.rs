//! The arguments of `cutline explore`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use cutline::scenarios::explore::Victims;
use cutline::scenarios::units::PositiveSpan;
use cutline::sim::protocol::SnapshotMethod;

use crate::arguments::Seed;

/// `cutline explore`
#[derive(Debug, Args)]
pub struct ExploreArguments {
    /// A scenario of the library (see `cutline list scenarios`), or a scenario file
    #[arg(default_value = "tiny", default_value_if("interleavings", "true", "dozen"))]
    pub scenario: String,
    /// The checkpoint strategy: one of `cutline list strategies`, or a planted bug of `cutline list bugs`
    #[arg(long, value_name = "STRATEGY", default_value = "aligned")]
    pub strategy: String,
    /// What is struck: `tasks` and `nodes` crash after each event, each write to the `store` fails, and each of the control
    /// `messages` is lost
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', default_values = Victims::ALL.map(Victims::name))]
    pub victims: Vec<Victims>,
    /// After that: a second fault during the recovery from the first; needs a budget, unless the run is very small
    #[arg(long)]
    pub pairs: bool,
    /// Try every order of what happens instead: nothing takes time, all records come at the instant of the first checkpoint, and each
    /// task crashes in its turn. For a job of a dozen records
    #[arg(long, conflicts_with_all = ["pairs", "victims", "faults"])]
    pub interleavings: bool,
    /// Go through every fork to its end, also where it meets another one in the same state, and check that they have one end: for a
    /// strategy whose state is hashed by hand
    #[arg(long, conflicts_with = "interleavings")]
    pub check_states: bool,
    /// Stop after so many forks (or states), such as `100000`, or after so long, such as `30s`
    #[arg(long, value_name = "FORKS|TIME", default_value = "10m")]
    pub budget: Budget,
    /// So many threads; what is found does not depend on it [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Read this text file instead of the scenario's own
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The faults of the run that is forked: one of `cutline list faults`, or a profile file
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
    /// The folder for what violations leave: one capsule for each kind of them
    #[arg(long, value_name = "DIR", default_value = "cutline-out/capsules")]
    pub capsule_dir: PathBuf,
    /// Print JSON on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

impl ExploreArguments {
    /// What is laid over the scenario, as for `--set`.
    pub fn overrides(&self) -> Vec<String> {
        let snapshot =
            self.snapshot.iter().map(|method| format!("execution.checkpointing.snapshot={method}"));
        self.overrides.iter().cloned().chain(snapshot).collect()
    }
}

/// When it is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// After so many forks.
    Forks(u64),
    /// After so long.
    Time(Duration),
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Budget, String> {
        match text.parse() {
            Ok(0) => Err("write at least 1 fork, or a time such as `30s`".to_owned()),
            Ok(forks) => Ok(Budget::Forks(forks)),
            Err(_) => match text.parse::<PositiveSpan>() {
                Ok(span) => Ok(Budget::Time(Duration::from_nanos(span.nanoseconds()))),
                Err(_) => {
                    Err("write a number of forks, such as `100000`, or a time, such as `30s`".to_owned())
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_number_of_forks_or_a_time() {
        assert_eq!("5000".parse(), Ok(Budget::Forks(5000)));
        assert_eq!("1m 30s".parse(), Ok(Budget::Time(Duration::from_secs(90))));
        for wrong in ["", "0", "0s", "-1s", "much"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }
}
