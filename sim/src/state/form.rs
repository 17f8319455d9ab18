//! The state of a subtask as plain data, which any form of serde can carry; and what a driver other than the simulated world does
//! with a state.

use serde::{Deserialize, Serialize};

use super::{KeyedState, Slot, Timer};
use crate::operator::Operator;
use crate::record::Record;
use crate::time::Time;

/// Everything that a state holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateForm {
    opened: bool,
    watermark: Time,
    values: Vec<(u64, i64)>,
    maps: Vec<(Slot, i64)>,
    timers: Vec<Timer>,
    list: Vec<Record>,
    broadcast: Vec<(Slot, i64)>,
}

impl StateForm {
    /// The state. It takes no more room than the form does.
    pub fn build(self) -> KeyedState {
        let StateForm { opened, watermark, values, maps, timers, list, broadcast } = self;
        let mut state = KeyedState::of_entries(
            values.into_iter().collect(),
            maps.into_iter().collect(),
            timers.into_iter().collect(),
        );
        list.into_iter().for_each(|element| state.list.push(element));
        for (slot, value) in broadcast {
            state.broadcast.set_entry(slot, value);
        }
        (state.opened, state.watermark) = (opened, watermark);
        state
    }
}

impl KeyedState {
    /// The state as plain data.
    pub fn form(&self) -> StateForm {
        StateForm {
            opened: self.opened,
            watermark: self.watermark,
            values: self.values().collect(),
            maps: self.all_entries().collect(),
            timers: self.timers().collect(),
            list: self.list.elements().to_vec(),
            broadcast: self.broadcast.entries().collect(),
        }
    }

    /// A subtask begins with this state: its operator learns whether it was restored.
    pub fn open(&mut self, operator: &dyn Operator) {
        match std::mem::replace(&mut self.opened, true) {
            false => operator.on_open(&mut self.broadcast),
            true => operator.on_restore(self),
        }
    }

    /// The watermark of the subtask.
    pub fn watermark(&self) -> Time {
        self.watermark
    }

    /// The watermark of the subtask has advanced.
    pub fn advance_to(&mut self, watermark: Time) {
        self.watermark = watermark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_the_same_behind_its_form() {
        let mut state = KeyedState::default();
        let slot = Slot { key: 3, map: 1, slot: 9 };
        state.add(7, 5);
        state.add(u64::MAX, i64::MIN);
        state.set_entry(slot, 4);
        state.set_timer(Timer { time: 10, key: 7, slot: 0 });
        state.list.push(Record { value: 2, ..Record::default() });
        state.broadcast.set_entry(slot, 6);
        (state.opened, state.watermark) = (true, 9);
        let again = state.form().build();
        assert_eq!(again, state);
        assert_eq!((again.opened, again.watermark()), (true, 9));
        assert_eq!(again.form(), state.form());
    }
}
