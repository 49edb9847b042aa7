//! Ctrl-C, SIGTERM and SIGHUP: the children get the signal too, and then this program dies of it.
//!
//! A terminal sends Ctrl-C only to the processes of its foreground group. Helpers have groups of
//! their own (see [`crate::process`]), and a script that signals this process alone signals no
//! other. Without this module both would leave children running, or reading the terminal.
//!
//! Invariants: a signal that was ignored when this program started stays ignored (`nohup`,
//! background jobs); the exit status tells the signal. Neighbour: [`crate::guard`] handles SIGKILL.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgid, kill_process, kill_process_group, waitid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// How long the children may take to end. The emulator needs some of that time to restore the
/// terminal's settings.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Whether a signal has come.
static ENDING: AtomicBool = AtomicBool::new(false);

/// From now on, makes the signals end the children as well.
pub fn end_children_too() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    let caught = [SIGINT, SIGTERM, SIGHUP].map(|signal| (signal, ignored >> (signal - 1) & 1));
    let caught = caught.iter().filter(|(_, ignored)| *ignored == 0);
    let mut signals =
        Signals::new(caught.map(|(signal, _)| signal)).context("cannot listen for signals")?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            ENDING.store(true, Ordering::SeqCst);
            end_children(signal);
            // This returns only if it fails, and then nothing better is left to do.
            let _ = emulate_default_handler(signal);
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// If a signal has come, waits for the end of this program. Its children are ending then, so what
/// the caller takes for their result is none.
pub fn wait_if_ending() {
    while ENDING.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Returns the set of ignored signals from `/proc/PID/status`. Signal N is bit N - 1.
fn ignored(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(0)
}

fn end_children(signal: i32) {
    let children = children();
    let signal = Signal::from_named_raw(signal).unwrap_or(Signal::TERM);
    for &child in &children {
        send(child, signal);
    }
    let deadline = Instant::now() + PATIENCE;
    for &child in &children {
        while is_running(child) && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
    }
    for child in children.into_iter().filter(|&child| is_running(child)) {
        send(child, Signal::KILL);
    }
}

/// Sends a signal to a child or, if the child leads a process group, to that group.
fn send(child: Pid, signal: Signal) {
    // Children that have ended need no signal.
    let _ = match getpgid(Some(child)) {
        Ok(group) if group == child => kill_process_group(group, signal),
        _ => kill_process(child, signal),
    };
}

/// Returns the children of all threads of this process.
fn children() -> Vec<Pid> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|children| {
            let words = children.split_whitespace();
            words
                .filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Returns whether a child is still running. Its status stays for the thread that waits for it.
fn is_running(child: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    matches!(waitid(WaitId::Pid(child), look), Ok(None))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tsh\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000003\n";
        assert_eq!(
            ignored(status),
            0b11,
            "SIGHUP and SIGINT, as nohup in the background has it"
        );
        assert_eq!(ignored(""), 0);
    }

    #[test]
    fn a_child_is_among_the_children_until_it_is_waited_for() {
        let mut child = Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep starts");
        let pid = Pid::from_child(&child);
        assert!(children().contains(&pid));
        assert!(is_running(pid));
        send(pid, Signal::TERM);
        let begin = Instant::now();
        while is_running(pid) && begin.elapsed() < Duration::from_secs(10) {
            thread::sleep(PAUSE);
        }
        assert!(!is_running(pid), "it has ended");
        assert!(!child.wait().expect("its status is still there").success());
    }
}
