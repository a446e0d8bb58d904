//! Writes the Kbuild rules for a kernel module's cargo graph.

fn main() {}
