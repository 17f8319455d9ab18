//! Pictures as PNG, from their SVG: the same picture, to the point. Texts are written with the font that comes with the crate, so no
//! font need be installed; letters that it does not have (it has Latin, Greek and Cyrillic ones) become boxes.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::drawing::PictureError;

/// The font.
const FONT: &[u8] = include_bytes!("../fonts/Roboto-Regular.ttf");
const FAMILY: &str = "Roboto";

/// So many points for a pixel of the picture: sharp in print and on good screens.
const SCALE: f32 = 2.0;

/// What draws pictures: make one, and use it for all.
pub struct Painter {
    options: Options<'static>,
}

impl Default for Painter {
    fn default() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(FONT.to_vec());
        fonts.set_sans_serif_family(FAMILY);
        Painter {
            options: Options {
                fontdb: Arc::new(fonts),
                font_family: FAMILY.to_owned(),
                ..Options::default()
            },
        }
    }
}

impl Painter {
    /// The picture as the bytes of a PNG file.
    ///
    /// # Errors
    /// If the text is no SVG, or is larger than memory.
    pub fn png(&self, svg: &str) -> Result<Vec<u8>, PictureError> {
        let tree = Tree::from_str(svg, &self.options)?;
        let size = tree.size();
        let (width, height) = ((size.width() * SCALE).ceil() as u32, (size.height() * SCALE).ceil() as u32);
        let mut paper = Pixmap::new(width, height).ok_or("the picture is too large")?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut paper.as_mut());
        Ok(paper.encode_png()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::palette::INK;
    use crate::drawing::{Anchor, SMALL, picture, width};

    /// The points of the picture that are not paper, as (left, top, right, bottom) in pixels of the picture.
    fn inked(svg: &str) -> Option<(f32, f32, f32, f32)> {
        let png = Painter::default().png(svg).expect("a PNG");
        let paper = Pixmap::decode_png(&png).expect("a picture");
        let dark = paper.pixels().iter().enumerate().filter(|(_, pixel)| pixel.red() < 128);
        let places = dark.map(|(at, _)| (at as u32 % paper.width(), at as u32 / paper.width()));
        places
            .fold(None, |all: Option<(u32, u32, u32, u32)>, (x, y)| {
                let (left, top, right, bottom) = all.unwrap_or((x, y, x, y));
                Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
            })
            .map(|(left, top, right, bottom)| {
                (left as f32 / SCALE, top as f32 / SCALE, right as f32 / SCALE, bottom as f32 / SCALE)
            })
    }

    fn written(text: &str) -> String {
        let draw =
            |canvas: &crate::drawing::Canvas<'_>| canvas.text(text, (20.0, 20.0), SMALL, INK, Anchor::Start);
        picture((400.0, 40.0), "t", "t", draw).expect("a picture")
    }

    #[test]
    fn texts_are_written_without_any_font_of_the_machine_and_are_as_wide_as_measured() {
        for text in ["virtual time in s", "stop-the-world (12)", "WWW iii 0123"] {
            let (left, top, right, bottom) = inked(&written(text)).expect("a text");
            let measured = width(text, SMALL) as f32;
            assert!(
                (left - 20.0).abs() < 2.5 && (right - left - measured).abs() < 4.0,
                "{text}: {left} {right} {measured}"
            );
            assert!(top > 8.0 && bottom < 30.0, "{text}: {top} {bottom}");
        }
        assert_eq!(inked(&written(" ")), None);
    }

    #[test]
    fn the_same_picture_gives_the_same_bytes() {
        let svg = written("abc");
        let png = |svg: &str| Painter::default().png(svg).expect("a PNG");
        assert!(png(&svg) == png(&svg) && png(&svg).starts_with(b"\x89PNG"));
        assert!(Painter::default().png("no picture").is_err());
    }
}
