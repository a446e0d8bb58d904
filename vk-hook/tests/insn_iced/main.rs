//! The decoder against iced-x86, with every disagreement explained.

mod explain;

mod opcodes;
mod oracle;
mod random;
