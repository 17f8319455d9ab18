//! What tables say about many numbers.

/// The least, the middle and the largest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The least.
    pub min: u64,
    /// Half of the numbers, rounded up, are not above it.
    pub median: u64,
    /// The largest.
    pub max: u64,
}

impl Spread {
    /// The spread of some numbers; `None` if there are none.
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> Option<Spread> {
        let mut numbers: Vec<u64> = numbers.into_iter().collect();
        numbers.sort_unstable();
        let (&min, &max) = (numbers.first()?, numbers.last()?);
        Some(Spread { min, median: numbers[(numbers.len() - 1) / 2], max })
    }

    /// The three, each as `show` writes it.
    pub fn show(&self, show: impl Fn(u64) -> String) -> String {
        format!("{} / {} / {}", show(self.min), show(self.median), show(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_few_numbers() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([7]), Some(Spread { min: 7, median: 7, max: 7 }));
        assert_eq!(Spread::of([9, 1, 5, 3]), Some(Spread { min: 1, median: 3, max: 9 }));
        let spread = Spread::of([9, 1, 5]).map(|spread| spread.show(|n| n.to_string()));
        assert_eq!(spread.as_deref(), Some("1 / 5 / 9"));
    }
}
