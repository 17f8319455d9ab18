//! What all tasks reach, each in a way that does not depend on which of them acts first: the queue, the log of events, the
//! post, the external system's append-only logs, and the conditions that faults set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::StoreConfig;
use crate::course::Stall;
use crate::event::{Detail, Event, Origin, Stamped};
use crate::external::External;
use crate::ids::{CheckpointId, NodeId, TaskId};
use crate::post::Post;
use crate::protocol::{CoordinatorEffects, Positions, TaskEffects};
use crate::queue::Queue;
use crate::random::{below, draw};
use crate::record::Record;
use crate::reusable;
use crate::store::Store;
use crate::time::{FAR, Time};

/// What store faults are at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StoreFaults {
    /// Chance in per mille that a write fails.
    pub fail: u32,
    /// Writes take so many times as long.
    pub slow: u32,
}

impl Default for StoreFaults {
    fn default() -> Self {
        StoreFaults { fail: 0, slow: 1 }
    }
}

/// A write to the store, among all of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WriteId(pub u64);

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

reusable! {
    /// What all tasks reach.
    #[derive(Debug)]
    pub(crate) struct Shared {
        pub queue: Queue,
        /// Events not yet handed to observers.
        pub log: Vec<Stamped>,
        pub post: Post,
        pub external: External,
        pub detail: Detail,
        /// Latencies at the sinks not yet handed to observers.
        pub latencies: Vec<Time>,
        /// When each of these was recorded, with [`Detail::course`].
        pub arrivals: Vec<Time>,
        /// Where output was full, and where it is so no longer, since the observer was last called; with [`Detail::course`].
        pub stalls: Vec<Stall>,
        /// Where snapshots are each task's own: those taken that were not yet handed to observers, and where they stand.
        pub taken: Vec<(TaskId, CheckpointId, Arc<Positions>)>,
        /// Things done so far, and how many of them were records handled along lanes.
        pub steps: u64,
        pub along: u64,
        /// When each checkpoint of this run was triggered.
        pub triggered: BTreeMap<CheckpointId, Time>,
        /// Tasks that a fault makes slow, and by which factor.
        pub slow_tasks: BTreeMap<TaskId, u32>,
        /// Links that a fault makes slow, from node to node, and by how much.
        pub slow_links: BTreeMap<(NodeId, NodeId), Time>,
        pub store_faults: StoreFaults,
        /// Writes that fail when their turn comes.
        pub doomed_writes: BTreeSet<WriteId>,
        /// The writes begun since the observer was last called, with [`Detail::targets`].
        pub writes: Vec<WriteId>,
        /// Chance in per mille that a request for commit fails.
        pub failing_commits: u32,
        pub service_key: u64,
        pub store_key: u64,
        pub timer_key: u64,
        pub commit_key: u64,
        /// Memory that is used again and again.
        pub scratch: Vec<Record>,
        pub effects: TaskEffects,
        pub wanted: CoordinatorEffects,
    }
}

/// Everything that the rest of a run depends on, but for the queue: see [`Queue::hash_what_counts`].
impl Hash for Shared {
    fn hash<H: Hasher>(&self, into: &mut H) {
        let Shared {
            post,
            external,
            detail,
            triggered,
            slow_tasks,
            slow_links,
            store_faults,
            doomed_writes,
            failing_commits,
            service_key,
            store_key,
            timer_key,
            commit_key,
            queue: _,
            // Past.
            steps: _,
            along: _,
            writes: _,
            // Empty between two events.
            log: _,
            latencies: _,
            arrivals: _,
            stalls: _,
            taken: _,
            scratch: _,
            effects: _,
            wanted: _,
        } = self;
        (post, external, detail, triggered, slow_tasks, slow_links).hash(into);
        (store_faults, doomed_writes, failing_commits).hash(into);
        (service_key, store_key, timer_key, commit_key).hash(into);
    }
}

impl Shared {
    /// Logs an event.
    #[inline]
    pub fn emit(&mut self, time: Time, origin: Origin, event: Event) {
        self.log.push(Stamped { time, origin, event });
    }

    /// How long a write takes, and whether it succeeds; `number` identifies it among all writes of the run.
    pub fn write(&mut self, config: &StoreConfig, number: u64, bytes: u64) -> (Time, bool) {
        if self.detail.targets {
            self.writes.push(WriteId(number));
        }
        let time =
            Store::write_time(config, bytes).saturating_mul(u64::from(self.store_faults.slow)).min(FAR);
        let fails = below(draw(self.store_key, number), 1000) < u64::from(self.store_faults.fail);
        let doomed = !self.doomed_writes.is_empty() && self.doomed_writes.remove(&WriteId(number));
        (time, !fails && !doomed)
    }
}
