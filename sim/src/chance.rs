//! Chance in a world: the keys of its streams, and the turn that it may take in the middle of a run.
//!
//! A run that is *turned* after so many events has the past of the original and another future: from then on every random draw
//! is one of another seed. The input and the fault plan stay, for they were drawn before the run. So one can ask of a moment
//! whether what comes of it is decided. A world without jitter leaves nothing to chance, so a turn also brings a little: what goes
//! between nodes, and every control message, takes up to twice its least time. Order is kept as ever.

use crate::random::{self, Stream};
use crate::world::World;

/// A turn that is still to come.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Turn {
    /// How many more events are to happen before it.
    after: u64,
    seed: u64,
}

impl World {
    /// Gives every stream its key.
    pub(crate) fn key(&mut self, seed: u64) {
        let latency = random::key(seed, Stream::Latency);
        for (at, channel) in self.network.channels.iter_mut().enumerate() {
            channel.key = random::draw(latency, at as u64);
        }
        self.shared.post.latency_key = random::key(seed, Stream::Control);
        self.shared.post.fate_key = random::key(seed, Stream::MessageFaults);
        self.shared.service_key = random::key(seed, Stream::Service);
        self.shared.store_key = random::key(seed, Stream::Store);
        self.shared.timer_key = random::key(seed, Stream::Timers);
        self.shared.commit_key = random::key(seed, Stream::Commits);
    }

    /// Lets chance go another way once so many events have happened, those of the same instant at the same party included; 0: at
    /// once. The world must have begun. Which events there are depends on [`World::set_detail`].
    pub fn turn_after(&mut self, events: u64, seed: u64) {
        self.turn = Some(Turn { after: events, seed });
        self.approach_turn(0);
    }

    /// So many events have happened.
    #[cold]
    pub(crate) fn approach_turn(&mut self, events: usize) {
        let Some(turn) = &mut self.turn else { return };
        turn.after = turn.after.saturating_sub(events as u64);
        let Turn { after: 0, seed } = *turn else { return };
        self.turn = None;
        self.key(seed);
        let (post, network) = (&mut self.shared.post, &mut self.network.config);
        post.jitter = post.jitter.max(post.latency);
        network.latency_jitter = network.latency_jitter.max(network.latency);
    }
}
