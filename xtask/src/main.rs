//! The vKernel developer's command.

fn main() {}
