//! The atomics of this project.
//!
//! Everything that synchronises imports from here, so that a model checker's atomics can take their place in
//! one line and explore the interleavings of the code that ships.

pub use core::sync::atomic::*;
