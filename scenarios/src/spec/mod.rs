//! Scenario files: the format, its errors, overrides from the command line, and the way to a job graph and a
//! configuration.

pub mod build;
mod document;
mod does;
pub mod error;
pub mod life;
pub(crate) mod load;
pub mod names;
pub mod schema;
mod set;
#[cfg(test)]
mod tests;

pub use crate::inputs::InputKind;
pub use crate::operators::OperatorKind;
pub use build::Catalogue;
pub use document::Document;
pub use does::Does;
pub use error::{Rendering, ScenarioError};
pub use load::{Scenario, load};
pub use schema::ScenarioSpec;
