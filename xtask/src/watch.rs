//! The part of a console's output that is shown to the user.
//!
//! The firmware prints forty lines before the kernel. They are shown only if the kernel does not
//! follow.

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
}
