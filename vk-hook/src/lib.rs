#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

mod backend;
mod detour;
mod error;
mod group;
pub mod insn;
pub mod plan;
mod text;

pub use backend::{Backend, HookId, Sleeper, State};
pub use detour::{Cause, DetourError, Form};
pub use error::{ArmError, DisarmError};
pub use group::{Armed, Draining, Group, Planned};
pub use plan::{Plan, Refusal};
pub use text::{Detour, Text};
