//! What can be named on the command line, read off the registries of the crates.

use cutline::algorithms::{self, STRATEGIES, Strategy};
use cutline::scenarios::library_files::{self, LIBRARY};
use cutline::scenarios::prepare::Prepared;
use cutline::scenarios::{faults, operators, spec};
use cutline::sim;
use serde::Serialize;

use crate::arguments::Listing;
use crate::failure::Failure;

/// A row of a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// What it is, where a list has more than one kind of thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The name.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// More about a strategy.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub traits: Option<Traits>,
}

/// What distinguishes strategies.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Traits {
    /// True if it can checkpoint a job with a cycle.
    pub cycles: bool,
    /// What stands still meanwhile.
    pub blocks: &'static str,
    /// What of the channels goes into the checkpoint.
    pub channel_state: &'static str,
    /// What it guarantees.
    pub guarantee: &'static str,
    /// Where it is described.
    pub source: &'static str,
}

impl Row {
    fn new(name: &str, about: &str) -> Row {
        Row { kind: None, name: name.to_owned(), about: about.to_owned(), traits: None }
    }

    fn of(kind: &'static str, name: &str, about: &str) -> Row {
        Row { kind: Some(kind), ..Row::new(name, about) }
    }

    fn strategy(strategy: &Strategy) -> Row {
        let &Strategy { cycles, blocks, channel_state, guarantee, source, .. } = strategy;
        let traits = Some(Traits { cycles, blocks, channel_state, guarantee, source });
        Row { traits, ..Row::new(strategy.name, strategy.about) }
    }
}

/// All rows of a list.
pub fn rows(what: Listing) -> Result<Vec<Row>, Failure> {
    Ok(match what {
        Listing::Strategies => STRATEGIES.iter().map(Row::strategy).collect(),
        Listing::Bugs => BUGS.iter().map(Row::strategy).collect(),
        Listing::Scenarios => scenarios()?,
        Listing::Faults => {
            let profiles = faults::PROFILES.iter().map(|row| Row::of("profile", row.name, row.about));
            let kinds = sim::faults::ROWS.iter().map(|row| Row::of("fault", row.name, row.about));
            profiles.chain(kinds).collect()
        }
        Listing::Operators => operators::ROWS.iter().map(|row| Row::new(row.name, row.about)).collect(),
        Listing::Oracles => sim::oracles::ROWS.iter().map(|row| Row::new(row.name, row.about)).collect(),
    })
}

fn scenarios() -> Result<Vec<Row>, Failure> {
    let row = |(name, _): &(&str, &str)| {
        let scenario = spec::load(&library_files::resolve(name)?, &[])?;
        Ok(Row::new(name, &scenario.spec.about))
    };
    LIBRARY.iter().map(row).collect()
}

/// The planted bugs.
const BUGS: &[Strategy] = &[];

/// The strategy or the planted bug of this name.
pub fn strategy(name: &str) -> Result<&'static Strategy, Failure> {
    let bug = || BUGS.iter().find(|bug| bug.name == name);
    if let Some(found) = algorithms::find(name).or_else(bug) {
        return Ok(found);
    }
    let names: Vec<String> = STRATEGIES.iter().map(|strategy| format!("`{}`", strategy.name)).collect();
    Err(Failure::new(format!("there is no strategy `{name}`"))
        .with_help(format!("choose {}, or a planted bug of `cutline list bugs`", names.join(" or "))))
}

/// Refuses a strategy that cannot checkpoint the job.
pub fn check_cycles(strategy: &Strategy, prepared: &Prepared) -> Result<(), Failure> {
    if strategy.cycles || !prepared.is_cyclic() {
        return Ok(());
    }
    let able: Vec<&str> = STRATEGIES.iter().filter(|other| other.cycles).map(|other| other.name).collect();
    let help = match able.as_slice() {
        [] => "no strategy can yet: remove the feedback edge".to_owned(),
        able => format!("remove the feedback edge, or choose {}", able.join(" or ")),
    };
    let message = format!(
        "the job of `{}` has a cycle, and `{}` cannot checkpoint a job with a cycle",
        prepared.name(),
        strategy.name
    );
    Err(Failure::new(message).with_help(help))
}
