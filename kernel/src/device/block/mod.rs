//! The disks: virtio block devices (VIRTIO 1.2, section 5.2) behind the transport and queue of
//! `virtio-drivers`.
//!
//! There are at most two. The *swap disk* is the one whose serial number is [`SWAP_SERIAL`], so
//! only a disk that was meant for swap is ever overwritten, wherever it is plugged in. The *file
//! system's disk* is the first of the others, in the order of the device tree. Further disks are
//! not used. With QEMU:
//!
//! ```text
//! -drive file=swap.img,if=none,format=raw,id=x1
//! -device virtio-blk-device,drive=x1,serial=cowslip-swap
//! ```
//!
//! Neighbours: [`order`] describes requests; [`device`] is one device with its queue; [`port`] lets
//! several threads use a device; [`mod@disk`] is the interface for the file system (bytes, through
//! a page of the driver); [`swap`] is the interface for the memory system (whole frames, in place);
//! [`trial`] measures the swap disk.

#[expect(unsafe_code, reason = "a queue whose buffers the device uses")]
mod device;
#[expect(unsafe_code, reason = "the pages that the file system's disk fills")]
mod disk;
#[expect(unsafe_code, reason = "the buffers of an order, as slices")]
mod order;
#[expect(unsafe_code, reason = "orders that are kept until they are answered")]
mod port;
#[expect(unsafe_code, reason = "frames that belong to the device meanwhile")]
pub mod swap;
#[expect(unsafe_code, reason = "frames that belong to the device meanwhile")]
pub mod trial;

use sync::Held;
use sync::level::{Nothing, Sleeping};

pub use disk::{Disk, disk};

use crate::arch::Board;
use crate::{arch, given};
use device::Device;
use port::Port;

/// The serial number of the swap disk.
const SWAP_SERIAL: &[u8] = b"cowslip-swap";

static FILES: Port = Port::new();
static SWAP: Port = Port::new();

/// Finds the disks. That happens before memory can be allocated, because the memory system must
/// know the size of swap. Refuses to boot without a disk for the file system. Called once by the
/// boot hart.
pub fn find(board: &Board, held: &mut Held<Nothing>) {
    arch::for_each_virtio_device(board, |transport, interrupt| {
        let Some(opened) = Device::open(transport) else {
            return;
        };
        let mut device = opened
            .unwrap_or_else(|error| given::refuse(format_args!("a disk does not work: {error}")));
        let is_swap = device.has_serial(SWAP_SERIAL);
        let port = if is_swap { &SWAP } else { &FILES };
        if port.interrupt_number().is_none() && (!is_swap || swap::accepts(&device)) {
            port.open(device, interrupt, held.as_if());
        }
    });
    if FILES.interrupt_number().is_none() {
        given::refuse(format_args!(
            "no disk; give QEMU one: -drive file=fs.img,if=none,format=raw,id=x0 -device {},drive=x0",
            arch::DISK_DEVICE
        ));
    }
}

/// Enables the interrupts of the disks. The interrupt controller must be ready.
pub fn enable_interrupts() {
    for port in [&FILES, &SWAP] {
        if let Some(number) = port.interrupt_number() {
            arch::enable_interrupt(number);
        }
    }
}

/// Serves interrupt `number`, if it is a disk's.
pub fn interrupt(number: u32, held: &mut Held<Sleeping>) {
    for port in [&FILES, &SWAP] {
        if port.interrupt_number() == Some(number) {
            port.interrupt(held);
        }
    }
}
