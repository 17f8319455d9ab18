//! Colours and marks. The colours are those of Okabe and Ito, which people with any form of colour blindness can tell apart; marks and
//! dashes differ too, so that a picture survives a black-and-white printer.

use plotters::style::RGBColor;

/// The paper.
pub const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Texts and axes.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Texts that matter less.
pub const SOFT: RGBColor = RGBColor(0x55, 0x55, 0x55);
/// Lines of the grid.
pub const GRID: RGBColor = RGBColor(0xe2, 0xe2, 0xe2);
/// The time in which a job does not run.
pub const SHADE: RGBColor = RGBColor(0xd4, 0xd4, 0xd4);
/// The time in which a job works off what had been waiting.
pub const CATCH_UP: RGBColor = RGBColor(0xec, 0xec, 0xec);
/// Crashes.
pub const CRASH: RGBColor = VERMILLION;
/// Texts about what is wrong: as vermillion, and dark enough to be read.
pub const ALARM: RGBColor = RGBColor(0xa3, 0x3c, 0x00);
/// Checkpoints, whatever their strategy.
pub const CHECKPOINT: RGBColor = RGBColor(0x6b, 0x6b, 0x6b);

/// Orange, of Okabe and Ito.
pub const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
/// Sky blue, of Okabe and Ito.
pub const SKY: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
/// Bluish green, of Okabe and Ito.
pub const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
/// Blue, of Okabe and Ito.
pub const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
/// Vermillion, of Okabe and Ito.
pub const VERMILLION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
/// Reddish purple, of Okabe and Ito.
pub const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
const BLACK: RGBColor = RGBColor(0x00, 0x00, 0x00);

/// The shape of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    Circle,
    /// A square on its side.
    Square,
    /// A triangle that points up.
    Up,
    /// A triangle that points down.
    Down,
    /// A square on its corner.
    Diamond,
    /// A cross.
    Cross,
    /// A plus.
    Plus,
}

/// How a strategy looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The colour of its lines, bars and marks.
    pub colour: RGBColor,
    /// Its mark.
    pub marker: Marker,
    /// True if its lines have gaps.
    pub dashed: bool,
    /// How thick its lines are, and how large its marks: 1 unless it lies under others.
    pub thick: f64,
}

impl Look {
    /// The same where it is drawn as the n-th (from 0) of so many: what comes first is thicker, so that it is seen under those that lie on it.
    #[must_use]
    pub fn nth(self, nth: usize, of: usize) -> Look {
        let above = of.saturating_sub(nth + 1) as f64 / of.saturating_sub(1).max(1) as f64;
        Look { thick: 1.0 + above, ..self }
    }
}

/// Vermillion, which crashes have too, comes late.
const COLOURS: [RGBColor; 7] = [BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK];
const MARKERS: [Marker; 7] =
    [Marker::Square, Marker::Circle, Marker::Up, Marker::Diamond, Marker::Down, Marker::Plus, Marker::Cross];

/// The look of the strategy in this place of the registry: the same in every picture.
pub fn look(place: usize) -> Look {
    let round = place / COLOURS.len();
    Look {
        colour: COLOURS[(place + 4 * round) % COLOURS.len()],
        marker: MARKERS[(place + 3 * round) % MARKERS.len()],
        dashed: round % 2 == 1,
        thick: 1.0,
    }
}

/// The parts of something that is split up, from light to dark: no strategy has such a colour, and any printer tells them apart.
pub const PARTS: [RGBColor; 4] = [
    RGBColor(0xe3, 0xd9, 0xcb),
    RGBColor(0xbf, 0x9f, 0x7b),
    RGBColor(0x8a, 0x65, 0x46),
    RGBColor(0x45, 0x2f, 0x23),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_like_no_strategy_and_apart_in_lightness() {
        let light = |RGBColor(red, green, blue): RGBColor| {
            0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)
        };
        let parts = PARTS.map(light);
        assert!(parts.windows(2).all(|pair| pair[0] - pair[1] > 40.0), "{parts:?}");
        assert!(PARTS.iter().all(|part| !COLOURS.contains(part)));
    }

    #[test]
    fn no_two_strategies_look_alike() {
        let looks: Vec<Look> = (0..28).map(look).collect();
        for (at, one) in looks.iter().enumerate() {
            assert!(looks[..at].iter().all(|other| other != one), "{at}");
        }
    }
}
