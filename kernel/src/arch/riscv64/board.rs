//! The description of the board by the firmware: a device tree.

use dtoolkit::fdt::Fdt;
use kernel_logic::board::{self, BoardError, device_tree};

use super::{power, serial};
use crate::given::refuse;

/// The board, with the data that only this architecture needs.
pub type Board = board::Board<device_tree::Platform>;

/// Reads the device tree at `tree`, an address in the direct map. `boot_hart` is the firmware's
/// number of the hart that runs.
pub(super) fn read(boot_hart: usize, tree: *const u8) -> Result<Board, BoardError> {
    // SAFETY: the firmware hands over a device tree, and nothing writes there before the memory
    // system exists.
    let tree = unsafe { Fdt::from_raw(tree) };
    let tree = tree.unwrap_or_else(|error| refuse(format_args!("no device tree: {error}")));
    Board::read(tree, boot_hart as u64)
}

/// Uses the board's serial line and power switch from now on, in place of those of QEMU's `virt`
/// board.
pub fn use_board(board: &Board) {
    serial::use_board(board);
    power::use_board(board);
}
