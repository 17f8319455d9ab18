//! What a window computes of the values in it: a function of the set of them, never of the order in which they came.

use serde::Deserialize;

/// An aggregate function. All are associative and commutative, so parts of a window can be put together in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// How many records there are.
    #[default]
    Count,
    /// The sum of their values; it wraps around at 64 bits.
    Sum,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
}

impl Aggregate {
    /// The aggregate of one record with this value.
    pub fn of(self, value: i64) -> i64 {
        match self {
            Aggregate::Count => 1,
            Aggregate::Sum | Aggregate::Min | Aggregate::Max => value,
        }
    }

    /// The aggregate of two parts together.
    pub fn merge(self, one: i64, other: i64) -> i64 {
        match self {
            Aggregate::Count | Aggregate::Sum => one.wrapping_add(other),
            Aggregate::Min => one.min(other),
            Aggregate::Max => one.max(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_give_what_the_whole_gives() {
        let values = [3, -7, 12, 3];
        for (aggregate, whole) in
            [(Aggregate::Count, 4), (Aggregate::Sum, 11), (Aggregate::Min, -7), (Aggregate::Max, 12)]
        {
            let merge = |part: &[i64]| {
                let each = part.iter().map(|&value| aggregate.of(value));
                each.reduce(|one, other| aggregate.merge(one, other)).expect("a part")
            };
            assert_eq!(merge(&values), whole);
            assert_eq!(aggregate.merge(merge(&values[2..]), merge(&values[..2])), whole);
        }
        assert_eq!(Aggregate::Sum.merge(i64::MAX, 1), i64::MIN);
    }
}
