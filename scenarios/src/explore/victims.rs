//! What faults can strike: the rows of `--victims`.

use std::fmt;
use std::str::FromStr;

use cutline_sim::faults::{Fault, NodeCrash, TaskCrash};
use cutline_sim::ids::{NodeId, TaskId};
use cutline_sim::topology::Topology;
use serde::{Deserialize, Serialize};

/// A kind of victims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Victims {
    /// Each task crashes, after each event.
    Tasks,
    /// Each node crashes, after each event.
    Nodes,
    /// Each write to the store fails.
    Store,
    /// Each control message is lost.
    Messages,
}

impl Victims {
    /// All kinds.
    pub const ALL: [Victims; 4] = [Victims::Tasks, Victims::Nodes, Victims::Store, Victims::Messages];

    /// The name, as the command line takes it.
    pub fn name(self) -> &'static str {
        match self {
            Victims::Tasks => "tasks",
            Victims::Nodes => "nodes",
            Victims::Store => "store",
            Victims::Messages => "messages",
        }
    }

    /// What happens to them.
    pub fn about(self) -> &'static str {
        match self {
            Victims::Tasks => "each task crashes after each event",
            Victims::Nodes => "each node crashes after each event",
            Victims::Store => "each write to the store fails",
            Victims::Messages => "each control message is lost",
        }
    }

    /// The kind of victim that a fault strikes; `None` for a fault that is not tried.
    pub(super) fn of(fault: &Fault) -> Option<Victims> {
        match fault {
            Fault::TaskCrash(_) => Some(Victims::Tasks),
            Fault::NodeCrash(_) => Some(Victims::Nodes),
            Fault::FailedWrite(_) => Some(Victims::Store),
            Fault::LostMessage(_) => Some(Victims::Messages),
            _ => None,
        }
    }

    /// How many there are after each event; none of those that are not struck after events.
    pub fn per_event(self, topology: &Topology) -> u64 {
        match self {
            Victims::Tasks => topology.tasks.len() as u64,
            Victims::Nodes => u64::from(topology.config.cluster.nodes),
            Victims::Store | Victims::Messages => 0,
        }
    }
}

impl fmt::Display for Victims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Victims {
    type Err = String;

    fn from_str(name: &str) -> Result<Victims, String> {
        if name == "coordinator" {
            return Err("the model has one coordinator, and it does not fail: there is no standby that could take over, so \
                        its crash would say nothing. Leave it out"
                .to_owned());
        }
        let names = Victims::ALL.map(Victims::name).join(", ");
        let found = Victims::ALL.into_iter().find(|victims| victims.name() == name);
        found.ok_or_else(|| format!("choose some of {names}"))
    }
}

/// The crashes that are tried after each event.
pub(super) fn crashes(victims: &[Victims], topology: &Topology) -> Vec<Fault> {
    let mut faults = Vec::new();
    if victims.contains(&Victims::Tasks) {
        let tasks = (0..topology.tasks.len() as u32).map(TaskId);
        faults.extend(tasks.map(|task| Fault::TaskCrash(TaskCrash { task: Some(task) })));
    }
    if victims.contains(&Victims::Nodes) {
        let nodes = (0..topology.config.cluster.nodes).map(NodeId);
        faults.extend(nodes.map(|node| Fault::NodeCrash(NodeCrash { node })));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for victims in Victims::ALL {
            assert_eq!(victims.name().parse(), Ok(victims));
        }
        assert!(
            "sinks".parse::<Victims>().expect_err("there are none").contains("tasks, nodes, store, messages")
        );
        assert!("coordinator".parse::<Victims>().expect_err("it does not fail").contains("does not fail"));
    }
}
