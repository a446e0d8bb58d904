#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod entry;
mod error;
mod integer;
mod key;
mod read;
mod space;
mod value;
mod values;
mod write;

pub use entry::{CType, Enforcer, Entry, Unit, TABLE};
pub use error::ParseError;
pub use key::Key;
pub use read::{read_text, Read};
pub use value::Value;
pub use values::Values;
pub use write::Parsed;
