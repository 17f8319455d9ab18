//! What plots have in common: the head with title and legend, and strips, a panel for each strategy over the same axis.

use cutline_scenarios::record::{CheckpointEnd, CheckpointRecord, RunRecord};

use crate::comparison::{Comparison, Contestant, Ran};
use crate::drawing::axis::Scale;
use crate::drawing::legend::{self, Entry, Sign, entry};
use crate::drawing::palette::{INK, SHADE, SOFT};
use crate::drawing::panel::{Panel, Place};
use crate::drawing::{Anchor, Canvas, LABEL, PictureError, SMALL, TITLE, broken, picture, shortened};

/// How wide pictures are, in pixels.
pub const WIDTH: f64 = 1000.0;
/// What is left free at the edges of a picture.
pub const EDGE: f64 = 18.0;
/// Where panels begin, if numbers stand to their left.
pub const LEFT: f64 = 118.0;
/// What stands under a panel: numbers and the title of the axis.
pub const UNDER: f64 = 62.0;

/// The head of a plot.
pub struct Head<'a> {
    /// The title.
    pub title: &'a str,
    /// What was run, and what is shown of it.
    pub about: String,
    /// The legend.
    pub entries: Vec<Entry>,
}

impl Head<'_> {
    fn lines(&self) -> Vec<String> {
        broken(&self.about, SMALL, WIDTH - 2.0 * EDGE)
    }

    /// How high it is, in pixels.
    pub fn height(&self) -> f64 {
        46.0 + 20.0 * self.lines().len() as f64 + legend::height(&self.entries, WIDTH - 2.0 * EDGE) + 14.0
    }

    /// Draws it at the top of a picture.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn draw(&self, canvas: &Canvas<'_>) -> Result<(), PictureError> {
        let title = shortened(self.title, TITLE, WIDTH - 2.0 * EDGE);
        canvas.text(&title, (EDGE, 26.0), TITLE, INK, Anchor::Start)?;
        let lines = self.lines();
        for (number, line) in lines.iter().enumerate() {
            canvas.text(line, (EDGE, 52.0 + 20.0 * number as f64), SMALL, SOFT, Anchor::Start)?;
        }
        let top = 46.0 + 20.0 * lines.len() as f64;
        legend::draw(canvas, &self.entries, (EDGE, top), WIDTH - 2.0 * EDGE)
    }
}

/// The strategies as entries of a legend.
pub fn strategies(comparison: &Comparison, sign: impl Fn(&Contestant) -> Sign) -> Vec<Entry> {
    let entry = |one: &Contestant| entry(sign(one), shortened(&one.name, SMALL, 300.0));
    comparison.contestants.iter().map(entry).collect()
}

/// What the middle half of several runs looks like, if there are several.
pub fn quartiles_entry(comparison: &Comparison, sign: Sign) -> Option<Entry> {
    (comparison.repetitions() > 1).then(|| entry(sign, "quartiles over the seeds"))
}

/// Strips: a panel for each strategy, one under the other, over the same axes.
pub struct Strips<'a> {
    /// The head.
    pub head: Head<'a>,
    /// What the picture is for those who cannot see it.
    pub alt: &'a str,
    /// The horizontal axis, and its title.
    pub x: (Scale, &'a str),
    /// The vertical axis, and its title.
    pub y: (Scale, &'a str),
    /// The height of a panel, in pixels.
    pub height: f64,
    /// What is left free under each panel.
    pub lane: f64,
}

impl Strips<'_> {
    /// Draws all of them.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn draw(
        &self,
        comparison: &Comparison,
        strip: impl Fn(&Panel<'_, '_>, &Contestant, &Ran) -> Result<(), PictureError>,
    ) -> Result<String, PictureError> {
        const NAME: f64 = 44.0;
        let count = comparison.firsts().count().max(1);
        let (head, step) = (self.head.height(), NAME + self.height + self.lane);
        let bottom = head + step * count as f64;
        picture((WIDTH, bottom + UNDER), self.head.title, self.alt, |canvas| {
            self.head.draw(canvas)?;
            let place = |number: usize| Place {
                left: LEFT,
                top: head + step * number as f64 + NAME,
                width: WIDTH - LEFT - EDGE - 8.0,
                height: self.height,
            };
            let panel = |number| Panel::new(canvas, place(number), self.x.0.clone(), self.y.0.clone());
            for (number, (contestant, ran)) in comparison.firsts().enumerate() {
                let panel = panel(number);
                panel.vertical(self.y.1)?;
                panel.name(&contestant.name, INK)?;
                strip(&panel, contestant, ran)?;
                panel.axes()?;
            }
            let last = panel(count - 1);
            if comparison.firsts().next().is_none() {
                last.nothing("nothing to show: there is no run")?;
            }
            last.horizontal(self.x.1, bottom)
        })
    }
}

/// The entries of a legend for what [`happenings`] draws.
pub fn happenings_entries() -> Vec<Entry> {
    vec![
        entry(Sign::Crash, "crash"),
        entry(Sign::Down, "until all tasks run again"),
        entry(Sign::Checkpoint(true), "checkpoint completed"),
        entry(Sign::Checkpoint(false), "not completed"),
        entry(Sign::Line(SOFT, 2.0, false), "end of the run"),
    ]
}

/// The times in which a job does not run, under the data.
///
/// # Errors
/// If the drawing library refuses.
pub fn shades(panel: &Panel<'_, '_>, record: &RunRecord) -> Result<(), PictureError> {
    for (number, restore) in record.restores.iter().enumerate() {
        let next = record.restores.get(number + 1).map(|next| next.crashed);
        let until = restore.running.or(next).unwrap_or(record.duration);
        let (from, to) = (panel.across(restore.crashed as f64), panel.across(until as f64));
        panel.canvas().fill((from, panel.top()), (to.max(from + 1.5), panel.bottom()), SHADE, 1.0)?;
    }
    Ok(())
}

/// Crashes at the upper edge of a panel, and checkpoints in a lane of so many pixels under it.
///
/// # Errors
/// If the drawing library refuses.
pub fn happenings(panel: &Panel<'_, '_>, record: &RunRecord, lane: f64) -> Result<(), PictureError> {
    for restore in &record.restores {
        legend::crash(panel.canvas(), (panel.across(restore.crashed as f64), panel.top()))?;
    }
    let (top, bottom) = (panel.bottom() + 5.0, panel.bottom() + lane - 4.0);
    let mut drawn = f64::NEG_INFINITY;
    for checkpoint in &record.checkpoints {
        let (from, until) = span(checkpoint);
        let from = panel.across(from as f64);
        let to = panel.across(until as f64).max(from + 2.0);
        // Of what lies on one point the first is enough.
        if to > drawn + 0.5 {
            let completed = checkpoint.end == CheckpointEnd::Completed;
            legend::checkpoint(panel.canvas(), (from, top), (to, bottom), completed)?;
            drawn = to;
        }
    }
    let end = panel.across(record.duration as f64);
    panel.canvas().line(&[(end, panel.top()), (end, panel.bottom())], SOFT, 2.0)
}

fn span(checkpoint: &CheckpointRecord) -> (u64, u64) {
    (checkpoint.triggered, checkpoint.triggered.saturating_add(checkpoint.duration))
}

/// Bars in rows: what stands to their left, and how high a row is.
pub struct Rows {
    /// The name of each row.
    pub names: Vec<String>,
    /// The height of each, in pixels.
    pub heights: Vec<f64>,
}

impl Rows {
    /// Draws the rows under the head, with the horizontal axis and its grid; `bar` draws what is in the row with this number, from
    /// this height to that.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn draw(
        &self,
        (head, alt): (&Head<'_>, &str),
        (x, title): (Scale, &str),
        nothing: Option<&str>,
        bar: impl Fn(&Panel<'_, '_>, usize, (f64, f64)) -> Result<(), PictureError>,
    ) -> Result<String, PictureError> {
        const NAMES: f64 = 232.0;
        let height = self.heights.iter().sum::<f64>().max(60.0);
        let top = head.height();
        picture((WIDTH, top + height + UNDER), head.title, alt, |canvas| {
            head.draw(canvas)?;
            let place = Place { left: NAMES, top, width: WIDTH - NAMES - EDGE - 14.0, height };
            let panel =
                Panel::new(canvas, place, x, Scale::span(crate::drawing::axis::Unit::Count, 0.0, 1.0));
            panel.horizontal_grid()?;
            let mut from = top;
            for (number, (name, height)) in self.names.iter().zip(&self.heights).enumerate() {
                let name = shortened(name, LABEL, NAMES - EDGE - 12.0);
                canvas.text(&name, (NAMES - 12.0, from + height / 2.0), LABEL, INK, Anchor::End)?;
                bar(&panel, number, (from, from + height))?;
                from += height;
            }
            if let Some(why) = nothing {
                panel.nothing(why)?;
            }
            panel.axes()?;
            panel.horizontal(title, panel.bottom())
        })
    }
}
