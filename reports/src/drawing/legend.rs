//! Legends: rows of signs with their names, above the data and never on it.

use super::palette::{CHECKPOINT, CRASH, INK, Look, PAPER, SHADE};
use super::{Anchor, Canvas, PictureError, Point, SMALL, width};
use plotters::style::RGBColor;

/// A sign in a legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sign {
    /// A strategy: its line and its mark.
    Strategy(Look),
    /// A strategy as an area.
    Bar(Look),
    /// A thick line, a thin one, or a dashed one.
    Line(RGBColor, f64, bool),
    /// An area.
    Area(RGBColor, f64),
    /// A checkpoint: one that completed, or one that did not.
    Checkpoint(bool),
    /// A crash.
    Crash,
    /// From a crash until all tasks run again.
    Down,
    /// Where half of the runs are.
    Error,
    /// A short line across a bar.
    Notch,
}

/// A sign and its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The sign.
    pub sign: Sign,
    /// Its name.
    pub name: String,
}

/// An entry of a legend.
pub fn entry(sign: Sign, name: impl Into<String>) -> Entry {
    Entry { sign, name: name.into() }
}

/// How high a row is.
const ROW: f64 = 24.0;
/// How wide a sign is, and how far from its name, and a name from the next sign.
const SIGN: f64 = 34.0;
const GAP: f64 = 8.0;
const APART: f64 = 20.0;

/// Where our font is missing, others may be wider by so much.
const OTHER_FONTS: f64 = 1.12;

fn wide(entry: &Entry) -> f64 {
    SIGN + GAP + width(&entry.name, SMALL) * OTHER_FONTS
}

/// The entries of each row, if a row is so wide.
fn rows(entries: &[Entry], most: f64) -> Vec<Vec<&Entry>> {
    let (mut rows, mut used): (Vec<Vec<&Entry>>, f64) = (Vec::new(), 0.0);
    for entry in entries {
        match rows.last_mut() {
            Some(row) if used + APART + wide(entry) <= most => {
                used += APART + wide(entry);
                row.push(entry);
            }
            _ => {
                used = wide(entry);
                rows.push(vec![entry]);
            }
        }
    }
    rows
}

/// How high a legend of this width will be.
pub fn height(entries: &[Entry], most: f64) -> f64 {
    rows(entries, most).len() as f64 * ROW
}

/// Draws a legend; its upper left corner is here.
///
/// # Errors
/// If the drawing library refuses.
pub fn draw(
    canvas: &Canvas<'_>,
    entries: &[Entry],
    (left, top): Point,
    most: f64,
) -> Result<(), PictureError> {
    for (number, row) in rows(entries, most).into_iter().enumerate() {
        let (mut x, y) = (left, top + ROW * (number as f64 + 0.5));
        for entry in row {
            sign(canvas, entry.sign, (x, y))?;
            canvas.text(&entry.name, (x + SIGN + GAP, y), SMALL, INK, Anchor::Start)?;
            x += wide(entry) + APART;
        }
    }
    Ok(())
}

fn sign(canvas: &Canvas<'_>, sign: Sign, (x, y): Point) -> Result<(), PictureError> {
    let end = x + SIGN;
    match sign {
        Sign::Strategy(look) => {
            canvas.curve(&[(x, y), (end, y)], look)?;
            canvas.mark((x + SIGN / 2.0, y), look)
        }
        Sign::Bar(look) => {
            canvas.fill((x, y - 7.0), (end, y + 7.0), look.colour, 1.0)?;
            stripes(canvas, look, (x, y - 7.0), (end, y + 7.0))
        }
        Sign::Line(colour, thick, false) => canvas.line(&[(x, y), (end, y)], colour, thick),
        Sign::Line(colour, thick, true) => canvas.dashes(&[(x, y), (end, y)], colour, thick),
        Sign::Area(colour, opacity) => canvas.fill((x, y - 7.0), (end, y + 7.0), colour, opacity),
        Sign::Checkpoint(completed) => checkpoint(canvas, (x, y - 4.0), (end, y + 4.0), completed),
        Sign::Crash => crash(canvas, (x + SIGN / 2.0, y + 6.0)),
        Sign::Down => canvas.fill((x, y - 9.0), (end, y + 9.0), SHADE, 1.0),
        Sign::Error => error(canvas, (x + 4.0, y), (end - 4.0, y)),
        Sign::Notch => canvas.line(&[(x + SIGN / 2.0, y - 9.0), (x + SIGN / 2.0, y + 9.0)], INK, 3.0),
    }
}

/// Light stripes over a bar of a strategy whose lines are dashed.
pub fn stripes(
    canvas: &Canvas<'_>,
    look: Look,
    (left, top): Point,
    (right, bottom): Point,
) -> Result<(), PictureError> {
    let mut x = left + 5.0;
    while look.dashed && x + 2.0 < right {
        canvas.fill((x, top), (x + 2.0, bottom), PAPER, 1.0)?;
        x += 7.0;
    }
    Ok(())
}

/// A checkpoint over time: solid if it completed, else hollow.
pub fn checkpoint(canvas: &Canvas<'_>, from: Point, to: Point, completed: bool) -> Result<(), PictureError> {
    if completed {
        return canvas.fill(from, to, CHECKPOINT, 1.0);
    }
    canvas.fill(from, to, PAPER, 1.0)?;
    canvas.frame(from, to, CHECKPOINT, 1.4)
}

/// A triangle that points down to where it happened.
pub fn crash(canvas: &Canvas<'_>, (x, y): Point) -> Result<(), PictureError> {
    canvas.shape(&[(x - 6.5, y - 12.0), (x + 6.5, y - 12.0), (x, y)], CRASH, 1.0)
}

/// A line with ends: from one value to another.
pub fn error(canvas: &Canvas<'_>, from: Point, to: Point) -> Result<(), PictureError> {
    canvas.line(&[from, to], INK, 1.6)?;
    let across = |(x, y): Point| {
        if from.1 == to.1 { [(x, y - 4.0), (x, y + 4.0)] } else { [(x - 4.0, y), (x + 4.0, y)] }
    };
    canvas.line(&across(from), INK, 1.6)?;
    canvas.line(&across(to), INK, 1.6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_is_as_high_as_it_must_be() {
        let entries: Vec<Entry> = (0..7).map(|_| entry(Sign::Crash, "a-strategy-with-a-name")).collect();
        assert_eq!(rows(&entries, 10_000.0).len(), 1);
        assert_eq!(rows(&entries, 1.0).len(), 7);
        let rows = rows(&entries, 700.0);
        assert!(rows.len() > 1 && rows.iter().map(Vec::len).sum::<usize>() == 7);
        assert_eq!(height(&[], 100.0), 0.0);
    }
}
