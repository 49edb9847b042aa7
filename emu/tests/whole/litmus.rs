//! Litmus tests: what two harts may see of each other's stores. Each test is run for some rounds,
//! with words of its own in each round, under many seeds; the outcomes that RVWMO allows must come
//! up, and those that it forbids must not.

use super::tiny::*;

use emu::adversity::Adversity;
use emu::{Boot, Config, Machine, Rules};

const A0: u32 = 10;
const A1: u32 = 11;
const A2: u32 = 12;
const A3: u32 = 13;
const A4: u32 = 14;
const ROUNDS: usize = 50;
/// Bytes between the words of two rounds; the second word lies in the middle.
const STRIDE: i32 = 128;
const SECOND: i32 = 64;
const SEEDS: u64 = 30;
/// The result of a register into which a part reads nothing.
const UNREAD: u64 = 7;
/// Where the words of the first round and the results lie, from the kernel's first byte on.
const WORDS: u32 = 1 << 12;
const RESULTS: u32 = 8 << 12;

/// Both harts run their part in each round. A part finds the address of the first word in `a0` and
/// of the second in `a1`, and leaves what it read in `a2` and `a3`.
fn rounds(parts: [&[u32]; 2]) -> Vec<u32> {
    let body = |part: &[u32], results: i32| {
        let mut words = part.to_vec();
        words.extend([
            sw(A2, A4, results),
            sw(A3, A4, results + 4),
            addi(A0, A0, STRIDE),
            addi(A1, A1, STRIDE),
            addi(A4, A4, 16),
            addi(T0, T0, -1),
        ]);
        let back = -(words.len() as i32);
        words.push(bne(T0, ZERO, back));
        words.push(beq(ZERO, ZERO, 0));
        words
    };
    let (first, second) = (body(parts[0], 0), body(parts[1], 8));
    let mut words = vec![
        here(A0),
        lui(T1, WORDS >> 12),
        lui(T2, RESULTS >> 12),
        add(A4, A0, T2),
        add(A0, A0, T1),
        addi(A1, A0, SECOND),
        addi(T0, ZERO, ROUNDS as i32),
        // A round that was not run has another result.
        addi(A3, ZERO, UNREAD as i32),
        csrr(T1, MHARTID),
        bne(T1, ZERO, first.len() as i32 + 1),
    ];
    words.extend(first);
    words.extend(second);
    words
}

/// Returns whether, under some seed and in some round, the four results are `wanted`.
fn comes_up(adversity: &[&str], parts: [&[u32]; 2], wanted: [u64; 4]) -> bool {
    let kernel = kernel(&rounds(parts));
    (0..SEEDS).any(|seed| {
        let mut rules = Rules {
            seed,
            ..Rules::default()
        };
        for name in adversity {
            rules.adversity.set(name, true).expect("a known switch");
        }
        let config = Config {
            harts: 2,
            memory: 4 << 20,
            rules,
            ..Config::default()
        };
        let boot = Boot {
            kernel: &kernel,
            command_line: "",
            disks: &[],
        };
        let mut machine = Machine::boot(&config, &boot).expect("a kernel");
        machine.run(60_000);
        // What still waits is made visible.
        machine.set_rules(&Rules::default());
        let ram = &machine.board().ram;
        (0..ROUNDS).any(|round| {
            let at = RESULTS as usize + 16 * round;
            [0, 4, 8, 12].map(|word| ram.read(at + word, 4)) == wanted
        })
    })
}

/// Everything that can delay or hasten an access.
const WEAK: [&str; 3] = ["turns", "stores", "loads"];
const ONE: u32 = addi(T1, ZERO, 1);

/// Message passing: the first hart stores data and then a flag, the second waits for the flag and
/// then reads the data. `between` is what each has between its two accesses.
fn message(adversity: &[&str], store: &[u32], load: &[u32]) -> bool {
    let writer = [&[ONE, sw(T1, A0, 0)], store, &[sw(T1, A1, 0)]].concat();
    let mut reader = [&[lw(A2, A1, 0)], load, &[lw(A3, A0, 0)]].concat();
    reader.push(beq(A2, ZERO, -(reader.len() as i32)));
    // The writer's results are what its registers held before.
    comes_up(adversity, [&writer, &reader], [0, UNREAD, 1, 0])
}

#[test]
fn a_message_overtakes_its_data_by_late_stores_or_by_early_loads() {
    const W_W: [u32; 1] = [fence(1, 1)];
    const R_R: [u32; 1] = [fence(2, 2)];
    assert!(message(&["turns", "stores"], &[], &R_R), "late stores");
    assert!(message(&["turns", "loads"], &W_W, &[]), "early loads");
    assert!(!message(&["turns"], &[], &[]), "a machine in order");
    assert!(!message(&WEAK, &W_W, &R_R), "fences");
}

#[test]
fn an_acquire_or_an_address_holds_a_load_back() {
    let writer = [ONE, sw(T1, A0, 0), fence(1, 1), sw(T1, A1, 0)];
    let acquire = [load_acquire(A2, A1), lw(A3, A0, 0), beq(A2, ZERO, -2)];
    assert!(!comes_up(&WEAK, [&writer, &acquire], [0, UNREAD, 1, 0]));
    // The address of the second load is computed from the value of the first.
    let depends = [
        lw(A2, A1, 0),
        xor(T2, A2, A2),
        add(T2, T2, A0),
        lw(A3, T2, 0),
        beq(A2, ZERO, -4),
    ];
    assert!(!comes_up(&WEAK, [&writer, &depends], [0, UNREAD, 1, 0]));
    // That it waits for a branch does not help.
    let branch = [lw(A2, A1, 0), beq(A2, ZERO, -1), lw(A3, A0, 0)];
    assert!(comes_up(&WEAK, [&writer, &branch], [0, UNREAD, 1, 0]));
}

#[test]
fn two_loads_of_one_word_never_go_backwards() {
    let writer = [ONE, sw(T1, A0, 0)];
    let reader = [lw(A2, A0, 0), lw(A3, A0, 0)];
    assert!(!comes_up(&WEAK, [&writer, &reader], [0, UNREAD, 1, 0]));
    assert!(
        comes_up(&WEAK, [&writer, &reader], [0, UNREAD, 0, 1]),
        "they meet"
    );
}

#[test]
fn each_hart_misses_the_store_of_the_other_unless_both_fence() {
    let part = |mine: u32, other: u32, between: &[u32]| {
        [&[ONE, sw(T1, mine, 0)], between, &[lw(A2, other, 0)]].concat()
    };
    let both = |adversity: &[&str], between: &[u32]| {
        let parts = [part(A0, A1, between), part(A1, A0, between)];
        comes_up(adversity, [&parts[0], &parts[1]], [0, UNREAD, 0, UNREAD])
    };
    assert!(both(&["turns", "stores"], &[]));
    assert!(both(&["turns", "loads"], &[]));
    assert!(!both(&["turns"], &[]));
    assert!(!both(&WEAK, &[fence(3, 3)]));
}

#[test]
fn the_switches_are_known_by_name() {
    for name in WEAK {
        assert!(Adversity::NAMES.contains(&name));
    }
}
