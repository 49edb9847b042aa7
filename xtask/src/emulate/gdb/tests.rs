use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use emu::adversity::Adversity;
use emu::{Boot, Config, Machine, Rules};

use super::debuggee::{Debuggee, Halt, Motion};
use crate::emulate::screen::Screen;

#[path = "../../../../emu/tests/whole/tiny.rs"]
#[allow(dead_code)]
mod tiny;

/// The beginning of the counting loop, where its atomic instruction is.
const LOOP: u64 = 0x8000_000c;
const ATOMIC: u64 = 0x8000_0018;
/// The address of the word that is counted up atomically.
const WORD: u64 = 0x8000_0400;

fn debuggee() -> Debuggee {
    let config = Config {
        harts: 2,
        memory: 4 << 20,
        rules: Rules {
            seed: 4,
            adversity: Adversity::ALL,
            ..Rules::default()
        },
        ..Config::default()
    };
    let kernel = tiny::counters();
    let boot = Boot {
        kernel: &kernel,
        command_line: "",
        disks: &[],
    };
    Debuggee::new(Machine::boot(&config, &boot).unwrap(), Screen::silent())
}

fn go(debuggee: &mut Debuggee, motion: Motion) -> Halt {
    debuggee.motion = motion;
    debuggee.go().expect("a halt nearby")
}

fn count(debuggee: &mut Debuggee) -> u64 {
    let mut bytes = [0; 4];
    debuggee.machine().peek(0, WORD, &mut bytes).unwrap();
    u32::from_le_bytes(bytes).into()
}

#[test]
fn breakpoints_are_met_in_both_directions() {
    let mut debuggee = debuggee();
    debuggee.add_breakpoint(LOOP);
    let mut halts = Vec::new();
    for _ in 0..6 {
        let Halt::Breakpoint(hart) = go(&mut debuggee, Motion::Continue) else {
            panic!("no breakpoint");
        };
        assert_eq!(debuggee.hart(hart).unwrap().pc, LOOP);
        halts.push((debuggee.machine().steps(), hart));
    }
    for &(step, hart) in halts[..5].iter().rev() {
        let halt = go(&mut debuggee, Motion::BackToBreakpoint);
        assert_eq!(halt, Halt::Breakpoint(hart));
        assert_eq!(debuggee.machine().steps(), step);
    }
    assert_eq!(go(&mut debuggee, Motion::BackToBreakpoint), Halt::Beginning);
    assert_eq!(debuggee.machine().steps(), 0);
    assert!(debuggee.remove_breakpoint(LOOP) && !debuggee.remove_breakpoint(LOOP));
}

#[test]
fn a_step_back_undoes_a_step_of_the_same_hart() {
    let mut debuggee = debuggee();
    debuggee.add_breakpoint(ATOMIC);
    go(&mut debuggee, Motion::Continue);
    let hart = debuggee.machine().current();
    let before = debuggee.hart(hart).unwrap().registers();
    assert_eq!(go(&mut debuggee, Motion::Step(hart)), Halt::Stepped);
    assert_eq!(debuggee.hart(hart).unwrap().pc, ATOMIC + 4);
    assert_eq!(go(&mut debuggee, Motion::BackStep(hart)), Halt::Stepped);
    assert_eq!(debuggee.hart(hart).unwrap().pc, ATOMIC);
    assert_eq!(debuggee.hart(hart).unwrap().registers(), before);
    let retired = debuggee.hart(hart).unwrap().retired;
    go(&mut debuggee, Motion::BackStep(hart));
    assert_eq!(debuggee.hart(hart).unwrap().retired, retired - 1);
}

#[test]
fn who_changed_a_word_is_found_by_going_back() {
    let mut debuggee = debuggee();
    assert!(debuggee.watch(WORD, 4) && !debuggee.watch(WORD, 9));
    for wanted in 1..5 {
        assert!(matches!(
            go(&mut debuggee, Motion::Continue),
            Halt::Changed(_, WORD)
        ));
        assert_eq!(count(&mut debuggee), wanted);
    }
    // Goes back to where the last change is about to be made.
    assert!(matches!(
        go(&mut debuggee, Motion::BackToBreakpoint),
        Halt::Changed(_, WORD)
    ));
    assert_eq!(count(&mut debuggee), 3);
    assert!(debuggee.unwatch(WORD) && !debuggee.unwatch(WORD));
}

/// A packet of the protocol.
fn packet(text: &str) -> Vec<u8> {
    let sum = text.bytes().fold(0u8, u8::wrapping_add);
    format!("+${text}#{sum:02x}").into_bytes()
}

/// Sends a packet. Returns the text of the answer.
fn ask(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(&packet(text)).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    loop {
        stream.read_exact(&mut byte).unwrap();
        match byte[0] {
            b'$' => answer.clear(),
            b'#' => break,
            other => answer.push(other),
        }
    }
    let mut sum = [0; 2];
    stream.read_exact(&mut sum).unwrap();
    expanded(&answer)
}

/// Undoes the run-length encoding: `x*n` stands for `x` and for as many more as `n` is above 29.
fn expanded(text: &[u8]) -> String {
    let mut whole = Vec::new();
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'*' {
            let times = bytes.next().unwrap() - 29;
            let last = *whole.last().unwrap();
            whole.extend((0..times).map(|_| last));
        } else {
            whole.push(byte);
        }
    }
    String::from_utf8(whole).unwrap()
}

#[test]
fn a_debugger_is_answered_over_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        super::attend(stream, &mut debuggee())
    });
    let mut stream = TcpStream::connect(address).unwrap();
    let features = ask(
        &mut stream,
        "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+",
    );
    for feature in ["ReverseStep+", "ReverseContinue+"] {
        assert!(features.contains(feature), "{features}");
    }
    assert!(ask(&mut stream, "?").starts_with('T'));
    assert_eq!(ask(&mut stream, &format!("Z0,{ATOMIC:x},4")), "OK");
    let halted = ask(&mut stream, "vCont;c:p1.-1");
    assert!(halted.contains("swbreak"), "{halted}");
    // The program counter is the last of 33 registers.
    let registers = ask(&mut stream, "g");
    let pc = ATOMIC.swap_bytes();
    assert!(registers.ends_with(&format!("{pc:016x}")), "{registers}");
    assert_eq!(ask(&mut stream, &format!("m{WORD:x},4")), "00000000");
    assert!(
        ask(&mut stream, "bc").starts_with('T'),
        "back to the beginning"
    );
    let answer = ask(&mut stream, "m0,4");
    assert!(answer.starts_with('E'), "nothing is there: {answer}");
    let answer = ask(&mut stream, &format!("M{WORD:x},1:ff"));
    assert!(answer.starts_with('E'), "the past stays: {answer}");
    stream.write_all(&packet("D;1")).unwrap();
    server.join().unwrap().unwrap();
}
