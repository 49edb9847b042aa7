//! The console: lines from the keyboard, bytes to the screen.
//!
//! `kernel_logic::line` decides what each key means; this module carries the decision out. Output
//! goes straight to the serial line, one call at a time, so the output of calls on several harts
//! does not mix.

use core::fmt;

use kernel_logic::line::{Event, Line};
use sync::level::{Level, Sleeping, Terminal, Turn};
use sync::{Held, Interrupted, Interruptible, SleepLock, SpinLock, WaitQueue, Wake};

use crate::device::uart;
use crate::process;

static LINE: SpinLock<Terminal, Line> = SpinLock::new(Line::new());
/// Woken when a line is complete.
static READABLE: WaitQueue = WaitQueue::new();
/// Held while a reader waits for a line, so that readers get lines in the order of their calls.
static READING: SleepLock<Turn, ()> = SleepLock::new(());

/// Reads at most one line, and sleeps until there is one. Returns how many bytes it read; 0 means
/// end of file.
///
/// # Errors [`Interrupted`] if the calling process was killed while it waited.
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

/// Writes bytes. The output of another call comes before all of them or after all of them.
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
            // A shell that is reading has no program in the foreground. An empty line makes it show
            // its prompt again.
            if !process::ask_for_interrupt(held) {
                LINE.lock(held).end_empty();
                READABLE.wake_all();
            }
        }
        Event::PrintTable => process::ask_for_table(),
    }
}

/// Prints formatted text. Called by `print!` and `println!`.
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
