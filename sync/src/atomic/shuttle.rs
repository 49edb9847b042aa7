//! Core's atomics, each of whose operations is preceded by a scheduling point of shuttle.
//!
//! Shuttle's own are larger than the numbers they hold; these have their layout, so page tables and
//! frame records stay what they are. Like shuttle's they know sequential consistency only:
//! orderings are loom's business.

use core::sync::atomic;

pub use core::sync::atomic::{Ordering, fence};
pub use shuttle::hint::spin_loop;
use shuttle_engine::runtime::thread::switch;

pub use self::AtomicU64 as AtomicWord;

/// One operation: another thread may run before it, none during it.
macro_rules! operations {
    ($value:ty: $($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        $(
            /// As in `core`.
            pub fn $name(&self, $($argument: $kind),*) -> $result {
                switch();
                self.0.$name($($argument),*)
            }
        )*
    };
}

macro_rules! atomics {
    ($($name:ident of $value:ty;)*) => {
        $(
            /// As in `core`.
            #[derive(Debug)]
            #[repr(transparent)]
            pub struct $name(atomic::$name);

            impl $name {
                /// As in `core`.
                pub const fn new(value: $value) -> Self {
                    Self(atomic::$name::new(value))
                }

                operations! { $value:
                    load(order: Ordering) -> $value;
                    store(value: $value, order: Ordering) -> ();
                    swap(value: $value, order: Ordering) -> $value;
                    compare_exchange(
                        current: $value, new: $value, success: Ordering, failure: Ordering
                    ) -> Result<$value, $value>;
                    fetch_and(value: $value, order: Ordering) -> $value;
                    fetch_or(value: $value, order: Ordering) -> $value;
                }
            }
        )*
    };
}

macro_rules! numbers {
    ($($name:ident of $value:ty;)*) => {
        atomics! { $($name of $value;)* }
        $(
            impl $name {
                operations! { $value:
                    fetch_add(value: $value, order: Ordering) -> $value;
                    fetch_sub(value: $value, order: Ordering) -> $value;
                    fetch_max(value: $value, order: Ordering) -> $value;
                }

                /// As in `core`: a load and a conditional store, and others may run in between.
                pub fn fetch_update(
                    &self,
                    success: Ordering,
                    failure: Ordering,
                    mut update: impl FnMut($value) -> Option<$value>,
                ) -> Result<$value, $value> {
                    let mut before = self.load(failure);
                    while let Some(new) = update(before) {
                        match self.compare_exchange(before, new, success, failure) {
                            Ok(before) => return Ok(before),
                            Err(changed) => before = changed,
                        }
                    }
                    Err(before)
                }
            }
        )*
    };
}

atomics! {
    AtomicBool of bool;
}

numbers! {
    AtomicU8 of u8;
    AtomicU16 of u16;
    AtomicU32 of u32;
    AtomicU64 of u64;
    AtomicUsize of usize;
    AtomicI64 of i64;
}
