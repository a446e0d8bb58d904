//! Shows and sets the memory policies of containers.

fn main() {}
