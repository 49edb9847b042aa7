//! The serial line: a 16550 (National Semiconductor PC16550D), polled for output, interrupting for
//! input.
//!
//! Invariant: a writer holds the lock for the whole of one call, so the output of calls does not
//! mix. Only the panic handler uses [`Unlocked`].

use core::fmt::{self, Write};

use sync::LeafLock;

use crate::arch::{load_serial as load, store_serial as store};

/// Register offsets.
const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const FIFO_CONTROL: u16 = 2;
const LINE_STATUS: u16 = 5;

const INTERRUPT_ON_INPUT: u8 = 1 << 0;
const FIFO_ENABLE: u8 = 1 << 0;
const FIFO_CLEAR: u8 = 0b11 << 1;
const DATA_READY: u8 = 1 << 0;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

/// The number of bytes that the transmitter takes once it is empty.
const FIFO_SIZE: usize = 16;

static OUTPUT: LeafLock<Unlocked> = LeafLock::new(Unlocked);

/// Enables the interrupt for arriving bytes.
pub fn enable_input() {
    store(FIFO_CONTROL, FIFO_ENABLE | FIFO_CLEAR);
    store(INTERRUPT_ENABLE, INTERRUPT_ON_INPUT);
}

/// Returns the next byte that has arrived, if any. Only the hart that serves the interrupt calls
/// it.
pub fn read() -> Option<u8> {
    (load(LINE_STATUS) & DATA_READY != 0).then(|| load(DATA))
}

/// Sends bytes.
pub fn write(bytes: &[u8]) {
    OUTPUT.with(|line| line.send(bytes));
}

/// Sends formatted text as one piece. Formatting must not take a lock.
pub fn print(arguments: fmt::Arguments<'_>) {
    // Sending cannot fail; an error would come from the formatted value and leaves its text cut.
    let _ = OUTPUT.with(|line| line.write_fmt(arguments));
}

/// The transmitter, without the lock.
pub struct Unlocked;

impl Unlocked {
    fn send(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(FIFO_SIZE) {
            while load(LINE_STATUS) & TRANSMITTER_EMPTY == 0 {
                core::hint::spin_loop();
            }
            chunk.iter().for_each(|&byte| store(DATA, byte));
        }
    }
}

impl Write for Unlocked {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes());
        Ok(())
    }
}
