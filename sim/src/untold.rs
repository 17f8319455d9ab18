//! What a state has beside itself.

use std::hash::{Hash, Hasher};

/// Something that a hash leaves out: what only tells how a state has come to be as it is, and counts that are names and mean nothing but
/// an order, which stands elsewhere. States that differ in nothing else are one; where draws go by such counts, see
/// [`World::hash_counts`](crate::world::World::hash_counts).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Untold<T>(pub T);

impl<T> Hash for Untold<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
