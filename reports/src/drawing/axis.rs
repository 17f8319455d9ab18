//! Axes: from values to a place between 0 and 1, with ticks at round values, in the unit that fits.

use crate::units;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A time in nanoseconds.
    Time,
    /// A size in bytes.
    Bytes,
    /// Records in a second.
    Rate,
    /// A number of something.
    Count,
    /// A share, from 0 to 1.
    Share,
}

impl Unit {
    /// A value for people, with its unit.
    pub fn show(self, value: f64) -> String {
        let whole = value.max(0.0).round() as u64;
        match self {
            Unit::Time => units::time(whole),
            Unit::Bytes => units::bytes(whole),
            Unit::Rate => units::rate(value),
            Unit::Count if value.fract() != 0.0 && value < 100.0 => format!("{value:.1}"),
            Unit::Count => units::count(whole),
            Unit::Share => format!("{:.1} %", value * 100.0),
        }
    }

    /// What values up to this one are divided by, and what they are called then.
    fn steps(self, most: f64) -> (f64, &'static str) {
        let steps: &[(f64, &'static str)] = match self {
            Unit::Time => &[(1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns")],
            Unit::Bytes => &[(1073741824.0, "GiB"), (1048576.0, "MiB"), (1024.0, "KiB"), (1.0, "B")],
            Unit::Rate => &[(1e6, "million records/s"), (1e4, "thousand records/s"), (1.0, "records/s")],
            Unit::Count => &[(1e6, "million"), (1.0, "")],
            Unit::Share => &[(0.0, "%")],
        };
        match self {
            Unit::Share => (0.01, "%"),
            _ => {
                let (from, name) =
                    *steps.iter().find(|(from, _)| most >= *from).unwrap_or(&steps[steps.len() - 1]);
                (if from == 1e4 { 1e3 } else { from }, name)
            }
        }
    }
}

/// How values are laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Linear,
    Log,
    /// Quantiles: from 0 over 0.9 and 0.99 to 0.999, each as far from the next.
    Nines,
}

/// From values to a place between 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
    unit: Unit,
    /// So many ticks at the most.
    ticks_max: f64,
}

/// A tick: where it is, and what stands there; nothing at the small ones in between.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// The value.
    pub at: f64,
    /// The text.
    pub label: Option<String>,
}

impl Scale {
    /// From 0 to a round value that is not below this one.
    pub fn linear(unit: Unit, most: f64) -> Scale {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let (divisor, _) = unit.steps(most);
        let step = whole(unit, divisor, round_step(most / divisor, 6.0)) * divisor;
        let high = (most / step - 1e-9).ceil().max(1.0) * step;
        Scale { kind: Kind::Linear, low: 0.0, high, unit, ticks_max: 6.0 }
    }

    /// From one value exactly to another.
    pub fn span(unit: Unit, low: f64, high: f64) -> Scale {
        let high = if high > low { high } else { low + 1.0 };
        Scale { kind: Kind::Linear, low, high, unit, ticks_max: 10.0 }
    }

    /// Every power of ten as far from the next; over all of these values that are above 0.
    pub fn log(unit: Unit, values: impl IntoIterator<Item = f64>) -> Scale {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.into_iter().filter(|value| value.is_finite() && *value > 0.0) {
            (low, high) = (low.min(value), high.max(value));
        }
        if high <= 0.0 {
            (low, high) = (1.0, 10.0);
        }
        let part = |value: f64, up: bool| {
            let decade = 10_f64.powf(value.log10().floor());
            let parts = [1.0, 2.0, 5.0, 10.0].map(|part| part * decade);
            let fits =
                |part: &&f64| if up { **part >= value * 0.999_999 } else { **part <= value * 1.000_001 };
            if up { parts.iter().find(fits).copied() } else { parts.iter().rev().find(fits).copied() }
        };
        let (low, mut high) = (part(low, false).unwrap_or(low), part(high, true).unwrap_or(high));
        if high <= low {
            high = low * 10.0;
        }
        Scale { kind: Kind::Log, low, high, unit, ticks_max: 10.0 }
    }

    /// Quantiles from one to another, both below 1.
    pub fn nines(low: f64, high: f64) -> Scale {
        Scale { kind: Kind::Nines, low, high, unit: Unit::Share, ticks_max: 10.0 }
    }

    /// Where a value is: 0 at the beginning of the axis, 1 at its end.
    pub fn place(&self, value: f64) -> f64 {
        let bend = |value: f64| match self.kind {
            Kind::Linear => value,
            Kind::Log => value.max(f64::MIN_POSITIVE).log10(),
            Kind::Nines => -(1.0 - value.min(1.0 - 1e-12)).log10(),
        };
        let (low, high) = (bend(self.low), bend(self.high));
        (bend(value.clamp(self.low, self.high)) - low) / (high - low)
    }

    /// What the numbers at the ticks are in, if they do not say so themselves.
    pub fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Linear => self.unit.steps(self.high).1,
            Kind::Log | Kind::Nines => "",
        }
    }

    /// The ticks.
    pub fn ticks(&self) -> Vec<Tick> {
        match self.kind {
            Kind::Linear => self.linear_ticks(),
            Kind::Log => self.log_ticks(),
            Kind::Nines => {
                let labels = [
                    (0.1, "10 %"),
                    (0.5, "50 %"),
                    (0.9, "90 %"),
                    (0.99, "99 %"),
                    (0.999, "99.9 %"),
                    (0.9999, "99.99 %"),
                ];
                let inside = labels.into_iter().filter(|(at, _)| *at >= self.low && *at <= self.high);
                inside.map(|(at, label)| Tick { at, label: Some(label.to_owned()) }).collect()
            }
        }
    }

    fn linear_ticks(&self) -> Vec<Tick> {
        let (divisor, _) = self.unit.steps(self.high);
        let step = round_step((self.high - self.low) / divisor, self.ticks_max);
        let step = whole(self.unit, divisor, step);
        let first = (self.low / divisor / step - 1e-9).ceil();
        let decimals = (-(step.log10().floor())).max(0.0) as usize;
        let mut ticks = Vec::new();
        let mut number = 0.0;
        while (first + number) * step * divisor <= self.high * (1.0 + 1e-9) && number < 100.0 {
            let value = (first + number) * step;
            let label = match decimals {
                0 => units::count(value.round() as u64),
                decimals => format!("{value:.decimals$}"),
            };
            ticks.push(Tick { at: value * divisor, label: Some(label) });
            number += 1.0;
        }
        ticks
    }

    fn log_ticks(&self) -> Vec<Tick> {
        let decades = (self.high / self.low).log10();
        let first = self.low.log10().floor() as i32;
        let mut ticks = Vec::new();
        for power in first..=first + decades.ceil() as i32 + 1 {
            for part in 1..10 {
                let at = f64::from(part) * 10_f64.powi(power);
                if at < self.low * 0.999_999 || at > self.high * 1.000_001 {
                    continue;
                }
                // A short axis says more of what lies between the powers of ten.
                let says = part == 1 || (decades < 2.5 && matches!(part, 2 | 5));
                ticks.push(Tick { at, label: says.then(|| plain(self.unit, at)) });
            }
        }
        ticks
    }
}

/// A round value with its unit, without digits that say nothing: `20 ms`, not `20.0 ms`.
fn plain(unit: Unit, value: f64) -> String {
    let (divisor, name) = unit.steps(value * 1.000_001);
    let number = value / divisor;
    let number =
        if number >= 0.999_999 { units::count(number.round() as u64) } else { format!("{number:.2}") };
    if name.is_empty() { number } else { format!("{number} {name}") }
}

/// A step, but whole where what is counted is.
fn whole(unit: Unit, divisor: f64, step: f64) -> f64 {
    if unit == Unit::Count && divisor == 1.0 { step.max(1.0).ceil() } else { step }
}

/// 1, 2 or 5 times a power of ten, so that this length has about so many of them, and no more.
fn round_step(length: f64, most: f64) -> f64 {
    let rough = (length / most).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let parts = [1.0, 2.0, 5.0, 10.0].map(|part| part * power);
    parts.into_iter().find(|part| *part >= rough * 0.999_999).unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().filter_map(|tick| tick.label).collect()
    }

    #[test]
    fn linear_axes_have_few_round_ticks() {
        let time = Scale::linear(Unit::Time, 2.41e9);
        assert_eq!(
            (labels(&time), time.unit()),
            (["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"].map(str::to_owned).to_vec(), "s")
        );
        let bytes = Scale::linear(Unit::Bytes, 33_554_432.0);
        assert_eq!((labels(&bytes).last().map(String::as_str), bytes.unit()), (Some("40"), "MiB"));
        assert_eq!(labels(&Scale::span(Unit::Count, 1.0, 4.0)), ["1", "2", "3", "4"]);
        assert_eq!(labels(&Scale::linear(Unit::Share, 0.31)).last().map(String::as_str), Some("40"));
        for most in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1.0, 1e18, 1e300] {
            for unit in [Unit::Time, Unit::Bytes, Unit::Rate, Unit::Count, Unit::Share] {
                let ticks = Scale::linear(unit, most).ticks();
                assert!((2..=12).contains(&ticks.len()), "{most} {unit:?} {ticks:?}");
            }
        }
    }

    #[test]
    fn log_axes_show_powers_of_ten_and_more_if_they_are_short() {
        assert_eq!(labels(&Scale::log(Unit::Time, [3e6, 4e9, 0.0, f64::NAN])), ["10 ms", "100 ms", "1 s"]);
        assert_eq!(labels(&Scale::log(Unit::Time, [3e6, 9e6])), ["2 ms", "5 ms", "10 ms"]);
        assert!(!labels(&Scale::log(Unit::Time, [])).is_empty());
        let one = Scale::log(Unit::Time, [5e6]);
        assert!(one.place(5e6).is_finite() && one.place(-1.0) == 0.0);
    }

    #[test]
    fn nines_are_as_far_from_each_other() {
        let scale = Scale::nines(0.0, 0.9999);
        let places = [0.9, 0.99, 0.999, 0.9999].map(|quantile| (scale.place(quantile) * 4.0).round());
        assert_eq!(places, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(labels(&scale).last().map(String::as_str), Some("99.99 %"));
    }
}
