//! A sign of progress during work that takes long.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner with the seconds since it started. It shows only on a terminal, and vanishes on drop.
pub struct Spinner(ProgressBar);

/// Starts a spinner.
pub fn spinner(message: impl Into<String>) -> Spinner {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_message(message.into());
    bar.enable_steady_tick(Duration::from_millis(120));
    Spinner(bar)
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
