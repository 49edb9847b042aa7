//! The host: a test thread has no interrupts.

/// Answers that interrupts were off.
pub fn disable() -> bool {
    false
}

/// Does nothing.
pub fn enable() {}
