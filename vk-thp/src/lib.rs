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
mod policy;
mod request;
mod switch;
mod sysfs;
mod thp_disable;
mod vma;

pub use asker::Asker;
pub use decision::decide;
pub use defrag::Defrag;
pub use effort::{Effort, GfpBits};
pub use enabled::Enabled;
pub use error::ParseError;
pub use order_mode::OrderMode;
pub use orders::{Orders, PMD_ORDER};
pub use policy::Policy;
pub use request::Request;
pub use switch::Switch;
pub use thp_disable::ThpDisable;
pub use vma::VmaFlags;
