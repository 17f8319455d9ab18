//! What the oracles say of a job that ran on a cluster. They are those of the simulator, and what they look at is what is in the store.

use std::sync::Arc;

use cutline_sim::ending::Ending;
use cutline_sim::external::External;
use cutline_sim::ids::TaskId;
use cutline_sim::oracles::ledger::{self, Ledger};
use cutline_sim::oracles::reference::Reference;
use cutline_sim::oracles::state::{self, State};
use cutline_sim::oracles::{Verdict, cut, liveness, order, store, zigzag};
use cutline_sim::record::Record;
use cutline_sim::state::KeyedState;
use cutline_sim::topology::Topology;

use crate::coordinator::Outcome;
use crate::object::{VISIBLE, ending, parse_transaction, unseal};
use crate::snapshot::Final;
use crate::store::Store;

/// How a job has ended, read from the store.
#[derive(Clone, Debug)]
pub struct Collected {
    topology: Arc<Topology>,
    tasks: Vec<(KeyedState, (u64, u64))>,
    external: External,
}

impl Collected {
    /// Reads the results of a job that has come to its end.
    ///
    /// # Errors
    /// If one cannot be read, or is damaged.
    pub async fn read(kept: &dyn Store, topology: &Arc<Topology>) -> Result<Collected, String> {
        let mut tasks = Vec::with_capacity(topology.tasks.len());
        for task in (0..topology.tasks.len() as u32).map(TaskId) {
            let name = ending(task);
            let bytes = kept.get(name.clone()).await.map_err(|error| error.to_string())?;
            let last: Final = unseal(&kept.place(&name), &bytes).map_err(|error| error.to_string())?;
            tasks.push((last.state.build(), last.handled));
        }
        let mut committed = Vec::new();
        for name in kept.list(VISIBLE).await.map_err(|error| error.to_string())? {
            let Some(transaction) = parse_transaction(&name) else { continue };
            let bytes = kept.get(name.clone()).await.map_err(|error| error.to_string())?;
            let records: Vec<Record> =
                unseal(&kept.place(&name), &bytes).map_err(|error| error.to_string())?;
            committed.push((transaction, Arc::new(records)));
        }
        committed.sort_by_key(|(name, _)| *name);
        Ok(Collected { topology: Arc::clone(topology), tasks, external: External::of_visible(committed) })
    }

    /// The number of records that readers see.
    pub fn visible(&self) -> u64 {
        ledger::visible_records(self)
    }
}

impl Ending for Collected {
    fn topology(&self) -> &Topology {
        &self.topology
    }

    fn state(&self, task: TaskId) -> &KeyedState {
        &self.tasks[task.index()].0
    }

    fn handled(&self, task: TaskId) -> (u64, u64) {
        self.tasks[task.index()].1
    }

    fn external(&self) -> &External {
        &self.external
    }
}

/// What every oracle says that can say something here.
pub fn judge(
    outcome: &Outcome,
    collected: Option<&Collected>,
    reference: &Reference,
) -> Vec<(&'static str, Verdict)> {
    let results = match collected {
        Some(collected) => [
            (state::NAME, State::new(reference).judge(collected, outcome.finished)),
            (ledger::NAME, Ledger::new(reference).judge(collected, outcome.finished)),
        ],
        None => [state::NAME, ledger::NAME].map(|name| {
            (name, Verdict::Unknown("the job did not finish, so there is no final result".to_owned()))
        }),
    };
    let failed = |proof: &Option<String>| proof.clone().map_or(Verdict::Pass, Verdict::Fail);
    let none = || Verdict::Unknown("no checkpoint has completed".to_owned());
    let twice =
        || Verdict::Unknown("the job is at least once, and what may come twice is not judged".to_owned());
    let cuts = match outcome.completed {
        _ if outcome.at_least_once => twice(),
        0 => none(),
        _ => failed(&outcome.cut),
    };
    let in_order = if outcome.at_least_once { twice() } else { failed(&outcome.disorder) };
    let stored = if outcome.completed == 0 { none() } else { failed(&outcome.store) };
    let lives = match outcome.finished {
        true => Verdict::Pass,
        false => Verdict::Fail(format!(
            "The job has not come to its end within {} s, in {} attempts.",
            outcome.took.as_secs(),
            outcome.attempts
        )),
    };
    let beside = [(cut::NAME, cuts), (order::NAME, in_order), (store::NAME, stored), (liveness::NAME, lives)];
    let useless = outcome.useless.iter().map(|verdict| (zigzag::NAME, verdict.clone()));
    results.into_iter().chain(beside).chain(useless).collect()
}
