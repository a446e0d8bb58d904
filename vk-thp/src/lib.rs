#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod asker;
mod decision;
mod defrag;
mod effort;
mod enabled;
mod error;
mod order_mode;
mod orders;
mod switch;
mod sysfs;
mod vma;

pub use asker::Asker;
pub use decision::decide;
pub use defrag::Defrag;
pub use effort::{Effort, GfpBits};
pub use enabled::Enabled;
pub use error::ParseError;
pub use order_mode::OrderMode;
pub use orders::{Orders, PMD_ORDER};
pub use switch::Switch;
pub use vma::VmaFlags;
