//! The port through which a task meets its channels: what others may touch of it, and what it notices beside the order of its
//! inputs.

use crate::channel::Channel;
use crate::ids::{ChannelId, CheckpointId, TaskId};
use crate::protocol::InputSet;
use crate::record::Mark;
use crate::reusable;
use crate::ring::Ring;
use crate::time::{NEVER, Time};
use crate::topology::{Output, Topology};
use crate::tournament::Tournament;

reusable! {
    /// What others may touch of a task.
    #[derive(Debug, Hash)]
    pub(crate) struct Port {
        /// Since when each input has waited for its turn: the arrival of its front or, after a buffer of it was consumed, that
        /// instant; [`NEVER`] for an empty or blocked one.
        pub heads: Tournament,
        /// Inputs from which the strategy wants nothing consumed.
        pub blocked: InputSet,
        /// The task does nothing before this; an arrival before it need not wake it.
        pub free_at: Time,
        /// Output buffers in use, as of the last look.
        pub used: u32,
        /// Output buffers there are.
        pub capacity: u32,
        /// When buffers in use become free, as far as known, in order.
        pub releases: Ring<Time>,
        /// True while the task waits for an output buffer.
        pub starved: bool,
        /// Its gates, by their first inputs.
        pub gates: Vec<Gate>,
        /// Output channels with a partly filled buffer, and some that had one.
        pub open: Vec<ChannelId>,
        /// When the flusher works next; [`NEVER`] if it has nothing to do.
        pub flush_at: Time,
        /// When it comes by for all partly filled buffers.
        pub tick_at: Time,
        /// What is on its way or here and not yet noticed, the first to come first: confirmed ends, and marks where their
        /// arrivals or departures matter.
        pub notices: Vec<Notice>,
        /// The tasks to which something was sent since the last snapshot; the size of the tag on everything that is sent, and of
        /// all tags that ever were. Only where tags are piggybacked.
        pub sent_to: InputSet,
        pub tag_bytes: u32,
        pub piggybacked: u64,
    }
}

/// The inputs of a task that come over one edge, and the floating buffers that they share
/// (`taskmanager.network.memory.floating-buffers-per-gate`).
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Gate {
    /// Its first input; it ends where the next one begins.
    first: u32,
    /// Floating buffers there are.
    floating: u32,
    /// Those that no channel holds.
    pub spare: u32,
}

/// Something that a task notices beside the order of its inputs, from an instant on.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Notice {
    pub time: Time,
    pub channel: ChannelId,
    pub what: What,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// A mark arrives on this input channel.
    Arrival(Mark),
    /// The sender of this input channel has finished.
    Close,
    /// The mark of this cut leaves on this output channel.
    Departure(CheckpointId),
    /// The end has been consumed from this output channel.
    EndConsumed,
}

impl Port {
    /// The port of a task that is not deployed.
    pub fn new(topology: &Topology, task: TaskId) -> Port {
        let config = &topology.config.network;
        let info = &topology.tasks[task.index()];
        let buffered = |output: &&Output| !topology.edges[output.edge.index()].spec.feedback;
        let outputs = info.outputs.iter().filter(buffered).map(|output| {
            u64::from(config.exclusive_buffers) * u64::from(output.channels)
                + u64::from(config.floating_buffers)
        });
        // Below two buffers a sender could never fill one while another departs.
        let capacity = u32::try_from(outputs.sum::<u64>()).unwrap_or(u32::MAX).max(2);
        let (mut gates, mut last) = (Vec::new(), None);
        for (input, channel) in info.inputs.iter().enumerate() {
            let channel = &topology.channels[channel.index()];
            if last.replace(channel.edge) != Some(channel.edge) {
                let floating = if channel.feedback { 0 } else { config.floating_buffers };
                gates.push(Gate { first: input as u32, floating, spare: floating });
            }
        }
        Port {
            heads: Tournament::new(info.inputs.len() as u32),
            blocked: InputSet::default(),
            free_at: NEVER,
            used: 0,
            capacity,
            releases: Ring::default(),
            starved: false,
            gates,
            open: Vec::new(),
            flush_at: NEVER,
            tick_at: NEVER,
            notices: Vec::new(),
            sent_to: InputSet::default(),
            tag_bytes: 0,
            piggybacked: 0,
        }
    }

    /// The gate of an input.
    #[inline]
    fn gate(&mut self, input: u32) -> &mut Gate {
        match &mut self.gates[..] {
            [gate] => gate,
            gates => {
                let behind = gates.partition_point(|gate| gate.first <= input);
                &mut gates[behind - 1]
            }
        }
    }

    /// True if the task may open one more output buffer now.
    #[inline(always)]
    pub fn has_room(&mut self, now: Time) -> bool {
        if self.used >= self.capacity {
            self.collect(now);
        }
        self.used < self.capacity
    }

    /// Counts the output buffers that are free again.
    #[inline(never)]
    pub fn collect(&mut self, now: Time) {
        while self.releases.front().is_some_and(|&time| time <= now) {
            self.releases.drop_front();
            self.used -= 1;
        }
    }

    /// An output buffer in use becomes free at an instant that is not before the clock of the task.
    #[inline]
    pub fn free_later(&mut self, at: Time) {
        // Those that leave later are free later, but for those of different channels.
        match self.releases.back() {
            Some(&last) if last > at => self.free_many(at, 1),
            _ => self.releases.push(at),
        }
    }

    /// The same of so many.
    pub fn free_many(&mut self, at: Time, count: u32) {
        let not_later = |&place: &u32| self.releases.get(place).is_some_and(|&time| time <= at);
        let place = (0..self.releases.len()).rev().find(not_later).map_or(0, |place| place + 1);
        self.releases.insert_copies(place, at, count);
    }

    /// The same, said by another: this task may wait for that.
    #[inline]
    pub fn release(&mut self, task: TaskId, at: Time, wakes: &mut Tournament) {
        self.free_later(at);
        if self.starved {
            wakes.lower(task.0, at);
        }
    }

    /// How many credits go back for a buffer that the channel of an input brought: a floating buffer goes to a channel whose buffer
    /// had waited for a credit, and returns from one whose had not.
    #[inline(always)]
    pub fn credits_for(&mut self, channel: &mut Channel, waited: bool) -> u32 {
        let gate = self.gate(channel.input);
        if waited && gate.spare > 0 {
            gate.spare -= 1;
            channel.floating += 1;
            2
        } else if !waited && channel.floating > 0 {
            channel.floating -= 1;
            gate.spare += 1;
            0
        } else {
            1
        }
    }

    /// Something will arrive at the front of an empty input: when the task is to be woken for it, unless that input is blocked.
    #[inline(always)]
    pub fn expect_front(&mut self, input: u32, arrive: Time) -> Option<Time> {
        if self.blocked.contains(input) {
            return None;
        }
        self.heads.set(input, arrive);
        Some(arrive.max(self.free_at))
    }

    /// When there is something to notice; [`NEVER`] without it.
    #[inline]
    pub fn notice_at(&self) -> Time {
        self.notices.first().map_or(NEVER, |notice| notice.time)
    }

    /// Forgets everything of the last attempt.
    pub fn reset(&mut self) {
        self.heads.reset();
        self.blocked.clear();
        self.free_at = NEVER;
        self.used = 0;
        self.releases.clear();
        self.starved = false;
        self.gates.iter_mut().for_each(|gate| gate.spare = gate.floating);
        self.open.clear();
        self.flush_at = NEVER;
        self.tick_at = NEVER;
        self.notices.clear();
        self.sent_to.clear();
        self.tag_bytes = 0;
    }
}
