//! The parts of the reference module that know no kernel: keys, policies, the control protocol.
//!
//! `src/vkernel.rs` is the root that Kbuild compiles; it composes these with the vk crates.

#![no_std]
#![forbid(unsafe_code)]

mod claim;
mod comm;
mod effective;
mod errno;
mod event;
mod greatest;
mod key;
mod own;
mod places;
mod recent;
mod refusal;
mod request;
mod ring;
mod served;
mod strictest;
mod widest;

pub use claim::{Claim, Claimant};
pub use comm::Comm;
pub use effective::{Effective, Source};
pub use errno::Errno;
pub use event::{Event, Shown, Why, Writer};
pub use key::{Field, Key, Setting};
pub use own::Own;
pub use places::Places;
pub use recent::Recent;
pub use refusal::{Refusal, What};
pub use request::{Line, Lines, Request, Target, Verb, REQUEST_MAX};
pub use ring::{Cursor, Ring, Told};
pub use served::{features, parameter_of, served_by, SERVED};
pub use strictest::Strictest;
pub use widest::Widest;
