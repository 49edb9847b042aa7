//! The numbers of the interrupts.
//!
//! The upper four bits of a number are the interrupt's priority, which this kernel does not use.

/// The first number that is not an exception's.
pub(super) const FIRST: u64 = 32;
/// The number by which programs of older courses make system calls.
pub(super) const SYSTEM_CALL: u64 = 0x40;
/// The serial line.
pub(super) const SERIAL: u8 = 0x50;
/// The first disk; the others follow.
pub(super) const DISKS: u8 = 0x51;
/// The local timer.
pub(super) const TIMER: u8 = 0xe0;
/// Sent to make a hart look for work, a panic, or a request to park.
pub(super) const RESCHEDULE: u8 = 0xe1;
/// Sent to make a hart serve requests for a flush.
pub(super) const FENCE: u8 = 0xe2;
/// Raised by a local interrupt controller when an interrupt has gone away.
pub(super) const SPURIOUS: u8 = 0xff;
