#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod asker;
mod decision;
mod defrag;
mod effort;
mod enabled;
mod error;
mod key;
mod order_mode;
mod orders;
mod outcome;
mod policy;
mod request;
mod shmem_enabled;
mod shmem_order_mode;
mod shmem_orders;
mod shmem_policy;
mod shmem_request;
mod switch;
mod sysfs;
mod tally;
mod thp_disable;
mod value;
mod values;
mod vma;
mod vote;

pub use asker::Asker;
pub use decision::decide;
pub use defrag::Defrag;
pub use effort::{Effort, GfpBits};
pub use enabled::Enabled;
pub use error::ParseError;
pub use key::Key;
pub use order_mode::OrderMode;
pub use orders::{Orders, PMD_ORDER};
pub use outcome::Outcome;
pub use policy::Policy;
pub use request::Request;
pub use shmem_enabled::ShmemEnabled;
pub use shmem_order_mode::ShmemOrderMode;
pub use shmem_orders::ShmemOrders;
pub use shmem_policy::ShmemPolicy;
pub use shmem_request::{ShmemMount, ShmemRequest, ShmemVma, TmpfsHuge};
pub use switch::Switch;
pub use tally::Tally;
pub use thp_disable::ThpDisable;
pub use value::Value;
pub use values::Values;
pub use vma::VmaFlags;
pub use vote::Vote;
