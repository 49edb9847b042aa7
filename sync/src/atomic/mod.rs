//! The atomics of this project.
//!
//! Everything that synchronises imports from here, so that a model checker's atomics can take their
//! place and explore the interleavings of the code that ships. A `--cfg` in RUSTFLAGS chooses:
//!
//! - none: those of `core`;
//! - `loom`: loom's, which know weak memory and are explored exhaustively, for the small pieces.
//!   They have neither the layout of a number nor constant constructors, hence [`AtomicWord`] and
//!   `constant!`;
//! - `shuttle`: those of `core` behind a scheduling point each, for whole operations at random.

#[cfg(not(any(loom, shuttle)))]
mod chosen {
    pub use core::hint::spin_loop;
    pub use core::sync::atomic::*;

    pub use self::AtomicU64 as AtomicWord;
}

#[cfg(loom)]
mod chosen {
    pub use core::sync::atomic::AtomicU64 as AtomicWord;

    pub use loom::hint::spin_loop;
    pub use loom::sync::atomic::*;
}

#[cfg(shuttle)]
#[path = "shuttle.rs"]
mod chosen;

/// A word of memory that others reach as a plain number (page tables, which the hardware walks): in
/// every build it has the layout of a `u64`, so loom does not see it.
pub use chosen::AtomicWord;
#[doc(no_inline)]
pub use chosen::*;

/// Makes a constructor constant, but for loom, whose atomics come into being at run time.
macro_rules! constant {
    ($(#[$attribute:meta])* $visibility:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attribute])*
        $visibility const fn $($rest)*

        #[cfg(loom)]
        $(#[$attribute])*
        $visibility fn $($rest)*
    };
}

pub(crate) use constant;
