//! Snapshots in files: a machine that was booted alike goes on from one as the first one would
//! have, and bytes that are no snapshot are refused with a word.

use super::going_back::{boot, run_to, seen, unkind};
use super::tiny;

use emu::{Machine, Rules, Stop};

fn fresh() -> Machine {
    boot(&tiny::counters(), 3, Rules::default())
}

/// A machine in the middle of an unkind run, and its snapshot.
fn saved(seed: u64) -> (Machine, Vec<u8>) {
    let mut machine = boot(&tiny::counters(), 3, unkind(seed));
    run_to(&mut machine, 5_000 + seed);
    let bytes = machine.save();
    (machine, bytes)
}

#[test]
fn another_machine_goes_on_instruction_by_instruction() {
    for seed in 0..10 {
        let (mut first, bytes) = saved(seed);
        let mut second = fresh();
        second.load(&bytes).expect("its own snapshot");
        assert_eq!(second.save(), bytes, "what is loaded is what was saved");
        for step in first.steps()..first.steps() + 2_000 {
            run_to(&mut first, step);
            run_to(&mut second, step);
            // The watchers of the second began anew.
            let (mut one, mut other) = (seen(&first), seen(&second));
            (one.4, other.4) = (0, 0);
            assert_eq!(one, other, "seed {seed}, step {step}");
        }
    }
}

#[test]
fn saving_changes_nothing() {
    let (mut first, _) = saved(1);
    let mut second = boot(&tiny::counters(), 3, unkind(1));
    run_to(&mut first, 9_000);
    run_to(&mut second, 9_000);
    assert_eq!(seen(&first), seen(&second));
}

fn refusal(machine: &mut Machine, bytes: &[u8]) -> String {
    let before = seen(machine);
    let error = machine.load(bytes).expect_err("it does not fit");
    assert_eq!(seen(machine), before);
    assert!(!error.is_empty() && !error.contains('\n'));
    error
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let (_, bytes) = saved(2);
    let mut harts = boot(&tiny::counters(), 2, Rules::default());
    assert!(refusal(&mut harts, &bytes).contains("3 harts, and this one has 2"));
    let mut kernel = boot(&tiny::shell(), 3, Rules::default());
    assert!(refusal(&mut kernel, &bytes).contains("another kernel"));
    let mut machine = fresh();
    assert!(refusal(&mut machine, b"\x7fELF and more").contains("no snapshot"));
    let mut newer = bytes.clone();
    newer[8] += 1;
    assert!(refusal(&mut machine, &newer).contains("version 2"));
    for end in (0..bytes.len()).step_by(97) {
        refusal(&mut machine, &bytes[..end]);
    }
    let mut flipped = bytes;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert!(refusal(&mut machine, &flipped).contains("damaged"));
}

/// The sum that the format ends with, over the other bytes.
fn seal(bytes: &mut [u8]) {
    let (body, end) = bytes.split_at_mut(bytes.len() - 8);
    let sum = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    end.copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn a_forged_snapshot_is_refused_or_runs_but_never_panics() {
    let (_, bytes) = saved(3);
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut accepted = 0;
    for _ in 0..400 {
        let mut forged = bytes.clone();
        for _ in 0..1 + random(4) {
            let at = random(forged.len() - 8);
            forged[at] = random(256) as u8;
        }
        seal(&mut forged);
        let mut machine = fresh();
        if machine.load(&forged).is_ok() {
            accepted += 1;
            let until = machine.steps() + 3_000;
            while machine.run(until) == Stop::Reported {}
        }
    }
    assert!(accepted > 0, "nothing got as far as running");
}
