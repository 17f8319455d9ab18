//! cutline-algorithms
