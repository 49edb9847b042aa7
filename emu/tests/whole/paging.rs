//! Translation as programs see it: Sv48 where it is on, accessed and dirty bits by hardware or by
//! trap, and instructions that were overwritten without `fence.i`.

use super::tiny::*;

use emu::adversity::Adversity;
use emu::sanitize::{Kind, Watch};
use emu::{Boot, Config, Machine, Rules};

/// Registers of the handler.
const A0: u32 = 10;
const A1: u32 = 11;
const A2: u32 = 12;
const A3: u32 = 13;
const SATP: u32 = 0x180;
const MSTATUS: u32 = 0x300;
const MTVEC: u32 = 0x305;
const MEPC: u32 = 0x341;
const MCAUSE: u32 = 0x342;
const PMPCFG: u32 = 0x3a0;
const PMPADDR: u32 = 0x3b0;
const MRET: u32 = 0x3020_0073;
const SFENCE: u32 = 0x1200_0073;
const FENCE_I: u32 = 0x0000_100f;
const BASE: u64 = 0x8000_0000;

/// Bits of an entry: valid, readable, writable, executable.
const LEAF: u64 = 0xf;
const ACCESSED: u64 = 0x40;
const DIRTY: u64 = 0x80;

/// Where things lie, from the kernel's first byte on: the handler, the supervisor's code, words
/// that programs leave behind, and page tables.
const HANDLER: usize = 0x100;
const SUPERVISOR: usize = 0x200;
const SEEN: usize = 0x700;
const ROOT: usize = 0x1000;
const TABLE: usize = 0x2000;

/// A kernel that opens all memory, loads `satp` from the word before [`SEEN`], and goes on in
/// supervisor mode. `handler` gets every trap.
struct Kernel(Vec<u8>);

impl Kernel {
    fn new(satp: u64, handler: &[u32], supervisor: &[u32]) -> Self {
        let mut kernel = Self(vec![0; 0x3000]);
        kernel.code(
            0,
            &[
                here(T0),
                addi(T1, T0, HANDLER as i32),
                csrw(MTVEC, T1),
                addi(T1, T0, SUPERVISOR as i32),
                csrw(MEPC, T1),
                addi(T1, ZERO, -1),
                csrw(PMPADDR, T1),
                addi(T1, ZERO, 0xf),
                csrw(PMPCFG, T1),
                // The previous mode is the supervisor's: bit 11.
                lui(T1, 1),
                srli(T1, T1, 1),
                csrw(MSTATUS, T1),
                ld(T1, T0, SEEN as i32 - 8),
                csrw(SATP, T1),
                MRET,
            ],
        );
        kernel.code(HANDLER, handler);
        kernel.code(SUPERVISOR, supervisor);
        kernel.word(SEEN - 8, satp);
        kernel
    }

    fn code(&mut self, at: usize, words: &[u32]) {
        for (index, word) in words.iter().enumerate() {
            let at = at + 4 * index;
            self.0[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
    }

    fn word(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn run(&self, sv48: bool, adversity: Adversity, watch: Watch) -> Machine {
        let config = Config {
            harts: 1,
            memory: 4 << 20,
            sv48,
            rules: Rules {
                seed: 1,
                adversity,
                watch,
            },
            ..Config::default()
        };
        let boot = Boot {
            kernel: &emu::image::elf(BASE, &self.0),
            command_line: "",
            disks: &[],
        };
        let mut machine = Machine::boot(&config, &boot).expect("a kernel");
        machine.run(2_000);
        machine
    }
}

fn word(machine: &Machine, at: usize) -> u64 {
    machine.board().ram.read(at, 8)
}

/// The word of `satp` for tables at [`ROOT`].
fn satp(mode: u64) -> u64 {
    mode << 60 | (BASE + ROOT as u64) >> 12
}

/// An entry for the gigabyte of the kernel.
fn gigabyte(bits: u64) -> u64 {
    BASE >> 2 | bits
}

#[test]
fn sv48_translates_where_it_is_on_and_cannot_be_chosen_where_it_is_off() {
    // The kernel also lies at 2^46 + 2^31, which Sv39 cannot name.
    let supervisor = [
        here(T0),
        addi(T1, ZERO, 1),
        slli(T1, T1, 46),
        add(T1, T1, T0),
        sd(T1, T1, (SEEN - SUPERVISOR) as i32),
        beq(ZERO, ZERO, 0),
    ];
    // A trap leaves its cause.
    let handler = [
        csrr(T1, MCAUSE),
        here(T0),
        sd(T1, T0, (SEEN + 8 - HANDLER - 4) as i32),
    ];
    let handler = [&handler[..], &[beq(ZERO, ZERO, 0)]].concat();
    let mut kernel = Kernel::new(satp(9), &handler, &supervisor);
    let table = (BASE + TABLE as u64) >> 2 | 1;
    kernel.word(ROOT, table);
    kernel.word(ROOT + 8 * 128, table);
    kernel.word(TABLE + 16, gigabyte(LEAF | ACCESSED | DIRTY));
    let on = kernel.run(true, Adversity::NONE, Watch::default());
    let address = (1 << 46) + BASE + SUPERVISOR as u64;
    assert_eq!((word(&on, SEEN), word(&on, SEEN + 8)), (address, 0));
    assert_eq!(on.harts()[0].csr.satp >> 60, 9);
    // Without, the write has no effect: there is no memory at that physical address.
    let off = kernel.run(false, Adversity::NONE, Watch::default());
    const STORE_ACCESS: u64 = 7;
    assert_eq!((word(&off, SEEN), word(&off, SEEN + 8)), (0, STORE_ACCESS));
    assert_eq!(off.harts()[0].csr.satp, 0);
}

#[test]
fn accessed_and_dirty_bits_are_set_by_hardware_or_by_trap() {
    let supervisor = [
        here(T0),
        sd(T0, T0, (SEEN - SUPERVISOR) as i32),
        beq(ZERO, ZERO, 0),
    ];
    // The handler counts traps at SEEN + 8, keeps the last cause, and sets the bits by hand: the
    // accessed one for the first trap, the dirty one for the second.
    let handler = [
        here(A0),
        ld(A1, A0, (SEEN + 8 - HANDLER) as i32),
        addi(A1, A1, 1),
        sd(A1, A0, (SEEN + 8 - HANDLER) as i32),
        csrr(A2, MCAUSE),
        sd(A2, A0, (SEEN + 16 - HANDLER) as i32),
        // 0x40 << (count - 1).
        addi(A1, A1, -1),
        addi(A2, ZERO, ACCESSED as i32),
        A1 << 20 | A2 << 15 | 1 << 12 | A2 << 7 | 0x33,
        lui(A3, 1),
        add(A0, A0, A3),
        ld(A1, A0, 16 - HANDLER as i32),
        A2 << 20 | A1 << 15 | 6 << 12 | A1 << 7 | 0x33,
        sd(A1, A0, 16 - HANDLER as i32),
        SFENCE,
        MRET,
    ];
    let mut kernel = Kernel::new(satp(8), &handler, &supervisor);
    kernel.word(ROOT + 16, gigabyte(LEAF));
    let entry = gigabyte(LEAF | ACCESSED | DIRTY);
    let hardware = kernel.run(false, Adversity::NONE, Watch::default());
    let stored = BASE + SUPERVISOR as u64;
    assert_eq!([SEEN, SEEN + 8].map(|at| word(&hardware, at)), [stored, 0]);
    assert_eq!(word(&hardware, ROOT + 16), entry);
    for others in [Adversity::NONE, Adversity::ALL] {
        let mut adversity = others;
        adversity.set("ad-trap", true).expect("a known switch");
        let trap = kernel.run(false, adversity, Watch::default());
        const STORE_PAGE: u64 = 15;
        let seen = [SEEN, SEEN + 8, SEEN + 16].map(|at| word(&trap, at));
        assert_eq!(seen, [stored, 2, STORE_PAGE]);
        assert_eq!(word(&trap, ROOT + 16), entry);
    }
}

/// A loop of which the body is overwritten: it counts by one the first time and by two the second.
fn overwrites(fence: u32) -> Vec<u32> {
    vec![
        here(T0),
        addi(T2, ZERO, 0),
        // The instruction that is overwritten.
        addi(T2, T2, 1),
        sd(T2, T0, SEEN as i32),
        lw(T1, T0, 4 * 8),
        sw(T1, T0, 4 * 2),
        fence,
        beq(ZERO, ZERO, -5),
        // What it is overwritten with: data.
        addi(T2, T2, 2),
    ]
}

#[test]
fn an_instruction_that_was_overwritten_without_a_fence_is_reported_and_executed() {
    let run = |fence| {
        let mut kernel = Kernel(vec![0; 0x1000]);
        kernel.code(0, &overwrites(fence));
        let mut adversity = Adversity::NONE;
        adversity.set("fetch", true).expect("a known switch");
        let watch = Watch {
            kernel: true,
            ..Watch::default()
        };
        let machine = kernel.run(false, adversity, watch);
        let kinds: Vec<Kind> = machine.reports().iter().map(|report| report.kind).collect();
        (kinds, word(&machine, SEEN))
    };
    // With the fence, the count is odd: one, and then always two more.
    let (kinds, count) = run(FENCE_I);
    assert_eq!((kinds.len(), count % 2), (0, 1));
    let (kinds, _) = run(addi(ZERO, ZERO, 0));
    assert_eq!(kinds, [Kind::StaleFetch]);
}
