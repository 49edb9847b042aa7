//! Properties of an architecture: what its TLBs may keep, and what its walks write to the tables.
//!
//! Both architectures are simulated at their worst: upper levels are kept apart from leaves, old
//! entries stay beside new ones, and a fence of one page keeps all other entries and the upper
//! levels. The constants state the differences.

use mm::pt::{Format, Sv39, X86_64};

/// An architecture, by the format of its entries.
pub trait Isa: Format {
    /// Whether a TLB may keep that an entry was not present (RISC-V privileged specification,
    /// section 12.2.1). A page that was mapped since then faults until a fence.
    const REMEMBERS_ABSENCE: bool;
    /// Whether a fault removes the entries that led to it (Intel SDM volume 3, section 4.10.4.1).
    const FORGETS_AT_FAULTS: bool;
    /// Whether the hardware sets the accessed and dirty bits itself. Otherwise it faults when they
    /// are clear.
    const NOTES_USE: bool;
    /// Whether upper entries have a right to write, which all pages below need too.
    const UPPER_RIGHTS: bool;
}

impl Isa for Sv39 {
    const REMEMBERS_ABSENCE: bool = true;
    const FORGETS_AT_FAULTS: bool = false;
    const NOTES_USE: bool = false;
    const UPPER_RIGHTS: bool = false;
}

impl Isa for X86_64 {
    const REMEMBERS_ABSENCE: bool = false;
    const FORGETS_AT_FAULTS: bool = true;
    const NOTES_USE: bool = true;
    const UPPER_RIGHTS: bool = true;
}
