//! The slow, obviously right arithmetic that the tests compare with.
