//! The output flusher: it comes by every task periodically and closes the buffers that are partly filled.

use super::Network;
use crate::channel::Flush;
use crate::ids::{ChannelId, TaskId};
use crate::random::{below, draw};
use crate::time::{NEVER, Time};

impl Network {
    /// Closes the partly filled buffers of a task: the output flusher. A buffer behind others that have not left would not leave
    /// either: it goes on being filled, until it is full or they have left.
    pub fn flush(&mut self, task: TaskId, now: Time) {
        let used = self.ports[task.index()].used;
        let mut open = std::mem::take(&mut self.ports[task.index()].open);
        let is_due = self.ports[task.index()].tick_at <= now;
        let mut again = NEVER;
        open.retain(|&channel| {
            let ch = &mut self.channels[channel.index()];
            if is_due {
                ch.flush = if ch.open_slots > 0 { Flush::Asked } else { Flush::No };
            }
            if ch.flush != Flush::Asked {
                return ch.flush == Flush::Next;
            }
            let clear = ch.clear_from(now);
            if clear > now {
                again = again.min(clear);
                return true;
            }
            ch.flush = Flush::No;
            self.close_buffer(channel, now);
            false
        });
        let port = &mut self.ports[task.index()];
        if is_due || open.is_empty() {
            // What is still open was asked for just now: it waits for an instant of its own, and needs no other visit.
            port.tick_at = NEVER;
        }
        port.flush_at = again.min(port.tick_at);
        port.open = open;
        // The flusher works beside the task, whose clock may be behind: what departed is free from now on, not before.
        let departed = used - port.used;
        port.used = used;
        if departed > 0 {
            port.free_many(now, departed);
        }
    }

    /// The flusher has something to ask of a task at its next visit.
    pub(super) fn visit(&mut self, task: TaskId, now: Time) {
        let port = &mut self.ports[task.index()];
        if port.tick_at == NEVER {
            port.tick_at = next_flush(task, now, self.config.buffer_timeout);
            port.flush_at = port.flush_at.min(port.tick_at);
        }
    }

    /// What was closed will have left at an instant that may be known now: then the flusher, which waits for that, comes again.
    pub(super) fn flush_from(&mut self, channel: ChannelId) {
        let ch = &mut self.channels[channel.index()];
        let (from, clear) = (ch.from, ch.clear_from(0));
        let port = &mut self.ports[from.index()];
        if clear < port.flush_at {
            port.flush_at = clear;
            self.wakes.lower(from.0, clear);
        }
    }
}

/// The first flush of a task after an instant: every task flushes periodically, each with a phase of its own.
fn next_flush(task: TaskId, now: Time, period: Time) -> Time {
    let phase = below(draw(0x666c_7573, u64::from(task.0)), period);
    let periods = (now + period - phase) / period;
    periods * period + phase
}
