//! Typing at a shell, and starting from its prompt again and again.

use super::tiny;

use emu::adversity::Adversity;
use emu::sanitize::Watch;
use emu::session::{Session, Waited};
use emu::{Boot, Config, Machine, Rules};

fn session() -> Session {
    let kernel = tiny::shell();
    let boot = Boot {
        kernel: &kernel,
        command_line: "",
        disks: &[],
    };
    let config = Config {
        memory: 4 << 20,
        ..Config::default()
    };
    Session::new(Machine::boot(&config, &boot).expect("a kernel"))
}

#[test]
fn a_line_is_answered_and_the_answer_ends_at_the_prompt() {
    let mut session = session();
    assert_eq!(session.start(1_000_000), Waited::Prompt);
    let answer = session.line("hello", 1_000_000);
    assert_eq!(answer.waited, Waited::Prompt);
    assert_eq!(session.printed(&answer), "hello\n$ ");
}

#[test]
fn a_prompt_that_was_reached_before_is_found() {
    let mut session = session();
    let machine = session.machine_mut();
    while !machine.console().ends_with(b"$ ") {
        machine.run(machine.steps() + 100);
    }
    machine.run(machine.steps() + 1_000_000);
    let limit = machine.steps() + 1_000_000;
    assert_eq!(session.start(limit), Waited::Prompt);
}

#[test]
fn every_test_starts_from_the_same_prompt() {
    let mut session = session();
    assert!(!session.again(&Rules::default()), "there was no prompt yet");
    session.start(1_000_000);
    let begin = session.machine().steps();
    for seed in 0..3 {
        let rules = Rules {
            seed,
            adversity: Adversity::ALL,
            watch: Watch::ALL,
        };
        assert!(session.again(&rules));
        assert_eq!(session.machine().steps(), begin);
        let answer = session.line(&format!("test {seed}"), 1_000_000);
        assert_eq!(session.printed(&answer), format!("test {seed}\n$ "));
    }
}

#[test]
fn steps_are_bounded_and_harts_are_found() {
    let mut session = session();
    session.start(1_000_000);
    let answer = session.line("hello", 1_000);
    assert_eq!((answer.waited, answer.steps), (Waited::Limit, 1_000));
    let places = session.places();
    assert_eq!(places.len(), 1);
    assert!((0x8000_0000..0x8000_0100).contains(&places[0].stack[0]));
    assert_eq!(places[0].stack.len(), places[0].functions.len());
}
