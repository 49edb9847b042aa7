//! Going back: from a snapshot a run goes on as it went on before, and every step can be reached.

use super::tiny;

use emu::adversity::Adversity;
use emu::history::History;
use emu::sanitize::Watch;
use emu::{Boot, Config, Machine, Rules, Snapshot, Stop};

pub fn boot(kernel: &[u8], harts: usize, rules: Rules) -> Machine {
    let config = Config {
        harts,
        memory: 4 << 20,
        rules,
        ..Config::default()
    };
    let boot = Boot {
        kernel,
        command_line: "",
        disks: &[],
    };
    Machine::boot(&config, &boot).expect("a kernel")
}

pub fn unkind(seed: u64) -> Rules {
    Rules {
        seed,
        adversity: Adversity::ALL,
        watch: Watch::ALL,
    }
}

/// All that a kernel could tell of a moment.
pub fn seen(machine: &Machine) -> (u64, Vec<Vec<u64>>, Vec<u64>, [u64; 2], usize) {
    let ram = &machine.board().ram;
    (
        machine.steps(),
        machine
            .harts()
            .iter()
            .map(|hart| hart.registers())
            .collect(),
        machine.harts().iter().map(|hart| hart.pc).collect(),
        [0x400, 0x408].map(|at| ram.read(at, 8)),
        machine.reports().len(),
    )
}

pub fn run_to(machine: &mut Machine, step: u64) {
    while machine.run(step) == Stop::Reported {}
    assert_eq!(machine.steps(), step);
}

/// A run with a snapshot every 1,000 steps.
fn recorded(seed: u64) -> (Machine, Vec<Snapshot>) {
    let mut machine = boot(&tiny::counters(), 3, unkind(seed));
    let mut snapshots = vec![machine.snapshot()];
    for step in (1000..=10_000).step_by(1000) {
        run_to(&mut machine, step);
        snapshots.push(machine.snapshot());
    }
    (machine, snapshots)
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_does_not() {
    let at_the_end = |seed| {
        let mut machine = boot(&tiny::counters(), 3, unkind(seed));
        run_to(&mut machine, 20_000);
        (seen(&machine), machine.reports().to_vec())
    };
    assert_eq!(at_the_end(7), at_the_end(7));
    assert_ne!(at_the_end(7).0, at_the_end(8).0);
    assert!(!at_the_end(7).1.is_empty(), "the plain counter is a race");
}

#[test]
fn every_earlier_step_is_reached_as_it_was() {
    let (mut machine, snapshots) = recorded(3);
    let mut fresh = boot(&tiny::counters(), 3, unkind(3));
    let mut steps: Vec<u64> = (2990..3010).chain([1, 999, 1000, 7777, 9999]).collect();
    let mut moments = Vec::new();
    steps.sort_unstable();
    for &step in &steps {
        run_to(&mut fresh, step);
        moments.push(seen(&fresh));
    }
    for (&step, moment) in steps.iter().zip(&moments).rev() {
        assert_eq!(machine.go_to(&snapshots, step), Stop::Reached);
        assert_eq!(&seen(&machine), moment, "step {step}");
    }
}

#[test]
fn a_snapshot_of_another_machine_is_refused() {
    let mut small = boot(&tiny::counters(), 1, Rules::default());
    let mut large = boot(&tiny::counters(), 2, Rules::default());
    run_to(&mut large, 100);
    let before = seen(&large);
    assert!(!large.restore(&small.snapshot()));
    assert_eq!(seen(&large), before);
}

#[test]
fn rules_change_between_steps_and_the_snapshot_brings_the_old_ones_back() {
    let mut machine = boot(&tiny::counters(), 2, Rules::default());
    run_to(&mut machine, 5000);
    let kind = machine.snapshot();
    let end = |machine: &mut Machine, rules: Option<Rules>| {
        assert!(machine.restore(&kind));
        if let Some(rules) = rules {
            machine.set_rules(&rules);
        }
        run_to(machine, 15_000);
        seen(machine)
    };
    let plain = end(&mut machine, None);
    let first = end(&mut machine, Some(unkind(1)));
    assert_ne!(first, plain);
    assert_eq!(end(&mut machine, Some(unkind(1))), first);
    assert_ne!(end(&mut machine, Some(unkind(2))), first);
    assert_eq!(end(&mut machine, None), plain);
    assert_eq!(plain.4, 0, "nobody watched");
    assert!(first.4 > 0, "the race after the change was seen");
}

#[test]
fn the_clock_does_not_jump_when_the_rules_change() {
    let mut machine = boot(&tiny::counters(), 1, Rules::default());
    run_to(&mut machine, 9_000);
    let before = machine.board().time();
    machine.set_rules(&unkind(1));
    assert_eq!(machine.board().time(), before);
    machine.set_rules(&Rules::default());
    assert_eq!(machine.board().time(), before);
}

#[test]
fn the_last_step_at_which_something_held_is_found() {
    let mut machine = boot(&tiny::counters(), 2, unkind(5));
    let mut history = History::with_interval(&mut machine, 700);
    while history.run(&mut machine, 20_000) == Stop::Reported {}
    let count = |machine: &Machine| machine.board().ram.read(0x400, 4);
    let now = count(&machine);
    assert!(history.go_back(&mut machine, |machine| count(machine) < now - 300));
    // One step later the atomic instruction has been executed.
    let found = (machine.steps(), count(&machine));
    assert_eq!(found.1, now - 301);
    run_to(&mut machine, found.0 + 1);
    assert_eq!(count(&machine), now - 300);
    assert!(!history.go_back(&mut machine, |_| false));
    assert_eq!(machine.steps(), history.begin());
}

#[test]
fn a_long_history_has_few_snapshots_and_no_gaps() {
    let mut machine = boot(&tiny::counters(), 2, unkind(6));
    let mut history = History::with_interval(&mut machine, 10);
    while history.run(&mut machine, 5_000) == Stop::Reported {}
    let mut fresh = boot(&tiny::counters(), 2, unkind(6));
    for step in [1, 333, 4_321] {
        run_to(&mut fresh, step);
        history.go_to(&mut machine, step);
        assert_eq!(seen(&machine), seen(&fresh), "step {step}");
    }
}
