//! Communication-induced checkpoints, with the protocol of Hélary, Mostéfaoui, Netzer and Raynal (2000, *Communication-based
//! prevention of useless checkpoints in distributed computations*).
//!
//! Tasks take checkpoints on their own, as [uncoordinated](crate::uncoordinated) ones do (the *basic* ones). But what they send
//! carries what they know of everyone's checkpoints, and from this a receiver sees in time that a delivery would close a
//! *zigzag cycle* (Netzer and Xu 1995): a path of messages, each sent in the interval in which the last one was received, be it
//! before that or after, that leads back before a checkpoint. A checkpoint on such a cycle lies on no consistent line. So the
//! receiver takes a checkpoint first (a *forced* one), and no checkpoint is ever useless: there is no domino effect.
//!
//! Every process i has a logical clock `lc`, and for every process k:
//! - `ckpt[k]`: how many checkpoints of k it knows of;
//! - `taken[k]`: whether there is a path of messages from k's last checkpoint that it knows of to here, with a checkpoint on it;
//! - `greater[k]`: whether its clock is greater than the clock of k as it knows that;
//! - `sent_to[k]`: whether it has sent k anything since its last checkpoint (the machine knows: [`TaskCtx::sent_to`]).
//!
//! A message carries all of them but `sent_to`. It forces a checkpoint if it comes from the future of the clock, and this process has
//! sent something to one whose clock is smaller than the message's; or if it has left this interval, and comes back to it with a
//! checkpoint on the way.
//!
//! The price: a piggyback that is linear in the number of tasks, on every message, and the forced checkpoints.

use cutline_sim::ids::CheckpointId;
use cutline_sim::protocol::{Hooks, TaskCtx, TaskCut, TaskEffects, TaskEvent};

pub use crate::recovery_line::RecoveryLine;
use crate::uncoordinated::Uncoordinated;

/// The part in every task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommunicationInduced {
    basic: Uncoordinated,
    clocks: Clocks,
}

/// What a task knows of everyone's checkpoints. It is saved with the snapshot, as the words that it piggybacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clocks {
    lc: u32,
    ckpt: Vec<u32>,
    taken: Vec<bool>,
    greater: Vec<bool>,
}

impl TaskCut for CommunicationInduced {
    type Durable = (CheckpointId, Vec<u32>);
    const HOOKS: Hooks = Hooks { tags: true, ..Uncoordinated::HOOKS };
    const NEVER_USELESS: bool = true;

    fn new(task: &TaskCtx<'_>, (newest, restored): Self::Durable) -> Self {
        let all = task.tasks as usize;
        let is_known = restored.len() == Clocks::words(all); // else it starts, or comes from a job with other tasks
        let clocks = if is_known { Clocks::read(&restored, all) } else { Clocks::new(all) };
        CommunicationInduced { basic: Uncoordinated::new(task, newest), clocks }
    }

    fn durable(&self) -> Self::Durable {
        let mut words = Vec::new();
        self.clocks.write(&mut words);
        (self.basic.durable(), words)
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        let newest = self.basic.durable();
        self.basic.on(task, event, fx);
        if self.basic.durable() > newest {
            self.clocks.checkpoint(task.task.index());
        }
    }

    fn tag(&self, words: &mut Vec<u32>) {
        self.clocks.write(words);
    }

    fn before_deliver(&mut self, task: &TaskCtx<'_>, tag: &[u32], fx: &mut TaskEffects) {
        let (i, mine, m) = (task.task.index(), &self.clocks, Clocks::read(tag, task.tasks as usize));
        let would_lead_on = m.lc > mine.lc && task.sent_to.iter().any(|k| m.greater[k as usize]);
        let comes_back = m.ckpt[i] == mine.ckpt[i] && m.taken[i];
        if would_lead_on || comes_back {
            self.basic.take(fx);
            self.clocks.checkpoint(i);
        }
    }

    fn delivered(&mut self, task: &TaskCtx<'_>, tag: &[u32]) -> bool {
        let before = self.clocks.clone();
        self.clocks.merge(task.task.index(), &Clocks::read(tag, task.tasks as usize));
        self.clocks != before
    }
}

impl Clocks {
    fn new(all: usize) -> Clocks {
        Clocks { lc: 0, ckpt: vec![0; all], taken: vec![false; all], greater: vec![false; all] }
    }

    /// Process i takes a checkpoint.
    fn checkpoint(&mut self, i: usize) {
        for k in (0..self.ckpt.len()).filter(|&k| k != i) {
            self.taken[k] = true;
            self.greater[k] = true;
        }
        self.lc += 1;
        self.ckpt[i] += 1;
    }

    /// Process i receives a message.
    fn merge(&mut self, i: usize, m: &Clocks) {
        let others = || (0..m.ckpt.len()).filter(|&k| k != i);
        if m.lc > self.lc {
            self.lc = m.lc;
            self.greater[i] = false;
            others().for_each(|k| self.greater[k] = m.greater[k]);
        } else if m.lc == self.lc {
            others().for_each(|k| self.greater[k] &= m.greater[k]);
        }
        for k in others() {
            if m.ckpt[k] > self.ckpt[k] {
                (self.ckpt[k], self.taken[k]) = (m.ckpt[k], m.taken[k]);
            } else if m.ckpt[k] == self.ckpt[k] {
                self.taken[k] |= m.taken[k];
            }
        }
    }

    /// The number of words.
    fn words(all: usize) -> usize {
        1 + all + 2 * all.div_ceil(32)
    }

    /// As words: the clock, a counter for each process, then the two sets, a bit for each process.
    fn write(&self, words: &mut Vec<u32>) {
        words.push(self.lc);
        words.extend(&self.ckpt);
        for set in [&self.taken, &self.greater] {
            let word = |bits: &[bool]| bits.iter().rev().fold(0, |word, &bit| word << 1 | u32::from(bit));
            words.extend(set.chunks(32).map(word));
        }
    }

    /// What [`Clocks::write`] has written; nothing of what is missing.
    fn read(words: &[u32], all: usize) -> Clocks {
        let sets = 1 + all;
        let at = |place: usize| words.get(place).copied().unwrap_or(0);
        let bit = |set: usize, k: usize| at(sets + set * all.div_ceil(32) + k / 32) >> (k % 32) & 1 == 1;
        Clocks {
            lc: at(0),
            ckpt: (0..all).map(|k| at(1 + k)).collect(),
            taken: (0..all).map(|k| bit(0, k)).collect(),
            greater: (0..all).map(|k| bit(1, k)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_travel_as_words() {
        for all in [1, 5, 31, 32, 33, 100] {
            let mut clocks = Clocks::new(all);
            clocks.lc = 7;
            for k in 0..all {
                clocks.ckpt[k] = 3 * k as u32;
                clocks.taken[k] = k % 3 == 0;
                clocks.greater[k] = k % 5 == 1;
            }
            let mut words = Vec::new();
            clocks.write(&mut words);
            assert_eq!(words.len(), Clocks::words(all));
            assert_eq!(Clocks::read(&words, all), clocks);
        }
        assert_eq!(Clocks::read(&[], 3), Clocks::new(3));
    }
}
