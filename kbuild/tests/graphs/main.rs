//! Rules for small graphs, each written to a temporary directory by its test.

mod command;
mod features;
mod refusals;
mod rules;
mod tree;
