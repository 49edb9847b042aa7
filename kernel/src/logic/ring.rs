//! A ring of bytes in a buffer that the caller keeps: the inside of a pipe.
//!
//! Invariant: the `length` bytes from `start` on, wrapping round, are those that were put in and
//! not yet taken out, in order.

/// The part of the buffer that is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    start: usize,
    length: usize,
}

impl Ring {
    /// Returns an empty ring.
    pub const fn new() -> Self {
        Self {
            start: 0,
            length: 0,
        }
    }

    /// Puts all of `piece` in, or nothing if there is no room for all of it. Returns whether it
    /// did.
    pub fn put(&mut self, buffer: &mut [u8], piece: &[u8]) -> bool {
        let size = buffer.len();
        if size - self.length < piece.len() {
            return false;
        }
        let end = (self.start + self.length) % size;
        let (first, second) = piece.split_at(piece.len().min(size - end));
        buffer[end..end + first.len()].copy_from_slice(first);
        buffer[..second.len()].copy_from_slice(second);
        self.length += piece.len();
        true
    }

    /// Takes out as many bytes as there are and fit into `to`. Returns how many.
    pub fn take(&mut self, buffer: &[u8], to: &mut [u8]) -> usize {
        let size = buffer.len();
        let count = to.len().min(self.length);
        let (first, second) = to[..count].split_at_mut(count.min(size - self.start));
        first.copy_from_slice(&buffer[self.start..self.start + first.len()]);
        second.copy_from_slice(&buffer[..second.len()]);
        self.start = (self.start + count) % size;
        self.length -= count;
        count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn is_a_queue_of_bytes_however_it_wraps() {
        let mut buffer = [0; 16];
        let mut ring = Ring::new();
        let mut model = VecDeque::new();
        let mut next = 0u8;
        for step in 0..10_000usize {
            let size = step * 7 % 19;
            if step % 3 == 0 {
                let mut bytes = [0; 19];
                let count = ring.take(&buffer, &mut bytes[..size]);
                assert_eq!(count, size.min(model.len()));
                assert!(
                    bytes[..count]
                        .iter()
                        .all(|&byte| model.pop_front() == Some(byte))
                );
            } else {
                let piece: Vec<u8> = (0..size).map(|i| next.wrapping_add(i as u8)).collect();
                let fits = model.len() + size <= buffer.len();
                assert_eq!(ring.put(&mut buffer, &piece), fits);
                if fits {
                    next = next.wrapping_add(size as u8);
                    model.extend(piece);
                }
            }
        }
    }

    #[test]
    fn can_be_filled_to_the_last_byte() {
        let mut buffer = [0; 4];
        let mut ring = Ring::new();
        assert!(ring.put(&mut buffer, b"abcd"));
        assert!(!ring.put(&mut buffer, b"e"));
        assert!(ring.put(&mut buffer, b""));
        let mut out = [0; 4];
        assert_eq!(ring.take(&buffer, &mut out), 4);
        assert_eq!(&out, b"abcd");
        assert_eq!(ring.take(&buffer, &mut out), 0);
    }
}
