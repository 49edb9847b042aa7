//! Messages of the `log` crate, as lines on the console. Only errors and warnings are shown; the
//! rest is for the developers of a driver.

use log::{LevelFilter, Log, Metadata, Record};

use crate::println;

struct Console;

impl Log for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = if record.level() == log::Level::Error {
                "error"
            } else {
                "warning"
            };
            println!("{level}: {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// Shows messages on the console from now on.
pub fn initialize() {
    // Fails only if another logger is installed.
    if log::set_logger(&Console).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
