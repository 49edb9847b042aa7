//! The line discipline of the console: it turns keys into lines.
//!
//! Typed bytes are edited in a ring and become readable when the line is committed by Enter or
//! Ctrl-D. Invariant: `read <= committed <= edited <= read + SIZE`, each counting bytes since boot.

/// The most bytes that can be typed ahead, including the line being edited.
pub const SIZE: usize = 1024;

const fn control(letter: u8) -> u8 {
    letter - b'@'
}

const END_OF_FILE: u8 = control(b'D');
const ERASE: &[u8] = b"\x08 \x08";

/// What the kernel must do after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing.
    Edited,
    /// Wake the readers: a line is complete.
    Ready,
    /// Ctrl-C: end the foreground program or, if there is none, the shell's line
    /// ([`Line::end_empty`]).
    Interrupt,
    /// Ctrl-P: print the table of processes.
    PrintTable,
}

/// The keys that were typed and are not read yet.
pub struct Line {
    bytes: [u8; SIZE],
    read: usize,
    committed: usize,
    edited: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// Returns a line without keys.
    pub const fn new() -> Self {
        Self {
            bytes: [0; SIZE],
            read: 0,
            committed: 0,
            edited: 0,
        }
    }

    /// Handles a key. Calls `echo` with the bytes to show on the terminal.
    ///
    /// The last free byte of the ring is kept for the byte that commits the line; other keys are
    /// then dropped.
    pub fn key(&mut self, key: u8, mut echo: impl FnMut(&[u8])) -> Event {
        const KILL_LINE: u8 = control(b'U');
        const INTERRUPT: u8 = control(b'C');
        const PRINT_TABLE: u8 = control(b'P');
        const BACKSPACE: u8 = control(b'H');
        const DELETE: u8 = 0x7f;
        match key {
            PRINT_TABLE => return Event::PrintTable,
            INTERRUPT => {
                self.edited = self.committed;
                echo(b"^C\n");
                return Event::Interrupt;
            }
            KILL_LINE => {
                while self.erase() {
                    echo(ERASE);
                }
            }
            BACKSPACE | DELETE => {
                if self.erase() {
                    echo(ERASE);
                }
            }
            b'\r' | b'\n' => {
                if self.push(b'\n', 0) {
                    echo(b"\n");
                    return self.commit();
                }
            }
            END_OF_FILE => {
                if self.push(END_OF_FILE, 0) {
                    return self.commit();
                }
            }
            0 => {}
            _ => {
                if self.push(key, 1) {
                    echo(&[key]);
                }
            }
        }
        Event::Edited
    }

    /// Ends an empty line, as Enter does. The reader may have begun a line that Ctrl-C has dropped.
    pub fn end_empty(&mut self) {
        if self.push(b'\n', 0) {
            self.commit();
        }
    }

    /// Moves committed bytes into `buffer`: at most one line, its newline included. Returns `None`
    /// while there is no line, and `Some(0)` for an end of file (Ctrl-D on an empty line, or after
    /// a read that ended just before it).
    pub fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.read == self.committed {
            return None;
        }
        let mut count = 0;
        while count < buffer.len() && self.read < self.committed {
            let byte = self.bytes[self.read % SIZE];
            if byte == END_OF_FILE {
                // After bytes it ends this read and is kept, so that the next read sees the end of
                // file alone.
                if count == 0 {
                    self.read += 1;
                }
                break;
            }
            buffer[count] = byte;
            count += 1;
            self.read += 1;
            if byte == b'\n' {
                break;
            }
        }
        Some(count)
    }

    fn push(&mut self, byte: u8, spare: usize) -> bool {
        let fits = self.edited - self.read + spare < SIZE;
        if fits {
            self.bytes[self.edited % SIZE] = byte;
            self.edited += 1;
        }
        fits
    }

    fn erase(&mut self) -> bool {
        let any = self.edited != self.committed;
        if any {
            self.edited -= 1;
        }
        any
    }

    fn commit(&mut self) -> Event {
        self.committed = self.edited;
        Event::Ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types `keys`; the last event and what the terminal showed.
    fn type_keys(line: &mut Line, keys: &[u8]) -> (Event, Vec<u8>) {
        let mut shown = Vec::new();
        let mut event = Event::Edited;
        for &key in keys {
            event = line.key(key, |bytes| shown.extend_from_slice(bytes));
        }
        (event, shown)
    }

    fn take(line: &mut Line) -> Option<Vec<u8>> {
        let mut buffer = [0; 2 * SIZE];
        line.take(&mut buffer).map(|count| buffer[..count].to_vec())
    }

    #[test]
    fn a_line_is_readable_after_enter_only() {
        let mut line = Line::new();
        assert_eq!(type_keys(&mut line, b"ls").0, Event::Edited);
        assert_eq!(take(&mut line), None);
        assert_eq!(type_keys(&mut line, b"\r"), (Event::Ready, b"\n".to_vec()));
        assert_eq!(take(&mut line).unwrap(), b"ls\n");
        assert_eq!(take(&mut line), None);
    }

    #[test]
    fn reads_end_at_lines_and_at_the_buffer() {
        let mut line = Line::new();
        type_keys(&mut line, b"one\ntwo\n");
        let mut small = [0; 2];
        assert_eq!((line.take(&mut small), &small), (Some(2), b"on"));
        assert_eq!(take(&mut line).unwrap(), b"e\n");
        assert_eq!(take(&mut line).unwrap(), b"two\n");
    }

    #[test]
    fn erasing_stops_at_the_beginning_of_the_line() {
        let mut line = Line::new();
        type_keys(&mut line, b"kept\n");
        let (_, shown) = type_keys(&mut line, b"ab\x08\x7f\x7f");
        assert_eq!(shown, [b"ab", ERASE, ERASE].concat());
        type_keys(&mut line, b"abc\x15d\n");
        assert_eq!(take(&mut line).unwrap(), b"kept\n");
        assert_eq!(take(&mut line).unwrap(), b"d\n");
    }

    #[test]
    fn end_of_file_is_a_read_of_nothing() {
        let mut line = Line::new();
        assert_eq!(type_keys(&mut line, b"\x04").0, Event::Ready);
        assert_eq!(take(&mut line).unwrap(), b"");
        type_keys(&mut line, b"ab\x04");
        assert_eq!(take(&mut line).unwrap(), b"ab");
        assert_eq!(take(&mut line).unwrap(), b"");
        assert_eq!(take(&mut line), None);
    }

    #[test]
    fn interrupt_drops_the_line_being_edited_alone() {
        let mut line = Line::new();
        let (event, shown) = type_keys(&mut line, b"done\nhalf\x03");
        assert_eq!(event, Event::Interrupt);
        assert!(shown.ends_with(b"half^C\n"));
        assert_eq!(take(&mut line).unwrap(), b"done\n");
        assert_eq!(take(&mut line), None);
        assert_eq!(type_keys(&mut line, b"\x10").0, Event::PrintTable);
        type_keys(&mut line, b"half\x03");
        line.end_empty();
        assert_eq!(take(&mut line).unwrap(), b"\n");
        assert_eq!(take(&mut line), None);
    }

    #[test]
    fn a_full_ring_still_takes_the_end_of_its_line() {
        let mut line = Line::new();
        type_keys(&mut line, &[b'x'; SIZE + 5]);
        assert_eq!(type_keys(&mut line, b"\n").0, Event::Ready);
        assert_eq!(type_keys(&mut line, b"y\n").0, Event::Edited);
        let taken = take(&mut line).unwrap();
        assert_eq!((taken.len(), taken[SIZE - 1]), (SIZE, b'\n'));
        type_keys(&mut line, b"again\n");
        assert_eq!(take(&mut line).unwrap(), b"again\n");
    }
}
