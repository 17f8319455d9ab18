//! When a job has caught up after a recovery. The records of a run do not say it, for it is a matter of judgement; here is the one that
//! is passed: a job has caught up when, in a slice of time after all tasks run again, half of the records that arrive could not be read
//! before that. So what had been waiting is worked off. A job that finishes without another failure has worked off everything.

use cutline_scenarios::course::Slice;
use cutline_scenarios::record::RestoreRecord;

use super::Ran;

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
    /// From then until the job had caught up, or until the next crash or the end of the run if it had not.
    pub replay: u64,
    /// True if it had.
    pub is_caught_up: bool,
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
        self.parts().iter().fold(0, |sum, part| sum.saturating_add(*part))
    }
}

/// The recoveries of a run after which all tasks ran again. One that a second failure interrupts goes on until then: what is behind its first
/// cancellation is its restore.
pub fn recoveries(ran: &Ran) -> Vec<Recovery> {
    let parts = |restores: &[RestoreRecord]| {
        let (restore, running) = (restores.first()?, restores.last()?.running?);
        let later =
            ran.record.restores.iter().map(|later| later.crashed).filter(|&crashed| crashed > running);
        let failure = later.min();
        let next = failure.unwrap_or(ran.record.duration);
        let is_told = ran.record.arrivals > 0;
        let whole = (failure.is_none() && ran.record.outcome.is_finished() && is_told).then_some(next);
        let caught_up = caught_up(ran, running).filter(|&at| at < next).or(whole);
        Some(Recovery {
            crashed: restore.crashed,
            detection: restore.noticed.saturating_sub(restore.crashed),
            cancel: restore.cancelled.saturating_sub(restore.noticed),
            restore: running.saturating_sub(restore.cancelled.max(restore.noticed)),
            replay: caught_up.unwrap_or(next).saturating_sub(running),
            is_caught_up: caught_up.is_some(),
        })
    };
    ran.record.recoveries().filter_map(parts).collect()
}

/// The first instant behind this one from which on half of what arrives could not be read before it.
fn caught_up(ran: &Ran, running: u64) -> Option<u64> {
    let width = ran.course.width.max(1);
    let slices = ran.course.slices.iter().enumerate().skip((running / width) as usize);
    let fine = |(place, slice): (usize, &Slice)| {
        let begin = (place as u64).saturating_mul(width);
        let since = begin.saturating_add(width).saturating_sub(running);
        (slice.arrivals > 0 && slice.latency_p50 <= since).then_some(begin.max(running))
    };
    slices.filter_map(fine).next()
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
        // For 280 ms after the restore what arrives is 600 ms late, so it could be read before that.
        assert_eq!((all[0].replay, all[0].is_caught_up), (280_000_000, true));
    }

    #[test]
    fn a_job_that_fails_again_before_that_has_not_caught_up() {
        let mut ran = samples::ran("aligned");
        let first = ran.record.restores[0].clone();
        let running = first.running.expect("running");
        let again = RestoreRecord { crashed: running + 100_000_000, running: Some(2_000_000_000), ..first };
        ran.record.restores.push(again);
        let all = recoveries(&ran);
        assert_eq!((all[0].replay, all[0].is_caught_up), (100_000_000, false));
        assert_eq!((all[1].replay, all[1].is_caught_up), (40_000_000, true));
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
        let end = ran.record.duration - 1_420_000_000;
        let found = recoveries(&ran)[0];
        assert_eq!((found.replay, found.is_caught_up), (end, true), "at its end everything is worked off");
        ran.record.arrivals = 0;
        assert!(!recoveries(&ran)[0].is_caught_up, "nobody knows");
    }
}
