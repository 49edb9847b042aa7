//! Children that do a part of a test and tell how it went, and gates at which they wait.

use crate::Result;
use crate::file::{Fd, pipe};
use crate::memory::touch_own_pages;
use crate::process::{self, Fork, KILLED, Pid};
use crate::testing::outcome::{Failure, Outcome, ensure, failure};
use core::sync::atomic::{AtomicU64, Ordering};

/// What a child exits with after it has described its failure.
const FAILED: i32 = 1;

/// Children that ended while another was waited for: pid in the upper half, status in the lower.
static ENDED: [AtomicU64; 64] = [const { AtomicU64::new(NOBODY) }; 64];
/// A free place in [`ENDED`].
const NOBODY: u64 = 0;

/// Waits for the child `pid`, and keeps the statuses of those that end before it.
fn wait_for(pid: Pid) -> Outcome<i32> {
    let find = |wanted| {
        let holds = |place: &&AtomicU64| place.load(Ordering::Relaxed) >> 32 == wanted;
        ENDED.iter().find(holds)
    };
    if let Some(place) = find(pid as u64) {
        return Ok(place.swap(NOBODY, Ordering::Relaxed) as i32);
    }
    loop {
        let (ended, status) = process::wait()?;
        if ended == pid {
            return Ok(status);
        }
        let Some(place) = find(NOBODY) else {
            return Err(failure!(
                "expected at most {} children at once",
                ENDED.len()
            ));
        };
        let status = u64::from(status.cast_unsigned());
        place.store((ended as u64) << 32 | status, Ordering::Relaxed);
    }
}

/// A child at work.
pub struct Child {
    pid: Pid,
    /// Where it describes its failure.
    report: Fd,
}

/// Has a child do `body`.
pub fn start(body: impl FnOnce() -> Outcome) -> Outcome<Child> {
    let (report, write_end) = pipe()?;
    match process::fork() {
        Err(_) => {
            report.close()?;
            write_end.close()?;
            Err(failure!("expected fork to give a child, saw -1"))
        }
        Ok(Fork::Parent(pid)) => {
            write_end.close()?;
            Ok(Child { pid, report })
        }
        Ok(Fork::Child) => {
            // Nobody but the parent may keep the pipe from breaking.
            let _ = report.close();
            for place in &ENDED {
                place.store(NOBODY, Ordering::Relaxed);
            }
            let status = match body() {
                Ok(()) => 0,
                Err(failure) => {
                    // The status says it as well.
                    let _ = failure.send(write_end);
                    FAILED
                }
            };
            process::exit(status)
        }
    }
}

impl Child {
    /// Returns its number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for its end; the status, and the failure it described.
    fn end(self) -> Outcome<(i32, Option<Failure>)> {
        let status = wait_for(self.pid)?;
        // Where nothing was sent the pipe may never end: what a failed child leaves running holds
        // it.
        let failure = if status == FAILED {
            Failure::receive(self.report)
        } else {
            None
        };
        self.report.close()?;
        Ok((status, failure))
    }

    /// Waits for it to do its part; its failure is the caller's.
    pub fn join(self) -> Outcome {
        match self.end()? {
            (0, None) => Ok(()),
            (_, Some(failure)) => Err(failure),
            (status, None) => Err(failure!("expected a child to exit with 0, saw {status}")),
        }
    }

    /// Waits for its end, whichever it is.
    pub fn join_anyhow(self) -> Outcome {
        self.end().map(drop)
    }

    /// Waits for it to be killed, which is what was meant by `what`.
    pub fn join_killed(self, what: &str) -> Outcome {
        match self.end()? {
            (KILLED, None) => Ok(()),
            (_, Some(failure)) => Err(failure),
            (status, None) => Err(failure!(
                "{what}: expected -1 (killed), saw status {status}"
            )),
        }
    }
}

/// Has a child do `body` and waits for it.
pub fn run(body: impl FnOnce() -> Outcome) -> Outcome {
    start(body)?.join()
}

/// As [`run`], but the child begins only when the parent has nothing left to do that could fault,
/// so that what the child finds counted is its own doing.
pub fn run_undisturbed(body: impl FnOnce() -> Outcome) -> Outcome {
    let gate = Gate::new()?;
    let child = start(|| {
        gate.pass()?;
        body()
    })?;
    // Now the parent's stack and data are its own again, however it waits.
    touch_own_pages();
    gate.open()?;
    let outcome = child.join();
    gate.remove()?;
    outcome
}

/// Has a child do `body`, which must kill it.
pub fn run_killed(what: &str, body: impl FnOnce()) -> Outcome {
    let child = start(|| {
        body();
        Ok(())
    })?;
    child.join_killed(what)
}

/// A gate that processes wait at, made before the forks.
#[derive(Clone, Copy)]
pub struct Gate {
    read_end: Fd,
    write_end: Fd,
}

impl Gate {
    /// Returns a closed gate.
    pub fn new() -> Result<Self> {
        let (read_end, write_end) = pipe()?;
        Ok(Self {
            read_end,
            write_end,
        })
    }

    /// Lets one process through.
    pub fn open(self) -> Result<()> {
        self.write_end.write_all(&[0])
    }

    /// Waits for one [`Gate::open`].
    pub fn pass(self) -> Outcome {
        let mut byte = [0];
        let count = self.read_end.read(&mut byte)?;
        ensure!(count == 1, "expected a byte from a pipe, saw its end");
        Ok(())
    }

    /// Gives its descriptors up.
    pub fn remove(self) -> Result<()> {
        self.read_end.close()?;
        self.write_end.close()
    }
}
