//! What was in flight in a savepoint, handed on to a job with the same tasks and channels.
//!
//! An operator that has not ended sends its end once more (see [`savepoint`](crate::savepoint)), although some of its subtasks had
//! sent theirs. So an end that was still in flight is taken out, and the last watermark before it: whoever met two ends would be
//! done before the second one came, or, if the input has grown, before what now comes first. Probes are taken out too: whether a loop
//! has ended is asked anew.

use super::Handover;
use crate::channel::{Item, Position};
use crate::ids::TaskId;
use crate::snapshot::{OnChannel, TaskSnapshot};
use crate::topology::ChannelInfo;

/// What a snapshot says of a task's channels.
#[derive(Default)]
pub(super) struct Channels {
    pub received: Vec<Position>,
    pub sent: Vec<Position>,
    pub captured: Vec<OnChannel>,
    pub unsent: Vec<OnChannel>,
    pub in_flight: u64,
}

impl Handover<'_> {
    /// What a task of the same job finds on its channels.
    pub(super) fn channels(&self, id: TaskId, own: &TaskSnapshot) -> Channels {
        let info = &self.topology.tasks[id.index()];
        let unsent = own.unsent_in(self.id).iter().filter_map(|on| without_end(on, self.has_ended(id)));
        let sent = (0..).zip(info.channels_out()).map(|(at, channel)| {
            let sent = own.sent_in(self.id, at);
            let ChannelInfo { to, input, .. } = *self.ends(channel);
            let receiver = self.snapshot(to).filter(|to| to.received_and_captured(input) == sent);
            let left = |to: &TaskSnapshot| {
                let received = to.received.get(input as usize).copied().unwrap_or_default();
                let captured = self.captured(self.ends(channel).to, to);
                captured.filter(|on| on.at == input).fold(received, |at, on| at.after(&on.items))
            };
            receiver.map_or(sent, left)
        });
        let (sent, unsent): (_, Vec<OnChannel>) = (sent.collect(), unsent.collect());
        let captured: Vec<OnChannel> = self.captured(id, own).collect();
        let items = captured.iter().chain(&unsent).flat_map(|on| &on.items);
        let in_flight = items.map(Item::bytes).sum();
        Channels { received: own.received.clone(), sent, captured, unsent, in_flight }
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

/// What is in flight on a channel, without probes, and without the end unless the sender `has_ended`.
fn without_end(on: &OnChannel, has_ended: bool) -> Option<OnChannel> {
    let stays = |item: &&Item| !matches!(item, Item::Probe(_)) && (has_ended || !item.is_last());
    let items = on.items.iter().filter(stays);
    let items: Vec<_> = items.copied().collect();
    (!items.is_empty()).then_some(OnChannel { at: on.at, items })
}
