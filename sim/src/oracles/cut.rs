//! The consistent cut (Chandy and Lamport 1985), at *every* completed checkpoint, failure or not: for each channel, what the
//! receiver had received when it took its snapshot is, record for record, what the sender had sent when it took its own.
//!
//! Both ends of a channel keep a count and a chain (a hash that depends on every item and on their order), and both are
//! saved with the snapshot; so one comparison per channel decides. At-least-once mode promises less: the receiver may have
//! received more. Where what was sent is logged, what the log holds between the two counts as received: it is what a restore
//! replays. A checkpoint that names a snapshot which the store does not have has no cut at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Oracle, Verdict};
use crate::channel::{Item, Position};
use crate::config::CheckpointMode;
use crate::event::{Event, Stamped};
use crate::ids::{ChannelId, CheckpointId, TaskId};
use crate::protocol::Handle;
use crate::snapshot::TaskSnapshot;
use crate::store::Manifest;
use crate::world::{Outcome, World};

/// Its name.
pub const NAME: &str = "cut";

/// Where a cut is torn: enough to find the guilty record in a second run of the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tear {
    /// The checkpoint.
    pub id: CheckpointId,
    /// The channel.
    pub channel: ChannelId,
    /// What its sender had sent.
    pub sent: Position,
    /// What its receiver had received, and what was captured or logged behind that.
    pub received: Position,
    /// How many of those were captured or logged.
    pub captured: u64,
}

/// The oracle.
#[derive(Clone, Debug, Default, Hash)]
pub struct Cut {
    checked: u64,
    /// The first checkpoint that names a snapshot which is not there, and of which task.
    missing: Option<(CheckpointId, TaskId)>,
    tear: Option<Tear>,
}

impl Cut {
    /// The first torn cut.
    pub fn tear(&self) -> Option<Tear> {
        self.tear
    }
}

impl Oracle for Cut {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, world: &World, event: &Stamped) {
        let Event::CheckpointCompleted { id, .. } = event.event else { return };
        let Some(manifest) = world.store().manifest(id) else { return }; // subsumed in the same breath
        self.checked += 1;
        if self.tear.is_none() {
            self.tear = check(world, id, manifest);
        }
        if self.missing.is_none() {
            let gone =
                |handle: &Option<Handle>| handle.is_some_and(|handle| world.store().get(handle).is_none());
            self.missing = manifest.iter().position(gone).map(|task| (id, TaskId(task as u32)));
        }
    }

    fn objects(&self) -> bool {
        self.tear.is_some() || self.missing.is_some()
    }

    fn verdict(&mut self, world: &World, _outcome: Outcome) -> Verdict {
        match (self.tear, self.missing) {
            (Some(tear), _) => Verdict::Fail(proof(world, &tear)),
            (None, Some((id, task))) => Verdict::Fail(format!(
                "Let c be checkpoint {id}, which completed. The snapshot of {} that it names is not in the store. So c is no \
                 consistent cut: nobody can say what that task had sent and received.",
                world.topology().task_name(task)
            )),
            _ if self.checked == 0 => {
                Verdict::Unknown("no checkpoint completed, so there was no cut".to_owned())
            }
            _ => Verdict::Pass,
        }
    }
}

/// The first channel at which the cut of a completed checkpoint is torn. A task without a snapshot has sent and received
/// nothing; a channel of one whose snapshot is missing is not looked at.
fn check(world: &World, id: CheckpointId, manifest: &Manifest) -> Option<Tear> {
    let topology = world.topology();
    let snapshots: Vec<Option<Option<&Arc<TaskSnapshot>>>> =
        manifest.iter().map(|handle| handle.map(|handle| world.store().get(handle))).collect();
    let at_least_once = topology.config.checkpointing.mode == CheckpointMode::AtLeastOnce;
    let logged: BTreeMap<ChannelId, Vec<Item>> = world.in_transit(manifest).into_iter().collect();
    for (sender, info) in topology.tasks.iter().enumerate() {
        let channels =
            info.outputs.iter().flat_map(|o| o.first.index()..o.first.index() + o.channels as usize);
        for (at, channel) in channels.enumerate() {
            let ends = &topology.channels[channel];
            let (from, to) = (snapshots[sender], snapshots[ends.to.index()]);
            if matches!(from, Some(None)) || matches!(to, Some(None)) {
                continue;
            }
            let sent = from.flatten().map(|snapshot| snapshot.sent_in(id, at as u32)).unwrap_or_default();
            let to = to.flatten();
            let received = to.map(|to| to.received_and_captured(ends.input)).unwrap_or_default();
            let received = received.after(logged.get(&ChannelId(channel as u32)).into_iter().flatten());
            let fine = if at_least_once { received.count >= sent.count } else { received == sent };
            if !fine {
                let consumed = to.and_then(|to| to.received.get(ends.input as usize));
                let captured = received.count - consumed.map_or(0, |consumed| consumed.count);
                return Some(Tear { id, channel: ChannelId(channel as u32), sent, received, captured });
            }
        }
    }
    None
}

fn proof(world: &World, tear: &Tear) -> String {
    let topology = world.topology();
    let ends = &topology.channels[tear.channel.index()];
    let (from, to) = (topology.task_name(ends.from), topology.task_name(ends.to));
    let (sent, received) = (tear.sent.count, tear.received.count);
    let consequence = match received.cmp(&sent) {
        std::cmp::Ordering::Greater => format!(
            "so item {} was received but, at this cut, never sent: after a restore {from} sends it again and {to} counts \
             it twice",
            sent + 1
        ),
        std::cmp::Ordering::Less => format!(
            "so item {} was sent but, at this cut, neither received nor captured: after a restore nobody sends it again, \
             and it is lost",
            received + 1
        ),
        std::cmp::Ordering::Equal => "as many, but not the same items".to_owned(),
    };
    let captured = match tear.captured {
        0 => String::new(),
        captured => format!(", {captured} of them captured or logged"),
    };
    format!(
        "Let c be checkpoint {}, which completed. On the channel {from} -> {to}, {from} had sent {sent} items when it took \
         its snapshot for c, and {to} had received {received} when it took its own{captured}; {consequence}. So c is \
         no consistent cut.",
        tear.id
    )
}
