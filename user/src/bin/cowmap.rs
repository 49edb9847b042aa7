//! `cowmap [PID]`: prints the address space of a process (by default its own) as text: which pages
//! the process shares, which it owns alone, and which frames they are in.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::{PAGE_SIZE, PageInfo, ProcCounter};
use user::memory::{self, ProcessCounters};
use user::process::Pid;
use user::{Args, Result, eprintln, println};

user::main!(run);

/// Who owns a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Shared,
    Private,
    File,
    Swapped,
    Absent,
}

/// A short name and a meaning for each state, in the order of [`State`].
const LEGEND: [(&str, &str); 5] = [
    (
        "shared",
        "the frame is mapped by other processes too; a write copies it",
    ),
    ("private", "the frame is mapped by this process alone"),
    ("file", "the frame belongs to a file or to shared memory"),
    ("swapped", "on the swap device"),
    ("absent", "no frame: never touched, or not for programs"),
];

impl State {
    fn of(page: PageInfo) -> Self {
        if page.is_swapped() {
            Self::Swapped
        } else if !page.is_present() {
            Self::Absent
        } else if page.0 & PageInfo::FILE_OR_SHARED != 0 {
            Self::File
        } else if page.is_exclusive() {
            Self::Private
        } else {
            Self::Shared
        }
    }

    fn label(self) -> &'static str {
        LEGEND[self as usize].0
    }
}

/// Neighbouring pages in the same state.
struct Run {
    state: State,
    first_page: usize,
    pages: usize,
    /// The lowest and the highest frame number. They mean nothing if the pages have no frames.
    frames: (u64, u64),
}

impl Run {
    fn print(&self) {
        let start = self.first_page * PAGE_SIZE;
        let end = start + self.pages * PAGE_SIZE;
        let label = self.state.label();
        match self.state {
            State::Swapped | State::Absent => {
                println!("{start:#012x}-{end:#012x} {:>8}  {label}", self.pages);
            }
            State::Shared | State::Private | State::File => println!(
                "{start:#012x}-{end:#012x} {:>8}  {label:8} frames {:#x}..{:#x}",
                self.pages, self.frames.0, self.frames.1
            ),
        }
    }
}

fn run(mut args: Args) -> i32 {
    let pid = match args.nth(1) {
        None => Some(0),
        Some(text) => text.to_str().ok().and_then(|text| text.parse::<Pid>().ok()),
    };
    let Some(pid) = pid else {
        eprintln!("usage: cowmap [PID]");
        return 1;
    };
    let Ok(counters) = ProcessCounters::of(pid) else {
        eprintln!("cowmap: no process {pid}, or this kernel does not tell");
        return 1;
    };
    let pages = counters[ProcCounter::Size].div_ceil(PAGE_SIZE as u64) as usize;
    println!("start        end             pages  state");
    match map(pid, pages) {
        Ok(totals) => {
            for ((label, meaning), total) in LEGEND.into_iter().zip(totals) {
                if total != 0 {
                    println!("{label:8} {total:>8}  {meaning}");
                }
            }
            0
        }
        Err(_) => {
            eprintln!("cowmap: process {pid} ended");
            1
        }
    }
}

/// Prints the runs. Returns how many pages are in each state.
fn map(pid: Pid, pages: usize) -> Result<[usize; LEGEND.len()]> {
    let mut totals = [0; LEGEND.len()];
    let mut current: Option<Run> = None;
    let mut chunk = [PageInfo::default(); 64];
    for first in (0..pages).step_by(chunk.len()) {
        let chunk = &mut chunk[..(pages - first).min(64)];
        memory::page_info(pid, (first * PAGE_SIZE) as u64, chunk)?;
        for (page, &info) in (first..).zip(chunk.iter()) {
            let state = State::of(info);
            totals[state as usize] += 1;
            match &mut current {
                Some(run) if run.state == state => {
                    run.pages += 1;
                    run.frames.0 = run.frames.0.min(info.frame());
                    run.frames.1 = run.frames.1.max(info.frame());
                }
                _ => {
                    let next = Run {
                        state,
                        first_page: page,
                        pages: 1,
                        frames: (info.frame(), info.frame()),
                    };
                    if let Some(run) = current.replace(next) {
                        run.print();
                    }
                }
            }
        }
    }
    if let Some(run) = current {
        run.print();
    }
    Ok(totals)
}
