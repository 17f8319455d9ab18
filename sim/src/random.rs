//! Randomness: one named stream per concern, so that a draw added in one never shifts another.
//!
//! A ChaCha generator is 304 bytes, too much for each of a million channels. So there are two forms: [`stream`] gives
//! the generator of a concern, from which plans and keys are drawn when a world is made, and [`draw`] is a counter hash
//! keyed from such a stream: the n-th draw of a channel is a pure function of its key and n. Everything is integer
//! arithmetic, the same on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a random draw is for. The numbers are part of every seed's meaning: never change or reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// The content of generated input.
    Input = 1,
    /// Latency of data channels.
    Latency = 2,
    /// Latency of control messages.
    Control = 3,
    /// Service times.
    Service = 4,
    /// The fault plan.
    Faults = 5,
    /// The fate of single messages under a message fault.
    MessageFaults = 6,
    /// Which writes to the store fail.
    Store = 7,
    /// How late the timers of strategies are.
    Timers = 8,
    /// Which requests for commit fail, and how.
    Commits = 9,
    /// Which process of a real cluster is killed, and when.
    Kills = 10,
}

/// The generator of one concern under one seed.
pub fn stream(seed: u64, concern: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(concern as u64);
    rng.set_word_pos(0);
    rng
}

/// The key of one concern under one seed, for [`draw`].
pub fn key(seed: u64, concern: Stream) -> u64 {
    stream(seed, concern).next_u64()
}

/// Scrambles 64 bits: a bijection in which every input bit reaches every output bit.
#[inline]
pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

/// The n-th draw of the sequence that belongs to a key.
#[inline]
pub fn draw(key: u64, n: u64) -> u64 {
    mix(key ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Maps 64 random bits to `0..n`; 0 when n is 0. The bias is below n / 2^64.
#[inline]
pub fn below(bits: u64, n: u64) -> u64 {
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

/// A number from `0..n` drawn from a generator; 0 when n is 0.
pub fn pick(rng: &mut ChaCha8Rng, n: u64) -> u64 {
    below(rng.next_u64(), n)
}

/// True in `per_mille` of 1000 draws.
pub fn chance(rng: &mut ChaCha8Rng, per_mille: u32) -> bool {
    pick(rng, 1000) < u64::from(per_mille)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        assert_eq!(key(7, Stream::Input), key(7, Stream::Input));
        assert_ne!(key(7, Stream::Input), key(7, Stream::Latency));
        assert_ne!(key(7, Stream::Input), key(8, Stream::Input));
    }

    #[test]
    fn the_same_seed_gives_these_numbers_for_ever() {
        assert_eq!(key(7, Stream::Faults), 12716886768273581270);
        assert_eq!(mix(1), 4717996019076358352);
    }

    #[test]
    fn below_covers_its_range_evenly() {
        let mut seen = [0u32; 5];
        for n in 0..50_000 {
            seen[below(draw(42, n), 5) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (9_500..10_500).contains(&count)), "{seen:?}");
    }
}
