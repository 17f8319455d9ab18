//! What an oracle objects to, as far as it can be pointed at in a picture.
//!
//! Where a cut is torn, which delivery was out of order, and whose stale message had an effect is known exactly. Other oracles judge the end of
//! a run; what they name in their proofs by words (`lineage 0x...`, `checkpoint 3`) is looked for in the picture.

use cutline_sim::event::Event;
use cutline_sim::ids::{ChannelId, CheckpointId, TaskId};
use cutline_sim::oracles::cut::Tear;
use cutline_sim::oracles::{Verdict, cut, fencing, order};
use cutline_sim::passage::Thing;
use cutline_sim::time::Time;
use serde::{Deserialize, Serialize};

use super::{Cast, Checkpoint, Entry, Flight, Moment};
use crate::record::OracleVerdict;
use crate::shrink::nearest_cause;

/// An objection, and what it points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Witness {
    /// The oracle: the one that has found a torn cut, or else of all that object the one nearest to the cause.
    pub oracle: String,
    /// Its proof.
    pub proof: String,
    /// The others that object.
    pub others: Vec<String>,
    /// The checkpoint that it is about.
    pub checkpoint: Option<CheckpointId>,
    /// What is to blame.
    pub guilt: Guilt,
}

/// What is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guilt {
    /// The cut is torn on a channel.
    Torn {
        /// The channel.
        channel: ChannelId,
        /// How many items its sender had sent.
        sent: u64,
        /// How many its receiver had received, what was captured or logged included.
        received: u64,
        /// How many of those were captured or logged.
        captured: u64,
    },
    /// This delivery was out of order.
    Delivery {
        /// The channel.
        channel: ChannelId,
        /// The item's number by the sender's count.
        number: u64,
        /// When.
        time: Time,
    },
    /// What an older attempt had said had an effect.
    Message {
        /// Who had said it.
        task: TaskId,
        /// When it had its effect.
        time: Time,
    },
    /// A record, wherever it goes.
    Record {
        /// Its lineage.
        lineage: u64,
    },
    /// Nothing that can be pointed at.
    Unknown,
}

/// What is noted during a run, for the witness at its end.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    delivery: Option<Guilt>,
    message: Option<Guilt>,
}

impl Suspects {
    /// Reads an entry.
    pub fn see(&mut self, entry: &Entry) {
        let Entry::Event(stamped) = entry else { return };
        let time = stamped.time;
        match stamped.event {
            Event::OrderBroken { channel, sequence: number, .. } => {
                self.delivery.get_or_insert(Guilt::Delivery { channel, number, time });
            }
            Event::StaleEffect { task, .. } => {
                self.message.get_or_insert(Guilt::Message { task, time });
            }
            _ => {}
        }
    }
}

impl Witness {
    /// The witness against a run with these verdicts, if one of them objects.
    pub fn of(verdicts: &[OracleVerdict], tear: Option<Tear>, suspects: &Suspects) -> Option<Witness> {
        let failed: Vec<&str> =
            verdicts.iter().filter(|it| it.verdict.is_fail()).map(|it| it.oracle.as_str()).collect();
        // A torn cut can be shown from both of its sides, whatever else objects.
        let torn = tear.is_some().then_some(cut::NAME).filter(|torn| failed.contains(torn));
        let oracle = torn.or_else(|| nearest_cause(&failed))?;
        let proof = verdicts.iter().find_map(|it| match &it.verdict {
            Verdict::Fail(proof) if it.oracle == oracle => Some(proof.clone()),
            _ => None,
        })?;
        let mut checkpoint = number_behind(&proof, "heckpoint ").map(CheckpointId);
        let named = lineage_in(&proof).map_or(Guilt::Unknown, |lineage| Guilt::Record { lineage });
        let guilt = match (oracle, tear) {
            (cut::NAME, Some(tear)) => {
                checkpoint = Some(tear.id);
                let Tear { channel, sent, received, captured, .. } = tear;
                Guilt::Torn { channel, sent: sent.count, received: received.count, captured }
            }
            (order::NAME, _) => suspects.delivery.unwrap_or(named),
            (fencing::NAME, _) => suspects.message.unwrap_or(named),
            _ => named,
        };
        let others = failed.iter().filter(|&&other| other != oracle).map(|&other| other.to_owned()).collect();
        Some(Witness { oracle: oracle.to_owned(), proof, others, checkpoint, guilt })
    }

    /// The number of the item at which a cut is torn.
    pub fn torn_item(&self) -> Option<(ChannelId, u64)> {
        match self.guilt {
            Guilt::Torn { channel, sent, received, .. } => {
                Some((channel, sent.min(received).saturating_add(1)))
            }
            _ => None,
        }
    }

    /// True for a flight that may be to blame; which of several that are alike is, [`Witness::guilty`] says.
    pub fn suspects(&self, flight: &Flight) -> bool {
        match self.guilt {
            Guilt::Torn { .. } => self.torn_item().is_some_and(|(channel, number)| {
                flight.channel == channel && flight.thing.number() == Some(number)
            }),
            Guilt::Delivery { channel, number, time } => {
                flight.channel == channel
                    && flight.thing.number() == Some(number)
                    && flight.taken.is_some_and(|taken| taken.time == time)
            }
            Guilt::Record { lineage: guilty } => {
                matches!(flight.thing, Thing::Record { lineage, .. } if lineage == guilty)
            }
            Guilt::Message { .. } | Guilt::Unknown => false,
        }
    }

    /// The flights that are to blame, by their places. An item that was sent again after a restore has the same number: at a torn cut
    /// it is the one that was sent or taken nearest to the cut.
    pub fn guilty(&self, flights: &[Flight], checkpoints: &[Checkpoint], cast: &Cast) -> Vec<usize> {
        let all: Vec<usize> = flights
            .iter()
            .enumerate()
            .filter(|(_, flight)| self.suspects(flight))
            .map(|(at, _)| at)
            .collect();
        let Guilt::Torn { channel, .. } = self.guilt else { return all };
        let cut = checkpoints.iter().find(|checkpoint| Some(checkpoint.id) == self.checkpoint);
        let (Some(cut), Some(ends)) = (cut, cast.ends(channel)) else { return all };
        let points: Vec<Moment> = [ends.from, ends.to].into_iter().filter_map(|end| cut.point(end)).collect();
        let distance = |at: &usize| {
            let flight = &flights[*at];
            let times = [Some(flight.sent.time), flight.taken.map(|taken| taken.time)];
            let apart = times.into_iter().flatten();
            let apart = apart.flat_map(|time| points.iter().map(move |point| point.time.abs_diff(time)));
            apart.min().unwrap_or(0)
        };
        all.into_iter().min_by_key(distance).into_iter().collect()
    }
}

/// The number behind the first of these words that is followed by one.
fn number_behind(text: &str, words: &str) -> Option<u64> {
    text.match_indices(words).find_map(|(at, _)| {
        let rest = &text[at + words.len()..];
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    })
}

fn lineage_in(proof: &str) -> Option<u64> {
    const WORDS: &str = "lineage 0x";
    let at = proof.find(WORDS)? + WORDS.len();
    u64::from_str_radix(proof.get(at..at + 16)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proof_names_is_found() {
        let proof = "Let c be checkpoint 12. (key 1, value 2, lineage 0x00000000000000ff) is visible twice.";
        assert_eq!((number_behind(proof, "heckpoint "), lineage_in(proof)), (Some(12), Some(255)));
        assert_eq!(
            (number_behind("no checkpoint completed", "heckpoint "), lineage_in("lineage 0x1")),
            (None, None)
        );
    }
}
