//! Segments, the task-state segment of each hart, and the table of interrupt gates.
//!
//! Long mode needs few segments. `syscall` and `sysret` demand this order (Intel SDM volume 3,
//! section 5.8.8). The task-state segment names the stacks that the processor switches to. Its I/O
//! permission map, which ends before it begins, forbids programs all ports.
//!
//! Four kinds of trap have stacks of their own, because they can occur where the current stack
//! cannot be used: in the first and last instructions of an entry, or after the kernel's stack has
//! overflowed.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

use abi::PAGE_SIZE;

/// Selectors.
pub(super) const KERNEL_CODE: u16 = 0x08;
pub(super) const KERNEL_DATA: u16 = 0x10;
pub(super) const USER_DATA: u16 = 0x18 | 3;
pub(super) const USER_CODE: u16 = 0x20 | 3;
const TASK: u16 = 0x28;

/// Descriptors in the table: five of 8 bytes after the null one's, and one of 16.
const ENTRIES: usize = 7;
/// Present, code, readable, long mode; the accessed bit is set so that the processor need not.
const CODE: u64 = 0x0020_9b00_0000_0000;
/// Present, data, writable, accessed.
const DATA: u64 = 0x0000_9300_0000_0000;
/// Privilege level 3.
const FOR_USERS: u64 = 3 << 45;
/// Present, 64-bit task-state segment, not busy.
const TASK_STATE: u64 = 0x0000_8900_0000_0000;

/// The size of a stack for traps that cannot use the current one.
pub(super) const TRAP_STACK_SIZE: usize = 2 * PAGE_SIZE;
/// The number of such a stack; 0 would be the current one.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum TrapStack {
    DoubleFault = 1,
    NonMaskable = 2,
    MachineCheck = 3,
    Debug = 4,
}
/// The number of these stacks.
pub(super) const TRAP_STACKS: usize = 4;

/// The task-state segment (Intel SDM volume 3, section 8.7). Kept by words: its pointers are not
/// aligned to 8.
#[repr(C, align(16))]
pub struct TaskState([u32; 26]);

/// The word of a task-state segment that holds the stack for traps from programs.
pub(super) const STACK_OFFSET: usize = 4;
const TRAP_STACKS_WORD: usize = 9;
const MAP_BASE_WORD: usize = 25;

impl TaskState {
    /// Returns a segment without stacks and without an I/O permission map.
    pub(super) const fn new() -> Self {
        let mut words = [0; 26];
        words[MAP_BASE_WORD] = (size_of::<Self>() as u32) << 16;
        Self(words)
    }

    /// Gives a kind of trap the stack that ends at `top`.
    pub(super) fn set_trap_stack(&mut self, number: usize, top: usize) {
        let word = TRAP_STACKS_WORD + 2 * (number - 1);
        self.0[word] = top as u32;
        self.0[word + 1] = (top >> 32) as u32;
    }
}

/// The segments of a hart. Each hart has its own, because a task-state segment belongs to one
/// processor.
#[repr(C, align(16))]
pub struct Segments([u64; ENTRIES]);

impl Segments {
    /// Returns all segments but the task-state segment.
    pub(super) const fn new() -> Self {
        Self([0, CODE, DATA, DATA | FOR_USERS, CODE | FOR_USERS, 0, 0])
    }
}

/// The operand of `lgdt` and `lidt`.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Makes this hart use its segments and its task-state segment.
///
/// # Safety
/// Both are this hart's and stay where they are.
pub(super) unsafe fn load_segments(segments: *mut Segments, task: *const TaskState) {
    let base = task as u64;
    let limit = size_of::<TaskState>() as u64 - 1;
    let low = TASK_STATE | limit | (base & 0xff_ffff) << 16 | (base >> 24 & 0xff) << 56;
    let pointer = Pointer {
        limit: size_of::<Segments>() as u16 - 1,
        base: segments as u64,
    };
    // SAFETY: the caller's promise. The new table has code and data where the old one has them, so
    // the reloads change nothing but where descriptors are read from.
    unsafe {
        (*segments).0[5] = low;
        (*segments).0[6] = base >> 32;
        asm!(
            "lgdt [{pointer}]",
            "push {code}",
            "lea {scratch}, [rip + 2f]",
            "push {scratch}",
            "retfq",
            "2:",
            "mov ss, {data:e}",
            "mov ds, {null:e}",
            "mov es, {null:e}",
            "mov fs, {null:e}",
            "ltr {task:x}",
            pointer = in(reg) &raw const pointer,
            code = const KERNEL_CODE,
            data = in(reg) u32::from(KERNEL_DATA),
            null = in(reg) 0_u32,
            task = in(reg) TASK,
            scratch = out(reg) _,
        );
    }
}

/// A gate (Intel SDM volume 3, section 7.14.1).
#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    low: u64,
    high: u64,
}

/// The number of gates.
const GATES: usize = 256;
/// Present, interrupt gate: interrupts are off in the handler.
const INTERRUPT_GATE: u64 = 0x8e << 40;
/// Programs may use it with `int`.
const BY_USERS: u64 = 3 << 45;

#[repr(C, align(16))]
struct Gates(UnsafeCell<[Gate; GATES]>);

// SAFETY: written by the boot hart while it is alone, read by processors afterwards.
unsafe impl Sync for Gates {}

static GATE_TABLE: Gates = Gates(UnsafeCell::new([Gate { low: 0, high: 0 }; GATES]));

/// Fills the table: gate `n` leads to `entry + n * spacing`. Called once by the boot hart.
pub(super) fn fill_gates(
    entry: usize,
    spacing: usize,
    stack_of: impl Fn(usize) -> u8,
    for_users: &[usize],
) {
    for number in 0..GATES {
        let address = (entry + number * spacing) as u64;
        let mut low = address & 0xffff
            | u64::from(KERNEL_CODE) << 16
            | u64::from(stack_of(number)) << 32
            | INTERRUPT_GATE
            | (address >> 16 & 0xffff) << 48;
        if for_users.contains(&number) {
            low |= BY_USERS;
        }
        // SAFETY: the boot hart is alone, and no hart uses the table yet.
        unsafe {
            (*GATE_TABLE.0.get())[number] = Gate {
                low,
                high: address >> 32,
            }
        };
    }
}

/// Makes this hart use the table.
pub(super) fn load_gates() {
    let pointer = Pointer {
        limit: size_of::<Gates>() as u16 - 1,
        base: GATE_TABLE.0.get() as u64,
    };
    // SAFETY: the table is filled and never moves.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(nostack, readonly)) };
}

const _: () = assert!(size_of::<TaskState>() >= 104 && offset_of!(Pointer, base) == 2);
