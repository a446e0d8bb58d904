#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod asker;
mod decision;
mod enabled;
mod error;
mod order_mode;
mod orders;
mod sysfs;
mod vma;

pub use asker::Asker;
pub use decision::decide;
pub use enabled::Enabled;
pub use error::ParseError;
pub use order_mode::OrderMode;
pub use orders::{Orders, PMD_ORDER};
pub use vma::VmaFlags;
