//! RISC-V, 64 bits, supervisor mode under an SBI firmware, with Sv39 translation.
//!
//! Section numbers in this folder refer to the RISC-V privileged specification (20240411), the SBI
//! specification 2.0 and the psABI.

mod backtrace;
mod boot;
mod context;
mod copy;
mod fence;
mod float;
mod hart;
mod inherited;
mod interrupts;
mod kernel_space;
mod layout;
mod machine;
mod plic;
mod registers;
mod timer;
mod trap;

pub use backtrace::backtrace;
pub use boot::{initialize_hart, start_other_harts};
pub use context::{KernelContext, switch};
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
pub use plic::{enable_interrupt, initialize as initialize_interrupt_controller};
pub use registers::UserRegisters;
pub use timer::{now, start_timer};
pub use trap::enter_user;

/// What the first line of the kernel calls this architecture.
pub const NAME: &str = "riscv64";
