#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

mod atomic;
mod chain;
mod climb;
mod error;
mod key;

pub use chain::{GracePeriod, Iter, Node, Owner, ReadSide, Removed, Table, WriteSide, CHAIN_MAX};
pub use error::InsertError;
pub use key::{Key, Nested};
