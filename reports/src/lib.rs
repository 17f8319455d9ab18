//! cutline-reports
