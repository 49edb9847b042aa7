//! The key to every thread's part of the schedule.

use sync::Key;

/// Opens the places of all threads; kept in the schedule, under the scheduler's lock.
pub struct ScheduleKey(());

impl ScheduleKey {
    /// Returns the key.
    ///
    /// # Safety
    /// Called once, for the one schedule.
    pub(super) const unsafe fn new() -> Self {
        Self(())
    }
}

// SAFETY: the field is private, and `new` is called once (its contract).
unsafe impl Key for ScheduleKey {}
