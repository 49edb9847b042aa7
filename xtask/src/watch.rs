//! What a console's output shows: the part for the user, and the kernel's own words about its end.
//!
//! The firmware prints forty lines before the kernel. They are shown only if the kernel does not
//! follow.

use abi::{EXIT_NO_BOOT, EXIT_PANIC};

use crate::outcome::Outcome;

/// The beginnings of the kernel's first line.
const GREETINGS: [&[u8]; 3] = [b"Cowslip ", b"cannot start: ", b"PANIC: "];

/// Console output, held back until the kernel prints.
#[derive(Default)]
pub struct Curtain {
    held: Vec<u8>,
    open: bool,
}

impl Curtain {
    /// Takes the next output. Returns what is to be shown.
    pub fn pass(&mut self, output: &[u8]) -> Vec<u8> {
        if self.open {
            return output.to_vec();
        }
        self.held.extend_from_slice(output);
        match first_greeting(&self.held) {
            Some(at) => {
                self.open = true;
                self.held.split_off(at)
            }
            None => Vec::new(),
        }
    }

    /// Returns the output that was still held back at the end.
    pub fn lift(self) -> Vec<u8> {
        if self.open { Vec::new() } else { self.held }
    }
}

fn first_greeting(text: &[u8]) -> Option<usize> {
    let starts = std::iter::once(0).chain(
        text.iter()
            .enumerate()
            .filter(|&(_, &byte)| byte == b'\n')
            .map(|(at, _)| at + 1),
    );
    starts.into_iter().find(|&at| {
        GREETINGS
            .iter()
            .any(|greeting| text[at..].starts_with(greeting))
    })
}

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

/// Returns the outcome that the emulator's exit code and the console show together.
pub fn outcome(code: Option<u8>, console: &str, emulator_said: &str) -> Outcome {
    // The emulator's own failures end with 1 too, but before the firmware has printed anything.
    match code {
        None => Outcome::Emulator(format!("it was killed. {}", emulator_said.trim())),
        Some(code) if code != 0 && console.is_empty() => {
            Outcome::Emulator(emulator_said.trim().to_owned())
        }
        Some(EXIT_PANIC) => Outcome::Panicked(Panic::find(console).unwrap_or_default()),
        Some(EXIT_NO_BOOT) => Outcome::Refused,
        Some(code) => Outcome::Status(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firmware_is_held_back_until_the_kernel_speaks() {
        let mut curtain = Curtain::default();
        assert!(
            curtain
                .pass(b"\nOpenSBI v1.1\nnot Cowslip yet\nCows")
                .is_empty()
        );
        assert_eq!(
            curtain.pass(b"lip 0.1.0: riscv64\n$ "),
            b"Cowslip 0.1.0: riscv64\n$ "
        );
        assert_eq!(curtain.pass(b"ls\n"), b"ls\n");
        assert!(curtain.lift().is_empty());
    }

    #[test]
    fn the_firmware_is_shown_if_the_kernel_never_speaks() {
        let mut curtain = Curtain::default();
        assert!(curtain.pass(b"OpenSBI v1.1\n").is_empty());
        assert_eq!(curtain.lift(), b"OpenSBI v1.1\n");
    }

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
        assert_eq!(outcome(Some(0), "", ""), Outcome::Status(0));
        assert_eq!(outcome(Some(1), "$ ", ""), Outcome::Status(1));
        assert_eq!(
            outcome(Some(1), "", "bad option\n"),
            Outcome::Emulator("bad option".into())
        );
        assert_eq!(outcome(Some(122), "x", ""), Outcome::Refused);
        assert_eq!(outcome(Some(121), "PANIC: x\n", "").exit_code(), 121);
        assert_eq!(outcome(None, "x", "").exit_code(), 125);
    }
}
