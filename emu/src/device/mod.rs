//! The machine's devices and where they are: the addresses of QEMU's `virt` machine.
//!
//! Each device is a file; none knows of another. Interrupt lines are levels that [`crate::board`]
//! carries to the PLIC.

pub mod block;
pub mod clint;
pub mod finisher;
pub mod plic;
pub mod queue;
pub mod uart;
pub mod virtio;

/// The test finisher.
pub const FINISHER: u64 = 0x10_0000;
/// The core-local interruptor.
pub const CLINT: u64 = 0x200_0000;
/// Its size.
pub const CLINT_SIZE: u64 = 0x1_0000;
/// The platform-level interrupt controller.
pub const PLIC: u64 = 0xc00_0000;
/// Its size.
pub const PLIC_SIZE: u64 = 0x60_0000;
/// The serial line.
pub const UART: u64 = 0x1000_0000;
/// Its interrupt.
pub const UART_INTERRUPT: u32 = 10;
/// The first virtio slot.
pub const VIRTIO: u64 = 0x1000_1000;
/// Bytes from slot to slot.
pub const VIRTIO_STRIDE: u64 = 0x1000;
/// Slots; slot `n` has interrupt `n + 1`.
pub const VIRTIO_SLOTS: usize = 8;
/// Main memory.
pub const RAM: u64 = 0x8000_0000;
