//! Boards.
pub mod malta;
