//! How a run of a guest ended, as an exit code and as one line for people.

use std::path::Path;

use crate::symbols;
use crate::watch::Panic;
use crate::workspace::Workspace;

/// Exit code: time ran out (as `timeout` has it).
pub const EXIT_TIMEOUT: u8 = 124;
/// Exit code: xtask itself failed, or the emulator did.
pub const EXIT_TROUBLE: u8 = 125;

/// How a run of a guest ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The guest powered off with this status, or the person left the emulator (0).
    Status(u8),
    /// The console said what `--expect` was waiting for.
    Matched,
    /// The kernel panicked.
    Panicked(Panic),
    /// The kernel refused to start and said why.
    Refused,
    /// Time ran out.
    TimedOut,
    /// The guest ended before the console said what `--expect` was waiting for.
    NeverMatched,
    /// The emulator did not run the guest, or died.
    Emulator(String),
}

impl Outcome {
    /// Returns the exit code that tells it.
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

    /// Says it on standard error where the exit code alone would leave one guessing.
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
