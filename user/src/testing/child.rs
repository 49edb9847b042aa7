//! Children that run a part of a test and report how it went, and gates at which they wait.

use crate::Result;
use crate::file::{Fd, pipe};
use crate::memory::touch_own_pages;
use crate::process::{self, Fork, KILLED, Pid};
use crate::testing::outcome::{Failure, Outcome, ensure, failure};
use core::sync::atomic::{AtomicU64, Ordering};

/// The exit status of a child that has described its failure.
const FAILED: i32 = 1;

/// Children that ended while another was waited for: pid in the upper half, status in the lower.
static ENDED: [AtomicU64; 64] = [const { AtomicU64::new(NOBODY) }; 64];
/// A free place in [`ENDED`].
const NOBODY: u64 = 0;

/// Waits for the child `pid`. Keeps the statuses of children that end before it.
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
    /// The pipe in which the child describes its failure.
    report: Fd,
}

/// Starts a child that runs `body`.
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
            // If another process held this end, the pipe would not break.
            let _ = report.close();
            for place in &ENDED {
                place.store(NOBODY, Ordering::Relaxed);
            }
            let status = match body() {
                Ok(()) => 0,
                Err(failure) => {
                    // The status reports the failure as well.
                    let _ = failure.send(write_end);
                    FAILED
                }
            };
            process::exit(status)
        }
    }
}

impl Child {
    /// Returns the child's number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for the child's end. Returns the status, and the failure that the child described.
    fn end(self) -> Outcome<(i32, Option<Failure>)> {
        let status = wait_for(self.pid)?;
        // If nothing was sent, the pipe may never end: processes that a failed child leaves running
        // hold it.
        let failure = if status == FAILED {
            Failure::receive(self.report)
        } else {
            None
        };
        self.report.close()?;
        Ok((status, failure))
    }

    /// Waits for the child. Its failure becomes the caller's.
    pub fn join(self) -> Outcome {
        match self.end()? {
            (0, None) => Ok(()),
            (_, Some(failure)) => Err(failure),
            (status, None) => Err(failure!("expected a child to exit with 0, saw {status}")),
        }
    }

    /// Waits for the child's end, whatever its result.
    pub fn join_anyhow(self) -> Outcome {
        self.end().map(drop)
    }

    /// Waits until the child was killed. `what` names what should have killed it.
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

/// Runs `body` in a child and waits for it.
pub fn run(body: impl FnOnce() -> Outcome) -> Outcome {
    start(body)?.join()
}

/// Runs `body` in a child, and waits for it. The child begins only when the parent can no longer
/// fault, so that all faults counted meanwhile are the child's.
pub fn run_undisturbed(body: impl FnOnce() -> Outcome) -> Outcome {
    let gate = Gate::new()?;
    let child = start(|| {
        gate.pass()?;
        body()
    })?;
    // Now the parent's stack and data are its own again, so waiting causes no fault.
    touch_own_pages();
    gate.open()?;
    let outcome = child.join();
    gate.remove()?;
    outcome
}

/// Runs `body`, which must kill the process, in a child.
pub fn run_killed(what: &str, body: impl FnOnce()) -> Outcome {
    let child = start(|| {
        body();
        Ok(())
    })?;
    child.join_killed(what)
}

/// A gate at which processes wait. It must be made before the forks.
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

    /// Closes the gate's descriptors.
    pub fn remove(self) -> Result<()> {
        self.read_end.close()?;
        self.write_end.close()
    }
}
