//! Quantities as people write them in a scenario: `"100ms"`, `"32 KiB"`, `"20000/s"`, `4`. Each is a type of its own with
//! its own range, so that a number that makes no sense is refused where it is read, with words that say what is allowed.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use cutline_sim::time::{MICROSECOND, MILLISECOND, SECOND, Time};
use jiff::SignedDuration;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// One hour in nanoseconds.
pub const HOUR: Time = 3600 * SECOND;
/// One hundred years of 365 days in nanoseconds: the longest span that a scenario can name.
pub const CENTURY: Time = 876_000 * HOUR;
/// One TiB in bytes.
pub const TEBIBYTE: u64 = 1 << 40;
/// One PiB in bytes: the largest size that a scenario can name.
pub const PEBIBYTE: u64 = 1 << 50;

/// A span of virtual time from `MIN` to `MAX` nanoseconds, both included: `"100ms"`, `"10us"`, `"1m 30s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoundedSpan<const MIN: Time, const MAX: Time>(Time);

/// A span of virtual time, zero allowed.
pub type Span = BoundedSpan<0, CENTURY>;
/// A span of virtual time of at least 1 ns: a window, a latency, a period.
pub type PositiveSpan = BoundedSpan<1, CENTURY>;
/// What one thing costs, at most an hour: small enough that a cost times a size stays a span.
pub type Cost = BoundedSpan<0, HOUR>;
/// How long something is on its way, from 1 ns to an hour.
pub type Latency = BoundedSpan<1, HOUR>;
/// A wait that the job goes through, at most a day: a longer one would only end in the bounds of the run.
pub type Wait = BoundedSpan<0, { 24 * HOUR }>;
/// How often something repeats for as long as the job runs, from 1 ms to an hour: what repeats more often than a message can
/// travel makes a run of nothing else.
pub type Beat = BoundedSpan<MILLISECOND, HOUR>;
/// How long to be patient with something, at least 1 ms.
pub type Patience = BoundedSpan<MILLISECOND, CENTURY>;

/// A size from `MIN` to `MAX` bytes, both included: `"32 KiB"` (1024 bytes each), `"32 kB"` (1000 bytes each).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoundedBytes<const MIN: u64, const MAX: u64>(u64);

/// A size in bytes, zero allowed, up to 1 PiB.
pub type Bytes = BoundedBytes<0, PEBIBYTE>;

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count<const MIN: u64, const MAX: u64>(u64);

/// How fast an input is, for each of its splits: `"20000/s"`, `"10/ms"`, `"600/min"`. From 1/h to 1000000000/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    period: Time,
}

/// Bytes per second of a link or a store, from 1 KiB/s to 1 PiB/s: `"200 MiB/s"`, or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    bytes_per_second: u64,
}

impl<const MIN: Time, const MAX: Time> BoundedSpan<MIN, MAX> {
    /// The span in nanoseconds.
    pub fn nanoseconds(self) -> Time {
        self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let example = "such as \"100ms\", \"10us\" or \"1m 30s\"";
        if number(text).is_some() {
            return Err(format!("`{}` has no unit: write a duration with a unit, {example}", shown(text)));
        }
        let span: SignedDuration = text.trim().parse().map_err(|_| {
            format!(
                "`{}` is not a duration: write numbers with the units h, m, s, ms, us or ns, {example}",
                shown(text)
            )
        })?;
        let range = || format!("from {} to {}", show_time(MIN), show_time(MAX));
        if span.is_negative() {
            return Err(format!("`{}` is negative: write a duration {}", shown(text), range()));
        }
        match Time::try_from(span.as_nanos()) {
            Ok(time) if (MIN..=MAX).contains(&time) => Ok(BoundedSpan(time)),
            Ok(time) if time < MIN => {
                Err(format!("`{}` is too short: write a duration {}", shown(text), range()))
            }
            _ => Err(format!("`{}` is too long: write a duration {}", shown(text), range())),
        }
    }
}

impl<const MIN: Time, const MAX: Time> FromStr for BoundedSpan<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl<const MIN: u64, const MAX: u64> BoundedBytes<MIN, MAX> {
    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let example = "such as \"32 KiB\" (1024 bytes each) or \"64 MB\" (1000000 bytes each)";
        if number(text).is_some() {
            return Err(format!("`{}` has no unit: write a size with a unit, {example}", shown(text)));
        }
        let size: bytesize::ByteSize = text
            .trim()
            .parse()
            .map_err(|_| format!("`{}` is not a size: write a number with a unit, {example}", shown(text)))?;
        let size = size.as_u64();
        if (MIN..=MAX).contains(&size) {
            return Ok(BoundedBytes(size));
        }
        let side = if size < MIN { "small" } else { "large" };
        let (low, high) = (show_bytes(MIN), show_bytes(MAX));
        Err(format!("`{}` is too {side}: write a size from {low} to {high}", shown(text)))
    }
}

impl<const MIN: u64, const MAX: u64> Count<MIN, MAX> {
    /// The smallest number of the range.
    pub const MIN: Self = Count(MIN);

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number as 32 bits, for the many ranges that end below 2^32; a larger one becomes the largest.
    pub fn get_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    fn check(number: i128) -> Result<Self, String> {
        match u64::try_from(number) {
            Ok(count) if (MIN..=MAX).contains(&count) => Ok(Count(count)),
            _ => Err(format!("{number} is out of range: write a whole number from {MIN} to {MAX}")),
        }
    }
}

impl Rate {
    /// Nanoseconds from one record of a split to the next; at least 1. A rate that does not divide its unit is rounded up
    /// to the next faster period of whole nanoseconds.
    pub fn period(self) -> Time {
        self.period
    }

    fn parse(text: &str) -> Result<Self, String> {
        let example = "write records per unit of time, such as \"20000/s\", \"10/ms\" or \"600/min\"";
        let malformed = || format!("`{}` is not a rate: {example}", shown(text));
        let (records, unit) = text.split_once('/').ok_or_else(malformed)?;
        let unit = match unit.trim() {
            "us" => MICROSECOND,
            "ms" => MILLISECOND,
            "s" => SECOND,
            "m" | "min" => 60 * SECOND,
            "h" => HOUR,
            _ => return Err(format!("{} (the units are us, ms, s, min and h)", malformed())),
        };
        let records = number(records).ok_or_else(malformed)?;
        if records <= 0 {
            return Err(format!("`{}` never emits anything: {example}", shown(text)));
        }
        match Time::try_from(records).map(|records| unit / records) {
            Ok(period) if period > 0 => Ok(Rate { period }),
            _ => Err(format!(
                "`{}` is too fast: write at most 1000000000/s, one record per nanosecond",
                shown(text)
            )),
        }
    }
}

impl Bandwidth {
    /// Bytes per second; 0 for unlimited, as in the simulator's configuration.
    pub fn bytes_per_second(self) -> u64 {
        self.bytes_per_second
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "unlimited" {
            return Ok(Bandwidth { bytes_per_second: 0 });
        }
        let malformed = || {
            let found = shown(text);
            format!(
                "`{found}` is not a bandwidth: write a size per second, such as \"200 MiB/s\", or \"unlimited\""
            )
        };
        let size = text.trim().strip_suffix("/s").ok_or_else(malformed)?;
        if number(size).is_some() {
            return Err(malformed());
        }
        let size: bytesize::ByteSize = size.trim().parse().map_err(|_| malformed())?;
        match size.as_u64() {
            bytes_per_second @ 1024..=PEBIBYTE => Ok(Bandwidth { bytes_per_second }),
            _ => Err(format!(
                "`{}` is out of range: write a bandwidth from 1 KiB/s to 1 PiB/s, or \"unlimited\"",
                shown(text)
            )),
        }
    }
}

/// A plain number with nothing behind it: what people write who forget the unit.
fn number(text: &str) -> Option<i128> {
    let digits: String = text.trim().chars().filter(|&c| c != '_').collect();
    digits.parse().ok()
}

/// Text from outside, cut to a length that fits on a line.
fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// A span as a scenario would write it.
pub fn show_time(time: Time) -> String {
    match time {
        CENTURY => "876000h (100 years)".to_owned(),
        0 => "0s".to_owned(),
        _ => {
            let seconds = i64::try_from(time / SECOND).unwrap_or(i64::MAX);
            let rest = i32::try_from(time % SECOND).unwrap_or(0);
            format!("{:#}", SignedDuration::new(seconds, rest))
        }
    }
}

/// A rate as a scenario would write it, of the fastest whole number of records in a second, a minute or an hour that has at least
/// this period; `None` if that is less than one an hour.
pub fn show_rate(period: Time) -> Option<String> {
    let units = [(SECOND, "s"), (60 * SECOND, "min"), (HOUR, "h")];
    let (unit, name) = units.into_iter().find(|&(unit, _)| (1..=unit).contains(&period))?;
    Some(format!("{}/{name}", unit / period))
}

/// A size as a scenario would write it, exact.
pub fn show_bytes(bytes: u64) -> String {
    let units = [(50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|&(shift, _)| bytes != 0 && bytes.trailing_zeros() >= shift) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} B"),
    }
}

/// Reads a string with one of the parsers above; a bare number goes through the same parser, which asks for its unit.
struct TextVisitor<T> {
    expecting: &'static str,
    parse: fn(&str) -> Result<T, String>,
    result: PhantomData<T>,
}

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        Err(E::invalid_type(Unexpected::Float(number), &self))
    }
}

fn read_text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expecting: &'static str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(TextVisitor { expecting, parse, result: PhantomData })
}

impl<'de, const MIN: Time, const MAX: Time> Deserialize<'de> for BoundedSpan<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "a duration with a unit, such as \"100ms\"", Self::parse)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for BoundedBytes<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "a size with a unit, such as \"32 KiB\"", Self::parse)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "a rate, such as \"20000/s\"", Self::parse)
    }
}

impl<'de> Deserialize<'de> for Bandwidth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "a bandwidth, such as \"200 MiB/s\" or \"unlimited\"", Self::parse)
    }
}

/// Reads a whole number in a range.
struct CountVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for CountVisitor<MIN, MAX> {
    type Value = Count<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}, without quotes")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Count::check(number.into()).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Count::check(number.into()).map_err(E::custom)
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Self::Value, E> {
        Count::check(number).map_err(E::custom)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Count<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor::<MIN, MAX>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Result<Time, String> {
        Span::parse(text).map(Span::nanoseconds)
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!(span("100ms"), Ok(100 * MILLISECOND));
        assert_eq!(span("10us"), Ok(10 * MICROSECOND));
        assert_eq!(span("1m 30s"), Ok(90 * SECOND));
        assert_eq!(span("1.5s"), Ok(1500 * MILLISECOND));
        assert_eq!(span("0s"), Ok(0));
        assert_eq!(span("876000h"), Ok(CENTURY));
    }

    #[test]
    fn bad_spans_say_what_is_allowed() {
        for (text, words) in [
            ("5", "has no unit: write a duration with a unit, such as \"100ms\""),
            ("-5s", "is negative: write a duration from 0s to 876000h (100 years)"),
            ("876001h", "is too long"),
            ("", "is not a duration"),
            ("soon", "is not a duration: write numbers with the units h, m, s, ms, us or ns"),
            ("9999999999999999999999999h", "is not a duration"),
        ] {
            let error = span(text).expect_err(text);
            assert!(error.contains(words), "{text:?}: {error}");
        }
        let error = PositiveSpan::parse("0s").expect_err("zero");
        assert!(error.contains("too short: write a duration from 1ns"), "{error}");
        let error = Cost::parse("2h").expect_err("two hours");
        assert!(error.contains("too long: write a duration from 0s to 1h"), "{error}");
    }

    #[test]
    fn sizes_are_binary_or_decimal() {
        let bytes = |text| Bytes::parse(text).map(Bytes::bytes);
        assert_eq!(bytes("32 KiB"), Ok(32_768));
        assert_eq!(bytes("32kB"), Ok(32_000));
        assert_eq!(bytes("1 PiB"), Ok(PEBIBYTE));
        for (text, words) in [
            ("32", "has no unit"),
            ("2 PiB", "is too large: write a size from 0 B to 1 PiB"),
            ("99999999999999999999 PiB", "is too large"),
            ("-1 KiB", "is not a size"),
            ("many", "is not a size"),
            ("1 é", "is not a size"),
        ] {
            let error = bytes(text).expect_err(text);
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn rates_become_periods() {
        let period = |text| Rate::parse(text).map(Rate::period);
        assert_eq!(period("20000/s"), Ok(50 * MICROSECOND));
        assert_eq!(period("10/ms"), Ok(100 * MICROSECOND));
        assert_eq!(period("600/min"), Ok(100 * MILLISECOND));
        assert_eq!(period("1_000_000_000 / s"), Ok(1));
        for (text, words) in [
            ("20000", "is not a rate"),
            ("0/s", "never emits anything"),
            ("-1/s", "never emits anything"),
            ("1000000001/s", "is too fast"),
            ("99999999999999999999999/s", "is too fast"),
            ("5/parsec", "the units are us, ms, s, min and h"),
            ("/s", "is not a rate"),
        ] {
            let error = period(text).expect_err(text);
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn periods_become_rates() {
        assert_eq!(show_rate(50 * MICROSECOND).as_deref(), Some("20000/s"));
        assert_eq!(show_rate(300 * MILLISECOND).as_deref(), Some("3/s"));
        assert_eq!(show_rate(2 * SECOND).as_deref(), Some("30/min"));
        assert_eq!(show_rate(HOUR).as_deref(), Some("1/h"));
        assert_eq!((show_rate(0), show_rate(HOUR + 1)), (None, None));
        for period in [1, 7, 333, 1_234_567, 5 * SECOND + 1] {
            let text = show_rate(period).expect("a rate");
            assert!(Rate::parse(&text).is_ok_and(|rate| rate.period() >= period), "{period}: {text}");
        }
    }

    #[test]
    fn bandwidths_may_be_unlimited() {
        let bandwidth = |text| Bandwidth::parse(text).map(Bandwidth::bytes_per_second);
        assert_eq!(bandwidth("200 MiB/s"), Ok(200 << 20));
        assert_eq!(bandwidth("unlimited"), Ok(0));
        for (text, words) in [
            ("200 MiB", "write a size per second"),
            ("200/s", "write a size per second"),
            ("1 B/s", "from 1 KiB/s to 1 PiB/s"),
            ("4 PiB/s", "from 1 KiB/s to 1 PiB/s"),
        ] {
            let error = bandwidth(text).expect_err(text);
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn counts_have_a_range() {
        assert_eq!(Count::<1, 8>::check(8), Ok(Count(8)));
        for number in [0, -1, 9, i128::MAX] {
            let error = Count::<1, 8>::check(number).expect_err("out of range");
            assert!(error.contains("a whole number from 1 to 8"), "{error}");
        }
    }
}
