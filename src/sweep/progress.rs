//! How far a sweep is: a bar on a terminal, and a line now and then without one.

use std::time::{Duration, Instant};

use cutline::scenarios::sweep::tally::Counts;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

use crate::failure::Failure;
use crate::screen::Screen;

/// From one line to the next, where there is no terminal.
const EVERY: Duration = Duration::from_secs(15);

/// The sign of life of a sweep.
pub struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    said: Instant,
    /// Runs of this sweep, and those of them that were done before.
    all: u64,
    before: u64,
}

impl Progress {
    /// Of a sweep with so many runs, of which so many are done.
    pub fn new(all: u64, before: u64) -> Progress {
        let style = "{bar:30} {pos}/{len} runs, {per_sec}, {eta} left  {msg}";
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.with_position(before)
        });
        if let Some(bar) = &bar {
            bar.reset_eta();
        }
        let now = Instant::now();
        Progress { bar, began: now, said: now, all, before }
    }

    /// So much is done.
    pub fn show(&mut self, counts: &Counts, screen: &mut Screen) -> Result<(), Failure> {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            bar.set_message(classes(counts));
            return Ok(());
        }
        if self.said.elapsed() < EVERY {
            return Ok(());
        }
        self.said = Instant::now();
        let (done, seconds) = (counts.runs, self.began.elapsed().as_secs_f64());
        let rate = done as f64 / seconds;
        let left = self.all.saturating_sub(self.before + done) as f64 / rate;
        let failed = classes(counts);
        let failed = if failed.is_empty() { "none failed".to_owned() } else { failed };
        let at = self.before + done;
        screen.note(&format!("{at}/{} runs, {rate:.0}/s, {left:.0} s left, {failed}\n", self.all))
    }

    /// How long it took, for the summary.
    pub fn took(&self, runs: u64) -> String {
        let took = self.began.elapsed();
        let rate = runs as f64 / took.as_secs_f64().max(1e-9);
        format!("{runs} runs in {:.1} s, {rate:.0} runs/s\n", took.as_secs_f64())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The failures by class; nothing if there are none.
fn classes(counts: &Counts) -> String {
    let all =
        [(counts.safety, "safety"), (counts.stall, "stall"), (counts.non_determinism, "non-determinism")];
    let some = all.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, class)| format!("{count} {class}")).collect::<Vec<_>>().join(", ")
}
