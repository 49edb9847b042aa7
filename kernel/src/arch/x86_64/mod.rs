//! x86_64: a PC with ACPI, local and I/O APIC, PCI, booted by PVH.
//!
//! Section numbers in this folder refer to the Intel Software Developer's Manual (SDM, 325462-083)
//! unless they say otherwise. `docs/architectures.md` lists the differences from the other folder.

mod apic;
mod backtrace;
mod board;
mod boot;
mod context;
mod controller;
mod copy;
mod descriptors;
mod exception;
mod features;
mod fence;
mod float;
mod hart;
mod inherited;
mod interrupts;
mod kernel_space;
mod layout;
mod machine;
mod power;
mod registers;
mod secondary;
mod serial;
mod timer;
mod trap;
mod vector;
mod virtio;

pub use backtrace::backtrace;
pub use board::{Board, use_board};
pub use boot::initialize_hart;
pub use context::{KernelContext, switch};
pub use controller::{enable_interrupt, initialize as initialize_interrupt_controller};
pub use float::FloatState;
pub use hart::{
    boot_stack, current, describe as describe_harts, hart, hart_count, interrupt_other_harts,
    run_on_stack, scheduler_context, send_reschedule, set_boot_stack, set_current,
    wait_for_interrupt,
};
pub use interrupts::{disable_interrupts, enable_interrupts, halt};
pub use kernel_space::{
    EarlyFrames, STACK_FRAMES, STACK_SLOT_SIZE, STACKS, build as build_kernel_space, forget_stacks,
    map_stack, stack_slots, unmap_stack,
};
pub use layout::{to_physical, to_virtual};
pub use machine::Machine;
pub use power::power_off;
pub use registers::UserRegisters;
pub use secondary::start_other_harts;
pub use serial::{load_serial, serial_interrupt, store_serial};
pub use timer::{now, start_timer};
pub use trap::enter_user;
pub use virtio::{VirtioTransport, for_each_virtio_device};

/// The name of this architecture, as the kernel's first line prints it.
pub const NAME: &str = "x86_64";

/// The number of this architecture in the header of an executable file (ELF, `e_machine`).
pub const ELF_MACHINE: u16 = 62;

/// The QEMU device that gives the machine a disk, for the message when there is none.
pub const DISK_DEVICE: &str = "virtio-blk-pci";
