//! Virtual time: integer nanoseconds since the start of the run. Nothing here reads a clock.

/// An instant or a span of virtual time in nanoseconds. A run may last 2^63 ns (292 years); [`NEVER`] lies beyond it.
pub type Time = u64;

/// Later than every instant of a run.
pub const NEVER: Time = u64::MAX;

/// The longest that anything takes (36 years): what would take longer takes this long. A size over a bandwidth, a cost
/// times a factor are cut to it, so the present instant plus a few spans always fits into 64 bits.
pub const FAR: Time = 1 << 60;

/// One microsecond in nanoseconds.
pub const MICROSECOND: Time = 1_000;
/// One millisecond in nanoseconds.
pub const MILLISECOND: Time = 1_000_000;
/// One second in nanoseconds.
pub const SECOND: Time = 1_000_000_000;
