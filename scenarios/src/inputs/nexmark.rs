//! Persons, auctions and bids of an online auction: NexMark (Tucker, Tufte, Papadimos, Maier, "NEXMark: a benchmark for
//! queries over data streams", 2002; Apache Beam's page on the Nexmark suite has the generator that is used today). Of 50
//! events the first is a person, the next three are auctions and the others bids.
//!
//! The events are those of the `nexmark` crate, a port of Beam's generator, made once into a table of 32 bytes per event.
//! What differs from it:
//! - Instants are those of this input: the k-th event of split s, event number k * splits + s, comes k + s / splits
//!   periods after the start. So event times grow with the event number, and no event is out of order.
//! - A seed picks the place in the endless stream of events where the table starts. Persons and auctions are renumbered
//!   so that the first new one is number [`FIRST_NEW`]; lower numbers are from before the start.
//! - Prices are drawn here, with the same distribution (100 * 10^(6 u) for u even in [0, 1)), because the crate computes
//!   them with the platform's `powf`, which may differ from one platform to the next.
//!
//! The crate's random numbers depend on the width of a word: a seed means the same on all 64-bit platforms.

use std::sync::Arc;

use ::nexmark::EventGenerator;
use ::nexmark::config::NexmarkConfig;
use ::nexmark::event::Event;
use cutline_sim::input::{Entry, Input};
use cutline_sim::random::{Stream, below, draw, key, mix};
use cutline_sim::record::Record;
use cutline_sim::time::Time;
use serde::Deserialize;

use super::{BuiltInput, Content, InputError, Splits, Texts, check_length, dealt};
use crate::units::{Count, Rate};

/// The number of the first person and of the first auction that is new in the table. Events also refer to up to 1000
/// earlier ones, so that no number is below 1000.
pub const FIRST_NEW: u64 = 2000;

/// The most events that are kept in memory.
pub const MOST_EVENTS: u64 = 100_000_000;

/// Events of one cycle of the generator: one person, three auctions, 46 bids.
const CYCLE: u64 = 50;
/// The generator's hot persons and auctions are those whose number is a multiple of this.
const HOT: u64 = 100;

/// The settings of this input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Nexmark {
    /// How many events there are, over all splits.
    pub events: Count<0, MOST_EVENTS>,
    /// How fast each split is.
    pub rate: Rate,
    /// The number of splits; event n belongs to split n % splits.
    pub splits: Splits,
}

impl Nexmark {
    /// Makes the input; takes about 0.6 seconds per million events.
    ///
    /// # Errors
    /// [`InputError::TooLong`].
    pub fn build(&self, seed: u64, _texts: &mut Texts) -> Result<BuiltInput, InputError> {
        let (splits, period) = (self.splits.get_u32(), self.rate.period());
        check_length(dealt(self.events.get(), splits, 0), period)?;
        let events = Arc::new(NexmarkEvents::generate(seed, self.events.get()));
        let input = Arc::new(Auctions { events: Arc::clone(&events), splits, period });
        Ok(BuiltInput { input, content: Content::Nexmark(events) })
    }
}

/// What the queries look at in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NexmarkEvent {
    /// Somebody who can sell and bid.
    Person {
        /// The person's number.
        id: u64,
        /// The state of the United States, two small letters.
        state: [u8; 2],
    },
    /// Something on sale.
    Auction {
        /// The auction's number.
        id: u64,
        /// The person who sells.
        seller: u64,
        /// From 10 to 14.
        category: u8,
    },
    /// An offer.
    Bid {
        /// The auction it is for.
        auction: u64,
        /// The person who bids.
        bidder: u64,
        /// In cents, from 100 to 100,000,000.
        price: u32,
    },
}

/// A table of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NexmarkEvents {
    events: Vec<(NexmarkEvent, u16)>,
}

impl NexmarkEvents {
    /// Makes the first `count` events of a seed.
    pub fn generate(seed: u64, count: u64) -> NexmarkEvents {
        let seed = key(seed, Stream::Input);
        // At a multiple of the hot ones, so that the first hot person and auction are new.
        let start = FIRST_NEW + HOT * below(draw(seed, 0), 1 << 14);
        // The default reads the clock for `base_time`; it is replaced, and no instant of the crate is used.
        let config = NexmarkConfig {
            base_time: 0,
            first_event_id: (start * CYCLE) as usize,
            ..NexmarkConfig::default()
        };
        let (first_person, first_auction) = (config.first_person_id as u64, config.first_auction_id as u64);
        let person = |id: usize| id as u64 + FIRST_NEW - first_person - start;
        let auction = |id: usize| id as u64 + FIRST_NEW - first_auction - 3 * start;
        let generator = EventGenerator::new(config).take(count as usize);
        let events = generator.enumerate().map(|(n, event)| {
            let size = wire_bytes(&event);
            let event = match event {
                Event::Person(found) => {
                    NexmarkEvent::Person { id: person(found.id), state: letters(&found.state) }
                }
                Event::Auction(found) => NexmarkEvent::Auction {
                    id: auction(found.id),
                    seller: person(found.seller),
                    category: found.category as u8,
                },
                Event::Bid(found) => NexmarkEvent::Bid {
                    auction: auction(found.auction),
                    bidder: person(found.bidder),
                    price: price(draw(seed, n as u64 + 1)),
                },
            };
            (event, size)
        });
        NexmarkEvents { events: events.collect() }
    }

    /// The event with this number, if there is one.
    #[inline]
    pub fn get(&self, number: i64) -> Option<NexmarkEvent> {
        let number = usize::try_from(number).ok()?;
        self.events.get(number).map(|&(event, _)| event)
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// True if there is no event.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// A price in cents from random bits. `libm` is the same on every platform.
fn price(bits: u64) -> u32 {
    let even = (bits >> 11) as f64 / (1u64 << 53) as f64;
    libm::round(libm::exp10(even * 6.0) * 100.0) as u32
}

fn letters(state: &str) -> [u8; 2] {
    match state.as_bytes() {
        &[first, second] => [first, second],
        _ => [b'?'; 2],
    }
}

/// The size of an event: 8 bytes per number and instant, and its strings.
fn wire_bytes(event: &Event) -> u16 {
    let bytes = match event {
        Event::Person(p) => {
            let name = p.name.len() + p.email_address.len() + p.credit_card.len();
            2 * 8 + name + p.city.len() + p.state.len() + p.extra.len()
        }
        Event::Auction(a) => 7 * 8 + a.item_name.len() + a.description.len() + a.extra.len(),
        Event::Bid(b) => 4 * 8 + b.channel.len() + b.url.len() + b.extra.len(),
    };
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// An offset is the index of an event within its split.
struct Auctions {
    events: Arc<NexmarkEvents>,
    splits: u32,
    period: Time,
}

impl Auctions {
    fn number(&self, split: u32, offset: u64) -> u64 {
        offset * u64::from(self.splits) + u64::from(split)
    }
}

impl Input for Auctions {
    fn splits(&self) -> u32 {
        self.splits
    }

    fn start(&self, _split: u32) -> u64 {
        0
    }

    fn read(&self, split: u32, offset: u64) -> Option<Entry> {
        let number = self.number(split, offset);
        let &(_, size) = self.events.events.get(number as usize)?;
        let stagger = u64::from(split) * self.period / u64::from(self.splits);
        let record = Record {
            lineage: 0,
            key: 0,
            value: number as i64,
            event_time: offset * self.period + stagger,
            size: size.into(),
        };
        Some(Entry { record, next: offset + 1 })
    }

    fn behind(&self, split: u32, offset: u64) -> u64 {
        let words = match self.events.get(self.number(split, offset) as i64) {
            Some(NexmarkEvent::Person { id, state }) => [1, id, u64::from(u16::from_be_bytes(state)), 0],
            Some(NexmarkEvent::Auction { id, seller, category }) => [2, id, seller, u64::from(category)],
            Some(NexmarkEvent::Bid { auction, bidder, price }) => [3, auction, bidder, u64::from(price)],
            None => [0; 4],
        };
        words.into_iter().fold(0, |hash, word| mix(hash.wrapping_add(word).wrapping_add(1)))
    }

    fn describe(&self, split: u32, offset: u64) -> String {
        let number = self.number(split, offset);
        match self.events.get(number as i64) {
            Some(event) => format!("NexMark event {number}: {event:?}"),
            None => format!("NexMark event {number}, which does not exist"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kind, records};
    use super::*;

    #[test]
    fn fifty_events_are_one_person_three_auctions_and_bids() {
        let events = NexmarkEvents::generate(1, 5000);
        let mut new = (FIRST_NEW, FIRST_NEW);
        for n in 0..5000 {
            match (n % 50, events.get(n).expect("an event")) {
                (0, NexmarkEvent::Person { id, state }) => {
                    assert_eq!(id, new.0);
                    assert!(state.iter().all(u8::is_ascii_lowercase));
                    new.0 += 1;
                }
                (1..=3, NexmarkEvent::Auction { id, seller, category }) => {
                    assert_eq!(id, new.1);
                    assert!((1000..new.0 + 10).contains(&seller), "{seller}");
                    assert!((10..15).contains(&category));
                    new.1 += 1;
                }
                (4..=49, NexmarkEvent::Bid { auction, bidder, price }) => {
                    assert!((1000..new.1 + 10).contains(&auction), "{auction}");
                    assert!((1000..new.0 + 10).contains(&bidder), "{bidder}");
                    assert!((100..=100_000_000).contains(&price));
                }
                (_, event) => panic!("event {n} is {event:?}"),
            }
        }
    }

    #[test]
    fn seeds_differ_and_repeat() {
        assert_eq!(NexmarkEvents::generate(1, 500), NexmarkEvents::generate(1, 500));
        assert_ne!(NexmarkEvents::generate(1, 500), NexmarkEvents::generate(2, 500));
    }

    #[test]
    fn event_times_grow_with_the_event_number() {
        let nexmark = kind("nexmark = { events = 100, rate = \"1000/s\", splits = 3 }");
        let input = nexmark.build(1, &mut Texts::default()).expect("an input").input;
        let mut all: Vec<Record> = (0..3).flat_map(|split| records(&*input, split)).collect();
        all.sort_by_key(|record| record.value);
        assert!(all.iter().map(|record| record.value).eq(0..100));
        assert!(all.is_sorted_by_key(|record| record.event_time));
        assert!(all.iter().all(|record| (50..2000).contains(&record.size)));
        assert_eq!(all[99].event_time, 33_000_000);
    }
}
