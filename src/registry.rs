//! What can be named on the command line, read off the registries of the crates.

use cutline::algorithms::bugs::{self, Bug};
use cutline::algorithms::{self, STRATEGIES, Strategy};
use cutline::scenarios::library_files::{self, LIBRARY};
use cutline::scenarios::prepare::Prepared;
use cutline::scenarios::run::Contender;
use cutline::scenarios::{faults, operators, spec};
use cutline::sim;
use cutline::sim::config::CheckpointMode;
use cutline::sim::protocol::SnapshotMethod;
use serde::Serialize;

use crate::arguments::Listing;
use crate::failure::Failure;
use crate::screen::Screen;

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
    /// More about it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub more: Option<More>,
}

/// What only some lists have.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum More {
    /// Strategies.
    Strategy(Traits),
    /// Planted bugs.
    Bug(Plant),
}

/// What distinguishes strategies.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Traits {
    /// True if it can checkpoint a job with a cycle.
    pub cycles: bool,
    /// How a task's state reaches the store.
    pub snapshot: SnapshotMethod,
    /// What it guarantees.
    pub guarantee: CheckpointMode,
    /// What stands still meanwhile.
    pub blocks: &'static str,
    /// What of the channels goes into the checkpoint.
    pub channel_state: &'static str,
    /// What is sent for one checkpoint.
    pub messages: &'static str,
    /// Where it is described.
    pub source: &'static str,
}

impl Traits {
    /// The same for people: what, and which.
    pub fn lines(&self) -> [(&'static str, String); 7] {
        let graph = if self.cycles { "any" } else { "without cycles" };
        [
            ("graph", graph.to_owned()),
            ("snapshot", self.snapshot.to_string()),
            ("guarantees", self.guarantee.to_string()),
            ("blocks", self.blocks.to_owned()),
            ("channel state", self.channel_state.to_owned()),
            ("messages", self.messages.to_owned()),
            ("source", self.source.to_owned()),
        ]
    }
}

/// What distinguishes planted bugs.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plant {
    /// The strategy that it is a mutation of.
    pub of: &'static str,
    /// The issue in which it was found in a real system, or `invented`.
    pub source: &'static str,
    /// The oracle that must catch it.
    pub caught_by: &'static str,
}

impl Row {
    fn new(name: &str, about: &str) -> Row {
        Row { kind: None, name: name.to_owned(), about: about.to_owned(), more: None }
    }

    fn of(kind: &'static str, name: &str, about: &str) -> Row {
        Row { kind: Some(kind), ..Row::new(name, about) }
    }

    fn strategy(strategy: &Strategy) -> Row {
        let &Strategy { cycles, snapshot, guarantee, blocks, channel_state, messages, source, .. } = strategy;
        let traits = Traits { cycles, snapshot, guarantee, blocks, channel_state, messages, source };
        Row { more: Some(More::Strategy(traits)), ..Row::new(strategy.name, strategy.about) }
    }

    fn bug(bug: &Bug) -> Row {
        let &Bug { of, source, caught_by, .. } = bug;
        let plant = Plant { of, source, caught_by };
        Row { more: Some(More::Bug(plant)), ..Row::new(bug.name, bug.about) }
    }
}

/// All rows of a list.
pub fn rows(what: Listing) -> Result<Vec<Row>, Failure> {
    Ok(match what {
        Listing::Strategies => STRATEGIES.iter().map(Row::strategy).collect(),
        Listing::Bugs => bugs::all().map(Row::bug).collect(),
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

/// A strategy or a planted bug, as the command line takes it.
#[derive(Clone, Copy)]
pub struct Named {
    /// What runs.
    pub contender: Contender,
    /// True if it can checkpoint a job with a cycle.
    cycles: bool,
}

impl From<&Strategy> for Named {
    fn from(strategy: &Strategy) -> Named {
        Named { contender: strategy.into(), cycles: strategy.cycles }
    }
}

impl From<&Bug> for Named {
    fn from(bug: &Bug) -> Named {
        let cycles = algorithms::find(bug.of).is_some_and(|strategy| strategy.cycles);
        Named { contender: bug.into(), cycles }
    }
}

/// The strategy or the planted bug of this name.
pub fn strategy(name: &str) -> Result<Named, Failure> {
    let bug = || bugs::find(name).map(Named::from);
    if let Some(found) = algorithms::find(name).map(Named::from).or_else(bug) {
        return Ok(found);
    }
    let names: Vec<String> = STRATEGIES.iter().map(|strategy| format!("`{}`", strategy.name)).collect();
    Err(Failure::new(format!("there is no strategy `{name}`"))
        .with_help(format!("choose {}, or a planted bug of `cutline list bugs`", names.join(" or "))))
}

/// The planted bug of this name.
pub fn bug(name: &str) -> Result<&'static Bug, Failure> {
    bugs::find(name).ok_or_else(|| {
        let similar = spec::error::suggestion(name, bugs::all().map(|bug| bug.name));
        let similar = similar.map(|similar| format!("{similar} ")).unwrap_or_default();
        Failure::new(format!("there is no planted bug `{name}`"))
            .with_help(format!("{similar}See `cutline list bugs` for all of them"))
    })
}

/// The strategies of a command that takes several.
pub struct Choice {
    strategies: Vec<Named>,
    /// True if each was asked for by its name.
    by_name: bool,
}

impl Choice {
    /// Those of these names; without any, all that there are.
    pub fn of(names: &[String]) -> Result<Choice, Failure> {
        let strategies = match names {
            [] => STRATEGIES.iter().map(Named::from).collect(),
            names => names.iter().map(|name| strategy(name)).collect::<Result<_, _>>()?,
        };
        Ok(Choice { strategies, by_name: !names.is_empty() })
    }

    /// Refuses what was asked for and cannot checkpoint the job. What nobody asked for is left out instead, and a line says so;
    /// asked again about the same job it has nothing more to say.
    pub fn fit(&mut self, prepared: &Prepared, screen: &mut Screen) -> Result<(), Failure> {
        if self.by_name {
            return self.strategies.iter().try_for_each(|strategy| check_cycles(strategy, prepared));
        }
        let fits = |strategy: &Named| check_cycles(strategy, prepared).is_ok();
        let (fitting, others) = self.strategies.drain(..).partition::<Vec<_>, _>(fits);
        self.strategies = fitting;
        let names: Vec<&str> = others.iter().map(|strategy| strategy.contender.name).collect();
        match names.as_slice() {
            [] => Ok(()),
            names => screen.say(&format!(
                "left out, for they cannot checkpoint a job with a cycle: {}\n",
                names.join(", ")
            )),
        }
    }

    /// What runs, in this order.
    pub fn contenders(&self) -> impl Iterator<Item = Contender> + '_ {
        self.strategies.iter().map(|strategy| strategy.contender)
    }
}

impl From<Named> for Choice {
    fn from(one: Named) -> Choice {
        Choice { strategies: vec![one], by_name: true }
    }
}

/// Refuses a strategy that cannot checkpoint the job.
pub fn check_cycles(strategy: &Named, prepared: &Prepared) -> Result<(), Failure> {
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
        strategy.contender.name
    );
    Err(Failure::new(message).with_help(help))
}
