//! `cutline replay --step`: the run of a capsule, walked through in the terminal.
//!
//! The walk is `cutline::scenarios::stepping`; what a screen shows of it is a pure function in `view`; this file asks for keys and
//! leaves the terminal as it was, whatever happens: at the end, on an error, on a signal, and on a panic.

mod keys;
mod view;

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutline::reports::units;
use cutline::scenarios::record::Verdict;
use cutline::scenarios::stepping::{Jump, Stepper, Stop};
use cutline::sim::ids::TaskId;
use cutline::sim::oracles::show_time;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};

use crate::arguments::ReplayArguments;
use crate::failure::Failure;
use crate::interrupts::{self, INTERRUPTED};
use crate::replay::Again;
use crate::screen::Screen;
use keys::Wish;
use view::Shown;

/// So often a signal is looked for while nobody presses a key.
const BLINK: Duration = Duration::from_millis(200);

/// Walks.
pub fn step(arguments: &ReplayArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let streams = [
        (std::io::stdin().is_terminal(), "standard input"),
        (std::io::stdout().is_terminal(), "standard output"),
    ];
    if let Some((_, stream)) = streams.iter().find(|(is_terminal, _)| !is_terminal) {
        return Err(Failure::new(format!("`--step` needs a terminal, and {stream} is none")).with_help(
            "call it in a terminal; `cutline replay CAPSULE --trace FILE` writes every event without one",
        ));
    }
    let (Again { setup, order, result }, _) = Again::announce(arguments, screen)?;
    let failed = result.verdicts.iter().filter(|verdict| matches!(verdict.verdict, Verdict::Fail(_)));
    let failed = failed.map(|verdict| verdict.oracle.as_str());
    let mut walk = Stepper::new(&setup.prepared, order.contender, (order.seed, &order.plan), failed);
    let interrupted = interrupts::catch(|| {});
    let walked = {
        let mut terminal = ratatui::try_init().map_err(|error| broken(&error))?;
        let _restored = Restored;
        go(&mut terminal, &mut walk, &interrupted)
    };
    walked.map_err(|error| broken(&error))?;
    let look = walk.look(TaskId(0));
    screen.say(&format!("left at event {}, {}\n", units::count(look.event), show_time(look.time)))?;
    Ok(if interrupted.load(Ordering::Relaxed) { INTERRUPTED } else { 0 })
}

/// Gives the terminal back when it goes.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new(format!("the terminal cannot be used: {error}"))
        .with_help("`cutline replay CAPSULE --trace FILE` writes every event without one")
}

/// Shows, asks, and does what is asked, until somebody has had enough.
fn go(terminal: &mut DefaultTerminal, walk: &mut Stepper, interrupted: &AtomicBool) -> std::io::Result<()> {
    let mut shown = Shown::default();
    loop {
        let look = walk.look(TaskId(shown.task));
        terminal.draw(|frame| view::draw(frame, &look, &shown))?;
        let wish = loop {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(());
            }
            if event::poll(BLINK)? {
                match event::read()? {
                    Event::Key(key) => break keys::wish(key),
                    Event::Resize(..) => break Some(Wish::Redraw),
                    _ => {}
                }
            }
        };
        shown.message.clear();
        // Any key ends a long search.
        let mut stop = || interrupted.load(Ordering::Relaxed) || event::poll(Duration::ZERO).unwrap_or(true);
        match wish {
            Some(Wish::Quit) => return Ok(()),
            Some(wish) => shown.message = obey(walk, wish, &mut shown, &mut stop),
            None => {}
        }
    }
}

/// Does what is asked; what there is to say of it.
fn obey(walk: &mut Stepper, wish: Wish, shown: &mut Shown, stop: &mut dyn FnMut() -> bool) -> String {
    let stopped = "stopped by a key; the same again goes on".to_owned();
    match wish {
        Wish::Steps(by) if by > 0 => {
            let before = walk.event();
            walk.go_to(before.saturating_add(by.unsigned_abs()));
            if walk.event() == before { "the run ends here".to_owned() } else { String::new() }
        }
        Wish::Steps(by) => {
            let before = walk.event();
            walk.go_to(before.saturating_sub(by.unsigned_abs()));
            if before == 0 { "the run begins here".to_owned() } else { String::new() }
        }
        Wish::Beginning => {
            walk.go_to(0);
            String::new()
        }
        Wish::End => {
            if walk.go_to_unless(u64::MAX, stop) {
                String::new()
            } else {
                stopped
            }
        }
        Wish::Next(kind) => said(walk.next_stop(kind, stop), kind, "after", stopped),
        Wish::Previous(kind) => said(walk.previous_stop(kind), kind, "before", stopped),
        Wish::Task(by) => {
            let tasks = i64::from(walk.tasks().max(1));
            shown.task = (i64::from(shown.task) + by).rem_euclid(tasks) as u32;
            shown.scroll = 0;
            String::new()
        }
        Wish::Scroll(by) => {
            shown.scroll = shown.scroll.saturating_add_signed(by);
            String::new()
        }
        Wish::Redraw | Wish::Quit => String::new(),
    }
}

fn said(jump: Jump, kind: Stop, side: &str, stopped: String) -> String {
    match jump {
        Jump::Done => String::new(),
        Jump::Nothing => format!("there is no {} {side} this", kind.name()),
        Jump::Stopped => stopped,
    }
}
