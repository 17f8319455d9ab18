//! A capsule walked through in a terminal: a real one, as `script` makes it.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Gave, Place, binary};

/// A place with a capsule in it.
fn failed() -> Place {
    let place = Place::new();
    place
        .cutline("run tiny --faults crashes --seed 3 --set bounds.time=60ms --capsule-dir capsules")
        .exits(3);
    let mut entries = std::fs::read_dir(place.path("capsules")).expect("the folder");
    let path = entries.next().expect("a capsule").expect("an entry").path();
    std::fs::rename(path, place.path("c.json")).expect("moved");
    place
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let place = failed();
    place.cutline("replay c.json --step").refuses(&["needs a terminal", "standard input", "--trace FILE"]);
    place.cutline("replay c.json --step --json").refuses(&["--step", "--json"]);
    place.cutline("replay c.json --step --trace t").refuses(&["--step", "--trace"]);
}

/// The program on a terminal of 90 by 24; its output so far.
struct Screen {
    child: Child,
    seen: String,
}

impl Screen {
    fn new(place: &Place, arguments: &str) -> Screen {
        let line = format!("stty rows 24 cols 90; exec '{}' {arguments}", binary().display());
        let mut command = Command::new("script");
        command.current_dir(place.path("")).env("TERM", "xterm").args(["-qefc", &line, "/dev/null"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Screen { child: child.expect("`script`, of util-linux"), seen: String::new() }
    }

    /// Waits until something is on the screen.
    fn shows(&mut self, words: &str) {
        let began = Instant::now();
        let mut bytes = [0; 4096];
        while !self.seen.contains(words) {
            assert!(began.elapsed() < Duration::from_secs(60), "no {words} in\n{}", self.seen);
            let read = self.child.stdout.as_mut().expect("its output").read(&mut bytes).expect("something");
            assert!(read > 0, "no {words} in\n{}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    fn press(&mut self, keys: &str) {
        let keyboard = self.child.stdin.as_mut().expect("its input");
        keyboard.write_all(keys.as_bytes()).and_then(|()| keyboard.flush()).expect("pressed");
    }

    /// Waits for its end.
    fn ends(mut self) -> Gave {
        // With its input at its end `script` would press Ctrl-D, which asks for nothing.
        let keyboard = self.child.stdin.take();
        let gave = Gave::new(self.child.wait_with_output().expect("its end"));
        drop(keyboard);
        Gave { out: self.seen + &gave.out, ..gave }
    }
}

/// The terminal is as it was: no raw mode is left behind the program, which `stty` would show, and the other screen is gone.
fn is_given_back(gave: &Gave) {
    let (last, first) = (gave.out.rfind("\x1b[?1049l"), gave.out.rfind("\x1b[?1049h"));
    assert!(last > first && first.is_some(), "{:?}", gave.out);
    assert!(gave.out.rfind("\x1b[?25h") > gave.out.rfind("\x1b[?25l"), "the cursor is back: {:?}", gave.out);
}

#[test]
fn keys_walk_and_the_terminal_is_given_back() {
    let place = failed();
    let mut screen = Screen::new(&place, "replay c.json --step");
    screen.shows("tiny under aligned, seed 3");
    screen.shows("quit");
    screen.press("nnn+p\x1b[C\x1b[D-nn");
    screen.press("q");
    let gave = screen.ends().exits(0);
    // 3 + 100 - 1 + 1 - 1 - 100 + 2
    assert!(gave.out.contains("left at event 4, "), "{:?}", gave.out);
    is_given_back(&gave);
}

#[test]
fn ctrl_c_ends_it_and_a_signal_does_too() {
    let place = failed();
    let mut screen = Screen::new(&place, "replay c.json --step");
    screen.shows("quit");
    screen.press("n\x03");
    let gave = screen.ends().exits(0);
    assert!(gave.out.contains("left at event 1, "), "{:?}", gave.out);
    is_given_back(&gave);

    let mut screen = Screen::new(&place, "replay c.json --step");
    screen.shows("quit");
    // The program is the only child of `script`.
    let parent = screen.child.id();
    let children =
        std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).expect("its child");
    let killed = Command::new("kill").args(["-TERM", children.trim()]).status().expect("kill");
    assert!(killed.success());
    let gave = screen.ends().exits(130);
    assert!(gave.out.contains("left at event 0, "), "{:?}", gave.out);
    is_given_back(&gave);
}

#[test]
fn a_run_on_a_terminal_is_as_wide_as_that_and_in_colours() {
    let place = Place::new();
    let wide = |columns: u32| {
        let line = format!(
            "stty cols {columns}; exec '{}' run wordcount --faults crashes --seed 7",
            binary().display()
        );
        let gave = Command::new("script")
            .current_dir(place.path(""))
            .env("TERM", "xterm")
            .args(["-qefc", &line, "/dev/null"])
            .stdin(Stdio::null())
            .output();
        let gave = Gave::new(gave.expect("`script`")).exits(0);
        let line = gave.out.lines().find(|line| line.contains("records/s") && line.contains('\u{2588}'));
        line.expect("a line of time").trim_end().to_owned()
    };
    let (narrow, broad) = (wide(60), wide(110));
    let length = |line: &str| line.replace("\x1b[36m", "").replace("\x1b[39m", "").chars().count();
    assert!(narrow.contains("\x1b[36m") && length(&narrow) <= 60, "{narrow:?}");
    assert!((61..=110).contains(&length(&broad)), "{broad:?}");
}
