//! How wide texts are, as the font that comes with the crate has it.

/// The advance of each character from the blank to the tilde, in thousandths of the font's size: Roboto Regular.
const ADVANCES: [u16; 95] = [
    248, 258, 320, 616, 562, 732, 622, 175, 342, 348, 431, 567, 197, 276, 264, 413, 562, 562, 562, 562, 562,
    562, 562, 562, 562, 562, 242, 211, 508, 549, 523, 473, 898, 652, 623, 651, 656, 568, 553, 681, 713, 272,
    552, 627, 539, 873, 713, 688, 631, 688, 616, 594, 597, 648, 637, 887, 627, 601, 599, 265, 411, 265, 418,
    451, 309, 544, 562, 523, 564, 530, 348, 562, 551, 243, 239, 507, 243, 877, 552, 570, 562, 568, 339, 516,
    327, 551, 484, 751, 496, 473, 496, 338, 244, 338, 680,
];
/// Any other character, unless it is a wide one.
const OTHER: u16 = 650;
/// Those of East Asian scripts and the like.
const WIDE: u16 = 1000;

/// How wide a text of this size is, in pixels.
pub fn width(text: &str, size: f64) -> f64 {
    let advance = |c: char| match (c as u32).checked_sub(32) {
        Some(place @ 0..95) => ADVANCES[place as usize],
        _ if c as u32 >= 0x1100 => match c {
            '\u{2010}'..='\u{2026}' => OTHER,
            _ => WIDE,
        },
        _ => OTHER,
    };
    text.chars().map(|c| f64::from(advance(c))).sum::<f64>() * size / 1000.0
}
