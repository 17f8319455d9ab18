//! A panel: a rectangle with two axes, in which data is drawn.

use super::axis::Scale;
use super::palette::{GRID, INK, Look, PAPER, SOFT};
use super::{Anchor, Canvas, LABEL, PictureError, Point, SMALL, broken, shortened, width};
use plotters::style::RGBColor;

/// Where a panel is in the picture, in pixels, without what stands around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Its left edge.
    pub left: f64,
    /// Its upper edge.
    pub top: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// How far above a panel its name stands, in pixels: crashes are marked in between.
const NAME: f64 = 26.0;

/// A panel.
pub struct Panel<'a, 'b> {
    canvas: &'a Canvas<'b>,
    place: Place,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
}

impl<'a, 'b> Panel<'a, 'b> {
    /// A panel in a picture.
    pub fn new(canvas: &'a Canvas<'b>, place: Place, x: Scale, y: Scale) -> Panel<'a, 'b> {
        Panel { canvas, place, x, y }
    }

    /// The picture.
    pub fn canvas(&self) -> &'a Canvas<'b> {
        self.canvas
    }

    /// The lower edge.
    pub fn bottom(&self) -> f64 {
        self.place.top + self.place.height
    }

    /// The upper edge.
    pub fn top(&self) -> f64 {
        self.place.top
    }

    /// The left edge.
    pub fn left(&self) -> f64 {
        self.place.left
    }

    /// Where a value of the horizontal axis is.
    pub fn across(&self, value: f64) -> f64 {
        self.place.left + self.x.place(value) * self.place.width
    }

    /// Where a value of the vertical axis is.
    pub fn up(&self, value: f64) -> f64 {
        self.bottom() - self.y.place(value) * self.place.height
    }

    /// Where a point is.
    pub fn at(&self, (x, y): (f64, f64)) -> Point {
        (self.across(x), self.up(y))
    }

    /// The grid and the numbers of the vertical axis, with its title.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn vertical(&self, title: &str) -> Result<(), PictureError> {
        let Place { left, width: wide, top, height } = self.place;
        let mut widest = 0.0_f64;
        for tick in self.y.ticks() {
            let y = self.up(tick.at);
            let thick = if tick.label.is_some() { 1.0 } else { 0.5 };
            self.canvas.line(&[(left, y), (left + wide, y)], GRID, thick)?;
            if let Some(label) = tick.label {
                widest = widest.max(width(&label, SMALL));
                self.canvas.text(&label, (left - 8.0, y), SMALL, SOFT, Anchor::End)?;
            }
        }
        let title = titled(title, self.y.unit());
        // A short panel has a short title, or one on two lines.
        let lines = broken(&title, LABEL, height + 20.0);
        for (number, line) in lines.iter().rev().enumerate() {
            let x = left - 8.0 - widest - 17.0 - number as f64 * (LABEL + 2.0);
            self.canvas.upright(line, (x, top + height / 2.0), LABEL, INK)?;
        }
        Ok(())
    }

    /// The grid of the horizontal axis.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn horizontal_grid(&self) -> Result<(), PictureError> {
        for tick in self.x.ticks() {
            let x = self.across(tick.at);
            let thick = if tick.label.is_some() { 1.0 } else { 0.5 };
            self.canvas.line(&[(x, self.top()), (x, self.bottom())], GRID, thick)?;
        }
        Ok(())
    }

    /// The numbers of the horizontal axis under this height, and its title under them.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn horizontal(&self, title: &str, under: f64) -> Result<(), PictureError> {
        for tick in self.x.ticks() {
            if let Some(label) = tick.label {
                let x = self.across(tick.at);
                self.canvas.line(&[(x, under), (x, under + 5.0)], SOFT, 1.0)?;
                self.canvas.text(&label, (x, under + 17.0), SMALL, SOFT, Anchor::Middle)?;
            }
        }
        let middle = self.place.left + self.place.width / 2.0;
        let title = titled(title, self.x.unit());
        self.canvas.text(&title, (middle, under + 42.0), LABEL, INK, Anchor::Middle)
    }

    /// The two axes, drawn over the data.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn axes(&self) -> Result<(), PictureError> {
        let (left, right) = (self.place.left, self.place.left + self.place.width);
        self.canvas.line(&[(left, self.top()), (left, self.bottom()), (right, self.bottom())], INK, 1.3)
    }

    /// The name of the panel, above its left edge.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn name(&self, name: &str, colour: RGBColor) -> Result<(), PictureError> {
        let name = shortened(name, LABEL, self.place.width);
        self.canvas.text(&name, (self.place.left, self.place.top - NAME), LABEL, colour, Anchor::Start)
    }

    /// Says in the middle why there is nothing to see.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn nothing(&self, why: &str) -> Result<(), PictureError> {
        let middle = (self.place.left + self.place.width / 2.0, self.place.top + self.place.height / 2.0);
        let half = width(why, LABEL) / 2.0 + 6.0;
        self.canvas.fill(
            (middle.0 - half, middle.1 - 12.0),
            (middle.0 + half, middle.1 + 12.0),
            PAPER,
            1.0,
        )?;
        self.canvas.text(why, middle, LABEL, SOFT, Anchor::Middle)
    }

    /// A line of a strategy, the n-th of so many, with its marks: at each point, or of many points now and then.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn curve(
        &self,
        points: &[(f64, f64)],
        look: Look,
        (nth, of): (usize, usize),
    ) -> Result<(), PictureError> {
        let look = look.nth(nth, of);
        let points: Vec<Point> = points.iter().map(|&point| self.at(point)).collect();
        self.canvas.curve(&points, look)?;
        let mut next = 14.0 + 23.0 * (nth % 5) as f64 + self.place.left;
        if points.len() <= 24 {
            return points.iter().try_for_each(|&point| self.canvas.mark(point, look));
        }
        for &point in &points {
            if point.0 >= next {
                self.canvas.mark(point, look)?;
                next = point.0 + 110.0;
            }
        }
        Ok(())
    }

    /// An area between two lines.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn band(
        &self,
        points: &[(f64, f64, f64)],
        colour: RGBColor,
        opacity: f64,
    ) -> Result<(), PictureError> {
        if points.len() < 2 {
            return Ok(());
        }
        let low = points.iter().map(|&(x, low, _)| self.at((x, low)));
        let high = points.iter().rev().map(|&(x, _, high)| self.at((x, high)));
        let shape: Vec<Point> = low.chain(high).collect();
        self.canvas.shape(&shape, colour, opacity)
    }
}

/// A title with its unit.
fn titled(title: &str, unit: &str) -> String {
    if unit.is_empty() || title.is_empty() { title.to_owned() } else { format!("{title} in {unit}") }
}
