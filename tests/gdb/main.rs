//! Debugging: where machines stop and what they then are, what a client of the protocol gets, and
//! sessions of GDB itself.

#[path = "../common/mod.rs"]
mod common;

mod attach;
mod backwards;
mod client;
mod protocol;
mod stops;
mod tools;
