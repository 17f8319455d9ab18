//! When a job has caught up after a recovery. The records of a run do not say it, for it is a matter of judgement; here is the one that
//! is passed: a job has caught up when, in a slice of time after all tasks run again, half of the records that arrive are no more than
//! half as late again as they were before the first crash of the run.

use cutline_scenarios::record::RestoreRecord;

use super::{Quartiles, Ran};

/// The parts of a recovery, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// When it began: the crash.
    pub crashed: u64,
    /// From the crash until the coordinator noticed.
    pub detection: u64,
    /// From then until everything was cancelled.
    pub cancel: u64,
    /// From then until all tasks ran again: slots are waited for, and state is read.
    pub restore: u64,
    /// From then until the job had caught up, or until the next crash or the end if it had not.
    pub replay: u64,
}

/// The names of the parts.
pub const PARTS: [&str; 4] = ["detection", "cancel", "restore", "replay and catch-up"];

impl Recovery {
    /// The parts in the order of their names.
    pub fn parts(&self) -> [u64; 4] {
        [self.detection, self.cancel, self.restore, self.replay]
    }

    /// All of it.
    pub fn whole(&self) -> u64 {
        self.parts().iter().sum()
    }
}

/// The recoveries of a run after which all tasks ran again. One that a second failure interrupts goes on until then: what is behind its first
/// cancellation is its restore.
pub fn recoveries(ran: &Ran) -> Vec<Recovery> {
    let usual = usual_latency(ran);
    let parts = |restores: &[RestoreRecord]| {
        let (restore, running) = (restores.first()?, restores.last()?.running?);
        let later =
            ran.record.restores.iter().map(|later| later.crashed).filter(|&crashed| crashed > running);
        let next = later.min().unwrap_or(ran.record.duration);
        let caught_up = usual.and_then(|usual| caught_up(ran, running, usual)).unwrap_or(next);
        Some(Recovery {
            crashed: restore.crashed,
            detection: restore.noticed.saturating_sub(restore.crashed),
            cancel: restore.cancelled.saturating_sub(restore.noticed),
            restore: running.saturating_sub(restore.cancelled.max(restore.noticed)),
            replay: caught_up.min(next).saturating_sub(running),
        })
    };
    ran.record.recoveries().filter_map(parts).collect()
}

/// The middle of the latencies before the first crash.
fn usual_latency(ran: &Ran) -> Option<f64> {
    let first = ran.record.restores.first().map_or(u64::MAX, |restore| restore.crashed);
    let width = ran.course.width.max(1);
    let before = ran.course.slices.iter().take((first / width) as usize).filter(|slice| slice.arrivals > 0);
    Quartiles::of(before.map(|slice| slice.latency_p50 as f64)).map(|quartiles| quartiles.median)
}

/// When it was first again as it used to be.
fn caught_up(ran: &Ran, running: u64, usual: f64) -> Option<u64> {
    let width = ran.course.width.max(1);
    let slices = ran.course.slices.iter().enumerate().skip((running / width) as usize);
    let fine = slices.filter(|(_, slice)| slice.arrivals > 0 && slice.latency_p50 as f64 <= usual * 1.5);
    fine.map(|(place, _)| place as u64 * width).map(|at| at.max(running)).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_parts_of_a_recovery_follow_each_other() {
        let ran = samples::ran("aligned");
        let all = recoveries(&ran);
        let restore = &ran.record.restores[0];
        assert_eq!(all.len(), 1);
        let until_running = all[0].detection + all[0].cancel + all[0].restore;
        assert_eq!(all[0].crashed + until_running, restore.running.expect("running"));
        // The sample is late for 300 ms after the restore.
        assert_eq!(all[0].replay, 280_000_000);
    }

    #[test]
    fn a_failure_during_a_recovery_prolongs_it() {
        let mut ran = samples::ran("aligned");
        let whole = ran.record.restores[0].clone();
        let running = whole.running.expect("running");
        let second = RestoreRecord { crashed: whole.began, noticed: whole.began + 1, ..whole.clone() };
        ran.record.restores = vec![RestoreRecord { running: None, ..whole.clone() }, second];
        let all = recoveries(&ran);
        assert_eq!(all.len(), 1);
        let [detection, cancel, restore, _] = all[0].parts();
        assert_eq!(all[0].crashed + detection + cancel + restore, running);
        assert_eq!(ran.record.times_to_running().collect::<Vec<_>>(), [running - whole.crashed]);
    }

    #[test]
    fn what_never_ran_again_is_no_recovery() {
        let mut ran = samples::ran("aligned");
        ran.record.restores[0].running = None;
        assert!(recoveries(&ran).is_empty());
        let mut ran = samples::ran("aligned");
        ran.course = Default::default();
        assert_eq!(recoveries(&ran)[0].replay, ran.record.duration - 1_420_000_000, "nobody knows better");
    }
}
