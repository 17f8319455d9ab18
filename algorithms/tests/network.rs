//! The tasks' machines in the smallest network that can show their faults: two sources, two tasks that each read both, and
//! one that reads those two. Channels are queues, everything happens in a random order, control messages are lost and
//! doubled, timers ring whenever they like. Claims: whenever all tasks have taken the snapshot of a checkpoint, it is a
//! consistent cut, without anything in a channel; and once nothing is lost any more, a checkpoint is cut by all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cutline_algorithms::aligned::Aligned;
use cutline_algorithms::stop_the_world::StopTheWorld;
use cutline_sim::config::CheckpointConfig;
use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::protocol::{Down, InputSet, READING, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent};
use cutline_sim::random::draw;
use cutline_sim::record::Mark;

/// From task, to task, input there.
const CHANNELS: [(usize, usize, u32); 6] = [(0, 2, 0), (0, 3, 0), (1, 2, 1), (1, 3, 1), (2, 4, 0), (3, 4, 1)];
const TASKS: usize = 5;
const SOURCES: usize = 2;

/// What flows: a mark, or a record (`None`).
type Item = Option<Mark>;

/// Per channel how many records its sender has sent and its receiver received.
type Positions = [(u64, u64); CHANNELS.len()];

struct Network<T> {
    machines: Vec<T>,
    blocked: Vec<BTreeSet<u32>>,
    channels: [VecDeque<Item>; CHANNELS.len()],
    positions: Positions,
    mail: Vec<(usize, Down)>,
    timers: Vec<(usize, u32)>,
    snapshots: BTreeMap<CheckpointId, BTreeMap<usize, Positions>>,
    config: CheckpointConfig,
    cancellations: u64,
}

impl<T: TaskCut> Network<T> {
    fn new() -> Self {
        let mut network = Network {
            machines: Vec::new(),
            blocked: vec![BTreeSet::new(); TASKS],
            channels: Default::default(),
            positions: Positions::default(),
            mail: Vec::new(),
            timers: Vec::new(),
            snapshots: BTreeMap::new(),
            config: CheckpointConfig::default(),
            cancellations: 0,
        };
        network.machines = (0..TASKS)
            .map(|task| network.context(task, |context| T::new(context, T::Durable::default())))
            .collect();
        network
    }

    fn context<R>(&self, task: usize, then: impl FnOnce(&TaskCtx<'_>) -> R) -> R {
        let inputs = CHANNELS.iter().filter(|channel| channel.1 == task).count() as u32;
        let (open, is_source) = (InputSet::full(inputs), task < SOURCES);
        then(&TaskCtx { task: TaskId(task as u32), inputs, open: &open, is_source, config: &self.config })
    }

    fn on(&mut self, task: usize, event: TaskEvent) {
        let (mut fx, mut machine) = (TaskEffects::default(), self.machines[task].clone());
        self.context(task, |context| machine.on(context, event, &mut fx));
        self.machines[task] = machine;
        for effect in fx.0 {
            match effect {
                TaskEffect::Block(input) => drop(self.blocked[task].insert(input)),
                TaskEffect::Unblock(input) => drop(self.blocked[task].remove(&input)),
                TaskEffect::Emit(mark) => self.send(task, Some(mark)),
                TaskEffect::Snapshot(id) => {
                    let again = self.snapshots.entry(id).or_default().insert(task, self.positions);
                    assert!(again.is_none(), "task {task} takes the snapshot of {id} twice");
                }
                TaskEffect::Timer(_, token) => self.timers.push((task, token)),
                TaskEffect::DropSnapshot(_) | TaskEffect::Tell(_) | TaskEffect::Commit(_) => {}
                TaskEffect::Overtake(_) | TaskEffect::Capture(..) => {
                    panic!("in this network nothing overtakes, and channels are empty")
                }
            }
        }
    }

    fn send(&mut self, task: usize, item: Item) {
        self.cancellations += u64::from(matches!(item, Some(Mark::Cancel(_))));
        for (channel, (from, ..)) in CHANNELS.iter().enumerate() {
            if *from == task {
                self.channels[channel].push_back(item);
                self.positions[channel].0 += u64::from(item.is_none());
            }
        }
    }

    /// The next item of a channel, if its receiver would take it; a task makes one record of each.
    fn deliver(&mut self, channel: usize) -> bool {
        let (_, task, input) = CHANNELS[channel];
        if self.blocked[task].contains(&input) {
            return false;
        }
        match self.channels[channel].pop_front() {
            Some(Some(mark)) => self.on(task, TaskEvent::Reached(input, mark)),
            Some(None) => {
                self.positions[channel].1 += 1;
                self.send(task, None);
            }
            None => return false,
        }
        true
    }

    fn read(&mut self, source: usize) {
        if !self.blocked[source].contains(&READING) {
            self.send(source, None);
        }
    }

    fn tell(&mut self, down: Down) {
        let last = if matches!(down, Down::Trigger(_)) { SOURCES } else { TASKS };
        self.mail.extend((0..last).map(|task| (task, down)));
    }

    fn is_cut(&self, id: CheckpointId) -> bool {
        self.snapshots.get(&id).is_some_and(|snapshots| snapshots.len() == TASKS)
    }

    /// The first claim; the number of checkpoints it was checked for.
    fn assert_cuts(&self) -> u64 {
        let whole = self.snapshots.iter().filter(|(_, snapshots)| snapshots.len() == TASKS);
        let check = |(id, snapshots): (&CheckpointId, &BTreeMap<usize, Positions>)| {
            for (channel, (from, to, _)) in CHANNELS.iter().enumerate() {
                let (sent, received) = (snapshots[from][channel].0, snapshots[to][channel].1);
                assert_eq!(sent, received, "checkpoint {id}, channel from task {from} to task {to}");
            }
        };
        whole.map(check).count() as u64
    }

    /// One random thing happens. A message may be lost, may come twice, in any order.
    fn step(&mut self, random: u64) {
        let pick = (random >> 8) as usize;
        match random % 16 {
            0..=10 => drop(self.deliver(pick % CHANNELS.len())),
            11 | 12 => self.read(pick % SOURCES),
            13 | 14 if !self.mail.is_empty() => {
                let at = pick % self.mail.len();
                let (task, down) = self.mail[at];
                if random >> 40 & 7 > 0 {
                    self.mail.swap_remove(at); // otherwise it comes again
                }
                if random >> 48 & 15 > 0 {
                    self.on(task, TaskEvent::Control(down));
                }
            }
            15 if random >> 40 & 7 == 0 && !self.timers.is_empty() => {
                let (task, token) = self.timers.swap_remove(pick % self.timers.len());
                self.on(task, TaskEvent::Timer(token));
            }
            _ => {}
        }
    }

    /// The second claim.
    fn heal(&mut self, last: CheckpointId) {
        let next = CheckpointId(last.0 + 1);
        self.mail.clear();
        for down in [Down::Aborted(last), Down::Trigger(next), Down::Completed(next)] {
            if down == Down::Completed(next) {
                assert!(self.is_cut(next), "{next} was not cut: {:?}", self.snapshots.get(&next));
            }
            self.tell(down);
            for (task, down) in std::mem::take(&mut self.mail) {
                self.on(task, TaskEvent::Control(down));
            }
            while (0..CHANNELS.len()).any(|channel| self.deliver(channel)) {}
        }
        assert!(self.blocked.iter().all(BTreeSet::is_empty), "{:?}", self.blocked);
        assert!(self.channels.iter().all(VecDeque::is_empty));
    }
}

/// Runs of many seeds with so many checkpoints in flight; how often a checkpoint was whole, and how often cancelled.
fn storm<T: TaskCut>(seeds: u64, in_flight: usize) -> (u64, u64) {
    let mut sometimes = (0, 0);
    for seed in 0..seeds {
        let mut network = Network::<T>::new();
        let (mut last, mut pending) = (CheckpointId(0), VecDeque::new());
        for n in 0..2000 {
            let random = draw(seed, n);
            network.step(random);
            if random >> 56 == 0 {
                if pending.len() == in_flight {
                    network.tell(Down::Aborted(pending.pop_front().expect("it is full")));
                }
                last.0 += 1;
                pending.push_back(last);
                network.tell(Down::Trigger(last));
            }
            if let Some(&id) = pending.iter().rfind(|&&id| network.is_cut(id)) {
                pending.retain(|&other| other > id); // the older ones are subsumed
                network.tell(Down::Completed(id));
            }
        }
        sometimes.0 += network.assert_cuts();
        sometimes.1 += network.cancellations;
        pending.iter().for_each(|&id| network.tell(Down::Aborted(id)));
        for (task, down) in std::mem::take(&mut network.mail) {
            network.on(task, TaskEvent::Control(down));
        }
        network.heal(last);
        network.assert_cuts();
    }
    sometimes
}

#[test]
fn aligned_cuts_are_consistent() {
    for in_flight in 1..=3 {
        let (whole, cancelled) = storm::<Aligned>(300, in_flight);
        assert!(
            whole > 300 && cancelled > 300,
            "the test is about nothing: {whole} cuts, {cancelled} cancelled"
        );
    }
}

#[test]
fn stopped_worlds_are_consistent() {
    let (whole, cancelled) = storm::<StopTheWorld>(300, 1);
    assert!(whole > 300 && cancelled > 300, "the test is about nothing: {whole} cuts, {cancelled} cancelled");
}
