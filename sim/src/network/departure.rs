//! How a closed buffer departs.

use super::Port;
use crate::channel::{Channel, Waiting};
use crate::config::NetworkConfig;
use crate::time::{FAR, SECOND, Time};
use crate::tournament::Tournament;

/// What is the same for all wires.
#[derive(Clone, Copy)]
pub(crate) struct Wire<'a> {
    pub config: &'a NetworkConfig,
    /// True if the sender is told when a mark leaves.
    pub departures: bool,
}

impl Channel {
    /// Puts the next buffer on the wire, not before this instant, which it may have waited for. Says from when on it leaves, and
    /// if it is the front of the channel, when that arrives.
    #[inline(always)]
    pub fn depart(
        &mut self,
        (sender, wakes): (&mut Port, &mut Tournament),
        Wire { config, departures }: Wire<'_>,
        buffer: Waiting,
        not_before: Time,
        waited: bool,
    ) -> (Time, Option<Time>) {
        let starts = self.wire_free.max(not_before);
        let mut free = starts;
        if config.bandwidth > 0 && !self.local {
            free += u64::from(buffer.bytes) * SECOND / config.bandwidth;
            free = free.min(not_before + FAR); // what waits for a slow wire may wait longer than any run lasts
        }
        self.wire_free = free;
        let arrive = match departures && self.next_is_cut() {
            true => self.arrival_of_cut(free),
            false => self.arrival(free, if self.local { 0 } else { config.latency_jitter }),
        };
        let is_front = self.grant(buffer.slots, arrive, waited);
        if buffer.needs_credit && !self.local {
            match free <= buffer.ready {
                true => sender.used -= 1,
                false => sender.release(self.from, free, wakes),
            }
        }
        (starts, is_front.then_some(arrive))
    }
}
