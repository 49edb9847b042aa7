//! The watch over processes that may never end by themselves.
//!
//! All processes write records to one pipe. A process writes its number when it begins, the ticker
//! writes a tick, and the undertaker writes that all is over. A record has four bytes and the
//! pipe's size is a multiple of four, so no record is torn. Processes are killed when they are
//! [`LONGEST_LIFE`] ticks old.

#![forbid(unsafe_code)]

use user::file::Fd;
use user::process::{self, Pid};
use user::{Failed, Result};

/// The number of ticks that a process may live.
const LONGEST_LIFE: u32 = 5;
/// The most processes under watch. If there are more, the oldest are killed early.
const WATCHED: usize = 4096;

/// Records that are no process number.
const TICK: i32 = 0;
const END: i32 = -1;

/// The write end of the pipe.
#[derive(Clone, Copy)]
pub struct Registrar(Fd);

impl Registrar {
    /// Returns a registrar that writes to `fd`.
    pub fn new(fd: Fd) -> Self {
        Self(fd)
    }

    /// Returns the descriptor, which must not be used for anything else.
    pub fn descriptor(self) -> Fd {
        self.0
    }

    fn record(self, record: i32) -> Result<()> {
        self.0.write_all(&record.to_ne_bytes())
    }

    /// Puts the calling process under watch.
    pub fn register(self) -> Result<()> {
        self.record(process::id())
    }

    /// Waits until no process holds the other end of `life`, and then writes that all is over.
    pub fn announce_end(self, life: Fd) -> Result<()> {
        while life.read(&mut [0])? != 0 {}
        self.record(END)
    }

    /// Writes ticks.
    pub fn tick_for_ever(self) -> Result<()> {
        loop {
            process::sleep(1)?;
            self.record(TICK)?;
        }
    }
}

/// A ring of the processes under watch, the oldest first, with the tick in which each began.
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
        // Most have ended long ago. Process numbers are not used twice.
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
