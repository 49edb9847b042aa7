//! What the TLBs of an architecture may remember, and what its walks do to the tables.
//!
//! Both architectures are simulated at their worst: upper levels are remembered apart from leaves,
//! old entries live on beside new ones, and a fence of one page leaves all others and the upper
//! levels alone. They differ in what is not there.

use mm::pt::{Format, Sv39, X86_64};

/// An architecture, by the format of its entries.
pub trait Isa: Format {
    /// Whether a hart may remember that an entry was not present (RISC-V privileged specification,
    /// section 12.2.1), so that what has come to be there since goes on faulting until a fence.
    const REMEMBERS_ABSENCE: bool;
    /// Whether a fault makes the hart forget what led to it (Intel SDM volume 3, section 4.10.4.1).
    const FORGETS_AT_FAULTS: bool;
    /// Whether the hart itself notes in an entry that a page was used or written, rather than
    /// fault.
    const NOTES_USE: bool;
}

impl Isa for Sv39 {
    const REMEMBERS_ABSENCE: bool = true;
    const FORGETS_AT_FAULTS: bool = false;
    const NOTES_USE: bool = false;
}

impl Isa for X86_64 {
    const REMEMBERS_ABSENCE: bool = false;
    const FORGETS_AT_FAULTS: bool = true;
    const NOTES_USE: bool = true;
}
