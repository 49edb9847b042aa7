//! The outcome of a run of a guest, as an exit code and as one line of text.

use std::path::Path;

use crate::symbols;
use crate::watch::Panic;
use crate::workspace::Workspace;

/// Exit code: the time limit was reached (124, as with `timeout`).
pub const EXIT_TIMEOUT: u8 = 124;
/// Exit code: xtask itself or the emulator failed.
pub const EXIT_TROUBLE: u8 = 125;

/// How a run of a guest ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The guest powered off with this status, or the user left the emulator (0).
    Status(u8),
    /// The console matched the pattern of `--expect`.
    Matched,
    /// The kernel panicked.
    Panicked(Panic),
    /// The kernel refused to start and said why.
    Refused,
    /// The time limit was reached.
    TimedOut,
    /// The guest ended before the console matched the pattern of `--expect`.
    NeverMatched,
    /// The emulator did not run the guest, or died.
    Emulator(String),
}

impl Outcome {
    /// Returns the exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Status(status) => *status,
            Self::Matched => 0,
            Self::Panicked(_) => abi::EXIT_PANIC,
            Self::Refused => abi::EXIT_NO_BOOT,
            Self::TimedOut => EXIT_TIMEOUT,
            Self::NeverMatched => 1,
            Self::Emulator(_) => EXIT_TROUBLE,
        }
    }

    /// Prints the outcome on standard error if the exit code alone does not explain it.
    pub fn report(&self, workspace: &Workspace, kernel: &Path) {
        match self {
            Self::Status(_) | Self::Matched => {}
            Self::Panicked(panic) => {
                eprintln!("xtask: the kernel panicked: {}", panic.message);
                for line in symbols::backtrace(workspace, kernel, &panic.backtrace) {
                    eprintln!("{line}");
                }
            }
            Self::Refused => eprintln!("xtask: the kernel refused to start"),
            Self::TimedOut => eprintln!("xtask: time ran out; the guest was stopped"),
            Self::NeverMatched => {
                eprintln!("xtask: the guest was done before its output matched --expect");
            }
            Self::Emulator(said) => eprintln!("xtask: the emulator failed: {said}"),
        }
    }
}
