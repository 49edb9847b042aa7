//! The outcome of a run of a guest, as an exit code and as one line of text.

use std::path::Path;

use abi::{EXIT_NO_BOOT, EXIT_PANIC};

use crate::symbols;
use crate::workspace::Workspace;

/// Exit code: the time limit was reached (124, as with `timeout`).
pub const EXIT_TIMEOUT: u8 = 124;
/// Exit code: xtask itself or the emulator failed.
pub const EXIT_TROUBLE: u8 = 125;

/// The message of a panicking kernel.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Panic {
    /// The message, with file and line.
    pub message: String,
    /// The return addresses, innermost first.
    pub backtrace: Vec<u64>,
}

impl Panic {
    /// Finds a panic in console output.
    pub fn find(console: &str) -> Option<Self> {
        let mut lines = console.lines().skip_while(|line| !line.contains("PANIC: "));
        let (_, message) = lines.next()?.split_once("PANIC: ")?;
        let backtrace = lines
            .filter_map(|line| line.trim().strip_prefix("backtrace: 0x"))
            .filter_map(|digits| u64::from_str_radix(digits.trim(), 16).ok())
            .collect();
        Some(Self {
            message: message.trim_end().to_owned(),
            backtrace,
        })
    }
}

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
    /// Returns the outcome that the emulator's exit code and the console show together.
    pub fn of(code: Option<u8>, console: &str, emulator_said: &str) -> Self {
        // The emulator's own failures end with 1 too, but before the firmware has printed anything.
        match code {
            None => Self::Emulator(format!("it was killed. {}", emulator_said.trim())),
            Some(code) if code != 0 && console.is_empty() => {
                Self::Emulator(emulator_said.trim().to_owned())
            }
            Some(EXIT_PANIC) => Self::Panicked(Panic::find(console).unwrap_or_default()),
            Some(EXIT_NO_BOOT) => Self::Refused,
            Some(code) => Self::Status(code),
        }
    }

    /// Returns the exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Status(status) => *status,
            Self::Matched => 0,
            Self::Panicked(_) => EXIT_PANIC,
            Self::Refused => EXIT_NO_BOOT,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_read_from_the_console() {
        let console = "Cowslip\r\nhart 1 PANIC: bad count at mm/src/frame.rs:7\r\n  \
                       backtrace: 0xffffffc080200abc\r\n  backtrace: 0xffffffc080200010\r\n";
        let panic = Panic::find(console).expect("there is one");
        assert_eq!(panic.message, "bad count at mm/src/frame.rs:7");
        assert_eq!(
            panic.backtrace,
            [0xffff_ffc0_8020_0abc, 0xffff_ffc0_8020_0010]
        );
        assert_eq!(Panic::find("all is well"), None);
    }

    #[test]
    fn exit_codes_are_told_apart() {
        assert_eq!(Outcome::of(Some(0), "", ""), Outcome::Status(0));
        assert_eq!(Outcome::of(Some(1), "$ ", ""), Outcome::Status(1));
        assert_eq!(
            Outcome::of(Some(1), "", "bad option\n"),
            Outcome::Emulator("bad option".into())
        );
        assert_eq!(Outcome::of(Some(122), "x", ""), Outcome::Refused);
        assert_eq!(Outcome::of(Some(121), "PANIC: x\n", "").exit_code(), 121);
        assert_eq!(Outcome::of(None, "x", "").exit_code(), 125);
    }
}
