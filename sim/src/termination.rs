//! When has a loop ended? Elsewhere an operator ends when all of its inputs have; around a cycle everyone would wait for
//! everyone. Here the tasks of a loop find out by messages, and by nothing else, that its inputs from outside have ended and
//! that nothing is left in it: synchronised distributed termination (Szymanski, Shi and Prywes 1985) by means of markers
//! (Misra 1983). A *head* is a task that is fed over feedback edges.
//!
//! **Rounds.** In every round each task of the loop sends one *probe* on each of its channels within the loop. It sends that of
//! a round when its inputs from outside have ended, when that probe has come on all its inputs within the loop but the
//! feedback edges, and, if it is a head, when the probe of the round before has come back on all of those. For a head a round
//! was *clean* if it handled no record from the moment it sent the probe until the probe was back.
//!
//! *Lemma.* If a round was clean for all heads, no task handles a record after it has sent the probe of that round. For let x
//! be the first record that one does, at task t, sent by s. Tasks of a loop send only when they handle a record. So s sent x
//! before its probe, or it would have handled a record too late before t did; and channels keep the order. If x came on a feedback
//! edge, t is a head and handled x before the probe came back: the round was not clean. If it came on another edge, it came
//! before the probe, and t sent its own probe later.
//!
//! **Counting.** All heads must know of all others, and none of them can see the others. So a head keeps a count: 0 after a
//! round that was not clean, else one more than the least of its own and of all that came with the probes; and a probe
//! carries the least count of the heads that it passed. If a count reaches n, its head was clean in the last n rounds, those
//! that reach it over one feedback edge in n - 1 rounds before the last, and so on: a head d steps away from round r - n + 1 to
//! r - d. No head is further away than there are others. So when a count has reached the number of heads, one round was clean
//! for all of them, and the loop has ended. (All reach it in the same round, by the way. The greatest distance plus one would
//! do; it is 2 where a hash edge leads around, and the number of heads needs no search.)
//!
//! **It comes to that.** A round that is not clean takes a record around, of which there are finitely many if the loop comes to
//! rest at all; and as many clean rounds as there are heads are enough.
//!
//! **The end.** The head sends its end in the place of the next probe, and for everyone else an end stands for all probes to
//! come, with a count without bound. So the tasks behind the heads end as they do elsewhere. Before that a head lets no watermark pass, for
//! nobody knows the event times of what is to come around: whoever goes by event time behind a loop waits for its end.
//!
//! **Restores.** A probe is an item: positions count it, cuts contain it, logs keep it, tags go with it; and what a task knows of
//! rounds is saved with its snapshot. So a cut that is consistent is so by the probes too, and goes on where it was; that one head has
//! ended in it says that it lies after the end of the loop. (By records alone a line of tasks' own checkpoints could hold a head that
//! has ended, and a task that is still to handle the last record of the loop.) A savepoint holds neither: its job begins with the first
//! round.
//!
//! Not modelled: operators that send records when the watermark advances or at the close, inside of a loop: they would send into
//! one that has ended. Scenarios refuse them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::channel::Slot;
use crate::protocol::Input;
use crate::reusable;
use crate::step::Step;
use crate::task::Status;
use crate::time::{NEVER, Time};

/// Where an input of a task in a loop comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From outside the loop.
    Outside,
    /// From within it.
    Forward,
    /// From within it, over a feedback edge.
    Back,
}

/// The place of a task in a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Around {
    /// For each input where it comes from.
    pub sides: Vec<Side>,
    /// The number of heads of the loop.
    pub heads: u64,
}

/// What the inputs of a side have delivered of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Round {
    /// How many of them have delivered the probe, or will never.
    delivered: u32,
    /// The least count that came.
    least: u64,
}

reusable! {
    /// The probes that came on the inputs of a side. Some inputs may be rounds ahead of others.
    #[derive(Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Arrivals {
        /// The number of inputs, and how many of them have ended.
        inputs: u32,
        ended: u32,
        /// By input, the number of probes that came.
        delivered: Vec<u32>,
        /// The first round that is not complete, and what is there of it and of those after it.
        first: u32,
        rounds: VecDeque<Round>,
    }
}

impl Arrivals {
    fn new(sides: &[Side], side: Side) -> Arrivals {
        let inputs = sides.iter().filter(|&&other| other == side).count() as u32;
        Arrivals { inputs, delivered: vec![0; sides.len()], ..Arrivals::default() }
    }

    /// True if it can be of a task with these inputs.
    fn fits(&self, sides: &[Side], side: Side) -> bool {
        let inputs = sides.iter().filter(|&&other| other == side).count() as u32;
        self.inputs == inputs && self.delivered.len() == sides.len()
    }

    fn probe(&mut self, input: Input, count: u64) {
        let delivered = &mut self.delivered[input as usize];
        let at = (*delivered - self.first) as usize;
        *delivered += 1;
        while self.rounds.len() <= at {
            self.rounds.push_back(Round { delivered: self.ended, least: u64::MAX });
        }
        self.rounds[at].delivered += 1;
        self.rounds[at].least = self.rounds[at].least.min(count);
    }

    fn end(&mut self, input: Input) {
        let at = (self.delivered[input as usize] - self.first) as usize;
        self.rounds.iter_mut().skip(at).for_each(|round| round.delivered += 1);
        self.ended += 1;
    }

    /// The least count of the next round, if it is complete.
    fn take(&mut self) -> Option<u64> {
        let next = Round { delivered: self.ended, least: u64::MAX };
        let round = self.rounds.front().copied().unwrap_or(next);
        if round.delivered < self.inputs {
            return None;
        }
        self.rounds.pop_front();
        self.first += 1;
        Some(round.least)
    }
}

reusable! {
    /// What a task knows of the end of its loop.
    #[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub struct Detection {
        /// The number of inputs from outside that have not ended.
        outside: u32,
        forward: Arrivals,
        back: Arrivals,
        /// See [`Around::heads`].
        heads: u64,
        /// Of a head: its count.
        count: u64,
        /// Of a head that waits for a probe to come back: how many records it had handled when it sent it.
        under_way: Option<u64>,
    }
}

impl Detection {
    /// Of a task that starts: nothing has come or ended.
    pub fn new(around: &Around) -> Detection {
        Detection {
            outside: around.sides.iter().filter(|&&side| side == Side::Outside).count() as u32,
            forward: Arrivals::new(&around.sides, Side::Forward),
            back: Arrivals::new(&around.sides, Side::Back),
            heads: around.heads,
            count: 0,
            under_way: None,
        }
    }

    /// True if it can be of a task at this place, as one that was saved must be.
    pub fn fits(&self, around: &Around) -> bool {
        self.forward.fits(&around.sides, Side::Forward)
            && self.back.fits(&around.sides, Side::Back)
            && self.heads == around.heads
    }

    /// A probe has come on an input within the loop.
    pub fn probe(&mut self, side: Side, input: Input, count: u64) {
        match side {
            Side::Outside => {} // those outside send none
            Side::Forward => self.forward.probe(input, count),
            Side::Back => self.back.probe(input, count),
        }
    }

    /// An input has ended.
    pub fn end(&mut self, side: Side, input: Input) {
        match side {
            Side::Outside => self.outside -= 1,
            Side::Forward => self.forward.end(input),
            Side::Back => self.back.end(input),
        }
    }

    fn is_head(&self) -> bool {
        self.back.inputs > 0
    }

    /// True if a head knows that the loop has ended.
    pub fn is_over(&self) -> bool {
        self.is_head() && self.count >= self.heads
    }

    /// Of a head whose inputs from outside have ended: how many rounds it knows to have been clean, and how many must be.
    pub fn rounds(&self) -> Option<(u64, u64)> {
        (self.is_head() && self.outside == 0).then_some((self.count, self.heads))
    }

    /// Completes the round that is under way, if its probe is back; the task has handled so many records.
    pub fn complete(&mut self, records: u64) {
        if let Some(before) = self.under_way
            && let Some(least) = self.back.take()
        {
            self.count = if records == before { self.count.min(least) + 1 } else { 0 };
            self.under_way = None;
        }
    }

    /// Begins the next round, if it may begin: what its probe carries.
    pub fn begin(&mut self, records: u64) -> Option<u64> {
        if self.under_way.is_some() || self.outside > 0 {
            return None;
        }
        let least = self.forward.take()?;
        if !self.is_head() {
            return Some(least);
        }
        self.under_way = Some(records);
        Some(least.min(self.count))
    }
}

impl Step<'_> {
    /// A task of a loop starts: it begins to watch for the loop's end, or goes on with it.
    pub(crate) fn watch_loop(&mut self, now: Time) {
        let Some(around) = &self.info.around else { return };
        if self.task.detection.is_none() {
            let mut detection = Detection::new(around);
            for input in self.task.ended_inputs.iter() {
                detection.end(around.sides[input as usize], input);
            }
            self.task.detection = Some(Box::new(detection));
        }
        self.probe_loop(now);
    }

    pub(crate) fn note_probe(&mut self, input: Input, count: u64, now: Time) {
        if let (Some(detection), Some(around)) = (&mut self.task.detection, &self.info.around) {
            detection.probe(around.sides[input as usize], input, count);
            self.probe_loop(now);
        }
    }

    pub(crate) fn note_end_in_loop(&mut self, input: Input, now: Time) {
        if let (Some(detection), Some(around)) = (&mut self.task.detection, &self.info.around) {
            detection.end(around.sides[input as usize], input);
            self.probe_loop(now);
        }
    }

    /// True if all inputs but those over feedback edges have ended, and nothing will come over those.
    pub(crate) fn is_loop_over(&self) -> bool {
        let open = |input| !self.task.ended_inputs.contains(input) && !self.info.feedback.contains(input);
        let is_over = self.task.detection.as_ref().is_some_and(|detection| detection.is_over());
        is_over && !(0..self.info.inputs.len() as u32).any(open)
    }

    /// Does what can be done for the rounds of the loop now.
    fn probe_loop(&mut self, now: Time) {
        loop {
            let (records, runs) = (self.task.records, self.task.status == Status::Running);
            let Some(detection) = self.task.detection.as_mut().filter(|_| runs) else { return };
            detection.complete(records);
            if detection.is_over() {
                self.info.feedback.iter().for_each(|input| self.advance_watermark(input, NEVER, now));
                self.end_if_done(now);
            }
            // Who knows that the loop is over, but still awaits an end from before it, takes part until it comes.
            let runs = self.task.status == Status::Running;
            let detection = self.task.detection.as_mut().filter(|_| runs);
            let Some(count) = detection.and_then(|detection| detection.begin(records)) else { return };
            for output in self.info.outputs.iter().filter(|output| output.around) {
                self.send_on_edge(output, Slot::probe(count), now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{below, draw};

    #[test]
    fn inputs_may_be_rounds_ahead_of_others_and_ended_ones_are_not_missed() {
        let sides = [Side::Forward, Side::Back, Side::Forward, Side::Forward];
        let mut arrivals = Arrivals::new(&sides, Side::Forward);
        for (input, count) in [(0, 5), (0, 6), (0, 7), (2, 4)] {
            arrivals.probe(input, count);
        }
        assert_eq!(arrivals.take(), None);
        arrivals.probe(3, 9);
        assert_eq!((arrivals.take(), arrivals.take()), (Some(4), None));
        arrivals.end(2);
        arrivals.probe(3, 9);
        assert_eq!((arrivals.take(), arrivals.take()), (Some(6), None));
        arrivals.end(3);
        assert_eq!((arrivals.take(), arrivals.take()), (Some(7), None));
        arrivals.end(0);
        assert_eq!((arrivals.take(), arrivals.take()), (Some(u64::MAX), Some(u64::MAX)));
    }

    #[test]
    fn a_task_between_heads_waits_for_the_outside_and_passes_the_least_on() {
        let around = Around { sides: vec![Side::Outside, Side::Forward, Side::Forward], heads: 2 };
        let mut task = Detection::new(&around);
        task.probe(Side::Forward, 1, 3);
        task.probe(Side::Forward, 2, 1);
        assert_eq!(task.begin(0), None);
        task.end(Side::Outside, 0);
        assert_eq!((task.begin(0), task.begin(0)), (Some(1), None));
        assert!(!task.is_over());
    }

    enum Sent {
        Record(u64),
        Probe(u64),
        End,
    }

    /// Heads in a ring, each fed by the one before it and by no other, so that a count has the longest way.
    struct Ring {
        heads: Vec<Detection>,
        handled: Vec<u64>,
        ended: Vec<bool>,
        channels: Vec<VecDeque<Sent>>,
    }

    impl Ring {
        fn new(heads: usize) -> Ring {
            let around = Around { sides: vec![Side::Back], heads: heads as u64 };
            let mut ring = Ring {
                heads: vec![Detection::new(&around); heads],
                handled: vec![0; heads],
                ended: vec![false; heads],
                channels: (0..heads).map(|_| VecDeque::new()).collect(),
            };
            ring.channels[0].push_back(Sent::Record(7 * heads as u64 + 3));
            (0..heads).for_each(|at| ring.go_on(at));
            ring
        }

        /// Something comes to a head; records go on a number of times.
        fn deliver(&mut self, at: usize) {
            let next = (at + 1) % self.heads.len();
            match self.channels[at].pop_front() {
                Some(Sent::Record(left)) => {
                    assert!(!self.ended[at], "a loop that has ended is empty");
                    self.handled[at] += 1;
                    if left > 0 {
                        self.channels[next].push_back(Sent::Record(left - 1));
                    }
                }
                Some(Sent::Probe(count)) => self.heads[at].probe(Side::Back, 0, count),
                Some(Sent::End) => self.heads[at].end(Side::Back, 0),
                None => {}
            }
            self.go_on(at);
        }

        fn go_on(&mut self, at: usize) {
            let next = (at + 1) % self.heads.len();
            if self.ended[at] {
                return;
            }
            self.heads[at].complete(self.handled[at]);
            if self.heads[at].is_over() {
                self.ended[at] = true;
                self.channels[next].push_back(Sent::End);
            } else if let Some(count) = self.heads[at].begin(self.handled[at]) {
                self.channels[next].push_back(Sent::Probe(count));
            }
        }
    }

    #[test]
    fn a_ring_ends_when_it_is_empty_and_not_before() {
        for (heads, seed) in (1..7).flat_map(|heads| (0..50).map(move |seed| (heads, seed))) {
            let mut ring = Ring::new(heads);
            let mut step = 0;
            while !ring.ended.iter().all(|&ended| ended) {
                // Now and then one head is much slower than the others.
                let slow = below(draw(seed, step / 50), heads as u64 + 1);
                let at = below(draw(!seed, step), heads as u64);
                if at != slow || step % 20 == 0 {
                    ring.deliver(at as usize);
                }
                step += 1;
                assert!(step < 1_000_000, "it never ends");
            }
            assert_eq!(ring.handled.iter().sum::<u64>(), 7 * heads as u64 + 4, "every record was handled");
        }
    }
}
