//! The kernel's data about each hart (a logical processor).
//!
//! Invariant: in kernel mode the base of `gs` is the [`Hart`] of the running hart. In user mode it
//! is the program's, which is always 0, and the kernel's is in the register that `swapgs` exchanges
//! it with. The entries from user mode exchange them first, the returns exchange them last (see
//! `trap`).

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use kernel_logic::board;
use x86_64::registers::model_specific::{GsBase, KernelGsBase};

use super::context::KernelContext;
use super::descriptors::{self, STACK_OFFSET, Segments, TRAP_STACK_SIZE, TRAP_STACKS, TaskState};
use super::{apic, vector};

/// The most harts.
pub const HARTS_MAX: usize = board::HARTS_MAX;

/// The data of a hart. The trap entry and the boot code know the offsets of the first fields.
#[repr(C, align(64))]
pub struct Hart {
    /// The number of the hart, counted from 0, the boot hart.
    index: AtomicUsize,
    /// The number of its local interrupt controller.
    id: AtomicUsize,
    /// The end of the stack of the scheduler's loop.
    pub(super) boot_stack_top: AtomicUsize,
    /// Space for the program's stack pointer in the entry of a system call.
    pub(super) scratch: UnsafeCell<usize>,
    /// The thread that runs here; null in the scheduler's loop.
    current: AtomicPtr<()>,
    /// When the next alarm is due, and the slice of the last one.
    pub(super) alarm: AtomicU64,
    pub(super) slice: AtomicU64,
    /// The saved registers of the scheduler's loop.
    scheduler: UnsafeCell<KernelContext>,
    task: UnsafeCell<TaskState>,
    segments: UnsafeCell<Segments>,
}

// SAFETY: the cells are touched only by the hart they belong to: `scratch` by its trap entry with
// interrupts off, `scheduler` by `switch` with interrupts off, `task` and `segments` when the hart
// starts and by the way back to user mode, with interrupts off.
unsafe impl Sync for Hart {}

/// All harts by index.
pub static HARTS: [Hart; HARTS_MAX] = [const { Hart::new() }; HARTS_MAX];

static COUNT: AtomicUsize = AtomicUsize::new(1);
/// The harts that are up, one bit each.
static ONLINE: AtomicU64 = AtomicU64::new(1);

impl Hart {
    const fn new() -> Self {
        Self {
            index: AtomicUsize::new(0),
            id: AtomicUsize::new(0),
            boot_stack_top: AtomicUsize::new(0),
            scratch: UnsafeCell::new(0),
            current: AtomicPtr::new(core::ptr::null_mut()),
            alarm: AtomicU64::new(0),
            slice: AtomicU64::new(0),
            scheduler: UnsafeCell::new(KernelContext::empty()),
            task: UnsafeCell::new(TaskState::new()),
            segments: UnsafeCell::new(Segments::new()),
        }
    }

    /// Where the processor finds the stack for traps from programs.
    pub(super) const TRAP_STACK: usize = offset_of!(Self, task) + STACK_OFFSET;
}

/// Makes this hart hart `index`. Interrupts are off.
pub(super) fn adopt(index: usize) {
    let hart = &HARTS[index];
    let base = x86_64::VirtAddr::new(core::ptr::from_ref(hart) as u64);
    GsBase::write(base);
    KernelGsBase::write(x86_64::VirtAddr::zero());
    // SAFETY: the hart's own tables, in a static.
    unsafe { descriptors::load_segments(hart.segments.get(), hart.task.get()) };
    // Loading segments may have cleared the base.
    GsBase::write(base);
}

/// Gives a hart's traps their stacks, of `TRAP_STACKS * TRAP_STACK_SIZE` bytes from `start` on.
pub(super) fn set_trap_stacks(index: usize, start: usize) {
    for number in 1..=TRAP_STACKS {
        // SAFETY: only the boot hart runs; what it changes of its own is used by no trap at this
        // moment.
        unsafe {
            (*HARTS[index].task.get()).set_trap_stack(number, start + number * TRAP_STACK_SIZE)
        };
    }
}

/// Notes the harts of the board. Only the boot hart runs yet.
pub fn describe(harts: impl Iterator<Item = u64>) {
    let mut count = 0;
    for (index, (hart, id)) in HARTS.iter().zip(harts).enumerate() {
        hart.index.store(index, Ordering::Relaxed);
        hart.id.store(id as usize, Ordering::Relaxed);
        count = index + 1;
    }
    COUNT.store(count, Ordering::Release);
}

/// Returns the number of harts.
pub fn hart_count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Returns the index of this hart. Unless interrupts are off, the thread may be on another hart
/// when the call returns.
#[inline]
pub fn hart() -> usize {
    let index;
    // SAFETY: `gs` is this hart's block (module invariant). One instruction, so a move to another
    // hart cannot come between.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) index, const offset_of!(Hart, index), options(nostack, readonly));
    }
    index
}

/// Returns the number of a hart's local interrupt controller.
pub fn hart_id(index: usize) -> usize {
    HARTS[index].id.load(Ordering::Relaxed)
}

/// Returns the thread that runs here, as the scheduler set it; null in the scheduler's loop.
#[inline]
pub fn current() -> *mut () {
    let thread;
    // SAFETY: as in `hart`; for a thread the answer stays true wherever it moves.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) thread, const offset_of!(Hart, current), options(nostack, readonly));
    }
    thread
}

pub(super) fn this() -> &'static Hart {
    &HARTS[hart()]
}

/// Sets the thread that runs here. Interrupts are off.
pub fn set_current(thread: *mut ()) {
    this().current.store(thread, Ordering::Relaxed);
}

/// Returns where the registers of this hart's scheduler loop are saved while a thread runs.
/// Interrupts are off.
pub fn scheduler_context() -> *mut KernelContext {
    this().scheduler.get()
}

/// Sets the end of the stack of a hart's scheduler loop.
pub fn set_boot_stack(hart: usize, top: usize) {
    HARTS[hart].boot_stack_top.store(top, Ordering::Release);
}

/// Returns the end of the stack of this hart's scheduler loop.
pub fn boot_stack() -> usize {
    this().boot_stack_top.load(Ordering::Acquire)
}

/// Counts this hart among those that are up.
pub fn announce() {
    ONLINE.fetch_or(1 << hart(), Ordering::Release);
}

/// Returns the harts that are up.
pub fn online() -> u64 {
    ONLINE.load(Ordering::Acquire)
}

/// Waits until an interrupt is pending, takes it, and returns with interrupts off.
///
/// Called with interrupts off, after a look for work. An interrupt that comes between the look and
/// the wait ends the wait, because none is taken before the instruction behind `sti` (Intel SDM
/// volume 2).
pub fn wait_for_interrupt() {
    // SAFETY: the gates are in place; the caller has interrupts off, so it relies on nothing that a
    // handler changes.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
}

/// Makes a hart leave [`wait_for_interrupt`].
pub fn send_reschedule(hart: usize) {
    apic::send(hart_id(hart), vector::RESCHEDULE);
}

/// Interrupts all other harts. They then check whether the kernel has panicked, and whether they
/// must park.
pub fn interrupt_other_harts() {
    let others = online() & !(1 << hart());
    for index in (0..hart_count()).filter(|index| others >> index & 1 != 0) {
        send_reschedule(index);
    }
}

/// Continues with `main` on another stack, for good.
///
/// # Safety
/// `top` is the 16-byte aligned end of a mapped stack that no other code uses.
pub unsafe fn run_on_stack(top: usize, main: extern "C" fn() -> !) -> ! {
    // SAFETY: the caller vouches for the stack; nothing on the old one is used again, since this
    // does not return.
    unsafe {
        asm!("mov rsp, {}", "xor ebp, ebp", "call {}", in(reg) top, in(reg) main, options(noreturn))
    }
}
