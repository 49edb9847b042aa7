//! The watch over processes that may never end by themselves.
//!
//! Everybody writes records to one pipe: a process its number when it begins, the ticker a tick,
//! the undertaker that all is over. Records have four bytes and the pipe's size is a multiple of
//! that, so none is torn. Processes are killed when they are [`LONGEST_LIFE`] ticks old.

#![forbid(unsafe_code)]

use user::file::Fd;
use user::process::{self, Pid};
use user::{Failed, Result};

/// Ticks that a process gets.
const LONGEST_LIFE: u32 = 5;
/// Most processes under watch; beyond, the oldest are killed before their time.
const WATCHED: usize = 4096;

/// Records that are no process's number.
const TICK: i32 = 0;
const END: i32 = -1;

/// The write end of the pipe.
#[derive(Clone, Copy)]
pub struct Registrar(Fd);

impl Registrar {
    /// One that writes to `fd`.
    pub fn new(fd: Fd) -> Self {
        Self(fd)
    }

    /// Returns the descriptor, which must not be used otherwise.
    pub fn descriptor(self) -> Fd {
        self.0
    }

    fn record(self, record: i32) -> Result<()> {
        self.0.write_all(&record.to_ne_bytes())
    }

    /// Has the watch know the caller.
    pub fn register(self) -> Result<()> {
        self.record(process::id())
    }

    /// Waits until nobody holds the other end of `life`, and says so.
    pub fn announce_end(self, life: Fd) -> Result<()> {
        while life.read(&mut [0])? != 0 {}
        self.record(END)
    }

    /// Records ticks.
    pub fn tick_for_ever(self) -> Result<()> {
        loop {
            process::sleep(1)?;
            self.record(TICK)?;
        }
    }
}

/// The processes under watch, oldest first, with the tick they began in: a ring.
struct Watched {
    ring: [(Pid, u32); WATCHED],
    oldest: usize,
    count: usize,
    killed: u64,
}

impl Watched {
    fn add(&mut self, pid: Pid, now: u32) {
        if self.count == WATCHED {
            self.kill_oldest();
        }
        self.ring[(self.oldest + self.count) % WATCHED] = (pid, now);
        self.count += 1;
    }

    fn kill_oldest(&mut self) {
        let (pid, _) = self.ring[self.oldest];
        // Most have ended long ago; numbers are not used twice.
        if process::kill(pid).is_ok() {
            self.killed += 1;
        }
        self.oldest = (self.oldest + 1) % WATCHED;
        self.count -= 1;
    }

    fn kill_old(&mut self, now: u32) {
        while self.count != 0 && self.ring[self.oldest].1 + LONGEST_LIFE <= now {
            self.kill_oldest();
        }
    }
}

/// Keeps watch until the end is announced. Returns how many processes were killed.
pub fn keep(records: Fd) -> Result<u64> {
    let mut watched = Watched {
        ring: [(0, 0); WATCHED],
        oldest: 0,
        count: 0,
        killed: 0,
    };
    let mut now = 0;
    loop {
        let mut record = [0; 4];
        let mut used = 0;
        while used < record.len() {
            match records.read(&mut record[used..])? {
                0 => return Err(Failed),
                count => used += count,
            }
        }
        match i32::from_ne_bytes(record) {
            END => return Ok(watched.killed),
            TICK => {
                now += 1;
                watched.kill_old(now);
            }
            pid => watched.add(pid, now),
        }
    }
}
