//! The job of the scenario `dozen` as a model for a model checker: two sources, a counter, a sink with transactions, aligned barriers, one
//! checkpoint before the end and one behind it, one crash of the counter. What the bench `interleavings` compares with.
//!
//! It is as small as somebody would write it who wants to check the protocol and nothing else: no tasks that start, no store, no nodes, no
//! control messages but triggers, acknowledgements and completions.

use stateright::{Model, Property};

/// Records of a source are keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A record, or the new count of a key.
    Record(u8, u8),
    /// A barrier.
    Barrier(u8),
    /// The end of the input.
    End,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The coordinator begins a checkpoint.
    Trigger,
    /// A source hears of it, and sends its barrier.
    Cut(u8),
    /// A source reads a record, or comes to its end.
    Read(u8),
    /// The counter takes what is next on an input.
    Count(u8),
    /// The sink takes what is next.
    Sink,
    /// The coordinator hears the acknowledgement of a task.
    Ack(u8),
    /// The sink hears that a checkpoint is complete, and commits.
    Commit,
    /// The counter crashes, and everything starts again from the newest complete checkpoint.
    Crash,
}

/// The tasks' states at a cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Saved {
    read: [u8; 2],
    counts: Vec<u8>,
    prepared: Vec<(u8, u8)>,
}

/// A state of the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// How much each source has read; one more when it has ended.
    read: [u8; 2],
    /// The checkpoint that each source has yet to hear of.
    told: [Option<u8>; 2],
    channels: [Vec<Item>; 2],
    counts: Vec<u8>,
    /// The barrier has come on these inputs, and so has the end.
    blocked: [bool; 2],
    ended: [bool; 2],
    to_sink: Vec<Item>,
    open: Vec<(u8, u8)>,
    committed: Vec<(u8, u8)>,
    /// The checkpoint that is under way: what was saved, and who has acknowledged.
    pending: Option<(u8, Saved)>,
    acks: [bool; 4],
    acknowledged: [bool; 4],
    completed: (u8, Saved),
    /// The sink has yet to hear of it.
    uncommitted: Option<(u8, Vec<(u8, u8)>)>,
    sink_ended: bool,
    crashed: bool,
}

/// The job.
#[derive(Clone, Debug)]
pub struct Job {
    /// The records of the sources.
    pub records: [Vec<u8>; 2],
    /// How many keys there are.
    pub keys: u8,
    /// True if the counter may crash.
    pub crashes: bool,
}

impl Job {
    fn is_through(&self, state: &State, source: usize) -> bool {
        usize::from(state.read[source]) > self.records[source].len()
    }

    /// How often each key comes.
    fn expected(&self) -> Vec<u8> {
        let mut counts = vec![0; usize::from(self.keys)];
        self.records.iter().flatten().for_each(|&key| counts[usize::from(key)] += 1);
        counts
    }

    fn restart(&self, state: &mut State) {
        let (id, saved) = state.completed.clone();
        let committed = std::mem::take(&mut state.committed);
        let uncommitted = state.uncommitted.take();
        *state = State {
            read: saved.read,
            counts: if id == 0 { vec![0; usize::from(self.keys)] } else { saved.counts.clone() },
            committed,
            completed: (id, saved),
            crashed: true,
            sink_ended: id == 2,
            ..State::default()
        };
        // What was prepared in a complete checkpoint is committed.
        if let Some((_, results)) = uncommitted {
            state.committed.extend(results);
        }
    }
}

impl Model for Job {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { counts: vec![0; usize::from(self.keys)], ..State::default() }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let through = (0..2).all(|source| self.is_through(state, source));
        let wanted = state.completed.0 == 0 || through && !state.sink_ended;
        if state.pending.is_none() && state.uncommitted.is_none() && wanted && state.completed.0 < 2 {
            actions.push(Action::Trigger);
        }
        for source in 0..2 {
            if state.told[source].is_some() {
                actions.push(Action::Cut(source as u8));
            }
            if !self.is_through(state, source) {
                actions.push(Action::Read(source as u8));
            }
            if !state.blocked[source] && !state.channels[source].is_empty() {
                actions.push(Action::Count(source as u8));
            }
        }
        if !state.to_sink.is_empty() {
            actions.push(Action::Sink);
        }
        actions.extend((0..4).filter(|&task| state.acks[task]).map(|task| Action::Ack(task as u8)));
        if state.uncommitted.is_some() {
            actions.push(Action::Commit);
        }
        if self.crashes && !state.crashed && !state.sink_ended {
            actions.push(Action::Crash);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Trigger => {
                let id = state.completed.0 + 1;
                next.pending = Some((id, Saved::default()));
                next.told = [Some(id); 2];
            }
            Action::Cut(source) => {
                let at = usize::from(source);
                let id = next.told[at].take()?;
                next.channels[at].push(Item::Barrier(id));
                next.pending.as_mut()?.1.read[at] = next.read[at];
                next.acks[at] = true;
            }
            Action::Read(source) => {
                let at = usize::from(source);
                let item = match self.records[at].get(usize::from(next.read[at])) {
                    Some(&key) => Item::Record(key, 1),
                    None => Item::End,
                };
                next.read[at] += 1;
                next.channels[at].push(item);
            }
            Action::Count(input) => {
                let at = usize::from(input);
                match next.channels[at].remove(0) {
                    Item::Record(key, _) => {
                        let count = &mut next.counts[usize::from(key)];
                        *count += 1;
                        next.to_sink.push(Item::Record(key, *count));
                    }
                    Item::Barrier(id) => {
                        next.blocked[at] = true;
                        if next.blocked == [true; 2] {
                            next.blocked = [false; 2];
                            next.pending.as_mut()?.1.counts.clone_from(&next.counts);
                            next.to_sink.push(Item::Barrier(id));
                            next.acks[2] = true;
                        }
                    }
                    Item::End => {
                        next.ended[at] = true;
                        if next.ended == [true; 2] {
                            next.to_sink.push(Item::End);
                        }
                    }
                }
            }
            Action::Sink => match next.to_sink.remove(0) {
                Item::Record(key, count) => next.open.push((key, count)),
                Item::Barrier(_) => {
                    next.pending.as_mut()?.1.prepared = std::mem::take(&mut next.open);
                    next.acks[3] = true;
                }
                Item::End => {}
            },
            Action::Ack(task) => {
                let at = usize::from(task);
                next.acks[at] = false;
                next.acknowledged[at] = true;
                if next.acknowledged == [true; 4] {
                    next.acknowledged = [false; 4];
                    let (id, saved) = next.pending.take()?;
                    next.uncommitted = Some((id, saved.prepared.clone()));
                    next.completed = (id, saved);
                }
            }
            Action::Commit => {
                let (id, results) = next.uncommitted.take()?;
                next.committed.extend(results);
                next.sink_ended = id == 2;
            }
            Action::Crash => self.restart(&mut next),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Job>> {
        vec![
            Property::always("every count once, in order", |_, state: &State| {
                let mut counts = vec![0; state.counts.len()];
                state.committed.iter().all(|&(key, count)| {
                    counts[usize::from(key)] += 1;
                    counts[usize::from(key)] == count
                })
            }),
            Property::always("all of them in the end", |job: &Job, state: &State| {
                let mut counts = vec![0; state.counts.len()];
                state.committed.iter().for_each(|&(key, _)| counts[usize::from(key)] += 1);
                !state.sink_ended || counts == job.expected()
            }),
            Property::sometimes("the end", |_, state: &State| state.sink_ended),
        ]
    }
}
