//! Values as bytes, for snapshots in files: integers little-endian, sequences with their length
//! before them, structures field by field.
//!
//! Invariant: reading never panics and never takes more memory than there are bytes, whatever the
//! bytes are.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

/// The bytes are no value of the type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bad;

/// A value that can be written as bytes.
pub(crate) trait Stored: Sized {
    /// Appends the value.
    fn save(&self, to: &mut Vec<u8>);
    /// Takes the value from the front.
    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad>;
}

/// Bytes that have not been read yet.
pub(crate) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// Takes so many bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Bad> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(Bad)?;
        self.0 = rest;
        Ok(head)
    }

    /// Takes the length of a sequence.
    fn length(&mut self) -> Result<usize, Bad> {
        let length = usize::load(self)?;
        // Every element has a byte at least.
        (length <= self.0.len()).then_some(length).ok_or(Bad)
    }
}

/// Writes a structure by its fields. Those after `with` are not saved and get the given values.
macro_rules! stored {
    ($type:ident { $($field:ident),* $(,)? } $(with { $($other:ident: $value:expr),* $(,)? })?) => {
        impl $crate::stored::Stored for $type {
            fn save(&self, to: &mut alloc::vec::Vec<u8>) {
                $($crate::stored::Stored::save(&self.$field, to);)*
            }

            fn load(from: &mut $crate::stored::Bytes<'_>) -> Result<Self, $crate::stored::Bad> {
                Ok(Self {
                    $($field: $crate::stored::Stored::load(from)?,)*
                    $($($other: $value,)*)?
                })
            }
        }
    };
}

/// Writes an enumeration without data by the place of its value in a list of all.
macro_rules! stored_choice {
    ($type:ident: $all:expr) => {
        impl $crate::stored::Stored for $type {
            fn save(&self, to: &mut alloc::vec::Vec<u8>) {
                let at = $all.iter().position(|value| value == self);
                to.push(at.unwrap_or_default() as u8);
            }

            fn load(from: &mut $crate::stored::Bytes<'_>) -> Result<Self, $crate::stored::Bad> {
                let at = from.take(1)?[0];
                $all.get(usize::from(at))
                    .copied()
                    .ok_or($crate::stored::Bad)
            }
        }
    };
}

pub(crate) use {stored, stored_choice};

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Stored for $type {
            fn save(&self, to: &mut Vec<u8>) {
                to.extend(self.to_le_bytes());
            }

            fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
                let bytes = from.take(size_of::<Self>())?;
                Ok(Self::from_le_bytes(bytes.try_into().map_err(|_| Bad)?))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i32);

impl Stored for usize {
    fn save(&self, to: &mut Vec<u8>) {
        (*self as u64).save(to);
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        u64::load(from)?.try_into().map_err(|_| Bad)
    }
}

impl Stored for bool {
    fn save(&self, to: &mut Vec<u8>) {
        to.push((*self).into());
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        match u8::load(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Bad),
        }
    }
}

impl<T: Stored> Stored for Option<T> {
    fn save(&self, to: &mut Vec<u8>) {
        self.is_some().save(to);
        if let Some(value) = self {
            value.save(to);
        }
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        match bool::load(from)? {
            true => T::load(from).map(Some),
            false => Ok(None),
        }
    }
}

impl<T: Stored, const N: usize> Stored for [T; N] {
    fn save(&self, to: &mut Vec<u8>) {
        for value in self {
            value.save(to);
        }
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        let values: Vec<T> = (0..N).map(|_| T::load(from)).collect::<Result<_, _>>()?;
        values.try_into().map_err(|_| Bad)
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn save(&self, to: &mut Vec<u8>) {
        self.len().save(to);
        for value in self {
            value.save(to);
        }
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        (0..from.length()?).map(|_| T::load(from)).collect()
    }
}

impl<T: Stored> Stored for VecDeque<T> {
    fn save(&self, to: &mut Vec<u8>) {
        self.len().save(to);
        for value in self {
            value.save(to);
        }
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        Vec::load(from).map(Self::from)
    }
}

impl<K: Stored + Ord, V: Stored> Stored for BTreeMap<K, V> {
    fn save(&self, to: &mut Vec<u8>) {
        self.len().save(to);
        for (key, value) in self {
            key.save(to);
            value.save(to);
        }
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        (0..from.length()?)
            .map(|_| Ok((K::load(from)?, V::load(from)?)))
            .collect()
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn save(&self, to: &mut Vec<u8>) {
        self.0.save(to);
        self.1.save(to);
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        Ok((A::load(from)?, B::load(from)?))
    }
}

impl<A: Stored, B: Stored, C: Stored> Stored for (A, B, C) {
    fn save(&self, to: &mut Vec<u8>) {
        self.0.save(to);
        self.1.save(to);
        self.2.save(to);
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        Ok((A::load(from)?, B::load(from)?, C::load(from)?))
    }
}

impl Stored for String {
    fn save(&self, to: &mut Vec<u8>) {
        self.as_bytes().to_vec().save(to);
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        Self::from_utf8(Vec::load(from)?).map_err(|_| Bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sample = (Vec<Option<u16>>, [bool; 3], BTreeMap<u8, String>);

    #[test]
    fn what_was_saved_is_loaded_and_what_is_cut_short_is_refused() {
        let map = [(3, "three".into()), (4, String::new())].into();
        let sample: Sample = (alloc::vec![Some(7), None], [true, false, true], map);
        let mut bytes = Vec::new();
        sample.save(&mut bytes);
        let mut from = Bytes(&bytes);
        assert_eq!(Sample::load(&mut from), Ok(sample));
        assert!(from.0.is_empty());
        for end in 0..bytes.len() {
            assert_eq!(Sample::load(&mut Bytes(&bytes[..end])), Err(Bad));
        }
    }

    #[test]
    fn a_length_beyond_the_end_takes_no_memory() {
        let bytes = u64::MAX.to_le_bytes();
        assert_eq!(Vec::<u8>::load(&mut Bytes(&bytes)), Err(Bad));
        assert_eq!(bool::load(&mut Bytes(&[2])), Err(Bad));
    }
}
