//! The benchmarks of Cutline.
