//! The tasks' machines in the smallest network that can show their faults: two sources, two tasks that each read both, and
//! one that reads those two. Channels are queues of numbered records, everything happens in a random order, control messages are
//! lost and doubled, timers ring whenever they like. A mark that overtakes goes before any number of things that have not
//! arrived; a mark arrives, whatever stands before it, at any instant until it is reached. Claims: whenever all tasks have taken
//! the snapshot of a checkpoint and all captures have closed, it is a consistent cut: on every channel what was received, then
//! what was captured, then what was overtaken are all records that were sent, each once and in order, and only what overtakes
//! leaves anything in a channel; and once nothing is lost any more, a checkpoint is cut by all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cutline_algorithms::aligned::Aligned;
use cutline_algorithms::aligned_timeout::AlignedTimeout;
use cutline_algorithms::chandy_lamport::ChandyLamport;
use cutline_algorithms::freeze_the_world::FreezeTheWorld;
use cutline_algorithms::stop_the_world::StopTheWorld;
use cutline_algorithms::unaligned::Unaligned;
use cutline_sim::config::CheckpointConfig;
use cutline_sim::ids::{CheckpointId, TaskId};
use cutline_sim::protocol::{
    Down, Hooks, InputSet, READING, TaskCtx, TaskCut, TaskEffect, TaskEffects, TaskEvent,
};
use cutline_sim::random::draw;
use cutline_sim::record::Mark;

/// From task, to task, input there.
const CHANNELS: [(usize, usize, u32); 6] = [(0, 2, 0), (0, 3, 0), (1, 2, 1), (1, 3, 1), (2, 4, 0), (3, 4, 1)];
const TASKS: usize = 5;
const SOURCES: usize = 2;

/// What flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// The n-th record of its channel.
    Record(u64),
    /// A mark, and whether its arrival has been noticed.
    Mark(Mark, bool),
}

/// One task's part of a checkpoint: of each of its channels the number of the last record that it had sent or received, and
/// the numbers of those that are saved.
#[derive(Clone, Debug, Default)]
struct Part {
    received: BTreeMap<usize, u64>,
    captured: BTreeMap<usize, Vec<u64>>,
    sent: BTreeMap<usize, u64>,
    unsent: BTreeMap<usize, Vec<u64>>,
    /// The channels whose capture has not closed.
    open: BTreeSet<usize>,
    dropped: bool,
}

/// What happened, so that no claim is made about nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Sometimes {
    cancellations: u64,
    whole: u64,
    captured: u64,
    overtaken: u64,
    expedited: u64,
}

struct Network<T> {
    machines: Vec<T>,
    blocked: Vec<BTreeSet<u32>>,
    channels: [VecDeque<Item>; CHANNELS.len()],
    /// Per channel how many records its sender has sent and its receiver received.
    sent: [u64; CHANNELS.len()],
    received: [u64; CHANNELS.len()],
    mail: Vec<(usize, Down)>,
    timers: Vec<(usize, u32)>,
    parts: BTreeMap<CheckpointId, BTreeMap<usize, Part>>,
    /// What a mark has just overtaken, by channel: for the snapshot that follows.
    overtaken: BTreeMap<usize, Vec<u64>>,
    config: CheckpointConfig,
    sometimes: Sometimes,
    draws: u64,
}

fn records<'a>(items: impl IntoIterator<Item = &'a Item>) -> Vec<u64> {
    let number = |item: &Item| match item {
        Item::Record(number) => Some(*number),
        Item::Mark(..) => None,
    };
    items.into_iter().filter_map(number).collect()
}

impl<T: TaskCut> Network<T> {
    fn new() -> Self {
        let mut network = Network {
            machines: Vec::new(),
            blocked: vec![BTreeSet::new(); TASKS],
            channels: Default::default(),
            sent: Default::default(),
            received: Default::default(),
            mail: Vec::new(),
            timers: Vec::new(),
            parts: BTreeMap::new(),
            overtaken: BTreeMap::new(),
            config: CheckpointConfig::default(),
            sometimes: Sometimes::default(),
            draws: 0,
        };
        network.machines = (0..TASKS)
            .map(|task| network.context(task, |context| T::new(context, T::Durable::default())))
            .collect();
        network
    }

    fn context<R>(&self, task: usize, then: impl FnOnce(&TaskCtx<'_>) -> R) -> R {
        let inputs = CHANNELS.iter().filter(|channel| channel.1 == task).count() as u32;
        let (open, is_source) = (InputSet::full(inputs), task < SOURCES);
        // Half of the checkpoints are new when a task hears of them.
        let age = draw(0x0061_6765, self.draws) % 2 * self.config.alignment_timeout;
        let (task, open, config) = (TaskId(task as u32), &open, &self.config);
        let (tasks, sent_to, feedback) = (TASKS as u32, &InputSet::default(), &InputSet::default());
        then(&TaskCtx { task, inputs, open, feedback, is_source, tasks, sent_to, config, age })
    }

    fn on(&mut self, task: usize, event: TaskEvent) {
        let (mut fx, mut machine) = (TaskEffects::default(), self.machines[task].clone());
        self.draws += 1;
        self.context(task, |context| machine.on(context, event, &mut fx));
        self.machines[task] = machine;
        self.overtaken.clear();
        for effect in fx.0 {
            match effect {
                TaskEffect::Block(input) => drop(self.blocked[task].insert(input)),
                TaskEffect::Unblock(input) => drop(self.blocked[task].remove(&input)),
                TaskEffect::Emit(mark) => self.send(task, Some(mark)),
                TaskEffect::Overtake(mark) => self.overtake(task, mark),
                TaskEffect::Expedite(mark) => self.expedite(task, mark),
                TaskEffect::Snapshot(id) => self.snapshot(task, id),
                TaskEffect::Capture(input, id) => {
                    let part = self.parts.get_mut(&id).and_then(|parts| parts.get_mut(&task));
                    let part = part.expect("a capture is for a snapshot");
                    let of_input = |&at: &usize| CHANNELS[at].1 == task && CHANNELS[at].2 == input;
                    let channel = (0..CHANNELS.len()).find(of_input).expect("an input has a channel");
                    part.open.insert(channel);
                    let is_here = |item: &Item| *item == Item::Mark(Mark::Cut(id), true);
                    if let Some(at) = self.channels[channel].iter().position(is_here) {
                        let before = records(self.channels[channel].iter().take(at));
                        self.close(channel, Mark::Cut(id), &before);
                    }
                }
                TaskEffect::DropSnapshot(id) => {
                    let part = self.parts.get_mut(&id).and_then(|parts| parts.get_mut(&task));
                    // Once the last capture has closed it is written, and whoever knows of it deletes it.
                    part.into_iter()
                        .filter(|part| !part.open.is_empty())
                        .for_each(|part| part.dropped = true);
                }
                TaskEffect::Timer(_, token) | TaskEffect::JitteredTimer(_, _, token) => {
                    self.timers.push((task, token))
                }
                TaskEffect::Tell(_) | TaskEffect::Commit(_) => {}
            }
        }
    }

    fn snapshot(&mut self, task: usize, id: CheckpointId) {
        let mut part = Part { unsent: std::mem::take(&mut self.overtaken), ..Part::default() };
        for (channel, &(from, to, _)) in CHANNELS.iter().enumerate() {
            if from == task {
                let unsent = part.unsent.get(&channel).map_or(0, Vec::len) as u64;
                part.sent.insert(channel, self.sent[channel] - unsent);
            }
            if to == task {
                part.received.insert(channel, self.received[channel]);
            }
        }
        let again = self.parts.entry(id).or_default().insert(task, part);
        assert!(again.is_none(), "task {task} takes the snapshot of {id} twice");
    }

    /// Sends a mark, or a record, behind everything else.
    fn send(&mut self, task: usize, mark: Option<Mark>) {
        self.sometimes.cancellations += u64::from(matches!(mark, Some(Mark::Cancel(_))));
        for (channel, (from, ..)) in CHANNELS.iter().enumerate() {
            if *from == task {
                self.sent[channel] += u64::from(mark.is_none());
                let record = Item::Record(self.sent[channel]);
                self.channels[channel].push_back(mark.map_or(record, |mark| Item::Mark(mark, false)));
            }
        }
    }

    /// Sends a mark before some of what has not arrived: on each channel as many as chance has it that have not left.
    fn overtake(&mut self, task: usize, mark: Mark) {
        self.sometimes.cancellations += u64::from(matches!(mark, Mark::Cancel(_)));
        for channel in (0..CHANNELS.len()).filter(|&channel| CHANNELS[channel].0 == task) {
            self.draws += 1;
            let queue = &mut self.channels[channel];
            let arrived =
                queue.iter().rposition(|item| matches!(item, Item::Mark(_, true))).map_or(0, |at| at + 1);
            let left = draw(self.sent[channel], self.draws) as usize % (queue.len() - arrived + 1);
            queue.insert(arrived + left, Item::Mark(mark, false));
            self.overtaken.insert(channel, records(queue.iter().skip(arrived + left)));
        }
    }

    /// Moves a mark that was sent in order, and has not arrived, before some of what has not arrived either.
    fn expedite(&mut self, task: usize, mark: Mark) {
        let Some(part) = self.parts.get_mut(&mark.id()).and_then(|parts| parts.get_mut(&task)) else {
            return;
        };
        for channel in (0..CHANNELS.len()).filter(|&channel| CHANNELS[channel].0 == task) {
            self.draws += 1;
            let queue = &mut self.channels[channel];
            let Some(place) = queue.iter().position(|item| *item == Item::Mark(mark, false)) else {
                continue;
            };
            let arrived =
                queue.iter().rposition(|item| matches!(item, Item::Mark(_, true))).map_or(0, |at| at + 1);
            let before = arrived + draw(self.sent[channel], self.draws) as usize % (place - arrived + 1);
            queue.remove(place);
            queue.insert(before, Item::Mark(mark, false));
            let overtaken = records(queue.range(before + 1..=place));
            if let Some(sent) = part.sent.get_mut(&channel) {
                *sent -= overtaken.len() as u64;
            }
            self.sometimes.expedited += overtaken.len() as u64;
            part.unsent.insert(channel, overtaken);
        }
    }

    /// The arrival of the first mark of a channel whose arrival has not been noticed, if there is one: also on a blocked input.
    fn arrive(&mut self, channel: usize) -> bool {
        let (_, task, input) = CHANNELS[channel];
        let queue = &mut self.channels[channel];
        let is_new = |item: &Item| matches!(item, Item::Mark(_, false));
        let Some(at) = queue.iter().position(is_new) else { return false };
        let Item::Mark(mark, noticed) = &mut queue[at] else { return false };
        *noticed = true;
        let mark = *mark;
        let before = records(queue.iter().take(at));
        if T::HOOKS.arrivals {
            self.on(task, TaskEvent::Arrived(input, mark));
            self.close(channel, mark, &before);
        }
        true
    }

    /// The mark of a cut is there: nothing that follows is captured for it.
    fn close(&mut self, channel: usize, mark: Mark, before: &[u64]) {
        let (Mark::Cut(id), (_, task, _)) = (mark, CHANNELS[channel]) else { return };
        if let Some(part) = self.parts.get_mut(&id).and_then(|parts| parts.get_mut(&task))
            && part.open.remove(&channel)
        {
            part.captured.entry(channel).or_default().extend(before);
        }
    }

    /// The next item of a channel, if its receiver would take it; a task makes one record of each.
    fn deliver(&mut self, channel: usize) -> bool {
        let (_, task, input) = CHANNELS[channel];
        if self.blocked[task].contains(&input) {
            return false;
        }
        if matches!(self.channels[channel].front(), Some(Item::Mark(_, false))) {
            self.arrive(channel);
        }
        match self.channels[channel].pop_front() {
            Some(Item::Mark(mark, _)) => {
                self.on(task, TaskEvent::Reached(input, mark));
                self.close(channel, mark, &[]);
            }
            Some(Item::Record(number)) => {
                self.received[channel] = number;
                let parts = self.parts.values_mut().filter_map(|parts| parts.get_mut(&task));
                for part in parts.filter(|part| part.open.contains(&channel)) {
                    part.captured.entry(channel).or_default().push(number);
                }
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
        let is_there = |part: &Part| part.open.is_empty() && !part.dropped;
        self.parts.get(&id).is_some_and(|parts| parts.len() == TASKS && parts.values().all(is_there))
    }

    /// The first claim.
    fn assert_cuts(&mut self) {
        let mut sometimes = self.sometimes;
        for (id, parts) in self.parts.iter().filter(|(id, _)| self.is_cut(**id)) {
            sometimes.whole += 1;
            for (channel, (from, to, _)) in CHANNELS.iter().enumerate() {
                let none = Vec::new();
                let (sent, received) = (parts[from].sent[&channel], parts[to].received[&channel]);
                let captured = parts[to].captured.get(&channel).unwrap_or(&none);
                let unsent = parts[from].unsent.get(&channel).unwrap_or(&none);
                let of = format!("checkpoint {id}, channel from task {from} to task {to}");
                let is_next =
                    |after: u64, numbers: &[u64]| (after + 1..).zip(numbers).all(|(n, &number)| n == number);
                assert_eq!(
                    sent,
                    received + captured.len() as u64,
                    "{of}: sent against received and captured"
                );
                assert!(is_next(received, captured), "{of}: received {received}, captured {captured:?}");
                assert!(is_next(sent, unsent), "{of}: sent {sent}, overtaken {unsent:?}");
                sometimes.captured += captured.len() as u64;
                sometimes.overtaken += unsent.len() as u64;
            }
        }
        self.sometimes = sometimes;
    }

    /// One random thing happens. A message may be lost, may come twice, in any order.
    fn step(&mut self, random: u64) {
        let pick = (random >> 8) as usize;
        match random % 16 {
            0..=9 => drop(self.deliver(pick % CHANNELS.len())),
            10 => drop(self.arrive(pick % CHANNELS.len())),
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
                assert!(self.is_cut(next), "{next} was not cut: {:?}", self.parts.get(&next));
            }
            self.tell(down);
            for (task, down) in std::mem::take(&mut self.mail) {
                self.on(task, TaskEvent::Control(down));
            }
            while (0..CHANNELS.len()).any(|channel| self.arrive(channel) || self.deliver(channel)) {}
        }
        assert!(self.blocked.iter().all(BTreeSet::is_empty), "{:?}", self.blocked);
        assert!(self.channels.iter().all(VecDeque::is_empty));
    }
}

/// Runs of many seeds with so many checkpoints in flight.
fn storm<T: TaskCut>(seeds: u64, in_flight: usize) -> Sometimes {
    let mut all = Sometimes::default();
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
        pending.iter().for_each(|&id| network.tell(Down::Aborted(id)));
        for (task, down) in std::mem::take(&mut network.mail) {
            network.on(task, TaskEvent::Control(down));
        }
        network.heal(last);
        network.assert_cuts();
        all.cancellations += network.sometimes.cancellations;
        all.whole += network.sometimes.whole - 1; // the one after the heal
        all.captured += network.sometimes.captured;
        all.overtaken += network.sometimes.overtaken;
        all.expedited += network.sometimes.expedited;
    }
    assert!(all.whole > seeds && all.cancellations > seeds, "the test is about nothing: {all:?}");
    all
}

#[test]
fn aligned_cuts_are_consistent() {
    for in_flight in 1..=3 {
        let all = storm::<Aligned>(300, in_flight);
        assert_eq!((all.captured, all.overtaken), (0, 0), "aligned cuts leave channels empty");
    }
}

#[test]
fn stopped_worlds_are_consistent() {
    let all = storm::<StopTheWorld>(300, 1);
    assert_eq!((all.captured, all.overtaken), (0, 0), "a stopped world leaves channels empty");
}

#[test]
fn unaligned_cuts_are_consistent() {
    let all = storm::<Unaligned>(300, 1);
    assert!(all.captured > 300 && all.overtaken > 300, "the test is about nothing: {all:?}");
}

#[test]
fn cuts_that_turn_unaligned_are_consistent() {
    let all = storm::<AlignedTimeout>(300, 1);
    assert!(all.captured > 300 && all.overtaken > 300 && all.expedited > 100, "{all:?}");
}

#[test]
fn recorded_snapshots_are_consistent() {
    for in_flight in 1..=3 {
        let all = storm::<ChandyLamport>(300, in_flight);
        assert!(all.captured > 300 && all.overtaken == 0, "{all:?}");
    }
}

#[test]
fn frozen_worlds_are_consistent() {
    let all = storm::<FreezeTheWorld>(300, 1);
    assert!(all.captured > 300 && all.overtaken > 300, "the test is about nothing: {all:?}");
}

/// Unaligned checkpoints without one part of what makes it right: `EFFECT` 0 captures no input behind the first, 1 overtakes without saving,
/// 2 sends its barriers in order behind what they should overtake, and does not capture what stands before them.
#[derive(Debug, Clone, Hash)]
struct Broken<const EFFECT: u32>(Unaligned);

impl<const EFFECT: u32> TaskCut for Broken<EFFECT> {
    type Durable = CheckpointId;
    const HOOKS: Hooks = Unaligned::HOOKS;

    fn new(task: &TaskCtx<'_>, restored: CheckpointId) -> Self {
        Broken(Unaligned::new(task, restored))
    }

    fn durable(&self) -> CheckpointId {
        self.0.durable()
    }

    fn on(&mut self, task: &TaskCtx<'_>, event: TaskEvent, fx: &mut TaskEffects) {
        self.0.on(task, event, fx);
        match (EFFECT, &mut fx.0[..]) {
            (0, _) => fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(1.., _))),
            (1, [overtake @ TaskEffect::Overtake(_), snapshot @ TaskEffect::Snapshot(_), ..]) => {
                std::mem::swap(overtake, snapshot);
            }
            (2, [TaskEffect::Overtake(mark), ..]) => {
                fx.0[0] = TaskEffect::Emit(*mark);
                fx.0.retain(|effect| !matches!(effect, TaskEffect::Capture(..)));
            }
            _ => {}
        }
    }
}

#[test]
#[should_panic(expected = "sent against received and captured")]
fn an_input_that_is_not_captured_tears_the_cut() {
    storm::<Broken<0>>(10, 1);
}

#[test]
#[should_panic(expected = "sent against received and captured")]
fn what_is_overtaken_and_not_saved_tears_the_cut() {
    storm::<Broken<1>>(10, 1);
}

#[test]
#[should_panic(expected = "sent against received and captured")]
fn barriers_in_order_without_captures_tear_the_cut() {
    storm::<Broken<2>>(10, 1);
}
