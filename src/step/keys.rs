//! Which key asks for what.

use cutline::scenarios::stepping::Stop;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// So many events further, or back.
    Steps(i64),
    /// The next event of a kind.
    Next(Stop),
    /// The one before.
    Previous(Stop),
    /// Before the first event.
    Beginning,
    /// The end of the run.
    End,
    /// So many tasks further down the list, or up.
    Task(i64),
    /// So many lines further down in what is shown of the task, or up.
    Scroll(i16),
    /// Nothing but to be shown again.
    Redraw,
    /// Enough.
    Quit,
}

/// The keys, for a line at the bottom of the screen: those that matter most come first.
pub const HELP: &[(&str, &str)] = &[
    ("\u{2190}\u{2192}", "event"),
    ("c/C", "checkpoint"),
    ("x/X", "crash"),
    ("r/R", "restore"),
    ("v/V", "violation"),
    ("\u{2191}\u{2193}", "task"),
    ("q", "quit"),
    ("PgUp/PgDn", "scroll"),
    ("+/-", "100 events"),
    ("Home/End", "begin/end"),
];

/// What a key asks for.
pub fn wish(key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        // In raw mode it is a key like any other.
        return (key.code == KeyCode::Char('c')).then_some(Wish::Quit);
    }
    Some(match key.code {
        KeyCode::Right | KeyCode::Char('n' | 'l' | ' ') => Wish::Steps(1),
        KeyCode::Left | KeyCode::Char('p' | 'h') | KeyCode::Backspace => Wish::Steps(-1),
        KeyCode::Char('+' | '=') => Wish::Steps(100),
        KeyCode::Char('-') => Wish::Steps(-100),
        KeyCode::Char('c') => Wish::Next(Stop::Checkpoint),
        KeyCode::Char('C') => Wish::Previous(Stop::Checkpoint),
        KeyCode::Char('x') => Wish::Next(Stop::Crash),
        KeyCode::Char('X') => Wish::Previous(Stop::Crash),
        KeyCode::Char('r') => Wish::Next(Stop::Restore),
        KeyCode::Char('R') => Wish::Previous(Stop::Restore),
        KeyCode::Char('v') => Wish::Next(Stop::Violation),
        KeyCode::Char('V') => Wish::Previous(Stop::Violation),
        KeyCode::Home | KeyCode::Char('g') => Wish::Beginning,
        KeyCode::End | KeyCode::Char('G') => Wish::End,
        KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => Wish::Task(1),
        KeyCode::Up | KeyCode::Char('k') | KeyCode::BackTab => Wish::Task(-1),
        KeyCode::PageDown => Wish::Scroll(5),
        KeyCode::PageUp => Wish::Scroll(-5),
        KeyCode::Char('q') | KeyCode::Esc => Wish::Quit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode) -> Option<Wish> {
        wish(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn keys_ask_for_what_the_help_says() {
        assert_eq!(pressed(KeyCode::Right), Some(Wish::Steps(1)));
        assert_eq!(pressed(KeyCode::Left), Some(Wish::Steps(-1)));
        for (next, previous, stop) in [
            ('c', 'C', Stop::Checkpoint),
            ('x', 'X', Stop::Crash),
            ('r', 'R', Stop::Restore),
            ('v', 'V', Stop::Violation),
        ] {
            assert_eq!(pressed(KeyCode::Char(next)), Some(Wish::Next(stop)));
            assert_eq!(pressed(KeyCode::Char(previous)), Some(Wish::Previous(stop)));
            assert!(HELP.contains(&(format!("{next}/{previous}").as_str(), stop.name())), "{next}");
        }
        assert_eq!(pressed(KeyCode::Char('q')), Some(Wish::Quit));
        assert_eq!(wish(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Wish::Quit));
        assert_eq!(wish(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::CONTROL)), None);
        assert_eq!(pressed(KeyCode::Char('z')), None);
        let released = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::from(KeyCode::Right) };
        assert_eq!(wish(released), None, "a key counts once");
    }
}
