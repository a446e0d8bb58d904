#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

mod chain;
mod error;

pub use chain::{GracePeriod, Iter, Key, Node, Owner, ReadSide, Removed, Table, WriteSide};
pub use error::InsertError;
