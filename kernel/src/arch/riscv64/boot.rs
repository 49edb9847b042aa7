//! From the firmware to Rust: the first instructions of the boot hart and of the others.
//!
//! A hart arrives in supervisor mode with translation off, with the firmware's number of the hart
//! in `a0` and, if it is the first, the device tree in `a1` (the Linux boot protocol, which OpenSBI
//! follows). The other harts arrive when `hart_start` asks for them (SBI specification, section
//! 9.1).
//!
//! All harts arrive at one entry, which finds out whether the hart is the first. The reason is that
//! a hart may start at the firmware's first address instead of the one requested: OpenSBI 1.1 marks
//! a hart as started before it stores the address, and a hart that begins to wait just then
//! continues with the old address.
//!
//! The entry runs at the physical address of code that is linked for a virtual one, so until
//! translation is on only pc-relative addresses are used. Switching translation on faults at the
//! next instruction, whose address is no longer mapped. The trap vector has been set to the virtual
//! address of that instruction beforehand, so no table ever needs an identity mapping.

use core::arch::global_asm;
use core::mem::offset_of;
use core::sync::atomic::AtomicU32;

use super::hart::{self, HARTS, Hart};
use super::kernel_space::{self, Table};
use super::layout::{DIRECT_MAP, to_physical};
use super::{board, inherited, interrupts, timer, trap};

/// The size of the stack that the boot hart starts on. The hart leaves it for a guarded one as soon
/// as there is memory. The memory system, tens of KiB, is passed over it by value.
const BOOT_STACK_SIZE: usize = 96 << 10;

/// See [`BOOT_STACK_SIZE`].
#[repr(C, align(16))]
struct BootStack([u8; BOOT_STACK_SIZE]);

static mut BOOT_STACK: BootStack = BootStack([0; BOOT_STACK_SIZE]);

/// The page table that is used between the entry and the switch to the kernel's own tables.
static BOOT_ROOT: Table = kernel_space::boot_root();

/// 1 until a hart has begun to boot. It is not 0, so that it is not in the memory that this hart
/// clears.
static FIRST: AtomicU32 = AtomicU32::new(1);

global_asm!(
    r#"
    .pushsection .text.entry, "ax"
    .globl _start
_start:
    csrw sie, zero
    la t0, {first}
    amoswap.w.aqrl t0, zero, (t0)
    beqz t0, other

    la t0, __bss_start
    la t1, __bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la sp, {stack}
    li t0, {stack_size}
    add sp, sp, t0
    la t0, {root}
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    li a2, 0
    j enter_translation

    # a0: the firmware's number of a hart the boot hart has asked for; a2 becomes its index
other:
    la t0, {harts}
    li t1, {hart_size}
    li a2, 0
1:  ld t2, {id}(t0)
    beq t2, a0, 2f
    add t0, t0, t1
    addi a2, a2, 1
    j 1b
2:  la t0, {satp}
    ld t0, 0(t0)
    li sp, 0

enter_translation:
    li t1, {direct_map}
    add sp, sp, t1
    la t2, translated
    add t2, t2, t1
    csrw stvec, t2
    sfence.vma
    csrw satp, t0
    sfence.vma
    .balign 4
translated:
    la t0, early_trap
    csrw stvec, t0
    csrw sscratch, zero
    la tp, {harts}
    li t0, {hart_size}
    mul t0, t0, a2
    add tp, tp, t0
    li s0, 0
    li ra, 0
    bnez a2, 2f
    tail {boot}
2:  ld sp, {boot_stack_top}(tp)
    tail {other}

    .balign 4
early_trap:
    tail {early_trap}
    .popsection
    "#,
    first = sym FIRST,
    id = const offset_of!(Hart, id),
    stack = sym BOOT_STACK,
    stack_size = const size_of::<BootStack>(),
    root = sym BOOT_ROOT,
    satp = sym kernel_space::KERNEL_SATP,
    direct_map = const DIRECT_MAP,
    harts = sym HARTS,
    hart_size = const size_of::<Hart>(),
    boot_stack_top = const offset_of!(Hart, boot_stack_top),
    boot = sym boot_hart_main,
    other = sym other_hart_main,
    early_trap = sym early_trap,
);

/// Continues the boot hart in Rust, on the boot stack, with translation on.
extern "C" fn boot_hart_main(hart_id: usize, device_tree: usize) -> ! {
    let tree = super::to_virtual(mm::addr::PhysAddr(device_tree as u64));
    crate::boot::main(board::read(hart_id, tree))
}

/// Continues any other hart, on its own stack, with the kernel's tables.
extern "C" fn other_hart_main() -> ! {
    initialize_hart();
    timer::start_timer();
    hart::announce();
    crate::process::scheduler::run()
}

/// Handles a trap before the real vector is installed: it can only be reported.
extern "C" fn early_trap() -> ! {
    let cause = riscv::register::scause::read().bits();
    let (pc, value) = (
        riscv::register::sepc::read(),
        riscv::register::stval::read(),
    );
    panic!("trap {cause:#x} before the traps were set up, pc {pc:#x}, value {value:#x}")
}

/// Prepares the control registers of this hart. It must already run on a guarded stack.
pub fn initialize_hart() {
    trap::install();
    inherited::reset();
    interrupts::enable_sources();
}

/// Starts all other harts, and waits until they run.
pub fn start_other_harts() {
    unsafe extern "C" {
        static _start: u8;
    }
    let entry = to_physical(&raw const _start).map_or(0, |address| address.0 as usize);
    for index in 1..hart::hart_count() {
        let id = hart::hart_id(index);
        let result = sbi_rt::hart_start(id, entry, 0);
        if result.is_err() {
            let error = result.error as isize;
            crate::given::refuse(format_args!(
                "the firmware does not start hart {id} (error {error}); use fewer (-smp)"
            ));
        }
    }
    while hart::announced() < hart::hart_count() - 1 {
        core::hint::spin_loop();
    }
}
