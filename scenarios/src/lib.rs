//! cutline-scenarios
