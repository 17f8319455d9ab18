//! What can be named on the command line, read off the registries of the crates, and what a program adds to them.

use std::sync::OnceLock;

use cutline::algorithms::bugs::{self, Bug};
use cutline::algorithms::{STRATEGIES, Strategy};
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

/// The strategies that the program brings: what `main` was called with.
static ADDED: OnceLock<&'static [Strategy]> = OnceLock::new();

/// Adds strategies to those that can be named.
pub fn add(added: &'static [Strategy]) -> Result<(), Failure> {
    let names = added.iter().map(|strategy| strategy.name);
    let taken =
        |name: &str| algorithms_name(name) || names.clone().filter(|&other| other == name).count() > 1;
    if let Some(name) = names.clone().find(|name| taken(name)) {
        let message = format!("the program adds a strategy `{name}`, and there is another one of that name");
        return Err(Failure::new(message)
            .with_help("give it a name that no row of `list strategies` and `list bugs` has"));
    }
    match ADDED.set(added) {
        Ok(()) => Ok(()),
        Err(_) => Err(Failure::new("the command line was called a second time in one process")),
    }
}

/// True for a name that the crates themselves give to a strategy or a bug.
fn algorithms_name(name: &str) -> bool {
    Contender::named(name).is_some()
}

/// All strategies: those of the project, and those that the program brings.
pub fn strategies() -> impl Iterator<Item = &'static Strategy> {
    STRATEGIES.iter().chain(ADDED.get().copied().unwrap_or_default())
}

/// The strategy or the planted bug of this name.
pub fn contender(name: &str) -> Option<Contender> {
    let added = || strategies().find(|strategy| strategy.name == name).map(Contender::from);
    Contender::named(name).or_else(added)
}

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
        Listing::Strategies => strategies().map(Row::strategy).collect(),
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

/// The strategy or the planted bug of this name, or what there is instead.
pub fn strategy(name: &str) -> Result<Contender, Failure> {
    contender(name).ok_or_else(|| {
        let names: Vec<String> = strategies().map(|strategy| format!("`{}`", strategy.name)).collect();
        Failure::new(format!("there is no strategy `{name}`"))
            .with_help(format!("choose {}, or a planted bug of `cutline list bugs`", names.join(" or ")))
    })
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
    strategies: Vec<Contender>,
    /// True if each was asked for by its name.
    by_name: bool,
}

impl Choice {
    /// Those of these names; without any, all that there are.
    pub fn of(names: &[String]) -> Result<Choice, Failure> {
        if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(
                Failure::new(format!("the strategy `{twice}` is named twice")).with_help("name each once")
            );
        }
        let strategies = match names {
            [] => strategies().map(Contender::from).collect(),
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
        let fits = |strategy: &Contender| check_cycles(strategy, prepared).is_ok();
        let (fitting, others) = self.strategies.drain(..).partition::<Vec<_>, _>(fits);
        self.strategies = fitting;
        let names: Vec<&str> = others.iter().map(|strategy| strategy.name).collect();
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
        self.strategies.iter().copied()
    }
}

impl From<Contender> for Choice {
    fn from(one: Contender) -> Choice {
        Choice { strategies: vec![one], by_name: true }
    }
}

/// Refuses a strategy that cannot checkpoint the job.
pub fn check_cycles(strategy: &Contender, prepared: &Prepared) -> Result<(), Failure> {
    if strategy.cycles || !prepared.is_cyclic() {
        return Ok(());
    }
    let able: Vec<&str> = strategies().filter(|other| other.cycles).map(|other| other.name).collect();
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
