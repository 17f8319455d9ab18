//! What all plots are drawn with: a canvas in pixels, axes, marks, legends.
//!
//! Pictures are SVG, drawn through plotters. Its backend knows whole numbers only, so a picture is drawn ten times as large as it is
//! meant to be; lines are smooth then. All texts are measured with the font that comes with the crate, so the same records give the
//! same bytes on every machine, and what is laid out does not overlap, be the font there or not.

pub mod axis;
pub mod legend;
pub mod palette;
pub mod panel;
mod widths;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use palette::{Look, Marker, PAPER};
pub use widths::width;

/// Why a picture could not be drawn.
pub type PictureError = Box<dyn std::error::Error + Send + Sync>;

/// So many units of the picture make a pixel.
const FINE: f64 = 10.0;
/// The font, and what is like it where it is missing.
pub const FAMILY: &str = "Roboto, Arial, Helvetica, sans-serif";

/// Sizes of texts in pixels: legible when the picture is shown at half its size.
pub const TITLE: f64 = 21.0;
/// Of axes' titles, of panels' names.
pub const LABEL: f64 = 17.0;
/// Of numbers at ticks, and of legends.
pub const SMALL: f64 = 15.5;

/// Where a text stands: its point is at its left end, in its middle, at its right end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is around it.
    Middle,
    /// It ends there.
    End,
}

/// A picture that is being drawn. Lengths are pixels, y grows downwards.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// A point in pixels.
pub type Point = (f64, f64);

/// Draws a picture of this size: the SVG. `about` is what it says to those who cannot see it.
///
/// # Errors
/// If the drawing library refuses, which it has no reason to.
pub fn picture(
    (width, height): (f64, f64),
    title: &str,
    about: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), PictureError>,
) -> Result<String, PictureError> {
    let mut svg = String::new();
    let size = ((width * FINE) as u32, (height * FINE) as u32);
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&PAPER)?;
        let canvas = Canvas { area };
        draw(&canvas)?;
        canvas.area.present()?;
    }
    // The head anew: the size that is meant, and what it is for those who cannot see it.
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    let (wide, high) = size;
    let (title, about) = (escaped(title), escaped(about));
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {wide} {high}\" \
         stroke-linejoin=\"round\" role=\"img\" aria-label=\"{title}. {about}\">\n<title>{title}</title>\n<desc>{about}</desc>{body}"
    ))
}

/// Text as XML has it; what XML cannot hold becomes a replacement character.
pub(crate) fn escaped(text: &str) -> String {
    let plain = printable(text);
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text without what XML cannot hold.
pub(crate) fn printable(text: &str) -> String {
    let fits = |c: char| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c };
    text.chars().map(fits).collect()
}

fn fine((x, y): Point) -> (i32, i32) {
    let fine = |length: f64| (length * FINE).round().clamp(-1e8, 1e8) as i32;
    (fine(x), fine(y))
}

fn stroke(colour: RGBAColor, width: f64) -> ShapeStyle {
    ShapeStyle { color: colour, filled: false, stroke_width: (width * FINE).round().max(1.0) as u32 }
}

impl Canvas<'_> {
    /// A filled rectangle.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn fill(&self, from: Point, to: Point, colour: RGBColor, opacity: f64) -> Result<(), PictureError> {
        Ok(self.area.draw(&Rectangle::new([fine(from), fine(to)], colour.mix(opacity).filled()))?)
    }

    /// A filled shape.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn shape(&self, points: &[Point], colour: RGBColor, opacity: f64) -> Result<(), PictureError> {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        Ok(self.area.draw(&Polygon::new(points, colour.mix(opacity).filled()))?)
    }

    /// A line along some points.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn line(&self, points: &[Point], colour: RGBColor, width: f64) -> Result<(), PictureError> {
        if points.len() < 2 {
            return Ok(());
        }
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        Ok(self.area.draw(&PathElement::new(points, stroke(colour.to_rgba(), width)))?)
    }

    /// A line along some points, with gaps in it.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn dashes(&self, points: &[Point], colour: RGBColor, width: f64) -> Result<(), PictureError> {
        for dash in dashes(points, 8.0, 4.5) {
            self.line(&dash, colour, width)?;
        }
        Ok(())
    }

    /// A line as a strategy has it.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn curve(&self, points: &[Point], look: Look) -> Result<(), PictureError> {
        match look.dashed {
            true => self.dashes(points, look.colour, 2.4 * look.thick),
            false => self.line(points, look.colour, 2.4 * look.thick),
        }
    }

    /// The frame of a rectangle.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn frame(
        &self,
        (left, top): Point,
        (right, bottom): Point,
        colour: RGBColor,
        width: f64,
    ) -> Result<(), PictureError> {
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top - width / 2.0)];
        self.line(&corners, colour, width)
    }

    /// A mark of a strategy.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn mark(&self, (x, y): Point, look: Look) -> Result<(), PictureError> {
        let (colour, size) = (look.colour, 0.6 + 0.4 * look.thick);
        let (r, s, t, d) = (5.0 * size, 4.5 * size, 5.5 * size, 6.0 * size);
        match look.marker {
            Marker::Circle => {
                let radius = (r * FINE) as i32;
                Ok(self.area.draw(&Circle::new(fine((x, y)), radius, colour.filled()))?)
            }
            Marker::Square => self.fill((x - s, y - s), (x + s, y + s), colour, 1.0),
            Marker::Up => self.shape(&[(x - t, y + s), (x + t, y + s), (x, y - t)], colour, 1.0),
            Marker::Down => self.shape(&[(x - t, y - s), (x + t, y - s), (x, y + t)], colour, 1.0),
            Marker::Diamond => self.shape(&[(x - d, y), (x, y - d), (x + d, y), (x, y + d)], colour, 1.0),
            Marker::Cross => {
                self.line(&[(x - r, y - r), (x + r, y + r)], colour, 2.6)?;
                self.line(&[(x - r, y + r), (x + r, y - r)], colour, 2.6)
            }
            Marker::Plus => {
                self.line(&[(x - d, y), (x + d, y)], colour, 2.6)?;
                self.line(&[(x, y - d), (x, y + d)], colour, 2.6)
            }
        }
    }

    /// A text on one line, its middle at this height.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn text(
        &self,
        text: &str,
        at: Point,
        size: f64,
        colour: RGBColor,
        anchor: Anchor,
    ) -> Result<(), PictureError> {
        self.write(text, at, size, colour, anchor, FontTransform::None)
    }

    /// A text that is read from below, in the middle of this point.
    ///
    /// # Errors
    /// Those of [`picture`].
    pub fn upright(&self, text: &str, at: Point, size: f64, colour: RGBColor) -> Result<(), PictureError> {
        self.write(text, at, size, colour, Anchor::Middle, FontTransform::Rotate270)
    }

    fn write(
        &self,
        text: &str,
        at: Point,
        size: f64,
        colour: RGBColor,
        anchor: Anchor,
        turn: FontTransform,
    ) -> Result<(), PictureError> {
        let across = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // The backend writes a font's size divided by 1.24.
        let font = (FAMILY, size * FINE * 1.24).into_font().transform(turn);
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(across, VPos::Center));
        Ok(self.area.draw(&Text::new(printable(text), fine(at), style))?)
    }
}

/// The pieces of a dashed line.
fn dashes(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let (mut pieces, mut piece, mut left, mut drawing) = (Vec::new(), Vec::new(), on, true);
    piece.extend(points.first().copied());
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut rest = (to.0 - from.0).hypot(to.1 - from.1);
        while rest > left {
            let share = left / rest;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            rest -= left;
            if drawing {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
        left -= rest;
        if drawing {
            piece.push(to);
        }
    }
    if drawing && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// A text that is no wider than this; its end is cut off if need be.
pub fn shortened(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        if width(&short, size) + width("m…", size) > most {
            break;
        }
        short.push(letter);
    }
    short + "…"
}

/// Breaks prose into lines that are no wider than this, unless a word is.
pub fn broken(prose: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in prose.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_have_their_length_and_turn_corners() {
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], 8.0, 4.0);
        assert_eq!(pieces.len(), 2, "{pieces:?}");
        assert_eq!(pieces[0], [(0.0, 0.0), (8.0, 0.0)]);
        assert_eq!(pieces[1], [(10.0, 2.0), (10.0, 10.0)]);
        assert!(dashes(&[], 1.0, 1.0).is_empty());
    }

    #[test]
    fn texts_are_escaped_in_every_place() {
        let nasty = "a<b> & \"c\" \u{1}";
        let svg = picture((100.0, 50.0), nasty, nasty, |canvas| {
            canvas.text(nasty, (5.0, 5.0), SMALL, palette::INK, Anchor::Start)
        });
        let svg = svg.expect("a picture");
        assert!(!svg.contains("a<b>") && !svg.contains('\u{1}'), "{svg}");
        assert_eq!(svg.matches("a&lt;b&gt;").count(), 5, "{svg}");
    }

    #[test]
    fn long_texts_are_cut_and_prose_is_broken() {
        let long = "operator-with-a-name-that-goes-on-and-on";
        let short = shortened(long, SMALL, 100.0);
        assert!(short.ends_with('…') && width(&short, SMALL) <= 100.0, "{short}");
        assert_eq!(shortened("count", SMALL, 100.0), "count");
        let lines = broken("one two three four five six seven", SMALL, 90.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| width(line, SMALL) <= 90.0), "{lines:?}");
    }
}
