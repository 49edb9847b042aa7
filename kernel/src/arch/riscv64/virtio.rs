//! Where virtio devices are plugged in: slots of registers that the device tree lists.

use core::ptr::NonNull;

use mm::addr::PhysAddr;
use virtio_drivers::transport::mmio::MmioTransport;

use super::{Board, to_virtual};

/// How a virtio device is reached.
pub type VirtioTransport = MmioTransport<'static>;

/// Hands every device that is plugged in to `visit`, with the number of its interrupt.
pub fn for_each_virtio_device(board: &Board, mut visit: impl FnMut(VirtioTransport, u32)) {
    for slot in board.platform.virtio.iter() {
        let registers = to_virtual(PhysAddr(slot.registers.start));
        let Some(header) = NonNull::new(registers.cast()) else {
            continue;
        };
        // SAFETY: a virtio slot of the device tree, which the direct map reaches, and nobody else
        // drives it.
        let transport = unsafe { MmioTransport::new(header, slot.registers.size as usize) };
        if let Ok(transport) = transport {
            visit(transport, slot.interrupt);
        }
    }
}
