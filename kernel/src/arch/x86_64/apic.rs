//! The local interrupt controller of each hart: interrupts between harts, and the timer's.
//!
//! Its registers are registers of the processor if there is x2APIC, and in memory otherwise
//! (xAPIC). Both have one numbering (Intel SDM volume 3, sections 12.4 and 12.12).

use core::sync::atomic::{AtomicUsize, Ordering};

use mm::addr::PhysAddr;
use sync::InterruptsOff;
use x86_64::registers::model_specific::Msr;

use super::features::{Features, has};
use super::layout::to_virtual;
use super::vector::SPURIOUS;

/// Where the registers are, and whether there are any.
const BASE: u32 = 0x1b;
const ENABLE: u64 = 1 << 11;
const ENABLE_X2APIC: u64 = 1 << 10;
const BASE_MASK: u64 = 0xf_ffff_ffff_f000;

/// Numbers of registers.
const ID: u32 = 0x02;
const TASK_PRIORITY: u32 = 0x08;
const END_OF_INTERRUPT: u32 = 0x0b;
const SPURIOUS_VECTOR: u32 = 0x0f;
const COMMAND: u32 = 0x30;
const DESTINATION: u32 = 0x31;
const LOCAL_TIMER: u32 = 0x32;
const LOCAL_LINE_0: u32 = 0x35;
const LOCAL_LINE_1: u32 = 0x36;
const LOCAL_ERROR: u32 = 0x37;
const INITIAL_COUNT: u32 = 0x38;
const CURRENT_COUNT: u32 = 0x39;
const DIVISOR: u32 = 0x3e;

const SOFTWARE_ENABLE: u32 = 1 << 8;
const MASKED: u32 = 1 << 16;
const DEADLINE_MODE: u32 = 0b10 << 17;
/// Count every tick of the controller's clock.
const DIVIDE_BY_1: u32 = 0b1011;

const DELIVER_INIT: u32 = 0b101 << 8;
const DELIVER_STARTUP: u32 = 0b110 << 8;
const ASSERT: u32 = 1 << 14;
const PENDING: u32 = 1 << 12;

/// The address of the registers, for a processor that has them in memory.
static REGISTERS: AtomicUsize = AtomicUsize::new(0);

fn register(number: u32) -> *mut u32 {
    (REGISTERS.load(Ordering::Relaxed) + 16 * number as usize) as *mut u32
}

const fn msr(number: u32) -> Msr {
    Msr::new(0x800 + number)
}

fn read(number: u32) -> u32 {
    if has(Features::X2APIC) {
        // SAFETY: a register of the controller, which reading does not change.
        unsafe { msr(number).read() as u32 }
    } else {
        // SAFETY: as above; the registers are mapped by `kernel_space`, and before by the boot
        // tables.
        unsafe { register(number).read_volatile() }
    }
}

fn write(number: u32, value: u32) {
    if has(Features::X2APIC) {
        // SAFETY: what the callers here write makes the controller interrupt harts or stop to do
        // so.
        unsafe { msr(number).write(value.into()) };
    } else {
        // SAFETY: as above.
        unsafe { register(number).write_volatile(value) };
    }
}

/// Switches the controller of this hart on. The first hart also finds it.
pub(super) fn initialize() {
    // SAFETY: the register says where the controller is; it stays there.
    unsafe {
        let mut register = Msr::new(BASE);
        let base = register.read() | ENABLE;
        if has(Features::X2APIC) {
            register.write(base | ENABLE_X2APIC);
        } else {
            register.write(base);
            REGISTERS.store(
                to_virtual(PhysAddr(base & BASE_MASK)) as usize,
                Ordering::Relaxed,
            );
        }
    }
    write(SPURIOUS_VECTOR, SOFTWARE_ENABLE | u32::from(SPURIOUS));
    for line in [LOCAL_LINE_0, LOCAL_LINE_1, LOCAL_ERROR] {
        write(line, MASKED | u32::from(SPURIOUS));
    }
    write(TASK_PRIORITY, 0);
}

/// Returns the number of this hart's controller.
pub(super) fn id() -> u32 {
    if has(Features::X2APIC) {
        read(ID)
    } else {
        read(ID) >> 24
    }
}

/// Ends the interrupt that is being served.
#[inline]
pub(super) fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Interrupts a hart.
pub(super) fn send(id: usize, vector: u8) {
    command(id, u32::from(vector) | ASSERT);
}

/// Resets a hart, which then waits for its start address.
pub(super) fn send_init(id: usize) {
    command(id, DELIVER_INIT | ASSERT);
}

/// Sends a hart the page below 1 MiB at which it starts.
pub(super) fn send_startup(id: usize, page: u8) {
    command(id, DELIVER_STARTUP | ASSERT | u32::from(page));
}

fn command(id: usize, command: u32) {
    if has(Features::X2APIC) {
        // Unlike one to memory, a write to this register does not wait for stores before it (SDM,
        // section 12.12.3).
        core::sync::atomic::fence(Ordering::SeqCst);
        // SAFETY: interrupts a hart of the board.
        unsafe { msr(COMMAND).write((id as u64) << 32 | u64::from(command)) };
        return;
    }
    // The command takes two stores, and an interrupt handler of this hart must not store in
    // between.
    let _interrupts = InterruptsOff::new();
    write(DESTINATION, (id as u32) << 24);
    write(COMMAND, command);
    while read(COMMAND) & PENDING != 0 {
        core::hint::spin_loop();
    }
}

/// Makes the timer raise interrupt `vector` when it runs out.
pub(super) fn enable_timer(vector: u8) {
    let mode = if has(Features::TSC_DEADLINE) {
        DEADLINE_MODE
    } else {
        0
    };
    write(DIVISOR, DIVIDE_BY_1);
    write(LOCAL_TIMER, mode | u32::from(vector));
}

/// Sets the timer to a time of the TSC.
pub(super) fn set_deadline(time: u64) {
    const TSC_DEADLINE: u32 = 0x6e0;
    // SAFETY: makes the controller interrupt this hart once.
    unsafe { Msr::new(TSC_DEADLINE).write(time) };
}

/// Sets the timer to a distance, in ticks of the controller's clock.
pub(super) fn set_count(count: u32) {
    write(INITIAL_COUNT, count);
}

/// Lets the timer count down from the highest value, without an interrupt.
pub(super) fn start_counting() {
    write(LOCAL_TIMER, MASKED | u32::from(SPURIOUS));
    write(DIVISOR, DIVIDE_BY_1);
    write(INITIAL_COUNT, u32::MAX);
}

/// Returns how many ticks of the controller's clock have passed since [`start_counting`].
pub(super) fn counted() -> u32 {
    u32::MAX - read(CURRENT_COUNT)
}
