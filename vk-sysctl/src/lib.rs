#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod audit;
mod burst;
mod change;
mod ctype;
mod entry;
mod error;
mod integer;
mod key;
mod namespaced;
mod read;
mod rule;
mod rules;
mod space;
mod standing;
mod strict;
mod table;
mod unsupported;
mod value;
mod values;
mod write;

pub use audit::{Audit, Event};
pub use burst::Burst;
pub use change::{Change, Refusal, Refused};
pub use ctype::CType;
pub use entry::{Capability, Enforcer, Entry, Exactness, Place, Scope, Unit};
pub use error::ParseError;
pub use key::Key;
pub use namespaced::{Namespace, Namespaced, Shape, NAMESPACED};
pub use read::{read_text, Read};
pub use rule::{judge_write, Denied, HostWrites, Inside, Rule, Target};
pub use rules::Rules;
pub use standing::Standing;
pub use strict::{Exceed, Order, TooLax};
pub use table::TABLE;
pub use unsupported::{Unsupported, UNSUPPORTED};
pub use value::Value;
pub use values::Values;
pub use write::{Parsed, Writes};
