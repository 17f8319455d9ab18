//! What a diagram is written with: the few elements of SVG that it needs. Everything that has a time is a `line`, `rect`, `polyline`,
//! `circle`, or stands in a group that is moved by its `transform`; so the script of a page can stretch time and leave signs and texts
//! as they are. Colours are attributes, in the form that the style of pages knows for its dark look.

use std::fmt::Write;

use plotters::style::RGBColor;

use crate::drawing::{FAMILY, Point, escaped};

/// A picture that is being written.
#[derive(Default)]
pub struct Ink {
    text: String,
}

/// A stroke.
#[derive(Clone, Copy, Debug)]
pub struct Stroke<'a> {
    /// Its colour.
    pub colour: RGBColor,
    /// Its width.
    pub width: f64,
    /// Its dashes, if it has any.
    pub dashes: &'a str,
    /// The head at its end, by the name of its marker, if it has one.
    pub head: &'a str,
}

/// A plain stroke.
pub fn stroke(colour: RGBColor, width: f64) -> Stroke<'static> {
    Stroke { colour, width, dashes: "", head: "" }
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It begins at its point.
    Start,
    /// It is around it.
    Middle,
    /// It ends there.
    End,
}

/// A colour as the style of pages knows it.
pub fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// A length with one digit behind the point, if it needs one.
fn length(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // No minus before a nought.
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

impl Ink {
    /// The elements so far.
    pub fn finish(self) -> String {
        self.text
    }

    /// Adds elements that are written already.
    pub fn raw(&mut self, elements: &str) {
        self.text.push_str(elements);
    }

    /// Begins a group of elements with these attributes.
    pub fn group(&mut self, attributes: &str) {
        let _ = write!(self.text, "<g {attributes}>"); // a string takes everything
    }

    /// Ends the group.
    pub fn end(&mut self) {
        self.text.push_str("</g>\n");
    }

    /// A group of strokes.
    pub fn strokes(&mut self, class: &str, stroke: Stroke<'_>) {
        let Stroke { colour, width, dashes, head } = stroke;
        let mut attributes = format!(
            "class=\"{class}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"",
            hex(colour),
            length(width)
        );
        if !dashes.is_empty() {
            let _ = write!(attributes, " stroke-dasharray=\"{dashes}\"");
        }
        if !head.is_empty() {
            let _ = write!(attributes, " marker-end=\"url(#{head})\"");
        }
        self.group(&attributes);
    }

    /// A line, with what it is for those who point at it.
    pub fn line(&mut self, from: Point, to: Point, what: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(length);
        let _ = write!(self.text, "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"");
        self.close("line", what);
    }

    /// A line through several points.
    pub fn polyline(&mut self, points: &[Point], what: &str) {
        let points: Vec<String> =
            points.iter().map(|(x, y)| format!("{},{}", length(*x), length(*y))).collect();
        let _ = write!(self.text, "<polyline points=\"{}\"", points.join(" "));
        self.close("polyline", what);
    }

    /// A rectangle.
    pub fn rectangle(&mut self, (left, top): Point, (right, bottom): Point, attributes: &str, what: &str) {
        let [x, y, wide, high] = [left, top, (right - left).max(0.0), (bottom - top).max(0.0)].map(length);
        let _ =
            write!(self.text, "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" {attributes}");
        self.close("rect", what);
    }

    /// A disc.
    pub fn disc(&mut self, (x, y): Point, radius: f64, attributes: &str, what: &str) {
        let [x, y, radius] = [x, y, radius].map(length);
        let _ = write!(self.text, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {attributes}");
        self.close("circle", what);
    }

    /// Something that is drawn around a point: the script moves it as a whole.
    pub fn at(&mut self, (x, y): Point, draw: impl FnOnce(&mut Ink)) {
        let _ = write!(self.text, "<g transform=\"translate({},{})\">", length(x), length(y));
        draw(self);
        self.text.push_str("</g>");
    }

    /// A text; its middle is at this height.
    pub fn text(&mut self, text: &str, at: Point, size: f64, colour: RGBColor, stands: Stands) {
        self.write(text, at, size, colour, stands, "");
    }

    /// A text on paper of its own, so that it can be read on lines.
    pub fn label(&mut self, text: &str, at: Point, size: f64, colour: RGBColor, stands: Stands) {
        let halo = "paint-order=\"stroke\" stroke=\"#FFFFFF\" stroke-width=\"4\" stroke-linejoin=\"round\"";
        self.write(text, at, size, colour, stands, halo);
    }

    fn write(&mut self, text: &str, (x, y): Point, size: f64, colour: RGBColor, stands: Stands, more: &str) {
        let anchor = match stands {
            Stands::Start => "",
            Stands::Middle => " text-anchor=\"middle\"",
            Stands::End => " text-anchor=\"end\"",
        };
        // Letters reach from the line to 0.71 of the size above it.
        let [x, y, size] = [x, y + size * 0.355, size].map(length);
        let _ = writeln!(
            self.text,
            "<text x=\"{x}\" y=\"{y}\" font-family=\"{FAMILY}\" font-size=\"{size}\" fill=\"{}\"{anchor} {more}>{}</text>",
            hex(colour),
            escaped(text)
        );
    }

    fn close(&mut self, name: &str, what: &str) {
        match what {
            "" => self.text.push_str("/>"),
            what => {
                let _ = write!(self.text, "><title>{}</title></{name}>", escaped(what));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short_and_colours_as_the_page_knows_them() {
        assert_eq!([-0.01, 12.34, 12.0].map(length), ["0", "12.3", "12"]);
        assert_eq!(hex(RGBColor(0, 114, 178)), "#0072B2");
        let mut ink = Ink::default();
        ink.line((0.0, 1.0), (2.0, 3.0), "a<b");
        assert_eq!(ink.finish(), "<line x1=\"0\" y1=\"1\" x2=\"2\" y2=\"3\"><title>a&lt;b</title></line>");
    }
}
