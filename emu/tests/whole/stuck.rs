//! Kernels in which nobody can go on, and kernels that only look like it.

use super::tiny::*;

use emu::sanitize::{Kind, Watch};
use emu::{Boot, Config, Machine, Rules, Stop};

/// Runs a kernel on two harts for so many steps; how it ended, and what was reported.
fn run(words: &[u32], attended: bool, steps: u64) -> (Stop, Vec<String>) {
    let watch = Watch {
        stuck: true,
        ..Watch::default()
    };
    let config = Config {
        harts: 2,
        memory: 4 << 20,
        rules: Rules {
            watch,
            ..Rules::default()
        },
        ..Config::default()
    };
    let boot = Boot {
        kernel: &kernel(words),
        command_line: "",
        disks: &[],
    };
    let mut machine = Machine::boot(&config, &boot).expect("a kernel");
    machine.set_attended(attended);
    let stop = machine.run(steps);
    let reports = machine.reports().iter().map(|report| {
        assert_eq!(report.kind, Kind::Stuck);
        report.render(&mut |address, _| vec![format!("{address:#x}")])
    });
    (stop, reports.collect())
}

/// A count of so many rounds, a spoilt register each.
fn pause(rounds: u32) -> [u32; 3] {
    [lui(T3, rounds >> 12), addi(T3, T3, -1), bne(T3, ZERO, -1)]
}

/// Hart 1 counts and then stores to the word for which hart 0 waits, or to another.
fn waits_for_a_word(stores_to: i32) -> Vec<u32> {
    let pause = pause(4 << 20);
    vec![
        here(T0),
        csrr(T1, MHARTID),
        bne(T1, ZERO, 4),
        // Hart 0. The value is spoilt between load and branch, as a compiler may do.
        lw(T1, T0, 0x400),
        andi(T1, T1, 1),
        beq(T1, ZERO, -2),
        pause[0],
        pause[1],
        pause[2],
        addi(T1, ZERO, 1),
        sw(T1, T0, stores_to),
        beq(ZERO, ZERO, 0),
    ]
}

#[test]
fn a_loop_that_only_reads_is_stuck_once_nobody_is_left_to_store() {
    let (stop, reports) = run(&waits_for_a_word(0x408), true, 40_000_000);
    assert_eq!(stop, Stop::Reported);
    let text = &reports[0];
    assert!(text.contains("hart 0 waits in a loop for another value at 0x80000400"));
    assert!(
        text.contains("hart 1 goes round a loop that has no end"),
        "{text}"
    );
}

#[test]
fn a_hart_that_will_store_is_waited_for() {
    let words = waits_for_a_word(0x400);
    // Hart 1 counts all this while.
    let (stop, reports) = run(&words, true, 8_000_000);
    assert_eq!((stop, reports.len()), (Stop::Reached, 0));
    // After the store hart 0 counts, too, and then both go round without end.
    let (stop, reports) = run(&words, true, 40_000_000);
    assert_eq!(stop, Stop::Reported);
    assert!(!reports[0].contains("0x80000400"), "{}", reports[0]);
}

#[test]
fn harts_that_wait_for_no_interrupt_are_stuck() {
    let (stop, reports) = run(&[WFI, beq(ZERO, ZERO, -1)], true, 1_000_000);
    assert_eq!(stop, Stop::Reported);
    assert!(reports[0].contains("hart 1 waits for an interrupt and has enabled none"));
}

#[test]
fn a_kernel_that_only_ticks_is_stuck_if_nobody_will_type() {
    // Every hart sleeps until its timer, again and again, 1.6 million ticks each time.
    let words = [
        csrr(T0, MHARTID),
        // The comparator of the hart is at 0x200_4000 + 8 * hart.
        lui(T2, 0x2004),
        beq(T0, ZERO, 2),
        addi(T2, T2, 8),
        sd(ZERO, T2, 0),
        addi(T0, ZERO, 0x80),
        csrw(MIE, T0),
        // The loop.
        ld(T0, T2, 0),
        lui(T1, 0x187),
        add(T0, T0, T1),
        sd(T0, T2, 0),
        WFI,
        beq(ZERO, ZERO, -5),
    ];
    let (stop, reports) = run(&words, false, 10_000_000);
    assert_eq!(stop, Stop::Reported);
    assert!(
        reports[0].contains("no program has run for"),
        "{}",
        reports[0]
    );
    assert!(reports[0].contains("hart 1 sleeps until the clock wakes it"));
    let (stop, reports) = run(&words, true, 10_000_000);
    assert_eq!(
        (stop, reports.len()),
        (Stop::Reached, 0),
        "a person may type"
    );
}
