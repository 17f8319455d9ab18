//! Recovery lines over random histories: processes that send, receive and take checkpoints whenever they like. The line found by
//! rollback propagation is the maximum that trying all combinations finds; where no cycle of channels exists no checkpoint is
//! useless, whatever the interleaving; and without forced checkpoints feedback can undo everything.

use std::sync::Arc;

use cutline_algorithms::recovery_line::{Taken, line};
use cutline_sim::ids::{CheckpointId, EdgeId, TaskId};
use cutline_sim::protocol::{Handle, Positions};
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

/// What has happened.
struct History {
    channels: Vec<ChannelInfo>,
    /// What each process has sent and received, by output and input.
    now: Vec<Positions>,
    taken: Vec<Vec<Taken>>,
    /// For each channel, the intervals in which what is in transit was sent.
    in_transit: Vec<Vec<usize>>,
    received: Vec<Message>,
}

impl History {
    /// Processes with these channels; every one starts with a checkpoint.
    fn new(processes: usize, ends: &[(usize, usize)]) -> History {
        let mut now = vec![Positions::default(); processes];
        let mut channels = Vec::new();
        for &(from, to) in ends {
            let (output, input) = (now[from].sent.len() as u32, now[to].received.len() as u32);
            now[from].sent.push(0);
            now[to].received.push(0);
            let (from, to) = (TaskId(from as u32), TaskId(to as u32));
            channels.push(ChannelInfo { from, to, output, input, edge: EdgeId(0) });
        }
        let in_transit = vec![Vec::new(); channels.len()];
        let taken = vec![Vec::new(); processes];
        let mut history = History { channels, now, taken, in_transit, received: Vec::new() };
        (0..processes).for_each(|process| history.take(process));
        history
    }

    fn take(&mut self, process: usize) {
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
        self.in_transit[channel].push(sent_in);
    }

    /// The oldest message in transit is delivered, if there is one.
    fn receive(&mut self, channel: usize) {
        if self.in_transit[channel].is_empty() {
            return;
        }
        let ends = self.channels[channel];
        let (from, to) = (ends.from.index(), ends.to.index());
        let sent_in = self.in_transit[channel].remove(0);
        self.now[to].received[ends.input as usize] += 1;
        self.received.push(Message { from, sent_in, to, received_in: self.interval(to) });
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
    let some: Vec<_> = allowed.enumerate().filter(|&(at, _)| draw(key, 900 + at as u64) % 4 > 0).collect();
    let some: Vec<(usize, usize)> = some.into_iter().map(|(_, pair)| pair).collect();
    if some.is_empty() { vec![(0, 1)] } else { some }
}

#[test]
fn the_line_is_the_maximum_of_all() {
    let (mut behind, mut compared) = (0, 0);
    for key in 0..400 {
        let processes = 2 + (key % 3) as usize;
        let mut history = History::new(processes, &ends(key, processes, key % 2 == 0));
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
    let mut history = History::new(2, &[(0, 1)]);
    history.taken[0].clear();
    assert_eq!(line(&history.channels, &history.taken), None);
    // Nor if all that is left of one has received what no checkpoint has sent.
    let mut history = History::new(2, &[(0, 1)]);
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
        let mut dag = History::new(5, &ends(key, 5, false));
        dag.run(key, 300, 100);
        assert_eq!(dag.useless(), 0, "history {key}");
        let mut graph = History::new(5, &ends(key, 5, true));
        graph.run(key, 300, 100);
        cyclic += graph.useless();
    }
    assert!(cyclic > 1000, "with cycles {cyclic} are: else the search for zigzag cycles finds nothing");
}

/// Each of two processes answers the other, and takes its checkpoints between a message and its answer.
fn ping_pong(rounds: usize) -> History {
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
        let history = ping_pong(rounds);
        assert_eq!(history.interval(0), rounds);
        assert_eq!(line(&history.channels, &history.taken), Some(vec![0, 0]), "{rounds} rounds");
    }
}
