#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod build_script;
mod cargo;
mod error;
mod features;
mod graph;
mod path;
mod render;
mod rules;
mod table;

pub use error::Error;
pub use rules::Rules;
