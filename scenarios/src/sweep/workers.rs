//! The units of a sweep on several threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use super::partition::Partition;
use super::{Done, Sweep, Workbench};
use crate::spec::ScenarioError;

/// How many finished runs may wait for whoever takes them.
const WAITING: usize = 256;

/// How a sweep is told that it has done enough.
#[derive(Debug)]
pub struct Control {
    stop: AtomicBool,
    /// Runs behind this one are not wanted.
    last: AtomicU64,
}

impl Default for Control {
    fn default() -> Self {
        Control { stop: AtomicBool::new(false), last: AtomicU64::new(u64::MAX) }
    }
}

impl Control {
    /// Begin no further run; those that have begun still end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Begin no run behind this one. All before it are still done, so what there is up to it does not depend on who was faster.
    pub fn end_at(&self, run: u64) {
        self.last.fetch_min(run, Ordering::Relaxed);
    }

    fn wants(&self, run: u64) -> bool {
        !self.stop.load(Ordering::Relaxed) && run <= self.last.load(Ordering::Relaxed)
    }
}

/// Does the runs of a part that are wanted, on so many threads, and hands them over as they are done, in whatever order. Units are
/// begun in the order of their numbers.
///
/// # Errors
/// If a scenario cannot be prepared with one of the seeds, or the threads cannot be started; what was done before was handed over.
pub fn work(
    sweep: &Sweep,
    partition: Partition,
    threads: usize,
    control: &Control,
    wants: &(dyn Fn(u64) -> bool + Sync),
    mut take: impl FnMut(Done),
) -> Result<(), ScenarioError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
    let pool =
        pool.map_err(|error| ScenarioError::new(format!("cannot start {threads} threads: {error}")))?;
    let next = AtomicU64::new(0);
    let wants = |run: u64| control.wants(run) && wants(run);
    let mut problem = None;
    pool.in_place_scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        for _ in 0..pool.current_num_threads() {
            let (sender, next, wants) = (sender.clone(), &next, &wants);
            scope.spawn(move |_| {
                let mut bench = Workbench::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= sweep.units() || control.stop.load(Ordering::Relaxed) {
                        return;
                    }
                    if !partition.has(number) {
                        continue;
                    }
                    let Some(unit) = sweep.unit(number) else { return };
                    if unit.first > control.last.load(Ordering::Relaxed) {
                        return;
                    }
                    // Who takes them lives as long as the senders do.
                    let mut hand_over = |done| drop(sender.send(Ok(done)));
                    if let Err(error) = sweep.run(&unit, &mut bench, wants, &mut hand_over) {
                        control.stop();
                        drop(sender.send(Err(error)));
                        return;
                    }
                }
            });
        }
        drop(sender);
        for done in receiver {
            match done {
                Ok(done) => take(done),
                Err(error) => problem = Some(error),
            }
        }
    });
    problem.map_or(Ok(()), Err)
}
