//! What the tables of a profile may say. Every number is a range `[lowest, highest]`, both included, from which each fault
//! draws its own.

use std::fmt;
use std::marker::PhantomData;

use cutline_sim::faults::Point;
use cutline_sim::time::Time;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::units::{BoundedSpan, Count, HOUR};

/// Most faults of one family in a plan.
pub const FAULTS_MAX: u64 = 1_000;
/// Largest factor by which something is slow.
pub const FACTOR_MAX: u64 = 10_000;

/// How many faults of a family a run meets. Never 0: whether there are any is decided by another draw.
pub type Faults = Count<1, FAULTS_MAX>;
/// The chance of each message, write or request.
pub type PerMille = Count<1, 1_000>;
/// How many times as long something takes.
pub type Factor = Count<2, FACTOR_MAX>;
/// A share of the failure-free duration.
pub type Percent = Count<0, 100>;
/// How long a fault lasts, or by how much something is late.
pub type While = BoundedSpan<1, HOUR>;

/// A range, written `[lowest, highest]`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval<T> {
    low: T,
    high: T,
}

impl<T: Copy> Interval<T> {
    /// The lowest value.
    pub fn low(&self) -> T {
        self.low
    }

    /// The highest value.
    pub fn high(&self) -> T {
        self.high
    }
}

impl<const MIN: u64, const MAX: u64> Interval<Count<MIN, MAX>> {
    /// The two numbers.
    pub fn numbers(&self) -> (u64, u64) {
        (self.low.get(), self.high.get())
    }
}

impl<const MIN: Time, const MAX: Time> Interval<BoundedSpan<MIN, MAX>> {
    /// The two spans in nanoseconds.
    pub fn nanoseconds(&self) -> (Time, Time) {
        (self.low.nanoseconds(), self.high.nanoseconds())
    }
}

impl<'de, T: Deserialize<'de> + PartialOrd> Deserialize<'de> for Interval<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(IntervalVisitor(PhantomData))
    }
}

struct IntervalVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + PartialOrd> Visitor<'de> for IntervalVisitor<T> {
    type Value = Interval<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a range, `[lowest, highest]`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let (low, high) = (elements.next_element()?, elements.next_element()?);
        let (Some(low), Some(high), None) = (low, high, elements.next_element::<T>()?) else {
            return Err(A::Error::custom("a range has two values: write `[lowest, highest]`"));
        };
        if low > high {
            return Err(A::Error::custom("the range is empty: write the lowest value first"));
        }
        Ok(Interval { low, high })
    }
}

/// When faults strike or begin: from and until which per cent of the failure-free duration; `[10, 90]` if absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Interval<Percent>")]
pub struct Window {
    /// From here on.
    pub from_percent: u64,
    /// Until here.
    pub until_percent: u64,
}

impl Default for Window {
    fn default() -> Self {
        Window { from_percent: 10, until_percent: 90 }
    }
}

impl From<Interval<Percent>> for Window {
    fn from(range: Interval<Percent>) -> Self {
        let (from_percent, until_percent) = range.numbers();
        Window { from_percent, until_percent }
    }
}

/// One or more of something, from which each fault draws one; named twice, it is drawn twice as often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<T>(Vec<T>);

impl<T> Choice<T> {
    /// What there is to choose from; not empty.
    pub fn all(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::deserialize(deserializer)?;
        if all.is_empty() {
            return Err(D::Error::custom("the list is empty: name at least one, or remove the key for all"));
        }
        Ok(Choice(all))
    }
}

/// `[task-crash]`, `[node-crash]`, `[recovery-crash]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CrashSpec {
    /// How many.
    pub count: Interval<Faults>,
}

/// `[point-crash]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PointCrashSpec {
    /// How many.
    pub count: Interval<Faults>,
    /// At which points; all points of a checkpoint if absent.
    #[serde(default)]
    pub points: Points,
    /// What crashes; each of the three if absent.
    #[serde(default)]
    pub victims: Victims,
}

/// The points at which crashes strike.
pub type Points = Choice<Point>;

impl Default for Points {
    fn default() -> Self {
        Choice(Point::CHECKPOINT.to_vec())
    }
}

/// What crashes at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Victim {
    /// The task at which the point happened. If it did not happen at a task, any task.
    Here,
    /// Any task.
    Task,
    /// Any node.
    Node,
}

/// What can crash at a point.
pub type Victims = Choice<Victim>;

impl Default for Victims {
    fn default() -> Self {
        Choice(vec![Victim::Here, Victim::Task, Victim::Node])
    }
}

/// `[lost-messages]`, `[doubled-messages]`, `[failed-writes]`, `[failed-commits]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChanceSpec {
    /// How many.
    pub count: Interval<Faults>,
    /// How long each lasts.
    pub lasts: Interval<While>,
    /// The chance of each message, write or request.
    pub per_mille: Interval<PerMille>,
}

/// `[delayed-messages]`, `[reordered-messages]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LateSpec {
    /// How many.
    pub count: Interval<Faults>,
    /// How long each lasts.
    pub lasts: Interval<While>,
    /// The chance of each message.
    pub per_mille: Interval<PerMille>,
    /// By how much a message is late at most.
    pub by: Interval<While>,
}

/// `[slow-link]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinkSpec {
    /// How many.
    pub count: Interval<Faults>,
    /// How long each lasts.
    pub lasts: Interval<While>,
    /// How much longer every buffer takes.
    pub by: Interval<While>,
}

/// `[slow-task]`, `[slow-writes]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FactorSpec {
    /// How many.
    pub count: Interval<Faults>,
    /// How long each lasts.
    pub lasts: Interval<While>,
    /// How many times as long it takes.
    pub factor: Interval<Factor>,
}
