//! Useless checkpoints (Netzer and Xu 1995, *Necessary and sufficient conditions for consistent global snapshots*): where tasks
//! take checkpoints on their own, one that lies on no consistent line, now or ever, was taken in vain. Such a checkpoint lies on a
//! *zigzag cycle*: a path of items, each sent in the interval in which the last one was received, be it before that or after,
//! which leads from behind the checkpoint to before it.
//!
//! **What is claimed.** That there is none where the job has no cycle, for no path leads back there, whatever is checkpointed when;
//! and none anywhere under a strategy that says so
//! ([`TaskCut::NEVER_USELESS`](crate::protocol::TaskCut::NEVER_USELESS)). Elsewhere nobody has promised anything.
//!
//! **How it is found.** Hold on to the checkpoint and let all others go back from where they are, by rollback propagation: whoever
//! has received what nobody has sent goes back by one. If in the end the task of the checkpoint would have to, there is no line. Where
//! a task is after its newest checkpoint is taken to be consistent with anything, so nothing is objected to too soon.
//!
//! **When.** When a line is stored, for all checkpoints up to it: they are final, for what they had received was sent before the line,
//! in intervals that are over. The rest when a restore undoes it, and at the end. A checkpoint counts that was taken, whatever
//! became of its write, for a strategy decides by what it takes.

use std::sync::Arc;

use super::{Oracle, Verdict, show_time};
use crate::event::{Event, Stamped};
use crate::ids::{CheckpointId, TaskId};
use crate::protocol::Positions;
use crate::reusable;
use crate::time::Time;
use crate::topology::{ChannelInfo, Topology};
use crate::world::{Outcome, World};

/// Its name.
pub const NAME: &str = "zigzag";

/// A checkpoint that a task has taken on its own.
#[derive(Clone, Debug, Hash)]
struct Own {
    id: CheckpointId,
    at: Time,
    positions: Arc<Positions>,
    is_judged: bool,
}

reusable! {
    /// The oracle.
    #[derive(Debug, Default, Hash)]
    pub struct Zigzag {
        /// By task, the checkpoints of the history that counts, oldest first, from the newest stored line on.
        own: Vec<Vec<Own>>,
        judged: u64,
        proof: Option<String>,
    }
}

/// A task goes back: no line that contains the checkpoint in question contains a newer one of its.
#[derive(Clone, Copy, Debug)]
struct GoesBack<'a> {
    /// The channel whose receiver it is.
    channel: &'a ChannelInfo,
    /// The place of the newest checkpoint that is left to it.
    place: usize,
    /// The earlier step by which its sender had gone back; `None`: its sender is the task in question.
    by: Option<usize>,
}

impl Oracle for Zigzag {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, world: &World, event: &Stamped) {
        match event.event {
            Event::SnapshotTaken { id } if self.is_asked(world) => {
                let task = event.origin.as_task();
                let is_it = |taken: &&(TaskId, CheckpointId, _)| (Some(taken.0), taken.1) == (task, id);
                if let Some((task, id, positions)) = world.taken().iter().rev().find(is_it) {
                    self.taken(world.topology(), (*task, *id), event.time, Arc::clone(positions));
                }
            }
            Event::CheckpointCompleted { id, .. } if self.is_asked(world) => {
                let line: Vec<_> = line(world, id).collect();
                self.stored(world.topology(), &line);
            }
            Event::Restoring { checkpoint, .. } if self.is_asked(world) => {
                let line: Vec<_> = checkpoint.into_iter().flat_map(|id| line(world, id)).collect();
                self.restored(world.topology(), &line);
            }
            _ => {}
        }
    }

    fn objects(&self) -> bool {
        self.proof.is_some()
    }

    fn verdict(&mut self, world: &World, _outcome: Outcome) -> Verdict {
        if !world.logs_sent() {
            return Verdict::Unknown("tasks take no checkpoints on their own".to_owned());
        }
        if !world.is_never_useless() {
            return Verdict::Unknown(
                "the job has a cycle, and the strategy does not promise to take no useless checkpoints"
                    .to_owned(),
            );
        }
        self.conclude(world.topology())
    }
}

impl Zigzag {
    fn is_asked(&self, world: &World) -> bool {
        self.proof.is_none() && world.is_never_useless()
    }

    /// A task has taken a checkpoint, with so much sent and received by then.
    pub fn taken(
        &mut self,
        topology: &Topology,
        (task, id): (TaskId, CheckpointId),
        at: Time,
        positions: Arc<Positions>,
    ) {
        self.own.resize(topology.tasks.len(), Vec::new());
        self.own[task.index()].push(Own { id, at, positions, is_judged: false });
    }

    /// A line is stored, with these checkpoints: what is up to it is final.
    pub fn stored(&mut self, topology: &Topology, line: &[(TaskId, CheckpointId)]) {
        for &(task, on_it) in line {
            let Some(own) = self.own.get(task.index()) else { continue };
            let upto = own.partition_point(|own| own.id <= on_it);
            (0..upto).for_each(|place| self.judge(topology, task.index(), place));
        }
        for &(task, on_it) in line {
            let Some(own) = self.own.get_mut(task.index()) else { continue };
            let before = own.partition_point(|own| own.id < on_it);
            own.drain(..before);
        }
    }

    /// All tasks go back to these checkpoints; one that is not named, to its beginning.
    pub fn restored(&mut self, topology: &Topology, line: &[(TaskId, CheckpointId)]) {
        self.judge_all(topology);
        let mut kept = vec![0; self.own.len()];
        for &(task, on_it) in line {
            let Some(own) = self.own.get(task.index()) else { continue };
            kept[task.index()] = own.partition_point(|own| own.id <= on_it);
        }
        self.own.iter_mut().zip(kept).for_each(|(own, kept)| own.truncate(kept));
    }

    /// It is over: whether one was useless.
    pub fn conclude(&mut self, topology: &Topology) -> Verdict {
        self.judge_all(topology);
        match self.proof.take() {
            Some(proof) => Verdict::Fail(proof),
            None if self.judged == 0 => Verdict::Unknown("no task took a checkpoint".to_owned()),
            None => Verdict::Pass,
        }
    }

    fn judge_all(&mut self, topology: &Topology) {
        for task in 0..self.own.len() {
            (0..self.own[task].len()).for_each(|place| self.judge(topology, task, place));
        }
    }

    fn judge(&mut self, topology: &Topology, task: usize, place: usize) {
        if self.proof.is_some() || std::mem::replace(&mut self.own[task][place].is_judged, true) {
            return;
        }
        self.judged += 1;
        if let Some(path) = self.path(&topology.channels, task, place) {
            self.proof = Some(self.prove(topology, (task, place), &path));
        }
    }

    /// How a line that contains this checkpoint leads to a contradiction: the steps by which tasks go back, up to the one by which
    /// its own task would have to. `None`: there is such a line.
    fn path<'a>(&self, channels: &'a [ChannelInfo], task: usize, place: usize) -> Option<Vec<GoesBack<'a>>> {
        // Behind the last checkpoint a task is where it is.
        let mut line: Vec<usize> = self.own.iter().map(Vec::len).collect();
        line[task] = place;
        let mut last: Vec<Option<usize>> = vec![None; line.len()];
        let mut steps: Vec<GoesBack<'a>> = Vec::new();
        loop {
            let before = steps.len();
            for channel in channels {
                let (from, to) = (channel.from.index(), channel.to.index());
                let Some(sender) = self.own[from].get(line[from]) else { continue };
                let sent = sender.positions.sent[channel.output as usize];
                let has_less = |own: &Own| own.positions.received[channel.input as usize] <= sent;
                let fit = self.own[to].partition_point(has_less);
                if fit > line[to] || fit == self.own[to].len() {
                    continue;
                }
                let Some(place) = fit.checked_sub(1) else { continue }; // everyone's first ones are a line
                steps.push(GoesBack { channel, place, by: last[from] });
                if to == task {
                    return Some(up_to_the_last(&steps));
                }
                (line[to], last[to]) = (place, Some(steps.len() - 1));
            }
            if steps.len() == before {
                return None;
            }
        }
    }

    fn prove(&self, topology: &Topology, (task, place): (usize, usize), path: &[GoesBack<'_>]) -> String {
        let name = |task: TaskId| topology.task_name(task);
        let c = &self.own[task][place];
        let mut proof = format!(
            "Let c be checkpoint {} of {}, taken at {}, and let a consistent line contain it.",
            c.id,
            name(TaskId(task as u32)),
            show_time(c.at)
        );
        let Some((back, hops)) = path.split_last() else { return proof };
        let mut sender = c;
        for hop in hops {
            let GoesBack { channel, place, .. } = *hop;
            let newest = &self.own[channel.to.index()][place];
            proof += &format!(
                " By then {} had sent {} items to {}, whose checkpoint {} is the newest that has received no more.",
                name(channel.from),
                sender.positions.sent[channel.output as usize],
                name(channel.to),
                newest.id
            );
            sender = newest;
        }
        let GoesBack { channel, .. } = *back;
        proof += &format!(
            " By then {} had sent {} items to {}, but by c that had received {} of them. So no consistent line contains c: it lies \
             on a zigzag cycle and is useless, though {}.",
            name(channel.from),
            sender.positions.sent[channel.output as usize],
            name(channel.to),
            c.positions.received[channel.input as usize],
            if topology.is_cyclic() { "the strategy promises that none is" } else { "the job has no cycle" }
        );
        proof
    }
}

/// The steps that lead to the last one, oldest first.
fn up_to_the_last<'a>(steps: &[GoesBack<'a>]) -> Vec<GoesBack<'a>> {
    let mut path: Vec<GoesBack<'a>> = steps.last().copied().into_iter().collect();
    while let Some(by) = path.last().and_then(|step| step.by) {
        path.push(steps[by]);
    }
    path.reverse();
    path
}

/// The checkpoints on a line, by task.
fn line(world: &World, id: CheckpointId) -> impl Iterator<Item = (TaskId, CheckpointId)> + '_ {
    let handles = world.store().manifest(id).into_iter().flat_map(|manifest| manifest.iter().flatten());
    let snapshots = handles.filter_map(|&handle| world.store().get(handle));
    snapshots.map(|snapshot| (snapshot.task, snapshot.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EdgeId;

    /// Tasks with checkpoints at which so much had been sent (by output) and received (by input).
    fn oracle(tasks: &[&[(&[u64], &[u64])]]) -> Zigzag {
        let own = |(nth, (sent, received)): (u64, &(&[u64], &[u64]))| Own {
            id: CheckpointId(nth),
            at: 0,
            positions: Arc::new(Positions { sent: sent.to_vec(), received: received.to_vec() }),
            is_judged: false,
        };
        let own = tasks.iter().map(|taken| (1..).zip(*taken).map(own).collect()).collect();
        Zigzag { own, ..Zigzag::default() }
    }

    fn channel(from: u32, to: u32) -> ChannelInfo {
        let (from, to) = (TaskId(from), TaskId(to));
        ChannelInfo { from, to, output: 0, input: 0, edge: EdgeId(0), feedback: false }
    }

    /// Two tasks that answer each other; the second one receives an answer before its second checkpoint, and has sent what leads
    /// there from behind that checkpoint.
    #[test]
    fn a_checkpoint_between_an_answer_and_its_question_is_useless() {
        let channels = [channel(0, 1), channel(1, 0)];
        // Task 0 sends its item before it receives that of task 1, which is sent after the checkpoint that received the first.
        let oracle = oracle(&[&[(&[0], &[0]), (&[1], &[1])], &[(&[0], &[0]), (&[0], &[1]), (&[1], &[1])]]);
        let useless = |task, place| oracle.path(&channels, task, place).is_some();
        assert!(!useless(0, 0) && !useless(1, 0) && !useless(0, 1) && !useless(1, 2));
        assert!(useless(1, 1));
        let path = oracle.path(&channels, 1, 1).expect("a cycle");
        let hops: Vec<(u32, usize)> = path.iter().map(|step| (step.channel.to.0, step.place)).collect();
        assert_eq!(hops, [(0, 0), (1, 0)]);
    }

    #[test]
    fn where_a_task_is_behind_its_last_checkpoint_fits_anything() {
        let channels = [channel(0, 1), channel(1, 0)];
        // As before, but task 0 has taken no checkpoint since.
        let oracle = oracle(&[&[(&[0], &[0])], &[(&[0], &[0]), (&[0], &[1])]]);
        assert!(oracle.path(&channels, 1, 1).is_none());
    }

    #[test]
    fn without_a_cycle_there_is_always_a_line() {
        let channels = [channel(0, 1)];
        let oracle = oracle(&[&[(&[0], &[]), (&[5], &[])], &[(&[], &[0]), (&[], &[3]), (&[], &[7])]]);
        for (task, places) in [(0, 2), (1, 3)] {
            assert!((0..places).all(|place| oracle.path(&channels, task, place).is_none()));
        }
    }
}
