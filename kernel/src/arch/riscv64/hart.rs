//! The kernel's data about each hart.
//!
//! Invariant: in kernel mode `tp` points to the [`Hart`] of the running hart. Programs may use
//! `tp`; the trap entry loads the kernel's value from the register frame, where it was stored when
//! the thread went to user mode (see `trap`). Compiled kernel code does not use `tp`, because the
//! kernel has no thread-local storage.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use kernel_logic::board;
use sbi_rt::HartMask;

use super::context::KernelContext;

/// The most harts.
pub const HARTS_MAX: usize = board::HARTS_MAX;

const OVERFLOW_STACK_SIZE: usize = 8 << 10;

/// The data of a hart. The trap entry and the boot code know the offsets of the first fields.
#[repr(C, align(64))]
pub struct Hart {
    /// The number of the hart, counted from 0, the boot hart.
    index: AtomicUsize,
    /// The firmware's number.
    pub(super) id: AtomicUsize,
    /// The end of the stack of the scheduler's loop.
    pub(super) boot_stack_top: AtomicUsize,
    /// Space for one register while the trap entry does not know yet whether there is a stack.
    pub(super) scratch: UnsafeCell<usize>,
    /// The thread that runs here; null in the scheduler's loop.
    current: AtomicPtr<()>,
    /// When the next alarm is due, and the slice of the last one (see [`crate::time`]).
    pub(super) alarm: AtomicU64,
    pub(super) slice: AtomicU64,
    /// The saved registers of the scheduler's loop.
    scheduler: UnsafeCell<KernelContext>,
    /// The stack for reporting that a kernel stack has overflowed.
    pub(super) overflow_stack: UnsafeCell<OverflowStack>,
}

/// See [`Hart::overflow_stack`].
#[repr(C, align(16))]
pub struct OverflowStack([u8; OVERFLOW_STACK_SIZE]);

// SAFETY: the cells are touched only by the hart they belong to: `scratch` and `overflow_stack` by
// its trap entry with interrupts off, `scheduler` by `switch` with interrupts off.
unsafe impl Sync for Hart {}

/// All harts by index.
pub static HARTS: [Hart; HARTS_MAX] = [const { Hart::new() }; HARTS_MAX];

static COUNT: AtomicUsize = AtomicUsize::new(1);
static ANNOUNCED: AtomicUsize = AtomicUsize::new(0);

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
            overflow_stack: UnsafeCell::new(OverflowStack([0; OVERFLOW_STACK_SIZE])),
        }
    }

    /// The offset of the end of the overflow stack, for the trap entry.
    pub(super) const OVERFLOW_STACK_TOP: usize =
        offset_of!(Self, overflow_stack) + OVERFLOW_STACK_SIZE;
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
    // SAFETY: `tp` points to this hart's block (module invariant). One instruction, so a move to
    // another hart cannot come between reading `tp` and reading the field.
    unsafe {
        asm!("ld {}, {}(tp)", out(reg) index, const offset_of!(Hart, index), options(nostack, readonly));
    }
    index
}

/// Returns the firmware's number of a hart.
pub fn hart_id(index: usize) -> usize {
    HARTS[index].id.load(Ordering::Relaxed)
}

/// Returns the thread that runs here, as the scheduler set it; null in the scheduler's loop.
#[inline]
pub fn current() -> *mut () {
    let thread;
    // SAFETY: as in `hart`; for a thread the answer stays true wherever it moves.
    unsafe {
        asm!("ld {}, {}(tp)", out(reg) thread, const offset_of!(Hart, current), options(nostack, readonly));
    }
    thread
}

/// Returns the data of this hart. Interrupts are off.
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
    ANNOUNCED.fetch_add(1, Ordering::Release);
}

/// Returns how many harts are up.
pub fn announced() -> usize {
    ANNOUNCED.load(Ordering::Acquire)
}

/// Waits until an interrupt is pending, takes it, and returns with interrupts off.
///
/// Called with interrupts off, after a look for work. An interrupt that comes between the look and
/// the wait ends the wait, because `wfi` notices pending interrupts even while they are off
/// (section 3.3.3).
pub fn wait_for_interrupt() {
    // SAFETY: the trap vector is in place; the caller has interrupts off, so it relies on nothing
    // that a handler changes.
    unsafe {
        asm!(
            "wfi",
            "csrsi sstatus, 2",
            "csrci sstatus, 2",
            options(nostack)
        )
    };
}

/// Makes a hart leave [`wait_for_interrupt`].
pub fn send_reschedule(hart: usize) {
    send_interrupt(1 << hart);
}

/// Interrupts all other harts. They then check whether the kernel has panicked, and whether they
/// must park.
pub fn interrupt_other_harts() {
    let others = ((1u64 << hart_count()) - 1) & !(1 << hart());
    send_interrupt(others);
}

fn send_interrupt(harts: u64) {
    // An error would mean that a hart is gone, which cannot be repaired here.
    let _ = sbi_rt::send_ipi(firmware_mask(harts));
}

/// Converts a set of indices to the firmware's set of numbers, which are below 64 on every board
/// that the kernel has met.
pub fn firmware_mask(harts: u64) -> HartMask {
    let mut mask = 0;
    for index in (0..hart_count()).filter(|index| harts >> index & 1 != 0) {
        mask |= 1 << hart_id(index);
    }
    HartMask::from_mask_base(mask, 0)
}

/// Continues with `main` on another stack, for good. The hart first flushes its translations of the
/// stack region.
///
/// # Safety
/// `top` is the 16-byte aligned end of a mapped stack that no other code uses.
pub unsafe fn run_on_stack(top: usize, main: extern "C" fn() -> !) -> ! {
    // SAFETY: the caller vouches for the stack; nothing on the old one is used again, since this
    // does not return.
    unsafe {
        asm!("sfence.vma", "mv sp, {}", "li s0, 0", "li ra, 0", "jr {}", in(reg) top, in(reg) main, options(noreturn))
    }
}
