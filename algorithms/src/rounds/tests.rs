//! The books are right whatever the messages do.

use std::collections::{BTreeMap, BTreeSet};

use cutline_sim::config::CheckpointConfig;
use cutline_sim::ids::Attempt;
use cutline_sim::protocol::CoordinatorEffect::{self, *};
use cutline_sim::random::draw;
use cutline_sim::time::SECOND;

use super::*;
use crate::aligned::Coordinator;
use crate::hand::{HandCoordinator, TASKS, handle, id};

type Hand = HandCoordinator<Coordinator>;

fn periodic(config: CheckpointConfig) -> Hand {
    Hand::running(CheckpointConfig { interval: SECOND, timeout: 10 * SECOND, ..config })
}

fn tick(hand: &mut Hand, now: Time) -> Vec<CoordinatorEffect> {
    hand.now = now;
    let series = hand.machine.0.pace.series;
    hand.on(CoordinatorEvent::Timer(series << 2 | TICK))
}

fn begins(effects: &[CoordinatorEffect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Begin(_)))
}

#[test]
fn a_checkpoint_exists_when_its_metadata_does() {
    let mut hand = Hand::by_request(1);
    let timeout = hand.config.timeout;
    let begun = [Begin(id(1)), Timer(timeout, 1 << 2 | EXPIRY), Tell(To::Roots, Down::Trigger(id(1)))];
    assert_eq!(hand.up(0, Up::Request), begun);
    assert_eq!((hand.ack(0, 1), hand.ack(1, 1), hand.ack(1, 1)), (vec![], vec![], vec![]));
    let snapshots = (0..TASKS).map(|task| Some(handle(hand.attempt, task, 1))).collect();
    assert_eq!(hand.ack(2, 1), [Complete(id(1), snapshots)]);
    assert_eq!(hand.up(1, Up::Decline(id(1))), [], "too late");
    assert_eq!(hand.on(CoordinatorEvent::Timer(1 << 2 | EXPIRY)), [], "too late");
    assert_eq!(hand.on(CoordinatorEvent::MetaStored(id(1))), [Tell(To::All, Down::Completed(id(1)))]);
    assert_eq!(hand.ack(1, 1), [], "doubled, and in use");
    let second = hand.complete(2);
    assert_eq!(second, [Subsume(id(1)), Tell(To::All, Down::Completed(id(2)))]);
}

#[test]
fn the_user_asks_like_a_task_and_may_have_everything_go() {
    let mut hand = Hand::by_request(2);
    assert!(begins(&hand.on(CoordinatorEvent::Requested)));
    (0..TASKS).for_each(|task| drop(hand.ack(task, 1)));
    hand.on(CoordinatorEvent::MetaStored(id(1)));
    hand.complete(2);
    hand.on(CoordinatorEvent::Lost);
    assert_eq!(hand.on(CoordinatorEvent::Over(true)), [], "all stay");
    assert_eq!(hand.on(CoordinatorEvent::Over(false)), [Subsume(id(1)), Subsume(id(2))]);
}

#[test]
fn ids_go_on_from_those_of_a_savepoint() {
    let mut hand = Hand::by_request(1);
    hand.first_checkpoint = id(8);
    assert_eq!(hand.up(0, Up::Request)[0], Begin(id(8)));
    (0..TASKS).for_each(|task| drop(hand.ack(task, 8)));
    hand.on(CoordinatorEvent::MetaStored(id(8)));
    assert_eq!(hand.up(0, Up::Request)[0], Begin(id(9)), "the first id is not given out again");
}

#[test]
fn a_failed_checkpoint_gives_back_its_snapshots_and_is_asked_for_again() {
    let mut hand = Hand::by_request(1);
    hand.config.tolerable_failed = 1;
    hand.up(0, Up::Request);
    hand.ack(1, 1);
    let effects = hand.up(0, Up::Decline(id(1)));
    let given_back = vec![handle(hand.attempt, 1, 1)];
    assert_eq!(effects[0], Abandon(id(1), AbortReason::Declined, given_back));
    assert_eq!(effects[1..3], [Tell(To::All, Down::Aborted(id(1))), Begin(id(2))]);
    assert_eq!(hand.ack(2, 1), [Discard(handle(hand.attempt, 2, 1))], "late");
    let effects = hand.on(CoordinatorEvent::Timer(2 << 2 | EXPIRY));
    assert_eq!(effects[0], Abandon(id(2), AbortReason::Expired, vec![]));
    assert_eq!(effects.last(), Some(&FailOver));
}

#[test]
fn metadata_that_arrives_before_the_restore_counts_and_after_it_does_not() {
    let mut hand = Hand::by_request(1);
    hand.up(0, Up::Request);
    (0..TASKS).for_each(|task| drop(hand.ack(task, 1)));
    assert_eq!(hand.on(CoordinatorEvent::Lost), []);
    assert_eq!(hand.on(CoordinatorEvent::MetaStored(id(1))), []);
    hand.attempt.0 += 1;
    let restored = hand.on(CoordinatorEvent::Recover);
    assert!(matches!(&restored[..], [Restore(Line { checkpoint: Some(CheckpointId(1)), .. })]));
    assert_eq!(hand.on(CoordinatorEvent::Started), [Tell(To::All, Down::Completed(id(1)))]);

    hand.up(0, Up::Request);
    (0..TASKS).for_each(|task| drop(hand.ack(task, 2)));
    let restored = hand.restart();
    assert!(matches!(restored[0], Abandon(CheckpointId(2), AbortReason::Failover, _)));
    assert!(matches!(&restored[1..], [Restore(Line { checkpoint: Some(CheckpointId(1)), .. })]));
    assert_eq!(hand.on(CoordinatorEvent::MetaStored(id(2))), [Subsume(id(2))]);
}

#[test]
fn a_finished_task_is_represented_by_its_newest_snapshot() {
    let mut hand = Hand::by_request(1);
    hand.config.max_concurrent = 3;
    (0..3).for_each(|_| drop(hand.up(0, Up::Request)));
    (0..TASKS).for_each(|task| drop(hand.ack(task, 1)));
    hand.on(CoordinatorEvent::MetaStored(id(1)));
    // Task 0 hears of checkpoint 1 and finishes; before that is known, 2 completes, and 1 is gone.
    (0..TASKS).for_each(|task| drop(hand.ack(task, 2)));
    assert!(hand.on(CoordinatorEvent::MetaStored(id(2))).contains(&Subsume(id(1))));
    assert_eq!((hand.ack(1, 3), hand.ack(2, 3)), (vec![], vec![]));
    hand.finished.insert(0);
    let effects = hand.on(CoordinatorEvent::Finished(TaskId(0)));
    let own = [1, 2].map(|task| Some(handle(hand.attempt, task, 3)));
    let standing = Some(handle(hand.attempt, 0, 2));
    assert_eq!(effects, [Complete(id(3), vec![standing, own[0], own[1]])]);
    hand.on(CoordinatorEvent::MetaStored(id(3)));
    assert_eq!(hand.ack(0, 2), [], "a late double of a snapshot that is still in use");
}

#[test]
fn a_stopped_world_moves_for_an_interval_before_it_stops_again() {
    let config = CheckpointConfig { interval: SECOND, ..CheckpointConfig::default() };
    let mut hand = HandCoordinator::<Coordinated<Resting>>::running(config);
    let due = CoordinatorEvent::Timer(hand.machine.0.pace.series << 2 | TICK);
    hand.now = SECOND;
    assert!(begins(&hand.on(due.clone())));
    hand.now = 2 * SECOND;
    assert_eq!(hand.on(due), [], "one is in flight");
    hand.now = 2 * SECOND + 7;
    (0..TASKS).for_each(|task| drop(hand.ack(task, 1)));
    let effects = hand.on(CoordinatorEvent::MetaStored(id(1)));
    assert_eq!(effects, [Tell(To::All, Down::Completed(id(1))), Timer(SECOND, PAUSE)]);
    hand.now += SECOND - 1;
    assert_eq!(hand.on(CoordinatorEvent::Timer(PAUSE)), []);
    assert!(begins(&hand.up(0, Up::Request)), "what a task asks for does not wait");
    hand.now += 1;
    assert_eq!(hand.on(CoordinatorEvent::Timer(PAUSE)), [], "it served the tick too");
}

#[test]
fn while_a_tick_waits_there_is_no_other() {
    let mut hand = periodic(CheckpointConfig { interval: 10, timeout: 1_000, ..CheckpointConfig::default() });
    hand.config.interval = 10;
    hand.restart();
    let ticks = |effects: &[CoordinatorEffect]| -> Vec<Time> {
        let tick = |effect: &CoordinatorEffect| match effect {
            Timer(after, token) if token & 3 == TICK => Some(*after),
            _ => None,
        };
        effects.iter().filter_map(tick).collect()
    };
    assert_eq!(ticks(&tick(&mut hand, 10)), [10]);
    assert_eq!(tick(&mut hand, 20), [], "one is in flight");
    hand.now = 57;
    (0..TASKS).for_each(|task| drop(hand.ack(task, 1)));
    let effects = hand.on(CoordinatorEvent::MetaStored(id(1)));
    assert!(begins(&effects));
    assert_eq!(ticks(&effects), [3], "the ticks keep their beat");
}

#[test]
fn a_tick_that_may_not_fire_is_postponed_once() {
    let mut hand = periodic(CheckpointConfig { min_pause: SECOND / 2, ..CheckpointConfig::default() });
    assert!(begins(&tick(&mut hand, SECOND)));
    assert!(!begins(&tick(&mut hand, 2 * SECOND)));
    assert!(!begins(&tick(&mut hand, 3 * SECOND)));
    hand.now = 3 * SECOND + 7;
    (0..TASKS).for_each(|task| drop(hand.ack(task, 1)));
    let effects = hand.on(CoordinatorEvent::MetaStored(id(1)));
    assert_eq!(effects.last(), Some(&Timer(SECOND / 2, PAUSE)));
    hand.now += SECOND / 2;
    assert!(begins(&hand.on(CoordinatorEvent::Timer(PAUSE))));
    assert_eq!(hand.on(CoordinatorEvent::Timer(PAUSE)), []);
}

#[test]
fn a_newer_checkpoint_subsumes_older_ones_in_flight() {
    let mut hand = Hand::by_request(1);
    hand.config.max_concurrent = 2;
    hand.up(0, Up::Request);
    hand.up(0, Up::Request);
    assert_eq!(hand.up(0, Up::Request), [], "two are in flight");
    hand.ack(0, 1);
    (0..TASKS).for_each(|task| drop(hand.ack(task, 2)));
    let effects = hand.on(CoordinatorEvent::MetaStored(id(2)));
    let useless = vec![handle(hand.attempt, 0, 1)];
    assert_eq!(effects[0], Abandon(id(1), AbortReason::Subsumed, useless));
    assert_eq!(effects[1..3], [Tell(To::All, Down::Completed(id(2))), Begin(id(3))]);
}

#[test]
fn an_acknowledgement_after_the_time_out_does_not_count_though_the_timer_be_late() {
    let mut hand = Hand::by_request(1);
    hand.up(0, Up::Request);
    (0..2).for_each(|task| drop(hand.ack(task, 1)));
    hand.now = hand.config.timeout + 1;
    assert!(matches!(hand.ack(2, 1)[0], Abandon(CheckpointId(1), AbortReason::Expired, _)));
}

/// What somebody who watches the coordinator knows.
#[derive(Default)]
struct Watcher {
    /// Snapshots acknowledged in the present attempt.
    acked: BTreeMap<(u64, u32), Handle>,
    in_flight: BTreeSet<u64>,
    writing: BTreeSet<u64>,
    exists: BTreeSet<u64>,
    newest_begun: u64,
    last_end: Option<Time>,
    timers: Vec<(Time, u64)>,
    given_back: BTreeSet<Handle>,
    /// How often what was seen: the test is about nothing if the situations never arise.
    sometimes: BTreeMap<String, u64>,
}

impl Watcher {
    fn see(&mut self, hand: &Hand, effects: &[CoordinatorEffect]) {
        let now = hand.now;
        for effect in effects {
            match effect {
                Begin(id) => {
                    assert!(id.0 > self.newest_begun, "ids grow");
                    self.newest_begun = id.0;
                    self.in_flight.insert(id.0);
                    let pause = hand.config.min_pause;
                    assert!(self.last_end.is_none_or(|end| now >= end + pause), "min_pause is kept");
                    let most = if pause > 0 { 1 } else { hand.config.max_concurrent as usize };
                    assert!(self.in_flight.len() <= most, "{:?}", self.in_flight);
                }
                Complete(id, snapshots) => {
                    for (task, snapshot) in (0..).zip(snapshots) {
                        assert!(snapshot.is_some() && self.acked.get(&(id.0, task)) == snapshot.as_ref());
                        assert!(snapshot.is_none_or(|snapshot| !self.given_back.contains(&snapshot)));
                    }
                    assert!(self.writing.insert(id.0));
                }
                Abandon(id, reason, snapshots) => {
                    *self.sometimes.entry(format!("{reason:?}")).or_default() += 1;
                    assert!(self.in_flight.remove(&id.0), "abandoned twice");
                    self.last_end = Some(now);
                    self.given_back.extend(snapshots);
                }
                Tell(_, Down::Completed(id)) => assert!(self.exists.contains(&id.0)),
                Tell(_, Down::Aborted(id)) => assert!(!self.exists.contains(&id.0)),
                Subsume(id) => assert!(self.exists.remove(&id.0)),
                Restore(line) => {
                    assert_eq!(line.checkpoint.map(|id| id.0), self.exists.last().copied(), "the newest");
                    self.acked.clear();
                }
                Timer(after, token) => self.timers.push((now + after, *token)),
                Discard(handle) => drop(self.given_back.insert(*handle)),
                Tell(..) | FailOver => {}
            }
        }
    }

    fn resolve(&mut self, hand: &mut Hand, stored: bool) {
        let Some(id) = self.writing.pop_first() else { return };
        let event = match stored {
            true => CoordinatorEvent::MetaStored(CheckpointId(id)),
            false => CoordinatorEvent::MetaFailed(CheckpointId(id)),
        };
        if stored {
            self.exists.insert(id);
            self.in_flight.remove(&id);
            self.last_end = Some(hand.now);
            let running = if hand.machine.0.pace.running { "completed" } else { "completed after a loss" };
            *self.sometimes.entry(running.to_owned()).or_default() += 1;
        }
        let effects = hand.on(event);
        self.see(hand, &effects);
    }
}

/// One random thing happens.
fn step(hand: &mut Hand, watcher: &mut Watcher, random: u64) {
    let (kind, task) = (random % 16, (random >> 8) as u32 % TASKS);
    let n = watcher.newest_begun.saturating_sub((random >> 16) % 4);
    let effects = match kind {
        0..=6 => {
            let n = *watcher.in_flight.iter().nth((random >> 24) as usize % 3).unwrap_or(&n);
            if watcher.in_flight.contains(&n) {
                watcher.acked.entry((n, task)).or_insert(handle(hand.attempt, task, n));
            }
            hand.ack(task, n)
        }
        7 => hand.up(task, Up::Request),
        8 if random >> 32 & 3 == 0 => hand.up(task, Up::Decline(CheckpointId(n))),
        9 => {
            let (before, old) = (hand.machine.clone(), Attempt(hand.attempt.0 - 1));
            assert_eq!(hand.ack_of(old, task, n), [], "a stale message has no effect");
            let up = if random >> 32 & 1 == 0 { Up::Request } else { Up::Decline(CheckpointId(n)) };
            let task = TaskId(task);
            assert_eq!(
                hand.on(CoordinatorEvent::FromTask { task, attempt: old, up, handle: None, positions: None }),
                []
            );
            assert_eq!(before, hand.machine);
            return;
        }
        10 | 11 => return watcher.resolve(hand, random >> 32 & 7 > 0),
        12 if random >> 32 & 7 == 0 => {
            let effects = hand.on(CoordinatorEvent::Lost);
            watcher.see(hand, &effects);
            while !watcher.writing.is_empty() {
                watcher.resolve(hand, random >> 40 & 1 == 0);
            }
            hand.attempt.0 += 1;
            let effects = hand.on(CoordinatorEvent::Recover);
            watcher.see(hand, &effects);
            hand.on(CoordinatorEvent::Started)
        }
        _ => {
            watcher.timers.sort_unstable();
            let Some(&(at, token)) = watcher.timers.first() else { return };
            watcher.timers.remove(0);
            hand.now = hand.now.max(at);
            hand.on(CoordinatorEvent::Timer(token))
        }
    };
    watcher.see(hand, &effects);
}

#[test]
fn whatever_the_messages_do_the_books_are_right() {
    let mut sometimes = BTreeMap::<String, u64>::new();
    for seed in 0..300 {
        let mut hand = periodic(CheckpointConfig {
            min_pause: [0, SECOND / 3][seed as usize % 2],
            max_concurrent: 1 + (seed as u32 / 2) % 3,
            retained: 1 + (seed as u32 / 6) % 3,
            tolerable_failed: 1000,
            ..CheckpointConfig::default()
        });
        let mut watcher = Watcher { timers: vec![(SECOND, 1 << 2 | TICK)], ..Watcher::default() };
        let mut copy = hand.machine.clone();
        for n in 0..400 {
            step(&mut hand, &mut watcher, draw(seed, n));
        }
        copy.clone_from(&hand.machine);
        assert_eq!(copy, hand.machine);
        watcher.sometimes.into_iter().for_each(|(what, times)| *sometimes.entry(what).or_default() += times);
    }
    let situations =
        ["completed", "completed after a loss", "Expired", "Declined", "MetadataNotStored", "Failover"];
    for situation in situations.into_iter().chain(["Subsumed"]) {
        assert!(sometimes.get(situation).is_some_and(|&times| times >= 20), "{situation}: {sometimes:?}");
    }
}
