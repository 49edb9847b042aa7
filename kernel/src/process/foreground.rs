//! Which processes Ctrl-C ends.
//!
//! The contract has no process groups, so the kernel works out which processes are in the
//! foreground.
//!
//! - *The shell* is the child of init that read the console last. Only processes that init forked
//!   itself count.
//! - A *job* is a set of the shell's children and their descendants. A new job begins each time the
//!   shell reads a line: the shell has then finished waiting for the line before, so every process
//!   that is still running was started with `&`.
//! - A process stays in its job when its parent ends.
//! - Ctrl-C kills the job that is the latest when the key is pressed. Processes that the shell
//!   starts after that belong to another job and are not killed.
//!
//! The shell needs no support for this, so it also works for the shells of foreign images. A shell
//! inside a shell is a foreground program like any other. Until a shell has read its first line (as
//! when init runs a single command), init is taken for the shell.
//!
//! **No process of the job escapes.** A job is killed a few processes at a time, in the order of
//! their pids, which is the order in which they were forked. A parent is therefore marked before
//! its children, so it neither learns that a child has ended nor runs its next command. A parent
//! that is not marked yet may still fork, but the child gets a higher pid and is reached later.

use sync::{Held, level};

use super::kill::kill_process;
use super::tree::{TREE, Tree};
use super::{INIT, Pid, Process};

/// How many pids are looked at under one hold of the tree's lock.
const LOOKED_AT_ONCE: usize = 64;

/// The jobs of the shell. Kept in the [`Tree`], under its lock.
pub struct Foreground {
    shell: Option<Pid>,
    latest: Job,
    /// How many processes of the latest job have not ended.
    living: usize,
    /// The job that is to be killed.
    interrupted: Option<Job>,
    /// The number of the last interrupted job that was started from the shell's current line, and
    /// how many of its processes have not ended.
    dying: Option<(u64, usize)>,
}

/// Some of a shell's children and their descendants.
#[derive(Clone, Copy)]
struct Job {
    number: u64,
    /// No process of the job has a pid before this one.
    first: Pid,
}

impl Foreground {
    /// Returns the state before any shell has read a line: one job, which holds every process.
    pub const fn new() -> Self {
        Self {
            shell: None,
            latest: Job {
                number: 0,
                first: INIT,
            },
            living: 0,
            interrupted: None,
            dying: None,
        }
    }

    /// Adds a child of `parent` to a job and returns the job's number. The job is the latest one if
    /// `parent` is the shell; otherwise it is `inherited`, the parent's own job.
    pub fn add_child(&mut self, parent: Pid, inherited: u64) -> u64 {
        let job = if parent == self.shell.unwrap_or(INIT) {
            self.latest.number
        } else {
            inherited
        };
        self.change_count(job, |count| count + 1);
        job
    }

    /// Notes that the process `pid` of `job` has ended.
    pub fn remove(&mut self, pid: Pid, job: u64) {
        self.change_count(job, |count| count - 1);
        if self.shell == Some(pid) {
            self.shell = None;
        }
    }

    fn change_count(&mut self, job: u64, change: impl FnOnce(usize) -> usize) {
        if job == self.latest.number {
            self.living = change(self.living);
        } else if let Some((number, living)) = &mut self.dying
            && *number == job
        {
            *living = change(*living);
        }
    }

    /// Begins a new job, which has no process yet. `next` is the pid that the next process will
    /// get.
    fn begin_job(&mut self, next: Pid) {
        self.latest = Job {
            number: self.latest.number + 1,
            first: next,
        };
        self.living = 0;
    }

    /// Requests that the latest job be killed, unless a request is pending already. Returns whether
    /// the foreground has processes that are running or still dying.
    fn interrupt(&mut self, next: Pid) -> bool {
        if self.living == 0 {
            return self.dying.is_some_and(|(_, living)| living > 0);
        }
        if self.interrupted.is_none() {
            self.interrupted = Some(self.latest);
            self.dying = Some((self.latest.number, self.living));
            self.begin_job(next);
        }
        true
    }
}

/// Notes that `process` is about to read the console: if init forked it, it is the shell from now
/// on, and a new job begins.
pub fn reads_console(process: &Process, held: &mut Held<level::Nothing>) {
    let mut tree = TREE.lock(held);
    if tree.is_forked_by_init(process) {
        let next = tree.next_pid();
        tree.foreground.shell = Some(process.pid());
        tree.foreground.dying = None;
        tree.foreground.begin_job(next);
    }
}

/// Requests that the job in the foreground be killed. Returns whether it has any processes.
pub(super) fn interrupt(held: &mut Held<level::Sleeping>) -> bool {
    let mut tree = TREE.lock(held);
    let next = tree.next_pid();
    tree.foreground.interrupt(next)
}

/// Kills the job whose interruption was requested, if there is one.
pub(super) fn kill_interrupted(held: &mut Held<level::Nothing>) {
    let mut left = TREE.lock(held).foreground.interrupted.take();
    while let Some(job) = left {
        left = kill_some(job, held);
    }
}

/// Kills the first processes of a job, in the order of their pids. Returns the rest of the job.
fn kill_some(job: Job, held: &mut Held<level::Nothing>) -> Option<Job> {
    let mut tree = TREE.lock(held);
    let (tree, held) = tree.parts();
    let mut pid = job.first;
    for _ in 0..LOOKED_AT_ONCE {
        if pid == tree.next_pid() {
            return None;
        }
        if let Some(process) = tree.find(pid)
            && pid != INIT
            && tree.job(process) == job.number
        {
            kill_process(tree, process, held);
        }
        pid = Tree::pid_after(pid);
    }
    Some(Job { first: pid, ..job })
}
