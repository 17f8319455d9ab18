//! Several strategies on the same job with the same input and the same faults, seed by seed: what is compared, and the table of it.

pub mod catch_up;
pub mod measures;
pub mod table;

use cutline_scenarios::course::Course;
use cutline_scenarios::record::{Class, RunRecord};

use crate::drawing::palette::{Look, look};
use crate::plots::Data;
use measures::{MEASURES, Measure};

/// What was compared.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The scenario's name.
    pub scenario: String,
    /// What it was run with, if that is what varies: `KEY=VALUE`.
    pub setting: Option<String>,
    /// The fault profile's name.
    pub faults: String,
    /// The seeds, as people write them.
    pub seeds: String,
    /// The strategies, each with a run for each seed, in the same order. A comparison that was interrupted has fewer seeds.
    pub contestants: Vec<Contestant>,
}

/// A strategy in a comparison.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// Its name.
    pub name: String,
    /// Its place in the registry: it decides how the strategy looks.
    pub place: usize,
    /// A run for each seed.
    pub runs: Vec<Ran>,
}

impl Contestant {
    /// True if every run of it passed.
    pub fn passes(&self) -> bool {
        self.runs.iter().all(|ran| ran.record.class() == Class::Pass)
    }
}

/// A run, and its course.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What is left of it.
    pub record: RunRecord,
    /// Its course over time.
    pub course: Course,
}

impl Contestant {
    /// How it looks, in every picture.
    pub fn look(&self) -> Look {
        look(self.place)
    }
}

impl Comparison {
    /// How many seeds were run.
    pub fn repetitions(&self) -> usize {
        self.contestants.iter().map(|contestant| contestant.runs.len()).min().unwrap_or(0)
    }

    /// The first run of each strategy, of which pictures over time are drawn.
    pub fn firsts(&self) -> impl Iterator<Item = (&Contestant, &Ran)> {
        self.contestants.iter().filter_map(|contestant| Some((contestant, contestant.runs.first()?)))
    }

    /// A row for each run, with all measures.
    pub fn data(&self) -> Data {
        let columns: Vec<&str> = MEASURES.iter().map(|measure| measure.column).collect();
        Data::of_runs(self, &[&["class"], columns.as_slice()].concat(), |_, ran| {
            let cell =
                |measure: &Measure| (measure.of)(ran).map_or_else(String::new, |value| value.to_string());
            let class = ran.record.class().name().to_owned();
            [std::iter::once(class).chain(MEASURES.iter().map(cell)).collect()]
        })
    }

    /// When the last of the first runs ended, in nanoseconds.
    pub fn first_duration(&self) -> u64 {
        self.firsts().map(|(_, ran)| ran.record.duration).max().unwrap_or(0)
    }

    /// `wordcount, faults crashes, seed 4`: of the first runs.
    pub fn first_title(&self) -> String {
        let seed = self.firsts().next().map_or(0, |(_, ran)| ran.record.seed);
        format!("{}{}, faults {}, seed {seed}", self.scenario, self.with(), self.faults)
    }

    /// `wordcount, faults crashes, seeds 0..20`: of all runs.
    pub fn title(&self) -> String {
        format!("{}{}, {}", self.scenario, self.with(), self.faults_and_seeds())
    }

    /// `faults crashes, seeds 0..20`.
    pub fn faults_and_seeds(&self) -> String {
        let word = if self.repetitions() == 1 { "seed" } else { "seeds" };
        format!("faults {}, {word} {}", self.faults, self.seeds)
    }

    fn with(&self) -> String {
        self.setting.iter().map(|setting| format!(", {setting}")).collect()
    }
}

/// The middle of some numbers, and the range of the middle half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quartiles {
    /// A quarter is below.
    pub low: f64,
    /// Half are below.
    pub median: f64,
    /// Three quarters are below.
    pub high: f64,
}

impl Quartiles {
    /// Those of some numbers, between two of them where that is where they are; `None` if there are none.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Quartiles> {
        let mut sorted: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |part: f64| {
            let place = part * last as f64;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Some(Quartiles { low: at(0.25), median: at(0.5), high: at(0.75) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_few_numbers() {
        assert_eq!(Quartiles::of([]), None);
        assert_eq!(Quartiles::of([f64::NAN]), None);
        assert_eq!(Quartiles::of([7.0]), Some(Quartiles { low: 7.0, median: 7.0, high: 7.0 }));
        assert_eq!(
            Quartiles::of([5.0, 1.0, 3.0, 2.0, 4.0]),
            Some(Quartiles { low: 2.0, median: 3.0, high: 4.0 })
        );
        assert_eq!(Quartiles::of([1.0, 2.0]), Some(Quartiles { low: 1.25, median: 1.5, high: 1.75 }));
    }
}
