//! Episodes: processes that carry out what `user::fuzz` chooses.

use crate::watch::Registrar;
use abi::{PAGE_SIZE, SBRK_EAGER};
use core::ops::Range;
use user::file::Fd;
use user::fuzz::{ARGUMENTS, Action, Process, Surroundings, choose};
use user::memory::{self, Promise};
use user::process::{self, Fork, Pid};
use user::random::Random;
use user::{Failed, Result, arch, syscall};

/// The number of calls of an episode, of all its processes together.
pub const CALLS: u64 = 100;
/// The fewest calls that are worth a process of their own.
const FEWEST: u64 = 8;
/// The number of processes that a process remembers, to kill and to inspect.
const KNOWN: usize = 16;
/// The size of the window that the kernel may write to, in bytes.
const WINDOW: u64 = 16 * PAGE_SIZE as u64;

/// The longest path. Its name is longer than names can be, so the kernel cuts it.
const LONGEST: [u8; abi::PATH_MAX] = {
    let mut path = [b'x'; abi::PATH_MAX];
    path[abi::PATH_MAX - 1] = 0;
    path
};
/// A path that is one byte too long.
const TOO_LONG: [u8; abi::PATH_MAX + 1] = {
    let mut path = [b'x'; abi::PATH_MAX + 1];
    path[abi::PATH_MAX] = 0;
    path
};

/// Few names, so that processes meet. All lie in the fuzzer's own folder, because every current
/// directory lies in it, and `.` cannot be removed.
static PATHS: [&[u8]; 18] = [
    b"sz0\0",
    b"sz1\0",
    b"sz2\0",
    b"sz3\0",
    b"sz4\0",
    b"sz5\0",
    b"sz6\0",
    b"sz7\0",
    b"sz0/sz1\0",
    b"sz2/sz3\0",
    b"sz4/../sz0\0",
    b"sz1/\0",
    b"/syzzle.d/sz0\0",
    b"/syzzle.d/.\0",
    b".\0",
    b"\0",
    &LONGEST,
    &TOO_LONG,
];

/// Runs episodes one after another. `life` stays open as long as a process of an episode lives.
pub fn launch(mut random: Random, episodes: u64, registrar: Registrar, life: Fd) -> Result<()> {
    for _ in 0..episodes {
        let random = random.split();
        match process::fork() {
            Ok(Fork::Child) => {
                let status = Fuzzer::new(random, registrar, life)?.run();
                process::exit(i32::from(status.is_err()))
            }
            // The status of an episode says nothing.
            Ok(Fork::Parent(pid)) => drop(process::wait_for(pid)?),
            // The episode before may still be freeing much memory.
            Err(Failed) => process::sleep(1)?,
        }
    }
    Ok(())
}

/// A process that makes random calls.
struct Fuzzer {
    random: Random,
    registrar: Registrar,
    /// The end of a pipe. Holding it shows that this process lives.
    life: Fd,
    /// The number of calls that are left.
    left: u64,
    window: Range<u64>,
    known: [Pid; KNOWN],
    /// The number of processes ever remembered; the latest are kept.
    met: usize,
}

impl Fuzzer {
    fn new(random: Random, registrar: Registrar, life: Fd) -> Result<Self> {
        let end = memory::current_break()?;
        let start = end.next_multiple_of(PAGE_SIZE as u64);
        memory::grow((start + WINDOW - end) as i32, Promise::Eager)?;
        Ok(Self {
            random,
            registrar,
            life,
            left: CALLS,
            window: start..start + WINDOW,
            known: [0; KNOWN],
            met: 0,
        })
    }

    /// Makes the calls, and then waits for the children or leaves them.
    fn run(mut self) -> Result<()> {
        self.registrar.register()?;
        let paths = PATHS.map(|path| path.as_ptr() as u64);
        let good = [paths[0], paths[1], 0];
        let many = [paths[0]; 40];
        let around = Surroundings {
            window: self.window.clone(),
            read_only: memory::constants().start,
            paths: &paths,
            vectors: &[good.as_ptr() as u64, many.as_ptr() as u64, 0],
            reserved: [self.registrar.descriptor().0, self.life.0],
        };
        while self.left > 0 {
            self.left -= 1;
            let action = choose(&mut self.random, &around);
            self.act(action)?;
        }
        if self.random.once_in(2) {
            while process::wait().is_ok() {}
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Call(call, arguments) => self.call(call as u64, arguments),
            Action::Unknown(number, arguments) => self.call(number, arguments),
            Action::Fork => return self.fork(),
            Action::Execute => return self.execute(),
            Action::Kill(process) => {
                // The process may have ended.
                let _ = process::kill(self.find(process));
            }
            Action::Inspect(call, process, [first, second, third]) => {
                let pid = i64::from(self.find(process)) as u64;
                self.call(call as u64, [pid, first, second, third, 0, 0]);
            }
            Action::MoveBreak(step, mode) => self.move_break(step, mode)?,
            Action::Touch(address) => {
                if address < memory::current_break()? {
                    // SAFETY: in the window, where no object lives.
                    unsafe { arch::store_byte(address, address as u8) };
                }
            }
        }
        Ok(())
    }

    /// Makes a call. Its result says nothing.
    fn call(&self, number: u64, arguments: [u64; ARGUMENTS]) {
        // SAFETY: the kernel is led to write only to the window, where no object lives, or to where
        // it must refuse (see `user::fuzz`, whose tests hold it to that), and not to move the
        // break.
        unsafe { arch::system_call(number, arguments) };
    }

    /// Returns the number of a process.
    fn find(&self, process: Process) -> Pid {
        match process {
            Process::Nobody(pid) => pid,
            // 0 names no process to kill, and the caller to inspect.
            Process::Known(index) => self.known[index as usize % self.met.clamp(1, KNOWN)],
        }
    }

    fn meet(&mut self, pid: Pid) {
        self.known[self.met % KNOWN] = pid;
        self.met += 1;
    }

    /// Forks, and shares the calls that are left with the child.
    fn fork(&mut self) -> Result<()> {
        let random = self.random.split();
        let share = self.left / 2;
        if share < FEWEST {
            return Ok(());
        }
        self.left -= share;
        match process::fork() {
            Ok(Fork::Child) => {
                self.random = random;
                self.left = share;
                self.registrar.register()
            }
            Ok(Fork::Parent(pid)) => {
                self.meet(pid);
                Ok(())
            }
            Err(Failed) => Ok(()),
        }
    }

    /// Makes a child execute another program.
    fn execute(&mut self) -> Result<()> {
        match process::fork() {
            Ok(Fork::Child) => {
                self.registrar.register()?;
                process::exec(c"/echo", [c"echo", c"out"]);
                process::exit(1)
            }
            Ok(Fork::Parent(pid)) => {
                self.meet(pid);
                Ok(())
            }
            Err(Failed) => Ok(()),
        }
    }

    /// Moves the break, but not below the window, because the program lies there. A step to below 0
    /// is made as it is: the kernel must refuse it.
    fn move_break(&self, step: i32, mode: u64) -> Result<()> {
        let now = memory::current_break()? as i64;
        let lowest = self.window.start as i64;
        let target = now + i64::from(step);
        let step = if (0..lowest).contains(&target) {
            i32::try_from(lowest - now).unwrap_or(0)
        } else {
            step
        };
        let mode = if step < 0 { SBRK_EAGER } else { mode };
        // SAFETY: nothing lives above the beginning of the window.
        unsafe { syscall::sbrk(step, mode) };
        Ok(())
    }
}
