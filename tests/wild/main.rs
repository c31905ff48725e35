//! Guests that no sane kernel resembles: whatever they do, the machine neither panics nor hangs,
//! and translated code ends in the state that the interpreter ends in.

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod guest;
mod seeds;
mod special;
