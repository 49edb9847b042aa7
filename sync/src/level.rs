//! The lock order of the whole system, outermost first. A lock may be taken only while all locks
//! held are of lower rank.
//!
//! Sleep locks come before spin locks, because a thread must not sleep while other harts spin for
//! its lock. The address space comes before the file system. A copy from or to user memory takes
//! the space when it faults, so no such copy can happen under the file system's lock (rule R9).

/// A place in the lock order.
pub trait Level {
    /// The position in the order; a lower rank is further out.
    const RANK: u8;
}

/// The lowest rank of a spin lock. A thread that holds one must not sleep.
pub const FIRST_SPIN: u8 = 100;

macro_rules! levels {
    ($($rank:literal $name:ident $meaning:literal;)*) => {
        $(#[doc = $meaning]
        pub struct $name;
        impl Level for $name {
            const RANK: u8 = $rank;
        })*
    };
}

levels! {
    0 Nothing "No lock is held.";
    5 Standstill "The gate before making, moving or ending an address space (sleep).";
    7 Reclaim "The choice of what is evicted next (sleep).";
    10 Space "An address space (sleep).";
    20 Offset "The offset of an open file (sleep).";
    30 Files "The file system (sleep).";
    40 Turn "A side of a pipe, or the console: the turn of those who wait there (sleep).";
    99 Sleeping "Any sleep lock may be held, no spin lock is: where an interrupt finds the kernel.";
    100 Processes "The tree of processes.";
    110 Object "The inside of one kernel object: a pipe, a descriptor table.";
    120 Terminal "The line the console is editing.";
    130 Waiters "A bucket of waiting threads.";
    140 RunQueue "The threads that are ready.";
    150 Device "A device's queue.";
}
