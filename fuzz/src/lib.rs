//! What the fuzz targets share: how an input becomes something that is almost right.
//!
//! A target is a test beside the code it attacks, `fuzz_…` by name, and begins with [`check!`].
//! `cargo test` runs it for a second on random inputs; `cargo bolero test -p ROOM TARGET` runs it
//! for as long as one likes, guided by coverage. Noise alone is refused at the first magic number,
//! so inputs are read as changes to a good example ([`Patch`]) or as text in which the words that
//! mean something are frequent ([`text`]). Neighbours: only the tests of other rooms use this one.

#![forbid(unsafe_code)]

use std::ops::Range;

use bolero::TypeGenerator;
pub use bolero::check;

/// A number that is written over the example, little-endian.
#[derive(Clone, Copy, Debug, TypeGenerator)]
pub enum Value {
    /// One byte.
    Byte(u8),
    /// 16 bits.
    Half(u16),
    /// 32 bits.
    Word(u32),
    /// 64 bits.
    Long(u64),
    /// 32 bits of a small number: an index, a length, something that exists.
    Small(u8),
    /// 32 bits of a number that overflows when something is added.
    Huge(u8),
}

/// One change to an example.
#[derive(Clone, Copy, Debug, TypeGenerator)]
pub struct Patch {
    region: u8,
    at: u16,
    value: Value,
}

impl Patch {
    /// Makes the change somewhere in one of the `regions` of `bytes`, which are not empty.
    pub fn apply(self, bytes: &mut [u8], regions: &[Range<usize>]) {
        let region = regions[usize::from(self.region) % regions.len()].clone();
        let place = &mut bytes[region];
        let at = usize::from(self.at) % place.len();
        let value: u64 = match self.value {
            Value::Byte(value) => value.into(),
            Value::Half(value) => value.into(),
            Value::Word(value) => value.into(),
            Value::Long(value) => value,
            Value::Small(value) => value.into(),
            Value::Huge(value) => (u32::MAX - u32::from(value)).into(),
        };
        let size = match self.value {
            Value::Byte(_) => 1,
            Value::Half(_) => 2,
            Value::Word(_) | Value::Small(_) | Value::Huge(_) => 4,
            Value::Long(_) => 8,
        };
        let written = value.to_le_bytes().into_iter().take(size);
        for (byte, value) in place[at..].iter_mut().zip(written) {
            *byte = value;
        }
    }
}

/// Returns the text that `input` spells: ASCII stands for itself, other bytes for `words`.
pub fn text(input: &[u8], words: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::new();
    for &byte in input {
        match byte.checked_sub(128) {
            None => text.push(byte),
            Some(word) => text.extend_from_slice(words[usize::from(word) % words.len()]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_stays_in_its_region() {
        let mut bytes = [0; 12];
        for (region, value) in [(0, Value::Long(u64::MAX)), (3, Value::Small(7))] {
            let patch = Patch {
                region,
                at: 6,
                value,
            };
            patch.apply(&mut bytes, &[1..5, 8..12]);
        }
        assert_eq!(bytes, [0, 0, 0, 255, 255, 0, 0, 0, 0, 0, 7, 0]);
    }

    #[test]
    fn other_bytes_are_words() {
        assert_eq!(text(b"a\x80 \x81\x82", &[b"one", b"two"]), b"aone twoone");
    }
}
