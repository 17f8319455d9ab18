//! Tasks driven by hand.
