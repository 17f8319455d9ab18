//! What the books hold to, under messages that are lost, doubled, stale and out of order, and by hand.

use std::collections::{BTreeMap, BTreeSet};

use cutline_sim::config::CheckpointConfig;
use cutline_sim::ids::Attempt;
use cutline_sim::protocol::CoordinatorEffect::{self, *};
use cutline_sim::random::{below, draw};

use super::*;
use crate::aligned::Coordinator;
use crate::hand::{HandCoordinator, TASKS, handle, id};

/// A message on its way to the coordinator.
#[derive(Clone, Copy, Debug)]
struct Letter {
    task: u32,
    attempt: Attempt,
    up: Up,
    handle: Option<Handle>,
}

/// A coordinator in a world that does the worst it may, and what must hold of it.
struct World {
    hand: HandCoordinator<Coordinator>,
    seed: u64,
    draws: u64,
    mail: Vec<Letter>,
    timers: Vec<(Time, u64)>,
    writes: Vec<CheckpointId>,
    /// What has arrived in the present attempt, first come first served.
    acks: BTreeMap<(CheckpointId, u32), Handle>,
    finished: BTreeMap<u32, Option<Handle>>,
    in_flight: BTreeSet<CheckpointId>,
    /// Every checkpoint whose metadata was sent, with its snapshots.
    sent: BTreeMap<CheckpointId, Vec<Option<Handle>>>,
    stored: BTreeSet<CheckpointId>,
    ended: Option<Time>,
    last: CheckpointId,
    fail_over: bool,
    /// How often what happened: begun, completed, abandoned, restored.
    counts: [u32; 4],
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = World {
            hand: HandCoordinator::running(CheckpointConfig::default()),
            seed,
            draws: 0,
            mail: Vec::new(),
            timers: Vec::new(),
            writes: Vec::new(),
            acks: BTreeMap::new(),
            finished: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            sent: BTreeMap::new(),
            stored: BTreeSet::new(),
            ended: None,
            last: id(0),
            fail_over: false,
            counts: [0; 4],
        };
        let config = CheckpointConfig {
            interval: world.one_of(&[0, 10, 40]),
            min_pause: world.one_of(&[0, 0, 5, 30]),
            timeout: world.one_of(&[20, 100, 1000]),
            max_concurrent: world.one_of(&[1, 1, 2, 3]) as u32,
            tolerable_failed: world.one_of(&[1, 5, 1000]) as u32,
            retained: world.one_of(&[1, 2, 3]) as u32,
            ..CheckpointConfig::default()
        };
        world.hand.config = config;
        world.restart();
        world
    }

    fn below(&mut self, n: u64) -> u64 {
        self.draws += 1;
        below(draw(self.seed, self.draws), n)
    }

    fn one_of(&mut self, all: &[u64]) -> u64 {
        all[self.below(all.len() as u64) as usize]
    }

    /// One thing happens.
    fn step(&mut self) {
        self.hand.now += self.below(3);
        let task = self.below(u64::from(TASKS)) as u32;
        let some = self.below(1 << 32) as usize;
        match self.below(24) {
            0..=9 if !self.mail.is_empty() => {
                let letter = self.mail[some % self.mail.len()];
                if self.below(4) > 0 {
                    self.mail.retain(|other| other.handle != letter.handle || other.up != letter.up);
                }
                self.deliver(letter);
            }
            10 if !self.mail.is_empty() => drop(self.mail.swap_remove(some % self.mail.len())),
            11..=13 => self.ring(),
            14..=17 if !self.writes.is_empty() => {
                let fine = self.below(5) > 0;
                self.end_write(some % self.writes.len(), fine);
            }
            18..=20 if !self.finished.contains_key(&task) => self.send(task, Up::Request, None),
            21 if !self.finished.contains_key(&task) => self.send(task, Up::Decline(self.last), None),
            22 if self.below(8) == 0 && self.finished.len() + 1 < TASKS as usize => self.finish(task),
            23 if self.below(6) == 0 => self.fail_over = true,
            _ => {}
        }
        if std::mem::take(&mut self.fail_over) {
            self.restart();
        }
        let completed = self.hand.machine.0.completed();
        assert!(completed.len() <= self.hand.config.retained as usize);
        assert!(completed.is_sorted_by(|a, b| a.id < b.id));
    }

    fn send(&mut self, task: u32, up: Up, handle: Option<Handle>) {
        self.mail.push(Letter { task, attempt: self.hand.attempt, up, handle });
    }

    fn deliver(&mut self, Letter { task, attempt, up, handle }: Letter) {
        let current = attempt == self.hand.attempt;
        if let (Up::Ack(id), Some(handle), true) = (up, handle, current) {
            self.acks.entry((id, task)).or_insert(handle);
        }
        let before = self.hand.machine.clone();
        let event = CoordinatorEvent::FromTask { task: TaskId(task), attempt, up, handle };
        self.happens(event);
        assert!(current || self.hand.machine == before, "what an older attempt says changes nothing");
    }

    /// The next timer rings.
    fn ring(&mut self) {
        let Some(at) = (0..self.timers.len()).min_by_key(|&at| self.timers[at]) else { return };
        let (time, token) = self.timers.swap_remove(at);
        self.hand.now = self.hand.now.max(time);
        self.happens(CoordinatorEvent::Timer(token));
    }

    fn end_write(&mut self, at: usize, fine: bool) {
        let id = self.writes.swap_remove(at);
        if fine {
            self.stored.insert(id);
            self.in_flight.remove(&id);
            self.ended = Some(self.hand.now);
            self.counts[1] += 1;
        }
        self.happens(if fine { CoordinatorEvent::MetaStored(id) } else { CoordinatorEvent::MetaFailed(id) });
    }

    fn finish(&mut self, task: u32) {
        if self.finished.contains_key(&task) {
            return;
        }
        let last = Some(handle(self.hand.attempt, task, 900));
        self.hand.finished.insert(task);
        self.finished.insert(task, last);
        self.happens(CoordinatorEvent::Finished(TaskId(task), last));
    }

    /// Tasks are lost; the writes in flight end, as the machine guarantees; and the job starts again.
    fn restart(&mut self) {
        self.hand.attempt.0 += 1;
        self.happens(CoordinatorEvent::Lost);
        while !self.writes.is_empty() {
            let fine = self.below(2) == 0;
            self.end_write(0, fine);
        }
        self.happens(CoordinatorEvent::Recover);
        assert!(self.in_flight.is_empty(), "nothing in flight outlives an attempt");
        self.hand.finished.clear();
        self.finished.clear();
        self.acks.clear();
        self.happens(CoordinatorEvent::Started);
        self.fail_over = false;
    }

    fn happens(&mut self, event: CoordinatorEvent) {
        for effect in self.hand.on(event) {
            self.check(effect);
        }
    }

    fn check(&mut self, effect: CoordinatorEffect) {
        match effect {
            Begin(id) => self.check_begin(id),
            Tell(To::Roots, Down::Trigger(id)) => {
                for task in 0..TASKS {
                    if !self.finished.contains_key(&task) {
                        self.send(task, Up::Ack(id), Some(handle(self.hand.attempt, task, id.0)));
                    }
                }
            }
            Complete(id, snapshots) => self.check_complete(id, snapshots),
            Tell(_, Down::Completed(id)) => assert!(self.stored.contains(&id), "{id} is not durable"),
            Abandon(id, _, given_back) => {
                assert!(self.in_flight.remove(&id), "{id} was not in flight");
                self.check_unused(&given_back);
                self.ended = Some(self.hand.now);
                self.counts[2] += 1;
            }
            Discard(handle) => self.check_unused(&[handle]),
            Restore(line) => {
                let newest = self.stored.last().copied();
                assert_eq!(line.checkpoint, newest);
                let initial = vec![None; TASKS as usize];
                assert_eq!(line.snapshots, newest.map_or(initial, |id| self.sent[&id].clone()));
                self.counts[3] += 1;
            }
            Timer(after, token) => self.timers.push((self.hand.now + after, token)),
            FailOver => self.fail_over = true,
            Tell(..) | Subsume(_) => {}
        }
    }

    fn check_begin(&mut self, id: CheckpointId) {
        let config = &self.hand.config;
        let most = if config.min_pause > 0 { 1 } else { config.max_concurrent as usize };
        assert!(id > self.last, "ids grow");
        assert!(self.in_flight.len() < most, "{id} besides {:?}", self.in_flight);
        assert!(self.ended.is_none_or(|ended| self.hand.now >= ended + config.min_pause), "{id}: no pause");
        self.last = id;
        self.in_flight.insert(id);
        self.counts[0] += 1;
    }

    fn check_complete(&mut self, id: CheckpointId, snapshots: Vec<Option<Handle>>) {
        assert!(self.in_flight.contains(&id) && snapshots.len() == TASKS as usize);
        for (task, snapshot) in (0..TASKS).zip(&snapshots) {
            let acked = self.acks.get(&(id, task)).copied();
            let own = acked.is_some() && acked == *snapshot;
            let standing = self.finished.get(&task) == Some(snapshot);
            assert!(own || standing, "{id}: {snapshot:?} of {task} is neither acknowledged nor its last");
        }
        self.writes.push(id);
        assert!(self.sent.insert(id, snapshots).is_none(), "{id} is written once");
    }

    /// What is given back belongs to nothing that can still be restored.
    fn check_unused(&self, given_back: &[Handle]) {
        let retained = self.hand.machine.0.completed().iter().flat_map(|it| it.snapshots.iter());
        let used: Vec<Handle> = retained.chain(self.finished.values()).flatten().copied().collect();
        assert!(given_back.iter().all(|handle| !used.contains(handle)), "{given_back:?} of {used:?}");
    }

    /// From now on all goes well; somebody asks for a checkpoint, and it must begin.
    fn serve_a_request(&mut self) {
        let before = self.last;
        self.mail.clear();
        self.send(TASKS - 1, Up::Request, None);
        for _ in 0..10_000 {
            match (self.mail.pop(), self.writes.is_empty()) {
                (Some(letter), _) => self.deliver(letter),
                (None, false) => self.end_write(0, true),
                (None, true) => self.ring(),
            }
            if self.last > before {
                return;
            }
            assert!(!std::mem::take(&mut self.fail_over) || self.hand.config.tolerable_failed < 5);
        }
        panic!("seed {}: a request was forgotten", self.seed);
    }
}

#[test]
fn whatever_happens_to_messages_the_books_are_right() {
    let mut counts = [0; 4];
    for seed in 0..300 {
        let mut world = World::new(seed);
        (0..600).for_each(|_| world.step());
        world.restart();
        world.serve_a_request();
        counts = std::array::from_fn(|at| counts[at] + world.counts[at]);
    }
    let [begun, completed, abandoned, restored] = counts;
    assert!(begun >= completed + abandoned && completed > 1000 && abandoned > 1000 && restored > 1000);
}

type Hand = HandCoordinator<Coordinator>;

fn begins(effects: &[CoordinatorEffect]) -> Vec<CheckpointId> {
    let begun = |effect: &CoordinatorEffect| match effect {
        Begin(id) => Some(*id),
        _ => None,
    };
    effects.iter().filter_map(begun).collect()
}

fn by_request(config: CheckpointConfig) -> Hand {
    Hand::running(CheckpointConfig { interval: 0, tolerable_failed: 9, ..config })
}

#[test]
fn requests_that_come_while_one_is_in_flight_are_served_by_one_more() {
    let mut hand = Hand::by_request(1);
    assert_eq!(begins(&hand.up(0, Up::Request)), [id(1)]);
    assert_eq!(hand.up(0, Up::Request), []);
    assert_eq!(hand.up(1, Up::Request), []);
    (0..TASKS).for_each(|task| drop(hand.ack(task, 1)));
    let effects = hand.on(CoordinatorEvent::MetaStored(id(1)));
    assert_eq!(begins(&effects), [id(2)]);
    assert_eq!(begins(&hand.complete(2)), [id(3)], "the helper asks too");
}

#[test]
fn a_request_outlives_the_checkpoint_that_failed_to_serve_it() {
    let mut hand = by_request(CheckpointConfig::default());
    hand.up(0, Up::Request);
    let effects = hand.up(1, Up::Decline(id(1)));
    assert_eq!(effects[0], Abandon(id(1), AbortReason::Declined, Vec::new()));
    assert_eq!(effects[1], Tell(To::All, Down::Aborted(id(1))));
    assert_eq!(begins(&effects), [id(2)]);
}

#[test]
fn the_pause_is_kept_and_its_end_is_one_timer() {
    let mut hand = by_request(CheckpointConfig { min_pause: 50, max_concurrent: 3, ..Default::default() });
    hand.up(0, Up::Request);
    assert_eq!(begins(&hand.up(0, Up::Request)), [], "a pause allows only one in flight");
    hand.now = 100;
    (0..TASKS).for_each(|task| drop(hand.ack(task, 1)));
    let effects = hand.on(CoordinatorEvent::MetaStored(id(1)));
    assert_eq!(effects.last(), Some(&Timer(50, PAUSE)));
    hand.now = 149;
    assert_eq!(hand.up(0, Up::Request), []);
    hand.now = 150;
    assert_eq!(begins(&hand.on(CoordinatorEvent::Timer(PAUSE))), [id(2)]);
}

#[test]
fn a_checkpoint_expires_unless_its_metadata_is_being_written() {
    let mut hand = by_request(CheckpointConfig { max_concurrent: 2, ..Default::default() });
    let expiry = |n: u64| CoordinatorEvent::Timer(n << 2 | EXPIRY);
    hand.up(0, Up::Request);
    hand.up(0, Up::Request);
    (0..TASKS).for_each(|task| drop(hand.ack(task, 2)));
    assert_eq!(hand.on(expiry(2)), []);
    let effects = hand.on(expiry(1));
    assert_eq!(effects[0], Abandon(id(1), AbortReason::Expired, Vec::new()));
    assert_eq!(hand.on(expiry(1)), [], "only once");
}

#[test]
fn an_acknowledgement_later_than_the_time_out_comes_too_late() {
    let mut hand = by_request(CheckpointConfig { timeout: 100, ..Default::default() });
    hand.up(0, Up::Request);
    hand.now = 101; // and the timer is on its way
    let effects = hand.ack(0, 1);
    assert_eq!(effects[0], Abandon(id(1), AbortReason::Expired, vec![handle(hand.attempt, 0, 1)]));
}

#[test]
fn a_tick_of_an_older_attempt_is_stale() {
    let mut hand = Hand::running(CheckpointConfig { interval: 10, ..Default::default() });
    let restart = |hand: &mut Hand| {
        hand.on(CoordinatorEvent::Recover);
        match hand.on(CoordinatorEvent::Started).as_slice() {
            [Timer(10, token)] => CoordinatorEvent::Timer(*token),
            effects => panic!("{effects:?}"),
        }
    };
    let (old, new) = (restart(&mut hand), restart(&mut hand));
    assert_eq!(hand.on(old), []);
    assert_eq!(begins(&hand.on(new)), [id(1)]);
}

#[test]
fn what_a_task_acknowledged_stands_also_when_it_finishes() {
    let mut hand = Hand::by_request(1);
    hand.up(0, Up::Request);
    hand.ack(0, 1);
    hand.on(CoordinatorEvent::Finished(TaskId(0), Some(handle(hand.attempt, 0, 900))));
    hand.ack(1, 1);
    let snapshots = (0..TASKS).map(|task| Some(handle(hand.attempt, task, 1))).collect();
    assert_eq!(hand.ack(2, 1), [Complete(id(1), snapshots)]);
}

#[test]
fn a_completed_checkpoint_subsumes_older_ones() {
    let mut hand = by_request(CheckpointConfig { max_concurrent: 2, ..Default::default() });
    hand.complete(1);
    hand.up(0, Up::Request);
    let early = handle(hand.attempt, 0, 2);
    hand.ack(0, 2);
    let effects = hand.complete(3);
    let abandon = Abandon(id(2), AbortReason::Subsumed, vec![early]);
    assert_eq!(effects, [abandon, Subsume(id(1)), Tell(To::All, Down::Completed(id(3)))]);
    assert_eq!(hand.ack(1, 2), [Discard(handle(hand.attempt, 1, 2))], "late");
}

#[test]
fn metadata_that_is_stored_after_the_restore_is_of_no_use() {
    let mut hand = Hand::by_request(1);
    hand.complete(1);
    hand.up(0, Up::Request);
    (0..TASKS).for_each(|task| drop(hand.ack(task, 2)));
    hand.on(CoordinatorEvent::Lost);
    let effects = hand.restart();
    assert!(
        matches!(effects.as_slice(), [Abandon(_, AbortReason::Failover, _), Restore(line)] if line.checkpoint == Some(id(1)))
    );
    assert_eq!(hand.on(CoordinatorEvent::MetaStored(id(2))), [Subsume(id(2))]);
    assert_eq!(hand.on(CoordinatorEvent::MetaStored(id(1))), [], "that one exists");
}

#[test]
fn metadata_that_is_stored_before_the_restore_is_restored() {
    let mut hand = Hand::by_request(1);
    hand.complete(1);
    hand.up(0, Up::Request);
    (0..TASKS).for_each(|task| drop(hand.ack(task, 2)));
    hand.on(CoordinatorEvent::Lost);
    assert_eq!(hand.on(CoordinatorEvent::MetaStored(id(2))), [Subsume(id(1))], "and nobody is told yet");
    assert!(matches!(hand.restart().as_slice(), [Restore(line)] if line.checkpoint == Some(id(2))));
}

#[test]
fn too_many_failures_in_a_row_fail_the_job_over() {
    let mut hand = by_request(CheckpointConfig::default());
    hand.config.tolerable_failed = 1;
    hand.up(0, Up::Request);
    assert!(!hand.up(0, Up::Unavailable(id(1))).contains(&FailOver), "that does not count");
    assert!(!hand.up(0, Up::Decline(id(2))).contains(&FailOver));
    let effects = hand.up(0, Up::Decline(id(3)));
    assert!(effects.contains(&FailOver) && begins(&effects).is_empty());
}

#[test]
fn a_copy_equals() {
    let mut hand = Hand::by_request(2);
    hand.complete(1);
    hand.up(0, Up::Request);
    hand.ack(1, 2);
    let mut copy = Hand::by_request(1).machine;
    copy.clone_from(&hand.machine);
    assert_eq!((&copy, copy.clone()), (&hand.machine, hand.machine.clone()));
}
