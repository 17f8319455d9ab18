//! What was in flight in a savepoint, handed on to a job with the same tasks and channels.
//!
//! An operator that has not ended sends its end once more (see [`savepoint`](crate::savepoint)), although some of its subtasks had
//! sent theirs. So an end that was still in flight is taken out, and the last watermark before it: whoever met two ends would be
//! done before the second one came, or, if the input has grown, before what now comes first.

use super::dealing::Dealt;
use super::hand_out::Handover;
use crate::channel::{Item, Position};
use crate::ids::TaskId;
use crate::snapshot::{OnChannel, TaskSnapshot};
use crate::topology::ChannelInfo;

/// What a task's channels hold. Whoever receives counts from zero, and whoever sends from what is on its way there.
#[derive(Default)]
pub(super) struct Channels {
    pub sent: Vec<Position>,
    pub captured: Vec<OnChannel>,
    pub unsent: Vec<OnChannel>,
    pub in_flight: u64,
}

impl Handover<'_> {
    /// What a task of the same job finds on its channels.
    pub(super) fn channels(&self, id: TaskId, own: &TaskSnapshot) -> Channels {
        let info = &self.topology.tasks[id.index()];
        let unsent = own.unsent.iter().filter_map(|on| without_end(on, self.has_ended(id)));
        let sent = info.channels_out().map(|channel| {
            let ChannelInfo { to, input, .. } = *self.ends(channel);
            let there = self.snapshot(to).into_iter().flat_map(|own| self.captured(to, own));
            let there = there.filter(|on| on.at == input);
            there.fold(Position::default(), |at, on| at.after(&on.items))
        });
        let (sent, unsent): (_, Vec<OnChannel>) = (sent.collect(), unsent.collect());
        let captured: Vec<OnChannel> = self.captured(id, own).collect();
        let items = captured.iter().chain(&unsent).flat_map(|on| &on.items);
        let in_flight = items.map(Item::bytes).sum();
        Channels { sent, captured, unsent, in_flight }
    }

    /// What a task finds on its channels where everything was dealt out anew.
    pub(super) fn dealt_channels(&self, id: TaskId, dealt: &Dealt) -> Channels {
        let sent = self.topology.tasks[id.index()].channels_out().map(|channel| {
            let ChannelInfo { to, input, .. } = *self.ends(channel);
            Position::default().after(dealt.on(to, input))
        });
        let (sent, captured) = (sent.collect(), dealt.captured(id));
        let in_flight = captured.iter().flat_map(|on| &on.items).map(Item::bytes).sum();
        Channels { sent, captured, unsent: Vec::new(), in_flight }
    }

    /// What was on its way to a task of the same job. A sender that runs on says at the end of all that it ends: not yet.
    fn captured<'b>(&'b self, id: TaskId, own: &'b TaskSnapshot) -> impl Iterator<Item = OnChannel> + 'b {
        let inputs = &self.topology.tasks[id.index()].inputs;
        let has_ended = |at: u32| self.has_ended(self.ends(inputs[at as usize]).from);
        own.captured.iter().filter_map(move |on| without_end(on, has_ended(on.at)))
    }

    /// What the same task of the same job had saved.
    fn snapshot(&self, task: TaskId) -> Option<&TaskSnapshot> {
        let info = &self.topology.tasks[task.index()];
        self.saved[info.operator.index()]?.subtasks.get(info.subtask as usize)?.as_deref()
    }
}

/// What is in flight on a channel, without the end unless the sender `has_ended`.
fn without_end(on: &OnChannel, has_ended: bool) -> Option<OnChannel> {
    let items = on.items.iter().filter(|item| has_ended || !item.is_last());
    let items: Vec<_> = items.copied().collect();
    (!items.is_empty()).then_some(OnChannel { at: on.at, items })
}
