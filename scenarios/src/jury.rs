//! The oracles over one run that look at its events.

use cutline_sim::event::Stamped;
use cutline_sim::oracles::cut::{Cut, Tear};
use cutline_sim::oracles::fencing::Fencing;
use cutline_sim::oracles::liveness::Liveness;
use cutline_sim::oracles::order::Order;
use cutline_sim::oracles::store::Store;
use cutline_sim::oracles::zigzag::Zigzag;
use cutline_sim::oracles::{Oracle, Verdict, ledger, restore, state};
use cutline_sim::reusable;
use cutline_sim::world::{Outcome, World};

use crate::life::Opinion;

reusable! {
    /// The oracles. They are forked with the world that they look at.
    #[derive(Debug, Default, Hash)]
    pub(crate) struct Jury {
        cut: Cut,
        order: Order,
        fencing: Fencing,
        store: Store,
        zigzag: Zigzag,
        liveness: Liveness,
    }
}

impl Jury {
    /// Something happened.
    pub(crate) fn observe(&mut self, world: &World, event: &Stamped) {
        self.cut.observe(world, event);
        self.order.observe(world, event);
        self.fencing.observe(world, event);
        self.store.observe(world, event);
        self.zigzag.observe(world, event);
        self.liveness.observe(world, event);
    }

    /// Which oracles have seen what they will object to: their names, in the order of the table.
    pub(crate) fn objecting(&self) -> impl Iterator<Item = &'static str> + '_ {
        let all: [&dyn Oracle; 6] =
            [&self.cut, &self.order, &self.fencing, &self.store, &self.zigzag, &self.liveness];
        all.into_iter().filter(|oracle| oracle.objects()).map(Oracle::name)
    }

    /// The first torn cut.
    pub(crate) fn tear(&self) -> Option<Tear> {
        self.cut.tear()
    }

    /// The run has ended: all verdicts in the order of the table, with those about the state, the ledger and restores, which others
    /// have found, and what stalled there.
    pub(crate) fn speak(
        &mut self,
        (world, outcome): (&World, Outcome),
        opinion: Opinion,
        (about_restores, stalled_restore): (Verdict, Option<String>),
        say: &mut dyn FnMut(&'static str, Verdict),
    ) {
        let stalls: Vec<String> = opinion.stalled.into_iter().chain(stalled_restore).collect();
        if !stalls.is_empty() {
            self.liveness.continuation_stalled(stalls.join(" "));
        }
        say(state::NAME, opinion.state);
        say(ledger::NAME, opinion.ledger);
        say(self.cut.name(), self.cut.verdict(world, outcome));
        say(restore::NAME, about_restores);
        say(self.order.name(), self.order.verdict(world, outcome));
        say(self.fencing.name(), self.fencing.verdict(world, outcome));
        say(self.store.name(), self.store.verdict(world, outcome));
        say(self.zigzag.name(), self.zigzag.verdict(world, outcome));
        say(self.liveness.name(), self.liveness.verdict(world, outcome));
    }
}
