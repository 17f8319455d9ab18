use std::sync::Arc;

use cutline_sim::config::CheckpointMode;
use cutline_sim::faults::{Fault, FaultPlan, Planned, TaskCrash, When};

use super::*;
use crate::hunts::HUNTS;
use crate::library_files::resolve;
use crate::prepare::Prepared;
use crate::record::Class;
use crate::run::{Contender, Options, Runner};

fn prepared(scenario: &str, overrides: &[&str]) -> Prepared {
    Prepared::load(&resolve(scenario).expect("a scenario"), overrides, 1).expect("a job")
}

fn live<'a>(prepared: &'a Prepared, strategy: &str, plan: FaultPlan) -> Live<'a> {
    let contender = Contender::named(strategy).expect("a strategy");
    Live { prepared, contender, seed: 1, plan: Arc::new(plan), options: Options::default() }
}

fn whole() -> View {
    View { from: Some(0), ..View::default() }
}

fn crash(at: Time) -> FaultPlan {
    let fault = Fault::TaskCrash(TaskCrash { task: Some(TaskId(2)) });
    FaultPlan { faults: vec![Planned { when: When::At(at), fault }], heal: at + 1 }
}

/// Noting passages is no part of the run.
#[test]
fn passages_change_nothing() {
    for strategy in cutline_algorithms::STRATEGIES {
        let prepared = prepared("tiny", &["execution.buffer-timeout.interval=\"0ms\""]);
        let contender = Contender::from(strategy);
        let plan = Arc::new(crash(20_000_000));
        let run = |passages: bool, watched: &mut u64| {
            let options = Options { passages, lookahead: false, ..Options::default() };
            let watch = &mut |world: &World, _: &[Stamped]| *watched += world.passages().len() as u64;
            Runner::new(&prepared, contender).run(1, &plan, &options, Some(watch))
        };
        let (mut none, mut some) = (0, 0);
        assert_eq!(run(false, &mut none), run(true, &mut some), "{}", strategy.name);
        assert!(none == 0 && some > 100, "{}: {none} {some}", strategy.name);
    }
}

/// At each completed checkpoint of a correct strategy: no orphan; every task has one point; and what crosses the cut from left to
/// right is what the snapshots say was on its way.
#[test]
fn no_record_crosses_a_cut_from_right_to_left() {
    let (mut checkpoints, mut in_flight) = (0, 0);
    for strategy in cutline_algorithms::STRATEGIES {
        for (scenario, at) in
            [("tiny", 20_000_000), ("tiny", 33_000_000), ("diamond", 20_000_000), ("collatz", 20_000_000)]
        {
            let prepared = prepared(scenario, &[]);
            let contender = Contender::from(strategy);
            if scenario == "collatz" && !contender.cycles {
                continue;
            }
            let what = format!("{} {scenario} {at}", strategy.name);
            let live = live(&prepared, strategy.name, crash(at));
            let (scene, record) = scene_of_run(&live, &whole(), None).expect("a scene");
            assert_eq!(record.class(), Class::Pass, "{what}");
            let tasks = scene.cast.tasks.len();
            for checkpoint in
                scene.checkpoints.iter().filter(|it| matches!(it.ended, Some((_, Outcome::Completed))))
            {
                checkpoints += 1;
                let mut of: Vec<TaskId> = checkpoint.points.iter().map(|(task, _)| *task).collect();
                of.sort();
                of.dedup();
                assert_eq!((of.len(), checkpoint.points.len()), (tasks, tasks), "{what}");
                in_flight +=
                    scene.flights.iter().filter(|flight| scene.cut(checkpoint).is_in_flight(flight)).count();
                // At least once, a record may be received before a cut behind which it was sent.
                if strategy.guarantee == CheckpointMode::AtLeastOnce {
                    continue;
                }
                let orphans = scene.flights.iter().filter(|flight| {
                    flight.thing.number().is_some() && scene.cut(checkpoint).is_orphan(flight)
                });
                assert_eq!(orphans.count(), 0, "{what}, checkpoint {}", checkpoint.id);
            }
        }
    }
    assert!(checkpoints > 50 && in_flight > 100, "{checkpoints} checkpoints, {in_flight} in flight");
}

/// What was sent is taken once, in order, behind its sending; blocked inputs deliver nothing.
#[test]
fn flights_are_those_of_the_run() {
    let prepared = prepared("tiny", &[]);
    let live = live(&prepared, "aligned", crash(20_000_000));
    let (scene, record) = scene_of_run(&live, &whole(), None).expect("a scene");
    for flight in &scene.flights {
        assert_eq!(flight.taken.is_some(), flight.fate == Fate::Taken, "{flight:?}");
        assert!(
            flight.taken.is_none_or(|taken| taken > flight.sent && taken.time > flight.sent.time),
            "{flight:?}"
        );
    }
    let sink =
        |flight: &&Flight| scene.cast.name(scene.cast.ends(flight.channel).expect("ends").to) == "sink[0]";
    let arrived =
        scene.flights.iter().filter(|it| it.is_record() && it.fate == Fate::Taken).filter(sink).count();
    assert_eq!(arrived as u64, record.arrivals);
    assert!(scene.flights.iter().any(|flight| flight.fate == Fate::Lost), "a crash loses something");
    let blocked: Vec<&Span> =
        scene.spans.iter().filter(|span| matches!(span.state, State::Blocked(_))).collect();
    assert!(!blocked.is_empty());
    for Span { task, time, state } in blocked {
        let State::Blocked(inputs) = state else { continue };
        let taken = scene.flights.iter().filter(|flight| {
            let ends = scene.cast.ends(flight.channel).expect("ends");
            let within = flight.taken.is_some_and(|at| at.time > time.start && at.time < time.end);
            ends.to == *task && inputs.contains(&ends.input) && within
        });
        assert_eq!(taken.count(), 0, "{task:?} {time:?}");
    }
    let restores = scene.spans.iter().filter(|span| span.state == State::Restoring).count();
    assert_eq!(restores, 2 * scene.cast.tasks.len());
}

#[test]
fn a_window_holds_what_the_whole_run_has_there() {
    let prepared = prepared("tiny", &[]);
    let live = live(&prepared, "unaligned", crash(20_000_000));
    let (whole, _) = scene_of_run(&live, &whole(), None).expect("a scene");
    let view = View { from: Some(15_000_000), to: Some(25_000_000), around: Around::Best };
    let (part, _) = scene_of_run(&live, &view, None).expect("a scene");
    let meets = |flight: &&Flight| {
        let until = flight.taken.map_or(whole.window.end, |taken| taken.time);
        flight.fate != Fate::Taken || part.window.meets(flight.sent.time, until)
    };
    let there = whole.flights.iter().filter(meets).filter(|flight| flight.fate == Fate::Taken);
    let kept = part.flights.iter().filter(|flight| flight.fate == Fate::Taken);
    assert!(there.eq(kept));
    assert!(part.events.iter().all(|event| (15_000_000..=25_000_000).contains(&event.time)));
    assert!(part.events.len() < whole.events.len());
}

/// The planted bugs of the zoo that tear a cut, break the order, show a record too often, or obey the dead: what is to blame is found.
#[test]
fn planted_bugs_have_a_guilty_record() {
    let (mut oracles, mut untrue): (Vec<String>, Vec<&str>) = Default::default();
    for hunt in HUNTS {
        let known = oracles.iter().filter(|oracle| *oracle == hunt.oracle()).count();
        if known > 3 {
            continue;
        }
        let prepared = hunt.prepare().expect("a job");
        let contender = Contender::from(hunt.bug());
        for seed in 0..2 {
            let plan = hunt.plan(&prepared, seed).expect("faults");
            let options = hunt.options();
            let record = Runner::new(&prepared, contender).run(seed, &plan, &options, None);
            if record.class() != Class::Safety {
                continue;
            }
            let live = Live { prepared: &prepared, contender, seed, plan, options };
            let (scene, _) = scene_of_run(&live, &View::default(), None).expect("a scene");
            let witness = scene.witness.clone().expect("a witness");
            let guilty: Vec<Flight> = scene.guilty().into_iter().map(|at| scene.flights[at]).collect();
            match witness.guilt {
                Guilt::Torn { channel, sent, received, .. } if sent != received => {
                    assert_eq!(guilty.len(), 1, "{}: {}", hunt.bug, witness.proof);
                    assert_eq!(
                        (guilty[0].channel, guilty[0].thing.number()),
                        (channel, Some(sent.min(received) + 1))
                    );
                    let cut = scene
                        .checkpoints
                        .iter()
                        .find(|it| Some(it.id) == witness.checkpoint)
                        .expect("its cut");
                    // It lies on both sides of the line; unless what a snapshot says was not so at the instant at which it was taken.
                    let orphan = scene.cut(cut).is_orphan(&guilty[0]);
                    let lost = scene.cut(cut).is_in_flight(&guilty[0]) || guilty[0].fate != Fate::Taken;
                    if orphan != (received > sent) || !(orphan || lost) {
                        untrue.push(hunt.bug);
                    }
                }
                Guilt::Delivery { .. } => assert_eq!(guilty.len(), 1, "{}: {}", hunt.bug, witness.proof),
                Guilt::Record { .. } if guilty.is_empty() => continue,
                Guilt::Record { .. } | Guilt::Message { .. } => {}
                _ => continue,
            }
            if let Thing::Record { lineage, .. } = guilty.first().map_or(Thing::Close, |it| it.thing)
                && witness.proof.contains("lineage")
            {
                assert!(
                    witness.proof.contains(&format!("{lineage:#018x}")),
                    "{}: {}",
                    hunt.bug,
                    witness.proof
                );
            }
            oracles.push(witness.oracle);
            break;
        }
    }
    // Its tasks were restored from two checkpoints, so what they count is not what has happened.
    assert_eq!(untrue, ["mixed-line"]);
    oracles.sort();
    oracles.dedup();
    assert!(oracles.len() >= 3, "{oracles:?}");
}

#[test]
fn what_is_not_there_is_an_error_that_says_what_is() {
    let prepared = prepared("tiny", &[]);
    let live = live(&prepared, "aligned", FaultPlan::default());
    let error = |view: View| scene_of_run(&live, &view, None).expect_err("nothing to show").to_string();
    let at = |from, to| View { from, to, around: Around::Best };
    assert!(error(at(Some(5_000_000), Some(5_000_000))).contains("is empty"));
    assert!(error(at(Some(60_000_000_000), None)).contains("the run ends at"));
    let around = |around| View { around, ..View::default() };
    assert!(error(around(Around::Checkpoint(CheckpointId(99)))).contains("it has 1 to"));
    assert!(error(around(Around::Crash(1))).contains("nothing crashed"));
    let (scene, _) =
        scene_of_run(&live, &around(Around::Checkpoint(CheckpointId(2))), None).expect("a scene");
    assert_eq!(scene.window.reason, "around checkpoint 2");
    let two = scene.checkpoints.iter().find(|it| it.id == CheckpointId(2)).expect("the checkpoint");
    assert!(two.points.iter().all(|(_, at)| scene.window.meets(at.time, at.time)));
}

/// A run of a million checkpoints is surveyed and drawn with what there is room for.
#[test]
fn of_a_million_checkpoints_the_one_asked_for_is_found_and_few_are_kept() {
    let cast = Cast { tasks: vec![Actor::default()], operators: vec![String::new()], ..Cast::default() };
    let play = |see: &mut dyn FnMut(Entry)| {
        for id in 1..=1_000_000_u64 {
            let id = CheckpointId(id);
            let event = |time, event| Entry::Event(Stamped { time, origin: Origin::COORDINATOR, event });
            see(event(id.0 * 10, Event::CheckpointTriggered { id }));
            let what = cutline_sim::passage::Passes::Snapshot { id };
            see(Entry::Passage(Passage { time: id.0 * 10 + 2, task: TaskId(0), what }));
            see(event(
                id.0 * 10 + 5,
                Event::CheckpointCompleted { id, duration: 5, bytes: 0, full_bytes: 0 },
            ));
        }
    };
    let asked = CheckpointId(777_777);
    let found = survey(&cast, Around::Checkpoint(asked), None, play);
    assert_eq!(found.asked_span, Some((7_777_770, 7_777_775)));
    assert_eq!(found.range, Some((CheckpointId(1), CheckpointId(1_000_000))));
    let window = View { from: Some(0), ..View::default() }.window(&found).expect("a window");
    let mut recorder = Recorder::new(cast, window);
    play(&mut |entry| recorder.see(entry));
    let scene = recorder.finish();
    assert_eq!(scene.checkpoints.len() as u64 + scene.checkpoints_left_out, 1_000_000);
    assert!(scene.checkpoints.len() < 2_000 && scene.snapshots.len() <= 50_000);
}
