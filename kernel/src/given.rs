//! What the kernel was given: its board, and the options on its command line.
//!
//! The boot stores both here ([`crate::boot`]), and refuses here what it cannot run on. Everything
//! above the hardware may read them, so this lies below the devices and the processes.

use core::fmt;

use kernel_logic::command_line::Options;

use crate::arch::{self, Board};
use crate::once::Once;
use crate::println;

static BOARD: Once<Board> = Once::new();
static OPTIONS: Once<Options<'static>> = Once::new();

/// Stores the board. Called once by the boot hart.
pub fn set_board(board: Board) -> &'static Board {
    BOARD.set(board)
}

/// Stores the options of the kernel's command line. Called once by the boot hart.
pub fn set_options(options: Options<'static>) -> &'static Options<'static> {
    OPTIONS.set(options)
}

/// Returns the board that the kernel runs on.
pub fn board() -> &'static Board {
    match BOARD.get() {
        Some(board) => board,
        None => unreachable!("the board is asked for before it is known"),
    }
}

/// Returns the options of the kernel's command line.
pub fn options() -> &'static Options<'static> {
    match OPTIONS.get() {
        Some(options) => options,
        None => unreachable!("the options are asked for before they are known"),
    }
}

/// Stops the boot, because the kernel cannot run on what it was given. `reason` includes the cure.
pub fn refuse(reason: fmt::Arguments<'_>) -> ! {
    println!("cannot start: {reason}");
    arch::power_off(abi::EXIT_NO_BOOT)
}
