use std::collections::BTreeMap;
use std::sync::Arc;

use cutline_scenarios::library_files::resolve;
use cutline_scenarios::prepare::Prepared;
use cutline_scenarios::run::{Contender, Options};
use cutline_scenarios::scene::{
    Actor, Around, Cast, Checkpoint, Ends, Guilt, Live, Moment, View, Window, Witness, scene_of_run,
};
use cutline_sim::event::{Event, Origin, Stamped};
use cutline_sim::faults::{Fault, FaultPlan, Planned, TaskCrash, When};
use cutline_sim::ids::{ChannelId, CheckpointId, TaskId};
use cutline_sim::passage::Thing;
use serde_json::Value;

use super::*;

fn scene(scenario: &str, strategy: &str, crash: Option<u64>, view: View) -> Scene {
    let prepared = Prepared::load(&resolve(scenario).expect("a scenario"), &[""; 0], 1).expect("a job");
    let fault = Fault::TaskCrash(TaskCrash { task: Some(TaskId(2)) });
    let faults = crash.map(|at| Planned { when: When::At(at), fault }).into_iter().collect();
    let plan = FaultPlan { faults, heal: crash.unwrap_or(0) + 1 };
    let contender = Contender::named(strategy).expect("a strategy");
    let options = Options { forks: Some(false), ..Options::default() };
    let live = Live { prepared: &prepared, contender, seed: 1, plan: Arc::new(plan), options };
    scene_of_run(&live, &view, None).expect("a scene").0
}

fn whole() -> View {
    View { from: Some(0), ..View::default() }
}

/// The values of an attribute in each element of a text, in order.
fn attributes(text: &str, name: &str) -> Vec<f64> {
    let begins = format!(" {name}=\"");
    let all = text.split(&begins).skip(1);
    all.map(|rest| rest.split('"').next().expect("a value").parse().expect("a number")).collect()
}

/// The inside of the first group of a class.
fn group<'a>(svg: &'a str, class: &str) -> &'a str {
    let begins = format!("<g class=\"{class}\"");
    let at = svg.find(&begins).unwrap_or_else(|| panic!("no {class}"));
    let rest = &svg[at + begins.len()..];
    let rest = &rest[rest.find('>').expect("an end") + 1..];
    &rest[..rest.find("</g>").expect("an end")]
}

/// At what height each name stands.
fn heights(svg: &str) -> BTreeMap<String, f64> {
    let texts = svg.split("<text ").skip(1).map(|text| {
        let (head, rest) = text.split_once('>').expect("a text");
        let y = attributes(&format!(" {head}"), "y")[0];
        let size = attributes(head, "font-size")[0];
        (rest.split("</text>").next().expect("an end").to_owned(), y - size * 0.355)
    });
    // What comes first is the row's name.
    let mut all = BTreeMap::new();
    texts.for_each(|(text, y)| {
        all.entry(text).or_insert(y);
    });
    all
}

/// Each barrier's arrow begins at its sender, when it is sent, and ends at its receiver, when it is taken or noticed.
#[test]
fn barriers_go_from_sender_to_receiver() {
    for strategy in ["aligned", "unaligned", "stop-the-world", "chandy-lamport"] {
        let scene = scene("tiny", strategy, Some(20_000_000), whole());
        let svg = diagram(&scene, "a", 100).svg;
        let lines = group(&svg, "st-marks");
        let drawn = ["x1", "y1", "x2", "y2"].map(|name| attributes(lines, name));
        let heights = heights(&svg);
        let barriers: Vec<_> = scene
            .flights
            .iter()
            .filter(|flight| matches!(flight.thing, Thing::Cut { .. }) && flight.taken.is_some())
            .collect();
        assert!(barriers.len() > 10 && barriers.len() == drawn[0].len(), "{strategy}: {}", barriers.len());
        let edges = group(&svg, "st-rows");
        let (left, right) = (attributes(edges, "x1")[0], attributes(edges, "x2")[0]);
        for (at, flight) in barriers.iter().enumerate() {
            let ends = scene.cast.ends(flight.channel).expect("ends");
            let x = |time: u64| left + time as f64 / scene.window.time.end as f64 * (right - left);
            let expected = [
                x(flight.sent.time),
                heights[scene.cast.name(ends.from)],
                x(flight.taken.expect("taken").time),
                heights[scene.cast.name(ends.to)],
            ];
            let is = [0, 1, 2, 3].map(|side| drawn[side][at]);
            let near = is.iter().zip(expected).all(|(is, expected)| (is - expected).abs() < 0.2);
            assert!(near, "{strategy}: {flight:?} at {is:?}, not {expected:?}");
        }
    }
}

/// The cut of a completed checkpoint is one line that meets every task once, where its snapshot is.
#[test]
fn a_cut_is_one_line_through_all_tasks() {
    for (scenario, strategy) in
        [("tiny", "aligned"), ("tiny", "unaligned"), ("collatz", "uncoordinated"), ("collatz", "abs-cyclic")]
    {
        let view = View { around: Around::Checkpoint(CheckpointId(2)), ..View::default() };
        let scene = scene(scenario, strategy, None, view);
        let svg = diagram(&scene, "a", 100).svg;
        let title = "the cut of checkpoint 2</title>";
        assert_eq!(svg.matches(title).count(), 1, "{scenario} {strategy}");
        let before = &svg[..svg.find(title).expect("the cut")];
        let points = &before[before.rfind("points=\"").expect("points") + 8..];
        let points: Vec<(f64, f64)> = points
            .split('"')
            .next()
            .expect("points")
            .split(' ')
            .map(|point| {
                let (x, y) = point.split_once(',').expect("a point");
                (x.parse().expect("x"), y.parse().expect("y"))
            })
            .collect();
        let heights = heights(&svg);
        let cut = scene.checkpoints.iter().find(|it| it.id == CheckpointId(2)).expect("the checkpoint");
        assert_eq!((points.len(), cut.points.len()), (scene.cast.tasks.len() + 2, scene.cast.tasks.len()));
        assert!(points.windows(2).all(|pair| pair[0].1 < pair[1].1), "it goes down: {points:?}");
        for (task, (_, y)) in scene.cast.tasks.iter().zip(&points[1..]) {
            assert!((heights[&task.name] - y).abs() < 0.2, "{}", task.name);
        }
    }
}

/// A torn cut: the guilty arrow, both sides of the cut, and the proof in words.
#[test]
fn what_is_to_blame_stands_out() {
    let scene = scene("sum-even-odd", "first-barrier", None, View::default());
    let witness = scene.witness.clone().expect("a witness");
    assert_eq!(witness.oracle, "cut");
    let svg = diagram(&scene, "a", 100).svg;
    let guilty = group(&svg, "st-guilty");
    assert_eq!(attributes(guilty, "x1").len(), 1);
    let (_, number) = witness.torn_item().expect("an item");
    assert!(guilty.contains(&format!("item {number}, ")), "{guilty}");
    assert_eq!(svg.matches("class=\"st-side\"").count(), 2);
    let Guilt::Torn { sent, received, .. } = witness.guilt else { panic!("{witness:?}") };
    assert!(
        svg.contains(&format!("{sent} sent by its snapshot"))
            && svg.contains(&format!("{received} received by its snapshot"))
    );
    for word in ["The oracle cut objects.", "So c is no consistent"] {
        let words: String = svg
            .split("</text>")
            .filter_map(|text| text.rsplit('>').next())
            .map(|text| text.to_owned() + " ")
            .collect();
        assert!(words.contains(word), "{word}");
    }
    assert!(labels::window(&scene).contains("around the violation"), "{}", labels::window(&scene));
}

fn small(name: &str) -> Scene {
    let actor = |name: &str| Actor { name: name.to_owned(), operator: 0 };
    Scene {
        cast: Cast {
            title: name.to_owned(),
            operators: vec![name.to_owned()],
            tasks: vec![actor(name), actor("b[0]")],
            channels: vec![Ends { from: TaskId(0), to: TaskId(1), input: 0 }],
            own_snapshots: false,
            has_records: true,
        },
        window: Window { time: 0..1_000_000, end: 5_000_000, reason: "around nothing".to_owned() },
        ..Scene::default()
    }
}

fn record(number: u64, sent: u64, taken: u64) -> cutline_scenarios::scene::Flight {
    cutline_scenarios::scene::Flight {
        channel: ChannelId(0),
        thing: Thing::Record { number, lineage: number, key: 1, value: 2 },
        sent: Moment { time: sent, place: 2 * number },
        put_back: false,
        taken: Some(Moment { time: taken, place: 2 * number + 1 }),
        fate: cutline_scenarios::scene::Fate::Taken,
    }
}

#[test]
fn names_with_markup_are_escaped() {
    let nasty = "<script>alert(1)</script>&\"'\u{1}";
    let mut scene = small(nasty);
    scene.witness = Some(Witness {
        oracle: nasty.to_owned(),
        proof: nasty.to_owned(),
        others: vec![nasty.to_owned()],
        checkpoint: None,
        guilt: Guilt::Unknown,
    });
    scene.events =
        vec![Stamped { time: 5, origin: Origin::FAULTS, event: Event::TaskCrashed { task: TaskId(0) } }];
    scene.notes = vec![nasty.to_owned()];
    scene.flights = vec![record(1, 10, 20)];
    let svg = diagram(&scene, "a", 100).svg;
    assert!(!svg.contains("<script>") && !svg.contains('\u{1}'), "{svg}");
    assert!(crate::png::Painter::default().png(&svg).is_ok(), "it is well-formed");
    let document = Document { command: nasty, version: nasty, records: 10 };
    let html = page(&scene, &document);
    assert!(!html.contains("<script>alert"), "{html}");
    assert_eq!(
        html.matches("<script").count(),
        3,
        "what the picture says, the script of all pages, that of diagrams"
    );
    assert_eq!(html, page(&scene, &document), "the same bytes again");
    let places = html.replace("http://www.w3.org/2000/svg", "").replace("url(data:", "").replace("url(#", "");
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!places.contains(outside), "{outside}");
    }
}

#[test]
fn a_scene_of_nothing_or_of_a_single_event_is_a_picture() {
    let painter = crate::png::Painter::default();
    let one = Scene {
        events: vec![Stamped { time: 5, origin: Origin::COORDINATOR, event: Event::JobFinished }],
        ..small("a[0]")
    };
    for scene in [Scene::default(), small("a[0]"), one] {
        let Diagram { svg, states, about } = diagram(&scene, "a", 100);
        assert!(painter.png(&svg).is_ok() && about.contains("0 completed checkpoints"), "{svg}");
        let states: Value = serde_json::from_str(&states).expect("JSON");
        assert!(states["rows"].is_array());
    }
}

#[test]
fn what_is_thinned_out_is_said() {
    let mut scene = small("a[0]");
    // A burst at the beginning, and a few behind it.
    scene.flights = (0..20_000).map(|at| record(at, at, at + 500)).collect();
    scene.flights.extend((0..10).map(|at| record(20_000 + at, 500_000 + 40_000 * at, 540_000 + 40_000 * at)));
    scene.checkpoints = (1..=900)
        .map(|id| Checkpoint {
            id: CheckpointId(id),
            triggered: Some(id * 1000),
            points: vec![(TaskId(0), Moment { time: id * 1000, place: 1 << 40 })],
            ..Checkpoint::default()
        })
        .collect();
    scene.checkpoints_left_out = 999_100;
    let svg = diagram(&scene, "a", 100).svg;
    assert!(svg.len() < 300_000, "{}", svg.len());
    let x1 = attributes(group(&svg, "st-records"), "x1");
    assert_eq!(x1.len(), 100, "as many as there is room for");
    let edges = group(&svg, "st-rows");
    let middle = f64::midpoint(attributes(edges, "x1")[0], attributes(edges, "x2")[0]);
    assert_eq!(
        x1.iter().filter(|x| **x > middle - 2.0).count(),
        10,
        "the burst does not crowd out the others"
    );
    assert!(svg.contains(&format!("{} of the 20,010 records in this window are drawn", x1.len())), "{svg}");
    assert!(svg.contains("24 of the 1,000,000 checkpoints in this window are drawn."));
}

#[test]
fn of_very_many_tasks_some_are_drawn_and_the_others_counted() {
    let mut scene = small("a[0]");
    scene.cast.tasks = (0..500).map(|at| Actor { name: format!("a[{at}]"), operator: 0 }).collect();
    let svg = diagram(&scene, "a", 100).svg;
    assert!(svg.contains("460 of 500 tasks are not drawn."), "the others are counted");
}

#[test]
fn the_slider_knows_what_was_the_case() {
    let scene = scene("tiny", "aligned", Some(20_000_000), whole());
    let states: Value = serde_json::from_str(&diagram(&scene, "a", 100).states).expect("JSON");
    let rows = states["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), scene.cast.tasks.len());
    let words = states.to_string();
    for word in [
        "runs, attempt 2",
        "blocked: input from source[",
        "reads its state",
        "synchronous part",
        "will complete",
        "count[0] crashes",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
}
