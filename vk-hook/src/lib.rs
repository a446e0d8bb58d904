#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

mod backend;
mod error;
mod group;
pub mod insn;
pub mod plan;

pub use backend::{Backend, HookId, Sleeper, State};
pub use error::{ArmError, DisarmError};
pub use group::{Armed, Draining, Group, Planned};
pub use plan::{Plan, Refusal};
