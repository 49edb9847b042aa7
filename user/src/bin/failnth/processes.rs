//! Making processes, replacing them, and waiting for them.

use super::trial::{Device, Ended, Trial};
use super::{Operation, answers, may_be_killed};
use abi::ForkMode;
use core::ffi::CStr;
use user::file::{self, Fd};
use user::memory::set_fork_mode;
use user::process::{self, Fork, Pid};
use user::testing::outcome::{Outcome, ensure, expect};
use user::{Failed, Result};

pub const ALL: &[Operation] = &[
    // After a fork even the parent's stack is shared. The parent's first write to it may find no
    // memory.
    may_be_killed("fork", |trial| fork(trial, ForkMode::CopyOnWrite)),
    may_be_killed("fork, shared tables", |trial| {
        fork(trial, ForkMode::SharedTables)
    }),
    answers("fork, eager", |trial| fork(trial, ForkMode::Eager)),
    answers("exec", exec),
    answers("exec of what is no program", exec_garbage),
    answers("wait", wait),
    answers("kill", kill),
];

/// The argument that makes this program report how the exec that started it ended.
pub const TELL: &CStr = c"-tell";

/// The status of a try of exec that has succeeded. The argument is the device's descriptor, as that
/// many letters.
pub fn tell(descriptor: Option<&CStr>) -> i32 {
    let number = descriptor.map_or(0, |letters| letters.count_bytes());
    match Device::inherited(number as i32).left() {
        Ok(0) => Ended::Managed as i32,
        Ok(_) => Ended::Through as i32,
        Err(Failed) => super::trial::DIFFERENT,
    }
}

fn fork(trial: &Trial, mode: ForkMode) -> Outcome<Ended> {
    set_fork_mode(mode)?;
    let (pid, ended) = trial.of(|| child(|| 7))?;
    if let Ok(pid) = pid {
        expect("the child's status", 7, process::wait_for(pid)?)?;
    }
    ensure!(
        process::wait().is_err(),
        "expected no child to be left, saw one"
    );
    Ok(ended)
}

/// Returns a child that exits with the result of `body`.
fn child(body: impl FnOnce() -> i32) -> Result<Pid> {
    match process::fork()? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => process::exit(body()),
    }
}

fn exec(trial: &Trial) -> Outcome<Ended> {
    const LETTERS: &CStr = c"xxxxxxxxxxxxxxxx";
    let number = trial.device().number() as usize;
    let letters = LETTERS
        .to_bytes_with_nul()
        .get(LETTERS.count_bytes() - number..)
        .and_then(|letters| CStr::from_bytes_with_nul(letters).ok())
        .ok_or(Failed)?;
    let (_, ended) =
        trial.of(|| Err::<(), _>(process::exec(c"/failnth", [c"failnth", TELL, letters])))?;
    Ok(ended)
}

fn exec_garbage(trial: &Trial) -> Outcome<Ended> {
    let refused = || {
        let Failed = process::exec(c"/README", [c"README"]);
        Ok(())
    };
    Ok(trial.of(refused)?.1)
}

fn wait(trial: &Trial) -> Outcome<Ended> {
    let pid = child(|| 5)?;
    let (waited, ended) = trial.of(process::wait)?;
    let waited = waited.or_else(|Failed| process::wait())?;
    ensure!(
        waited == (pid, 5),
        "expected pid {pid} with status 5, saw {} with {}",
        waited.0,
        waited.1
    );
    Ok(ended)
}

fn kill(trial: &Trial) -> Outcome<Ended> {
    let (never, write_end) = file::pipe()?;
    let pid = child(|| wait_for_nothing(never))?;
    let (killed, ended) = trial.of(|| process::kill(pid))?;
    if killed.is_err() {
        process::kill(pid)?;
    }
    expect(
        "the child's status",
        process::KILLED,
        process::wait_for(pid)?,
    )?;
    never.close()?;
    write_end.close()?;
    Ok(ended)
}

/// Reads from a pipe to which no process writes.
fn wait_for_nothing(never: Fd) -> i32 {
    i32::from(never.read(&mut [0]).is_ok())
}
