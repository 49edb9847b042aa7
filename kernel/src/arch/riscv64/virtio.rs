//! The slots for virtio devices, which the device tree lists.

use core::ptr::NonNull;

use mm::addr::PhysAddr;
use virtio_drivers::transport::mmio::MmioTransport;

use super::{Board, to_virtual};

/// The access to a virtio device.
pub type VirtioTransport = MmioTransport<'static>;

/// Calls `visit` with every virtio device and the number of its interrupt.
pub fn for_each_virtio_device(board: &Board, mut visit: impl FnMut(VirtioTransport, u32)) {
    for slot in board.platform.virtio.iter() {
        let registers = to_virtual(PhysAddr(slot.registers.start));
        let Some(header) = NonNull::new(registers.cast()) else {
            continue;
        };
        // SAFETY: a virtio slot of the device tree, which the direct map reaches, and no other code
        // drives it.
        let transport = unsafe { MmioTransport::new(header, slot.registers.size as usize) };
        if let Ok(transport) = transport {
            visit(transport, slot.interrupt);
        }
    }
}
