//! The `mirrorball` program.

fn main() {}
