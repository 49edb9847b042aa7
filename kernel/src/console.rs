//! The console: lines from the keyboard, bytes to the screen.
//!
//! What keys mean is decided in `kernel_logic::line`; here its answers are acted on. Output goes
//! straight to the serial line, one call at a time, so calls of several harts do not mix.

use core::fmt;

use kernel_logic::line::{Event, Line};
use sync::level::{Level, Sleeping, Terminal, Turn};
use sync::{Held, Interrupted, Interruptible, SleepLock, SpinLock, WaitQueue, Wake};

use crate::device::uart;
use crate::process;

static LINE: SpinLock<Terminal, Line> = SpinLock::new(Line::new());
/// Woken when a line is complete.
static READABLE: WaitQueue = WaitQueue::new();
/// Held while waiting for a line, so that lines go to readers in the order in which they came.
static READING: SleepLock<Turn, ()> = SleepLock::new(());

/// Reads at most one line, asleep until there is one. 0 bytes are an end of file.
pub fn read<L: Level>(buffer: &mut [u8], held: &mut Held<L>) -> Result<usize, Interrupted> {
    let mut turn = READING.lock_unless_killed(held)?;
    let (_, held) = turn.parts();
    loop {
        let ticket = READABLE.ticket();
        if let Some(count) = LINE.lock(held.as_if::<Sleeping>()).take(buffer) {
            return Ok(count);
        }
        if READABLE.wait(ticket, Interruptible::Yes, held) == Wake::Interrupted {
            return Err(Interrupted);
        }
    }
}

/// Writes bytes, all of them before those of any other call.
pub fn write(bytes: &[u8]) {
    uart::write(bytes);
}

/// Takes a typed byte. Called by the serial line's interrupt.
pub fn input(byte: u8, held: &mut Held<Sleeping>) {
    let event = LINE.lock(held).key(byte, write);
    match event {
        Event::Edited => {}
        Event::Ready => READABLE.wake_all(),
        Event::Interrupt => {
            // A shell that reads has no program to lose; an empty line makes it show its prompt
            // again.
            if !process::ask_for_interrupt() {
                LINE.lock(held).end_empty();
                READABLE.wake_all();
            }
        }
        Event::PrintTable => process::ask_for_table(),
    }
}

/// What `print!` and `println!` call.
pub fn print(arguments: fmt::Arguments<'_>) {
    uart::print(arguments);
}

/// Prints on the console, as one piece.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {
        $crate::console::print(format_args!($($argument)*))
    };
}

/// Prints a line on the console, as one piece.
#[macro_export]
macro_rules! println {
    () => {
        $crate::print!("\n")
    };
    ($($argument:tt)*) => {
        $crate::print!("{}\n", format_args!($($argument)*))
    };
}
