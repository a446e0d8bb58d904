//! The decoder against iced-x86, with every disagreement explained.

mod compare;
mod explain;

mod opcodes;
mod oracle;
mod random;
