//! What xtask and its guest program both know: the request, the report, the kernel log, verdicts on hooks.

#![forbid(unsafe_code)]

pub mod call_cost;
pub mod kernel_log;
pub mod measurement;
pub mod protocol;
pub mod request;
pub mod selftest;
pub mod verdict;
