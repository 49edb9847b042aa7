//! The other harts: how they are started, and their first instructions.
//!
//! A hart is reset by one interrupt and started by another, which names a page below 1 MiB (INIT
//! and SIPI: Intel SDM volume 3, section 9.4). It begins there in real mode, and only its
//! instruction pointer is set. The code is copied to that page beforehand. It goes straight to long
//! mode with the boot tables, which map the page at its own address, and then to the image. Harts
//! are started one after the other, so one page is enough.

use core::arch::global_asm;
use core::sync::atomic::{AtomicUsize, Ordering};

use mm::addr::PhysAddr;

use super::boot::BOOT_TABLES;
use super::hart::{self, HARTS};
use super::layout::{IMAGE_BASE, START_PAGE, to_virtual};
use super::{apic, inherited, interrupts, kernel_space, timer, trap};

/// The hart that is being started.
static STARTING: AtomicUsize = AtomicUsize::new(0);
/// The end of its stack.
static STACK: AtomicUsize = AtomicUsize::new(0);

global_asm!(
    r#"
    .pushsection .rodata
    .code16
    .globl secondary_start, secondary_end
secondary_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl {page} + (secondary_gdt_pointer - secondary_start)
    movl $0x20, %eax
    movl %eax, %cr4
    movl $({tables} - {base}), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl $0x80010011, %eax
    movl %eax, %cr0
    ljmpl $0x08, $({page} + (secondary_64 - secondary_start))

    .balign 8
secondary_gdt:
    .quad 0
    .quad 0x00209b0000000000
    .quad 0x0000930000000000
secondary_gdt_pointer:
    .word . - secondary_gdt - 1
    .long {page} + (secondary_gdt - secondary_start)

    .code64
secondary_64:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movabsq $secondary_high, %rax
    jmpq *%rax
secondary_end:
    .popsection

    .pushsection .text
secondary_high:
    movq {root}(%rip), %rax
    movq %rax, %cr3
    movq {stack}(%rip), %rsp
    movq {starting}(%rip), %rdi
    xorl %ebp, %ebp
    call {main}
    ud2
    .popsection
    "#,
    page = const START_PAGE,
    base = const IMAGE_BASE,
    tables = sym BOOT_TABLES,
    root = sym kernel_space::KERNEL_ROOT,
    stack = sym STACK,
    starting = sym STARTING,
    main = sym secondary_main,
    options(att_syntax)
);

unsafe extern "C" {
    static secondary_start: u8;
    static secondary_end: u8;
}

/// Continues a started hart, on its own stack, with the kernel's tables.
extern "C" fn secondary_main(index: usize) -> ! {
    hart::adopt(index);
    trap::install();
    inherited::set();
    interrupts::enable_sources();
    timer::start_timer();
    hart::announce();
    crate::process::scheduler::run()
}

/// Starts all other harts, and waits until they run.
pub fn start_other_harts() {
    let (start, end) = (&raw const secondary_start, &raw const secondary_end);
    let size = end as usize - start as usize;
    // SAFETY: a page that nobody uses, mapped by `kernel_space` for this; the code is shorter than
    // a page.
    unsafe { start.copy_to_nonoverlapping(to_virtual(PhysAddr(START_PAGE as u64)), size) };
    for (index, hart) in HARTS.iter().enumerate().take(hart::hart_count()).skip(1) {
        STARTING.store(index, Ordering::Release);
        STACK.store(
            hart.boot_stack_top.load(Ordering::Acquire),
            Ordering::Release,
        );
        start_hart(index);
    }
}

fn start_hart(index: usize) {
    /// The ticks of the clock after which a hart that has not come up never will.
    const PATIENCE: u64 = 20;
    let id = hart::hart_id(index);
    apic::send_init(id);
    wait(crate::time::tick_length() / 10, index);
    // The second one is for processors that miss the first (section 9.4.4).
    for _ in 0..2 {
        if !is_up(index) {
            apic::send_startup(id, (START_PAGE >> 12) as u8);
            wait(PATIENCE * crate::time::tick_length() / 2, index);
        }
    }
    if !is_up(index) {
        crate::given::refuse(format_args!("hart {id} does not start; use fewer (-smp)"));
    }
}

fn is_up(index: usize) -> bool {
    hart::online() >> index & 1 != 0
}

/// Waits for some time, or until a hart is up.
fn wait(duration: u64, index: usize) {
    let began = timer::now();
    while timer::now() - began < duration && !is_up(index) {
        core::hint::spin_loop();
    }
}
