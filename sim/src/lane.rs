//! Lanes: what a task does with one record after the other where nothing is to be chosen, neither an input nor a receiver, and
//! every record travels alone.
//!
//! It is what [`Step::handle_records_with`] does with any record, made of the same parts; but both channels and ports are at hand, and need
//! not be looked up for each. Whatever is not plain is left as it is, for the loop that can do everything: a mark, an item that is not the
//! next in the sender's count, a record for which there is no output buffer.

use crate::graph::{Role, SinkMode};
use crate::ids::ChannelId;
use crate::network::{Network, Wire};
use crate::operator::Context;
use crate::record::Record;
use crate::step::Step;
use crate::time::Time;
use crate::topology::Lane;

impl Step<'_> {
    /// The lane of this task, if it can be used now.
    pub(crate) fn lane(&self) -> Option<Lane> {
        let lane = self.info.lane?;
        let is_remote = |channel: ChannelId| !self.net.channels[channel.index()].local;
        let is_plain = match self.transform {
            Some(_) => lane.outbound.is_none_or(is_remote),
            None => matches!(self.operator.role, Role::Sink(SinkMode::Transactional)),
        };
        let detail = &self.shared.detail;
        let is_noted = detail.records || detail.latencies && lane.outbound.is_none();
        let is_usable = self.net.unbuffered && is_plain && !is_noted && is_remote(lane.inbound);
        is_usable.then_some(lane)
    }

    /// Handles records, each of which takes this long, while they begin before `due` and end before `end`, and are plain. What the
    /// operator has made of the last one and could not be sent is left in `out`.
    #[inline(never)]
    pub(crate) fn go_along(
        &mut self,
        lane: Lane,
        service: Time,
        (due, end): (Time, Time),
        out: &mut Vec<Record>,
    ) {
        let (task, shared) = (&mut *self.task, &mut *self.shared);
        let Network { channels, ports, wakes, config, departures, .. } = &mut *self.net;
        let (id, from) = (self.id.index(), channels[lane.inbound.index()].from.index());
        let (inbound, previous, port, mut onward) = match lane.outbound {
            None => {
                let Ok([previous, port]) = ports.get_disjoint_mut([from, id]) else { return };
                (&mut channels[lane.inbound.index()], previous, port, None)
            }
            Some(outbound) => {
                let to = channels[outbound.index()].to.index();
                let channels = channels.get_disjoint_mut([lane.inbound.index(), outbound.index()]);
                let ports = ports.get_disjoint_mut([from, id, to]);
                let (Ok([inbound, outbound]), Ok([previous, port, next])) = (channels, ports) else { return };
                (inbound, previous, port, Some((outbound, next)))
            }
        };
        // When it is ready for the next one: not before the channel has its turn.
        let mut ready = port.heads.key(0).max(task.clock);
        let mut handled = 0;
        while let Some(front) = inbound.slots.front() {
            let start = front.arrive.max(ready);
            if start >= due
                || start + service >= end
                || !front.tag.is_record_alone(inbound.received.count + 1)
            {
                break;
            }
            ready = start + service;
            handled += 1;
            task.note_record(&front.record, inbound.port, ready);
            match self.transform {
                Some(operator) => {
                    let mut cx = Context { state: &mut task.state, out, watermark: task.watermark };
                    operator.on_record(inbound.port, &front.record, &mut cx);
                }
                None => task.write_transaction(&front.record, ready),
            }
            let (waited, lineage) = (front.tag.has_waited(), front.record.lineage);
            inbound.received.advance(lineage);
            inbound.slots.drop_front();
            let back = inbound.back_at(ready);
            if !waited && inbound.floating == 0 && inbound.waiting.is_empty() {
                inbound.returning.push(back);
            } else {
                let credits = port.credits_for(inbound, waited);
                let wire = Wire { config, departures: *departures };
                inbound.give_back(credits, back, (previous, wakes), wire);
            }
            if let Some((outbound, next)) = &mut onward {
                let mut sent = 0;
                while let Some(record) = out.get(sent)
                    && port.has_room(ready)
                {
                    sent += 1;
                    if let Some(arrive) = outbound.send_alone(port, record, ready, config.latency_jitter)
                        && let Some(wake) = next.expect_front(outbound.input, arrive)
                    {
                        wakes.lower(outbound.to.0, wake);
                    }
                }
                if sent < out.len() {
                    out.drain(..sent);
                    break;
                }
            }
            out.clear();
        }
        if handled > 0 {
            shared.steps += handled;
            shared.along += handled;
            port.heads.set(0, inbound.head().max(ready));
        }
    }
}
