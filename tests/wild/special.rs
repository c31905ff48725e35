//! Guests that are wild in one way each.
