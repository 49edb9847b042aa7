//! The test finisher (SiFive): a word written here ends the run.

use alloc::vec::Vec;

use crate::stored::{Bad, Bytes, Stored};

const PASS: u64 = 0x5555;
const FAIL: u64 = 0x3333;
const RESET: u64 = 0x7777;

/// How the machine was told to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Power off with this code.
    Off(u32),
    /// Start again.
    Reset,
}

impl Stored for Ending {
    fn save(&self, to: &mut Vec<u8>) {
        match *self {
            Self::Off(code) => Some(code),
            Self::Reset => None,
        }
        .save(to);
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        Ok(Option::load(from)?.map_or(Self::Reset, Self::Off))
    }
}

/// What a word written to the finisher asks for.
pub fn ending(value: u64) -> Option<Ending> {
    match value & 0xffff {
        PASS => Some(Ending::Off(0)),
        FAIL => Some(Ending::Off((value >> 16 & 0xffff) as u32)),
        RESET => Some(Ending::Reset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_meanings() {
        assert_eq!(ending(0x5555), Some(Ending::Off(0)));
        assert_eq!(ending(0x7_3333), Some(Ending::Off(7)));
        assert_eq!(ending(0x7777), Some(Ending::Reset));
        assert_eq!(ending(1), None);
    }
}
