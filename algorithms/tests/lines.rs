//! Recovery lines over random histories: processes that send, receive and take checkpoints whenever they like. The line found by
//! rollback propagation is the maximum that trying all combinations finds; where no cycle of channels exists no checkpoint is
//! useless, whatever the interleaving; without forced checkpoints feedback can undo everything, and with those that the tasks'
//! machines of the communication-induced strategies ask for it undoes nothing.

use std::sync::Arc;

use cutline_algorithms::communication_induced::CommunicationInduced;
use cutline_algorithms::communication_induced_bcs::CommunicationInducedBcs;
use cutline_algorithms::recovery_line::{Taken, line};
use cutline_algorithms::uncoordinated::Uncoordinated;
use cutline_sim::config::CheckpointConfig;
use cutline_sim::ids::{CheckpointId, EdgeId, TaskId};
use cutline_sim::protocol::{
    Down, Handle, InputSet, Positions, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent,
};
use cutline_sim::random::{below, draw};
use cutline_sim::topology::ChannelInfo;

/// A message: from whom, in which of their intervals (the n-th follows checkpoint n), to whom and in which of theirs.
#[derive(Clone, Copy, Debug)]
struct Message {
    from: usize,
    sent_in: usize,
    to: usize,
    received_in: usize,
}

/// What has happened. The machines of the tasks say when a checkpoint is forced.
struct History<T> {
    channels: Vec<ChannelInfo>,
    /// What each process has sent and received, by output and input.
    now: Vec<Positions>,
    taken: Vec<Vec<Taken>>,
    /// For each channel, the intervals in which what is in transit was sent, and its tags.
    in_transit: Vec<Vec<(usize, Vec<u32>)>>,
    received: Vec<Message>,
    machines: Vec<T>,
    /// What each process piggybacks.
    tags: Vec<Vec<u32>>,
    /// For each process those to whom it has sent anything since its last checkpoint.
    sent_to: Vec<InputSet>,
    config: CheckpointConfig,
    forced: usize,
    /// A mutation of the protocol.
    mutation: Mutation,
}

/// What is wrong with how a protocol is carried out.
#[derive(Clone, Copy, PartialEq)]
enum Mutation {
    Nothing,
    /// A forced checkpoint is taken after the delivery.
    ForcedLate,
    /// The tag is never renewed.
    TagOfTheStart,
}

impl<T: TaskCut> History<T> {
    /// Processes with these channels; every one starts with a checkpoint.
    fn new(processes: usize, ends: &[(usize, usize)]) -> History<T> {
        Self::mutated(processes, ends, Mutation::Nothing)
    }

    fn mutated(processes: usize, ends: &[(usize, usize)], mutation: Mutation) -> History<T> {
        let mut now = vec![Positions::default(); processes];
        let mut channels = Vec::new();
        for &(from, to) in ends {
            let (output, input) = (now[from].sent.len() as u32, now[to].received.len() as u32);
            now[from].sent.push(0);
            now[to].received.push(0);
            let (from, to) = (TaskId(from as u32), TaskId(to as u32));
            channels.push(ChannelInfo { from, to, output, input, edge: EdgeId(0), feedback: false });
        }
        let in_transit = vec![Vec::new(); channels.len()];
        let taken = vec![Vec::new(); processes];
        let (received, machines) = (Vec::new(), Vec::new());
        let sent_to = vec![InputSet::default(); processes];
        let config = CheckpointConfig { interval: 0, ..CheckpointConfig::default() };
        let forced = 0;
        let tags = vec![Vec::new(); processes];
        let mut history = History {
            channels,
            now,
            taken,
            in_transit,
            received,
            machines,
            tags,
            sent_to,
            config,
            forced,
            mutation,
        };
        for process in 0..processes {
            let machine = history.context(process, |task| T::new(task, T::Durable::default()));
            history.machines.push(machine);
        }
        for process in 0..processes {
            history.tell(process, |machine, task, fx| machine.on(task, TaskEvent::Started, fx));
            history.tell(process, |machine, task, fx| {
                machine.on(task, TaskEvent::Persisted(CheckpointId(1)), fx)
            });
        }
        history
    }

    fn context<R>(&self, process: usize, then: impl FnOnce(&TaskCtx<'_>) -> R) -> R {
        let (task, tasks, open) = (TaskId(process as u32), self.now.len() as u32, InputSet::default());
        let (sent_to, config) = (&self.sent_to[process], &self.config);
        then(&TaskCtx {
            task,
            inputs: 0,
            open: &open,
            feedback: &open,
            is_source: false,
            tasks,
            sent_to,
            config,
            age: 0,
        })
    }

    /// Tells a machine something; true if it takes a checkpoint.
    fn tell(&mut self, process: usize, what: impl Fn(&mut T, &TaskCtx<'_>, &mut TaskEffects)) -> bool {
        let (mut machine, mut fx) = (self.machines[process].clone(), TaskEffects::default());
        self.context(process, |task| what(&mut machine, task, &mut fx));
        self.machines[process] = machine;
        let takes = fx.0.iter().any(|effect| matches!(effect, TaskEffect::Snapshot(_)));
        if takes {
            self.keep(process);
        }
        takes
    }

    /// A process takes a basic checkpoint, which is durable at once.
    fn take(&mut self, process: usize) {
        let trigger = TaskEvent::Control(Down::Trigger(CheckpointId(0)));
        assert!(self.tell(process, |machine, task, fx| machine.on(task, trigger, fx)));
        self.persist(process);
    }

    fn persist(&mut self, process: usize) {
        let id = self.taken[process].last().expect("a checkpoint").id;
        self.tell(process, |machine, task, fx| machine.on(task, TaskEvent::Persisted(id), fx));
    }

    /// A machine is asked for its tag when it starts, after a checkpoint, and when it says that a delivery has changed it.
    fn renew_tag(&mut self, process: usize) {
        if self.mutation != Mutation::TagOfTheStart || self.tags[process].is_empty() {
            self.tags[process].clear();
            self.machines[process].tag(&mut self.tags[process]);
        }
    }

    fn keep(&mut self, process: usize) {
        self.sent_to[process].clear();
        self.renew_tag(process);
        let id = CheckpointId(self.taken[process].len() as u64 + 1);
        let positions = Arc::new(self.now[process].clone());
        self.taken[process].push(Taken { id, handle: Handle(id.0), positions });
    }

    fn interval(&self, process: usize) -> usize {
        self.taken[process].len() - 1
    }

    fn send(&mut self, channel: usize) {
        let ends = self.channels[channel];
        self.now[ends.from.index()].sent[ends.output as usize] += 1;
        let sent_in = self.interval(ends.from.index());
        let tag = self.tags[ends.from.index()].clone();
        self.sent_to[ends.from.index()].insert(ends.to.0);
        self.in_transit[channel].push((sent_in, tag));
    }

    /// The oldest message in transit is delivered, if there is one.
    fn receive(&mut self, channel: usize) {
        if self.in_transit[channel].is_empty() {
            return;
        }
        let ends = self.channels[channel];
        let (from, to) = (ends.from.index(), ends.to.index());
        let (sent_in, tag) = self.in_transit[channel].remove(0);
        if self.mutation != Mutation::ForcedLate {
            self.force(to, &tag);
        }
        self.now[to].received[ends.input as usize] += 1;
        self.received.push(Message { from, sent_in, to, received_in: self.interval(to) });
        if self.mutation == Mutation::ForcedLate {
            self.force(to, &tag);
        }
        let mut machine = self.machines[to].clone();
        let has_changed = self.context(to, |task| machine.delivered(task, &tag));
        self.machines[to] = machine;
        if has_changed {
            self.renew_tag(to);
        }
    }

    /// What is to be delivered may force a checkpoint.
    fn force(&mut self, process: usize, tag: &[u32]) {
        if self.tell(process, |machine, task, fx| machine.before_deliver(task, tag, fx)) {
            self.forced += 1;
            self.persist(process);
            assert!(
                !self.tell(process, |machine, task, fx| machine.before_deliver(task, tag, fx)),
                "once is enough"
            );
        }
    }

    /// Anything happens, so many times.
    fn run(&mut self, key: u64, steps: u64, checkpoint_per_mille: u64) {
        for step in 0..steps {
            let pick = |n: u64, of: usize| below(draw(key, step * 4 + n), of as u64) as usize;
            if below(draw(key, step * 4), 1000) < checkpoint_per_mille {
                self.take(pick(1, self.now.len()));
            } else if pick(2, 2) == 0 {
                self.send(pick(3, self.channels.len()));
            } else {
                self.receive(pick(3, self.channels.len()));
            }
        }
    }

    fn is_consistent(&self, line: &[usize]) -> bool {
        let at = |process: TaskId| &self.taken[process.index()][line[process.index()]].positions;
        let fits =
            |c: &ChannelInfo| at(c.to).received[c.input as usize] <= at(c.from).sent[c.output as usize];
        self.channels.iter().all(fits)
    }

    /// All consistent lines, one by one.
    fn lines(&self) -> Vec<Vec<usize>> {
        let mut lines = vec![Vec::new()];
        for taken in &self.taken {
            let longer = |line: &Vec<usize>| {
                (0..taken.len()).map(|at| [&line[..], &[at]].concat()).collect::<Vec<_>>()
            };
            lines = lines.iter().flat_map(longer).collect();
        }
        lines.retain(|line| self.is_consistent(line));
        lines
    }

    /// True if a zigzag path leads from a checkpoint back to it (Netzer and Xu 1995): messages of which each is sent in the
    /// interval in which the last one was received, or later, be it before that or after.
    fn is_on_a_zigzag_cycle(&self, process: usize, checkpoint: usize) -> bool {
        // For each process the earliest interval from which its messages belong to a path.
        let mut from = vec![usize::MAX; self.now.len()];
        from[process] = checkpoint;
        loop {
            let mut has_grown = false;
            for message in &self.received {
                if message.sent_in < from[message.from] {
                    continue;
                }
                if message.to == process && message.received_in < checkpoint {
                    return true;
                }
                has_grown |= message.received_in < from[message.to];
                from[message.to] = from[message.to].min(message.received_in);
            }
            if !has_grown {
                return false;
            }
        }
    }

    fn useless(&self) -> usize {
        let all = (0..self.taken.len())
            .flat_map(|process| (0..self.taken[process].len()).map(move |at| (process, at)));
        all.filter(|&(process, at)| self.is_on_a_zigzag_cycle(process, at)).count()
    }
}

/// Channels between so many processes: from lower numbers to higher ones only, or any.
fn ends(key: u64, processes: usize, cyclic: bool) -> Vec<(usize, usize)> {
    let pairs = (0..processes).flat_map(|from| (0..processes).map(move |to| (from, to)));
    let allowed = pairs.filter(|&(from, to)| from < to || (cyclic && from != to));
    let is_there = |at: usize| below(draw(key, 900 + at as u64), 4) > 0;
    let some: Vec<(usize, usize)> =
        allowed.enumerate().filter(|&(at, _)| is_there(at)).map(|(_, pair)| pair).collect();
    if some.is_empty() { vec![(0, 1)] } else { some }
}

#[test]
fn the_line_is_the_maximum_of_all() {
    let (mut behind, mut compared) = (0, 0);
    for key in 0..400 {
        let processes = 2 + (key % 3) as usize;
        let mut history = History::<Uncoordinated>::new(processes, &ends(key, processes, key % 2 == 0));
        history.run(key, 60, 150);
        if history.taken.iter().map(Vec::len).product::<usize>() > 20_000 {
            continue;
        }
        compared += 1;
        let lines = history.lines();
        let maximum =
            (0..processes).map(|process| lines.iter().map(|line| line[process]).max().expect("a line"));
        let maximum: Vec<usize> = maximum.collect();
        assert!(lines.contains(&maximum), "consistent lines form a lattice");
        assert_eq!(line(&history.channels, &history.taken), Some(maximum.clone()), "history {key}");
        behind += usize::from((0..processes).any(|process| maximum[process] < history.interval(process)));
    }
    assert!(compared > 300 && behind > 150, "{behind} of {compared} lines lie behind the newest checkpoints");
}

#[test]
fn there_is_no_line_without_a_checkpoint_of_everyone() {
    let mut history = History::<Uncoordinated>::new(2, &[(0, 1)]);
    history.taken[0].clear();
    assert_eq!(line(&history.channels, &history.taken), None);
    // Nor if all that is left of one has received what no checkpoint has sent.
    let mut history = History::<Uncoordinated>::new(2, &[(0, 1)]);
    history.send(0);
    history.receive(0);
    history.take(1);
    history.taken[1].remove(0);
    assert_eq!(line(&history.channels, &history.taken), None);
}

#[test]
fn without_a_cycle_of_channels_no_checkpoint_is_useless() {
    let mut cyclic = 0;
    for key in 0..200 {
        let mut dag = History::<Uncoordinated>::new(5, &ends(key, 5, false));
        dag.run(key, 300, 100);
        assert_eq!(dag.useless(), 0, "history {key}");
        let mut graph = History::<Uncoordinated>::new(5, &ends(key, 5, true));
        graph.run(key, 300, 100);
        cyclic += graph.useless();
    }
    assert!(cyclic > 1000, "with cycles {cyclic} are: else the search for zigzag cycles finds nothing");
}

/// Each of two processes answers the other, and takes its checkpoints between a message and its answer.
fn ping_pong<T: TaskCut>(rounds: usize) -> History<T> {
    let mut history = History::new(2, &[(0, 1), (1, 0)]);
    history.send(0);
    for _ in 0..rounds {
        for (process, incoming, outgoing) in [(1, 0, 1), (0, 1, 0)] {
            history.receive(incoming);
            history.take(process);
            history.send(outgoing);
        }
    }
    history
}

#[test]
fn dense_feedback_topples_everything_to_the_initial_state() {
    for rounds in [1, 2, 10, 100] {
        let history = ping_pong::<Uncoordinated>(rounds);
        assert_eq!(history.interval(0), rounds);
        assert_eq!(line(&history.channels, &history.taken), Some(vec![0, 0]), "{rounds} rounds");
    }
}

/// Checkpoints and forced ones over random histories of a protocol on graphs with cycles, and how many of all are useless.
fn on_cycles<T: TaskCut>(mutation: Mutation) -> (usize, usize, usize) {
    let (mut all, mut forced, mut useless) = (0, 0, 0);
    for key in 0..200 {
        let processes = 2 + (key % 5) as usize;
        let mut history = History::<T>::mutated(processes, &ends(key, processes, true), mutation);
        history.run(key, 300, 100);
        all += history.taken.iter().map(Vec::len).sum::<usize>();
        forced += history.forced;
        useless += history.useless();
    }
    (all, forced, useless)
}

#[test]
fn what_communication_induces_is_never_useless() {
    let (hmnr, bcs) = (
        on_cycles::<CommunicationInduced>(Mutation::Nothing),
        on_cycles::<CommunicationInducedBcs>(Mutation::Nothing),
    );
    assert_eq!((hmnr.2, bcs.2), (0, 0));
    assert!(hmnr.1 > 100 && bcs.1 > 100, "{hmnr:?} {bcs:?}");
    assert!(hmnr.1 < bcs.1, "the clocks force fewer than the index: {hmnr:?} {bcs:?}");
    let alone = on_cycles::<Uncoordinated>(Mutation::Nothing);
    assert!(alone.1 == 0 && alone.2 > 1000, "{alone:?}");
}

/// The search finds what a protocol that is carried out wrongly lets through.
#[test]
fn a_checkpoint_forced_late_and_a_clock_not_carried_are_seen() {
    for mutation in [Mutation::ForcedLate, Mutation::TagOfTheStart] {
        assert!(on_cycles::<CommunicationInduced>(mutation).2 > 100);
        assert!(on_cycles::<CommunicationInducedBcs>(mutation).2 > 100);
    }
}

#[test]
fn forced_checkpoints_hold_dense_feedback() {
    fn behind<T: TaskCut>(rounds: usize) -> usize {
        let history = ping_pong::<T>(rounds);
        let line = line(&history.channels, &history.taken).expect("a line");
        (0..2).map(|process| history.interval(process) - line[process]).max().expect("two")
    }
    for rounds in [10, 100] {
        assert_eq!(behind::<Uncoordinated>(rounds), rounds);
        assert!(behind::<CommunicationInduced>(rounds) <= 1, "{}", behind::<CommunicationInduced>(rounds));
        assert!(
            behind::<CommunicationInducedBcs>(rounds) <= 1,
            "{}",
            behind::<CommunicationInducedBcs>(rounds)
        );
    }
}

/// Known histories, process by process from 1: a message, or a basic checkpoint. Which messages force a checkpoint?
#[test]
fn known_histories_force_what_they_must() {
    enum Step {
        /// From, to.
        Message(usize, usize),
        Basic(usize),
    }
    use Step::{Basic, Message as To};
    let histories: [(usize, &[Step], &[usize]); 5] = [
        (5, &[To(1, 2), Basic(3), To(2, 3), To(3, 4), To(5, 4)], &[0, 0, 0, 0]),
        (5, &[To(1, 2), Basic(3), To(2, 3), To(3, 1), To(1, 2), To(2, 3)], &[0, 0, 1, 0, 0]),
        (3, &[To(2, 3), To(3, 1), To(1, 2)], &[0, 0, 0]),
        (3, &[To(2, 3), To(1, 2)], &[0, 0]),
        (4, &[To(1, 3), Basic(2), To(2, 3), To(3, 4), To(4, 1)], &[0, 0, 0, 0]),
    ];
    for (at, (processes, steps, expected)) in histories.into_iter().enumerate() {
        let all = (0..processes).flat_map(|from| (0..processes).map(move |to| (from, to)));
        let ends: Vec<(usize, usize)> = all.filter(|(from, to)| from != to).collect();
        let mut history = History::<CommunicationInduced>::new(processes, &ends);
        let mut forced = Vec::new();
        for step in steps {
            match *step {
                Basic(process) => history.take(process - 1),
                To(from, to) => {
                    let channel = ends.iter().position(|&end| end == (from - 1, to - 1)).expect("a channel");
                    let before = history.forced;
                    history.send(channel);
                    history.receive(channel);
                    forced.push(history.forced - before);
                }
            }
        }
        assert_eq!(forced, expected, "history {at}");
    }
}
