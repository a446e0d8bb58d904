#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod account;
mod backoff;
mod error;
mod judgement;
mod limit;
mod memory;
mod mode;
mod nested;
mod policy;
mod promise;
mod request;
mod reserves;
mod tally;

pub use account::{Account, Charge, Recount};
pub use backoff::Backoff;
pub use error::Refusal;
pub use judgement::{allowed_pages, judge, least_allowed_pages};
pub use limit::commit_limit_pages;
pub use memory::{Memory, UNLIMITED};
pub use mode::Mode;
pub use nested::{Charges, LEVELS};
pub use policy::Policy;
pub use promise::{check_promise, Overpromise, Promises};
pub use request::Request;
pub use reserves::Reserves;
