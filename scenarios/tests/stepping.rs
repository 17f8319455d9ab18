//! Walks through a run: back is where it was, jumps land where things happen.

use std::sync::Arc;

use cutline_scenarios::faults;
use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::{Contender, Options, Runner};
use cutline_scenarios::stepping::{Jump, KEPT_MAX, Look, Stepper, Stop};
use cutline_sim::faults::FaultPlan;
use cutline_sim::ids::TaskId;
use cutline_sim::view::{Flow, Held};
use cutline_sim::world::Outcome;

/// A run of a scenario with crashes.
struct Given {
    prepared: Prepared,
    plan: Arc<FaultPlan>,
    contender: Contender,
    seed: u64,
}

fn given(name: &str, overrides: &[&str], strategy: &str, seed: u64) -> Given {
    let prepared = Prepared::load(&resolve(name).expect("a scenario"), overrides, seed);
    let prepared = prepared.unwrap_or_else(|error| panic!("{error}"));
    let profile = faults::resolve("crashes").expect("a profile");
    let plan = Arc::new(faults::draw(&profile, prepared.topology(), prepared.duration(), seed));
    let contender = Contender::named(strategy).expect("a strategy");
    Given { prepared, plan, contender, seed }
}

impl Given {
    fn walk(&self, failed: &[&str]) -> Stepper {
        Stepper::new(&self.prepared, self.contender, (self.seed, &self.plan), failed.iter().copied())
    }
}

fn look(walk: &Stepper) -> Look {
    walk.look(TaskId(0))
}

/// What happened in the last event of a walk.
fn new(walk: &Stepper) -> String {
    let look = look(walk);
    look.events.iter().filter(|event| event.is_new).map(|event| format!("{}\n", event.text)).collect()
}

#[test]
fn every_step_back_is_where_the_walk_was() {
    for strategy in ["aligned", "uncoordinated"] {
        let given = given("tiny", &[], strategy, 3);
        let mut walk = given.walk(&[]);
        let mut digests = vec![walk.digest()];
        while walk.forward() {
            digests.push(walk.digest());
        }
        assert!(digests.len() > 200, "{}", digests.len());
        assert!(!walk.forward(), "there is nothing behind the end");
        while walk.back() {
            let event = usize::try_from(walk.event()).expect("small");
            assert_eq!(walk.digest(), digests[event], "event {event} under {strategy}");
        }
        assert_eq!(walk.event(), 0);
        assert!(!walk.back(), "there is nothing before the beginning");
        for event in [190, 17, 64, 65, 63, 128, 199] {
            walk.go_to(event);
            assert_eq!((walk.event(), walk.digest()), (event, digests[event as usize]));
        }
    }
}

#[test]
fn a_walk_ends_as_the_run_does() {
    let given = given("tiny", &[], "aligned", 3);
    let options = Options { lookahead: false, detail: true, metrics: false, ..Options::default() };
    let mut runner = Runner::new(&given.prepared, given.contender);
    let record = runner.run(given.seed, &given.plan, &options, None);
    let mut walk = given.walk(&[]);
    walk.go_to(u64::MAX);
    let end = look(&walk);
    assert_eq!((end.outcome, end.total), (Some(Outcome::Finished), Some(walk.event())));
    assert_eq!(record.outcome, Outcome::Finished);
    let tasks = (0..walk.tasks()).map(TaskId);
    let records: Vec<u64> = tasks.clone().map(|task| walk.look(task).view.records).collect();
    assert_eq!(records, tasks.map(|task| runner.world().handled(task).0).collect::<Vec<_>>());
}

#[test]
fn a_long_walk_keeps_few_forks_and_still_finds_back() {
    let given = given("wordcount", &["input.text.kind.text.rate=2000/s"], "aligned", 8);
    let mut walk = given.walk(&[]);
    walk.go_to(5_000);
    let digest = walk.digest();
    walk.go_to(u64::MAX);
    let end = walk.event();
    assert!(end > 20_000, "{end}");
    assert!((KEPT_MAX / 2..=KEPT_MAX).contains(&walk.kept()), "{}", walk.kept());
    walk.go_to(5_000);
    assert_eq!(walk.digest(), digest);
    assert_eq!(look(&walk).total, Some(end));
}

#[test]
fn jumps_land_on_their_events_and_nowhere_else() {
    let given = given("tiny", &[], "aligned", 3);
    // Gone through event by event.
    let mut walk = given.walk(&[]);
    let mut expected: Vec<(Stop, u64)> = Vec::new();
    while walk.forward() {
        let text = new(&walk);
        let mut note = |stop, words: &[&str]| {
            let times = text.lines().filter(|line| words.iter().any(|word| line.contains(word))).count();
            expected.extend(std::iter::repeat_n((stop, walk.event()), times.min(1)));
        };
        note(Stop::Checkpoint, &["checkpoint triggered", "checkpoint completed", "checkpoint aborted"]);
        note(Stop::Crash, &[": task crashed", ": node crashed"]);
        note(Stop::Restore, &[": restoring"]);
    }
    let of =
        |kind| expected.iter().filter(|(stop, _)| *stop == kind).map(|(_, event)| *event).collect::<Vec<_>>();
    // A second walk does not know them beforehand, and the first does.
    let mut second = given.walk(&[]);
    walk.go_to(0);
    for walk in [&mut second, &mut walk] {
        for kind in [Stop::Checkpoint, Stop::Crash, Stop::Restore, Stop::Violation] {
            walk.go_to(0);
            let mut found = Vec::new();
            while walk.next_stop(kind, &mut || false) == Jump::Done {
                found.push(walk.event());
            }
            assert_eq!(found, of(kind), "{kind:?}");
            let stood = walk.event();
            assert_eq!(walk.next_stop(kind, &mut || false), Jump::Nothing);
            assert_eq!(walk.event(), stood, "where it stood");
            while walk.previous_stop(kind) == Jump::Done {
                found.pop();
                assert_eq!(found.last(), Some(&walk.event()), "{kind:?}");
            }
            assert!(found.len() <= 1, "{found:?}");
        }
    }
    assert!(of(Stop::Checkpoint).len() > 3 && !of(Stop::Crash).is_empty() && !of(Stop::Restore).is_empty());
}

#[test]
fn a_violation_is_where_an_oracle_sees_it_or_at_the_end() {
    let given = given("sum-even-odd", &["input.numbers.kind.numbers.count=1000"], "first-barrier", 4);
    let mut walk = given.walk(&["state", "ledger", "cut"]);
    assert_eq!(walk.next_stop(Stop::Violation, &mut || false), Jump::Done);
    assert_eq!(look(&walk).objecting, ["cut"]);
    assert!(new(&walk).contains("checkpoint completed") && new(&walk).contains("id 1)"), "{}", new(&walk));
    let torn = walk.event();
    assert!(walk.back() && look(&walk).objecting.is_empty());
    walk.go_to(u64::MAX);
    assert_eq!(look(&walk).objecting, ["cut", "state", "ledger"]);
    assert_eq!(walk.previous_stop(Stop::Violation), Jump::Done);
    assert_eq!(walk.event(), torn);
    assert_eq!(walk.next_stop(Stop::Violation, &mut || false), Jump::Done);
    assert_eq!(Some(walk.event()), look(&walk).total);
}

#[test]
fn who_does_not_want_to_wait_need_not() {
    let given = given("wordcount", &[], "aligned", 1);
    let mut walk = given.walk(&[]);
    assert_eq!(walk.next_stop(Stop::Violation, &mut || true), Jump::Stopped);
    assert!(walk.event() > 0 && look(&walk).total.is_none());
    let stood = walk.event();
    assert!(!walk.go_to_unless(u64::MAX, &mut || true));
    assert!(walk.event() > stood && look(&walk).outcome.is_none());
}

#[test]
fn queues_blocked_inputs_and_pending_checkpoints_are_seen() {
    let given = given("sum-even-odd", &[], "aligned", 1);
    let mut walk = given.walk(&[]);
    assert_eq!(walk.next_stop(Stop::Checkpoint, &mut || false), Jump::Done);
    let begun = look(&walk);
    let [(id, pending)] = &begun.pending[..] else { panic!("one checkpoint: {:?}", begun.pending) };
    assert!(id.0 == 1 && pending.acknowledged.is_empty() && pending.since == begun.time);
    let (mut blocked, mut marks, mut credits, mut acknowledged) = (0, 0, 0, 0);
    let mut newest = begun.newest;
    while newest.is_none() && walk.forward() {
        // Another one after each event: what is looked for lasts longer than that.
        let task = TaskId((walk.event() % u64::from(walk.tasks())) as u32);
        let look = walk.look(task);
        newest = look.newest;
        acknowledged =
            acknowledged.max(look.pending.first().map_or(0, |(_, pending)| pending.acknowledged.len()));
        for input in &look.view.inputs {
            assert!(input.front.len() as u32 <= input.length && input.to == task);
            blocked += usize::from(input.blocked);
            marks += input.front.iter().filter(|queued| matches!(queued.what, Held::Mark(_))).count();
            credits += usize::from(matches!(input.flow, Flow::Credits(1..)));
        }
    }
    assert!(blocked > 0 && marks > 0 && credits > 0, "{blocked} {marks} {credits}");
    assert!(acknowledged as u32 >= walk.tasks() - 1, "{acknowledged}");
    assert!(look(&walk).pending.is_empty());
}
