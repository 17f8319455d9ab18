//! Control messages: between tasks, nodes, coordinator and external system. They take time, and under a fault they can be
//! lost, late, doubled or reordered. Without a fault, messages of one sender to one receiver keep their order.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::event::{Event, Origin, Topic};
use crate::random::{below, draw, mix};
use crate::reusable;
use crate::time::Time;

/// What message faults are at work; chances in per mille, each of all messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct MessageFaults {
    pub lose: u32,
    pub delay: u32,
    pub delay_by: Time,
    pub double: u32,
    pub reorder: u32,
    pub reorder_by: Time,
}

/// A control message, among all of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// Who sends it.
    pub sender: Origin,
    /// The sender's own count.
    pub number: u32,
}

reusable! {
    /// The messengers.
    #[derive(Debug)]
    pub(crate) struct Post {
        /// Key of the latency draws.
        pub latency_key: u64,
        /// Key of the draws of fate.
        pub fate_key: u64,
        pub latency: Time,
        pub jitter: Time,
        pub faults: MessageFaults,
        /// Messages that are lost when their turn comes.
        pub doomed: BTreeSet<MessageId>,
        /// The messages sent since the observer was last called, with [`Detail::targets`](crate::event::Detail::targets).
        pub is_noting: bool,
        pub sent: Vec<MessageId>,
    }
}

/// Everything that the rest of a run depends on.
impl Hash for Post {
    fn hash<H: Hasher>(&self, into: &mut H) {
        let Post { latency_key, fate_key, latency, jitter, faults, doomed, is_noting, sent: _ } = self;
        (latency_key, fate_key, latency, jitter, faults, doomed, is_noting).hash(into);
    }
}

/// When a message is delivered: not at all, once or twice; and what to say of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deliveries {
    pub first: Option<Time>,
    pub second: Option<Time>,
    pub trouble: Option<Trouble>,
}

/// What a fault has done to a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Lost,
    Disturbed,
}

impl Deliveries {
    /// What is to be said of a message about this.
    pub fn event(self, topic: Topic) -> Option<Event> {
        self.trouble.map(|trouble| match trouble {
            Trouble::Lost => Event::MessageLost { topic },
            Trouble::Disturbed => Event::MessageDisturbed { topic },
        })
    }

    pub fn times(self) -> impl Iterator<Item = Time> {
        self.first.into_iter().chain(self.second)
    }
}

impl Post {
    /// Decides about a message; `sender` and `number` identify it among all messages of the run, `last` is the last
    /// delivery from this sender to this receiver.
    pub fn deliver(&mut self, now: Time, sender: u32, number: u32, last: &mut Time) -> Deliveries {
        if self.is_noting {
            self.sent.push(MessageId { sender: Origin(sender), number });
        }
        if !self.doomed.is_empty() && self.doomed.remove(&MessageId { sender: Origin(sender), number }) {
            return Deliveries { trouble: Some(Trouble::Lost), ..Deliveries::default() };
        }
        let message = mix(u64::from(sender) << 32 | u64::from(number));
        let way = self.latency.saturating_add(below(draw(self.latency_key, message), self.jitter + 1));
        let time = now.saturating_add(way).max(*last);
        if self.faults == MessageFaults::default() {
            *last = time;
            return Deliveries { first: Some(time), ..Deliveries::default() };
        }
        self.disturbed(time, message, last)
    }

    fn disturbed(&self, time: Time, message: u64, last: &mut Time) -> Deliveries {
        let faults = &self.faults;
        let fate = |n: u64| draw(self.fate_key, message ^ mix(n));
        let strikes = |n: u64, chance: u32| below(fate(n), 1000) < u64::from(chance);
        if strikes(1, faults.lose) {
            return Deliveries { trouble: Some(Trouble::Lost), ..Deliveries::default() };
        }
        let mut deliveries = Deliveries { first: Some(time), ..Deliveries::default() };
        if strikes(2, faults.delay) {
            // Late, and what follows waits behind it.
            deliveries.first = Some(time.saturating_add(below(fate(3), faults.delay_by + 1)));
            deliveries.trouble = Some(Trouble::Disturbed);
        }
        *last = deliveries.first.unwrap_or(time);
        if strikes(4, faults.reorder) {
            // Late, and what follows overtakes it.
            let by = below(fate(5), faults.reorder_by + 1);
            deliveries.first = deliveries.first.map(|time| time.saturating_add(by));
            *last = time;
            deliveries.trouble = Some(Trouble::Disturbed);
        }
        if strikes(6, faults.double) {
            let by = 1 + below(fate(7), self.latency.saturating_mul(10));
            deliveries.second = deliveries.first.map(|time| time.saturating_add(by));
            deliveries.trouble = Some(Trouble::Disturbed);
        }
        deliveries
    }
}
