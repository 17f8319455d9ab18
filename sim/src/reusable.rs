//! Values that are cloned into used ones: the parts of a world.

/// Defines a struct whose `clone_from` goes field by field, so that a used value keeps its memory; a derived `Clone` would
/// allocate anew. Both methods are made from the definition itself, so no field can be forgotten.
///
/// ```
/// cutline_sim::reusable! {
///     /// A part of a world.
///     #[derive(Debug, PartialEq)]
///     pub struct Part {
///         /// What it holds.
///         pub items: Vec<u64>,
///     }
/// }
/// let mut used = Part { items: Vec::with_capacity(100) };
/// used.clone_from(&Part { items: vec![1] });
/// assert_eq!(used, Part { items: vec![1] });
/// assert!(used.items.capacity() >= 100);
/// ```
#[macro_export]
macro_rules! reusable {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)? }
    ) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl Clone for $name {
            fn clone(&self) -> Self {
                $name { $($field: self.$field.clone()),* }
            }

            fn clone_from(&mut self, from: &Self) {
                $(self.$field.clone_from(&from.$field);)*
            }
        }
    };
}
