//! What a screen shows, as text.

use std::sync::Arc;

use cutline::scenarios::library_files::resolve;
use cutline::scenarios::prepare::Prepared;
use cutline::scenarios::run::Contender;
use cutline::scenarios::stepping::{Jump, Stepper, Stop};
use cutline::sim::faults::FaultPlan;
use cutline::sim::ids::TaskId;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

fn walk(strategy: &str) -> Stepper {
    let source = resolve("sum-even-odd").expect("a scenario");
    let prepared = Prepared::load(&source, &["input.numbers.kind.numbers.count=1000"], 4).expect("a job");
    let contender = Contender::named(strategy).expect("a strategy");
    let plan = Arc::new(FaultPlan { faults: Vec::new(), heal: 0 });
    Stepper::new(&prepared, contender, (4, &plan), ["cut"].into_iter())
}

/// The screen as lines, without the blanks at their ends.
fn screen(walk: &Stepper, shown: &Shown, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    let look = walk.look(TaskId(shown.task));
    terminal.draw(|frame| draw(frame, &look, shown)).expect("drawn");
    let text = terminal.backend().to_string();
    text.lines().map(|line| format!("{}\n", line.trim_matches('"').trim_end())).collect()
}

#[test]
fn a_screen_shows_where_the_walk_stands() {
    let mut walk = walk("first-barrier");
    let before = screen(&walk, &Shown::default(), (100, 30));
    assert!(
        before.contains("event 0 (seen so far: 0)") && before.contains("nothing has happened"),
        "{before}"
    );
    assert_eq!(walk.next_stop(Stop::Checkpoint, &mut || false), Jump::Done);
    let begun = screen(&walk, &Shown::default(), (100, 30));
    assert!(begun.contains("1 since ") && begun.contains("acknowledged, missing source[0]"), "{begun}");
    assert!(begun.contains("coordinator: checkpoint triggered (id 1)"), "{begun}");
    assert_eq!(walk.next_stop(Stop::Violation, &mut || false), Jump::Done);
    let torn = screen(&walk, &Shown { task: 2, ..Shown::default() }, (120, 40));
    for words in
        ["OBJECTS: cut", "newest completed: 1", "none pending", "state: ", "> ", "credits", "←→ event"]
    {
        assert!(torn.contains(words), "no {words} in\n{torn}");
    }
    walk.go_to(u64::MAX);
    let end = screen(&walk, &Shown::default(), (100, 30));
    assert!(end.contains("finished") && !end.contains("next:") && !end.contains("seen so far"), "{end}");
}

#[test]
fn blocked_inputs_and_what_is_in_a_queue_are_shown() {
    let mut walk = walk("aligned");
    assert_eq!(walk.next_stop(Stop::Checkpoint, &mut || false), Jump::Done);
    let blocked = |walk: &Stepper| walk.look(TaskId(0)).tasks.iter().position(|task| task.blocked > 0);
    while blocked(&walk).is_none() && walk.forward() {}
    let task = blocked(&walk).expect("aligned barriers block") as u32;
    let shown = screen(&walk, &Shown { task, ..Shown::default() }, (120, 40));
    for words in [" blocked 1/2", " BLOCKED  ", "1 of 2 inputs blocked"] {
        assert!(shown.contains(words), "no {words} in\n{shown}");
    }
    // A mark on its way is between bars and in brackets.
    let on_its_way = |walk: &Stepper| {
        let look = walk.look(TaskId(task));
        let mut front = look.view.inputs.iter().flat_map(|input| &input.front);
        front.any(|queued| {
            matches!(queued.what, Held::Mark(_)) && queued.arrives.is_some_and(|at| at > look.time)
        })
    };
    while !on_its_way(&walk) {
        assert!(walk.forward(), "no second mark was ever on its way");
    }
    let shown = screen(&walk, &Shown { task, ..Shown::default() }, (120, 40));
    assert!(shown.contains("(|cut-2|)"), "{shown}");
}

#[test]
fn any_size_can_be_drawn_and_small_ones_show_what_matters() {
    let mut walk = walk("aligned");
    assert_eq!(walk.next_stop(Stop::Checkpoint, &mut || false), Jump::Done);
    for width in (1..25).chain([40, 71, 72, 73, 130]) {
        for height in [1, 2, 5, 6, 7, 10, 17, 18, 24, 60] {
            let shown = Shown { task: 3, scroll: 7, message: String::new() };
            screen(&walk, &shown, (width, height));
        }
    }
    let small = screen(&walk, &Shown::default(), (40, 12));
    for words in ["event ", "acted", "source[0]", "coordinator: checkp", "←→ event"] {
        assert!(small.contains(words), "no {words} in\n{small}");
    }
    let tiny = screen(&walk, &Shown::default(), (30, 4));
    assert!(tiny.contains("enlarge the"), "{tiny}");
}

#[test]
fn what_a_key_could_not_do_is_said() {
    let walk = walk("aligned");
    let message = "there is no crash before this".to_owned();
    let shown = screen(&walk, &Shown { message, ..Shown::default() }, (80, 24));
    assert!(shown.lines().last().is_some_and(|line| line.starts_with("there is no crash")), "{shown}");
}

#[test]
fn scrolling_ends_with_the_last_line() {
    let walk = walk("aligned");
    let far = screen(&walk, &Shown { task: 2, scroll: u16::MAX, message: String::new() }, (80, 20));
    assert!(far.contains("state: "), "{far}");
}
