//! Sensitivity: a measure against a key of the scenario, a line for each strategy, a panel for each measure.
//!
//! The values of the key stand as far from each other, in the order in which they were asked for, and as they were written: so any key
//! will do, be it a time, a size, a number or a word.

use super::data::Data;
use super::frame::{EDGE, Head, WIDTH, strategies};
use crate::comparison::measures::{MEASURES, Measure};
use crate::comparison::{Comparison, Contestant, Quartiles};
use crate::drawing::axis::{Scale, Unit};
use crate::drawing::legend::{Sign, entry, error};
use crate::drawing::palette::{GRID, INK, SOFT};
use crate::drawing::panel::{Panel, Place};
use crate::drawing::{Anchor, LABEL, PictureError, SMALL, picture, shortened};

/// The name of its files.
pub const NAME: &str = "sensitivity";
/// The name of the files that show the other measures.
pub const OTHERS: &str = "sensitivity-others";
/// Its title.
pub const TITLE: &str = "Sensitivity";
/// What it shows.
pub const ABOUT: &str = "Measures against the values of one key of the scenario, which stand side by side in the order in which they were asked for.";

/// The same strategies compared for each of some values of a key.
#[derive(Clone, Debug, Default)]
pub struct Sensitivity {
    /// The key, such as `execution.checkpointing.interval`.
    pub key: String,
    /// The values as they were written, and what was found for each. The strategies are the same in all.
    pub points: Vec<(String, Comparison)>,
}

const HEIGHT: f64 = 190.0;
const LEFT: f64 = 112.0;
const BETWEEN: f64 = 26.0;
/// A panel's name, and the values under it.
const AROUND: (f64, f64) = (42.0, 46.0);

impl Sensitivity {
    fn of(&self, contestant: usize, point: usize) -> Option<&Contestant> {
        self.points.get(point)?.1.contestants.get(contestant)
    }

    fn quartiles(&self, measure: &Measure, contestant: usize, point: usize) -> Option<Quartiles> {
        measure.over(&self.of(contestant, point)?.runs)
    }

    /// Draws the main measures, or the others.
    ///
    /// # Errors
    /// If the drawing library refuses.
    pub fn draw(&self, main: bool) -> Result<String, PictureError> {
        let nothing = Comparison::default();
        let first = self.points.first().map_or(&nothing, |(_, comparison)| comparison);
        let count = first.contestants.len();
        let is_known = |measure: &&Measure| {
            let known = |point: usize| (0..count).any(|one| self.quartiles(measure, one, point).is_some());
            (0..self.points.len()).any(known)
        };
        let mut measures: Vec<&Measure> = MEASURES.iter().filter(|measure| measure.is_main == main).collect();
        // What no run has is not drawn; but something is.
        if measures.iter().any(is_known) {
            measures.retain(is_known);
        }
        let mut entries = strategies(first, |one| Sign::Strategy(one.look()));
        if first.repetitions() > 1 {
            entries.push(entry(Sign::Error, "quartiles over the seeds"));
        }
        let title = format!("{TITLE} {}to {}", if main { "" } else { "of other measures " }, self.key);
        let about =
            format!("{}, {}. Points are medians over the seeds.", first.scenario, first.faults_and_seeds());
        let head = Head { title: &title, about, entries };
        let (top, step) = (head.height(), AROUND.0 + HEIGHT + AROUND.1);
        let lines = measures.len().div_ceil(2) as f64;
        picture((WIDTH, top + step * lines + 34.0), &title, ABOUT, |canvas| {
            head.draw(canvas)?;
            let wide = (WIDTH - 2.0 * LEFT - BETWEEN) / 2.0;
            for (number, measure) in measures.iter().enumerate() {
                let (line, column) = ((number / 2) as f64, (number % 2) as f64);
                let left = LEFT + column * (wide + LEFT + BETWEEN - EDGE);
                let place = Place { left, top: top + AROUND.0 + step * line, width: wide, height: HEIGHT };
                let at = |point: usize| point as f64 + 0.5;
                let x = Scale::span(Unit::Count, 0.0, self.points.len().max(1) as f64);
                let all: Vec<Vec<(usize, Quartiles)>> = (0..count)
                    .map(|contestant| {
                        let points = 0..self.points.len();
                        points
                            .filter_map(|point| Some((point, self.quartiles(measure, contestant, point)?)))
                            .collect()
                    })
                    .collect();
                let values = || all.iter().flatten().map(|(_, quartiles)| quartiles);
                let y = vertical(measure, values());
                let panel = Panel::new(canvas, place, x, y);
                panel.vertical("")?;
                let unit = panel.y.unit();
                let name = if unit.is_empty() {
                    measure.name.to_owned()
                } else {
                    format!("{} in {unit}", measure.name)
                };
                panel.name(&name, INK)?;
                for (point, (value, _)) in self.points.iter().enumerate() {
                    let x = panel.across(at(point));
                    canvas.line(&[(x, panel.top()), (x, panel.bottom())], GRID, 1.0)?;
                    let label = shortened(value, SMALL, wide / self.points.len() as f64 - 4.0);
                    canvas.text(&label, (x, panel.bottom() + 16.0), SMALL, SOFT, Anchor::Middle)?;
                }
                // Strategies stand a little beside each other, or their bars would cover each other.
                let aside = |contestant: usize| (contestant as f64 - (count as f64 - 1.0) / 2.0) * 9.0;
                for (contestant, points) in all.iter().enumerate() {
                    let Some(one) = self.of(contestant, 0) else { continue };
                    let place = |point: usize, value: f64| {
                        (panel.across(at(point)) + aside(contestant), panel.up(value))
                    };
                    let line: Vec<_> = points.iter().map(|(point, all)| place(*point, all.median)).collect();
                    let look = one.look().nth(contestant, count);
                    canvas.curve(&line, look)?;
                    for (point, all) in points.iter().filter(|(_, all)| all.high > all.low) {
                        error(canvas, place(*point, all.low), place(*point, all.high))?;
                    }
                    line.iter().try_for_each(|&point| canvas.mark(point, look))?;
                }
                if values().next().is_none() {
                    panel.nothing("nothing to show")?;
                }
                panel.axes()?;
            }
            let key = format!("{} (not to scale)", self.key);
            let key = shortened(&key, LABEL, WIDTH - 2.0 * EDGE);
            canvas.text(&key, (WIDTH / 2.0, top + step * lines + 8.0), LABEL, INK, Anchor::Middle)
        })
    }

    /// A row for each measure of each run.
    pub fn data(&self) -> Data {
        let columns = ["key", "value", "strategy", "seed", "class"].into_iter();
        let columns =
            columns.chain(MEASURES.iter().map(|measure| measure.column)).map(str::to_owned).collect();
        let mut data = Data { columns, rows: Vec::new() };
        for (value, comparison) in &self.points {
            for one in &comparison.contestants {
                for ran in &one.runs {
                    let class = ran.record.class().name().to_owned();
                    let mut row = vec![
                        self.key.clone(),
                        value.clone(),
                        one.name.clone(),
                        ran.record.seed.to_string(),
                        class,
                    ];
                    let cell = |measure: &Measure| {
                        (measure.of)(ran).map_or_else(String::new, |value| value.to_string())
                    };
                    row.extend(MEASURES.iter().map(cell));
                    data.rows.push(row);
                }
            }
        }
        data
    }
}

/// Values that are far apart are laid out by powers of ten.
fn vertical<'a>(measure: &Measure, values: impl Iterator<Item = &'a Quartiles>) -> Scale {
    let all: Vec<f64> = values.flat_map(|quartiles| [quartiles.low, quartiles.high]).collect();
    let most = all.iter().copied().fold(0.0, f64::max);
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    if least > 0.0 && most / least > 30.0 && measure.unit != Unit::Share {
        Scale::log(measure.unit, all)
    } else {
        Scale::linear(measure.unit, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn sensitivity() -> Sensitivity {
        let point = |value: &str| (value.to_owned(), samples::comparison());
        Sensitivity {
            key: "execution.checkpointing.interval".to_owned(),
            points: ["100ms", "1s", "10s"].map(point).to_vec(),
        }
    }

    #[test]
    fn a_panel_for_each_measure_and_a_row_for_each_run() {
        let svg = sensitivity().draw(true).expect("a picture");
        assert_eq!(svg, sensitivity().draw(true).expect("a picture"));
        let others = sensitivity().draw(false).expect("a picture");
        for measure in MEASURES {
            let (here, there) = if measure.is_main { (&svg, &others) } else { (&others, &svg) };
            let ends = [" in ", "<", "\n"].map(|end| format!(">{}{end}", measure.name));
            let shows = |svg: &str| ends.iter().any(|name| svg.replace(">\n", ">").contains(name));
            assert!(shows(here) && !shows(there), "{}", measure.name);
        }
        for text in
            ["100ms", "10s", "stop-the-world", "latency, p99", "throughput", "quartiles over the seeds"]
        {
            assert!(svg.contains(text), "no `{text}`");
        }
        assert_eq!(sensitivity().data().rows.len(), 3 * 3 * 3);
    }

    #[test]
    fn strange_ones_are_drawn_too() {
        assert!(Sensitivity::default().draw(true).is_ok() && Sensitivity::default().draw(false).is_ok());
        let mut strange = sensitivity();
        strange.points[1].0 = "<b>".repeat(100);
        strange.points[0].1.contestants.iter_mut().for_each(|one| one.runs.clear());
        strange.points[2].1.contestants.clear();
        assert!(!strange.draw(true).expect("a picture").contains("<b>"));
    }
}
