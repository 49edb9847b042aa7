//! The `log` crate's messages, as lines on the console. Errors and warnings only: what a driver
//! says to its developer is not for the terminal.

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

/// Sends messages to the console from now on.
pub fn initialize() {
    // Fails only when there is a logger already.
    if log::set_logger(&Console).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
