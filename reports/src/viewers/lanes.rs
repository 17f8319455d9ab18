//! Spans side by side: what overlaps in time stands on lanes of its own.

/// Gives each span, from its begin to its end, the first lane that is free by then. Spans come in the order of their begins.
#[derive(Debug, Default)]
pub struct Lanes {
    /// When each lane is free again; `None` while its span is open.
    free_at: Vec<Option<u64>>,
}

impl Lanes {
    /// Begins a span whose end is not known yet.
    pub fn begin(&mut self, begin: u64) -> usize {
        let lane = self.free_at.iter().position(|free| free.is_some_and(|free| free <= begin));
        let lane = lane.unwrap_or(self.free_at.len());
        if lane == self.free_at.len() {
            self.free_at.push(None);
        }
        self.free_at[lane] = None;
        lane
    }

    /// Ends the span on a lane.
    pub fn end(&mut self, lane: usize, end: u64) {
        if let Some(free) = self.free_at.get_mut(lane) {
            *free = Some(end);
        }
    }

    /// A span whose end is known.
    pub fn add(&mut self, begin: u64, end: u64) -> usize {
        let lane = self.begin(begin);
        self.end(lane, end);
        lane
    }

    /// How many lanes there are.
    pub fn count(&self) -> usize {
        self.free_at.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_on_one_lane_never_overlap() {
        let mut lanes = Lanes::default();
        let given: Vec<usize> =
            [(0, 10), (2, 4), (4, 9), (5, 6), (10, 11)].map(|(begin, end)| lanes.add(begin, end)).to_vec();
        assert_eq!(given, [0, 1, 1, 2, 0]);
        assert_eq!(lanes.begin(100), 0);
        assert_eq!((lanes.begin(200), lanes.count()), (1, 3));
    }
}
