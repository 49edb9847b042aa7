//! Which processes Ctrl-C ends.
//!
//! The contract has no process groups, so the kernel works it out. *The shell* is the child of init
//! that read the console last, of those that init forked itself. When a shell reads its next line
//! it has finished waiting for the last one, so whatever descends from it at that moment was
//! started with `&`, and a new *job* begins: the shell's children from now on, and their
//! descendants. A process stays in its job when its parent ends. Ctrl-C kills the job that is the
//! latest when the key is pressed. What the shell starts after that is another job, which the key
//! did not mean.
//!
//! This needs nothing from the shell, so it also works for the shells of foreign images. A shell
//! inside a shell is a foreground program like any other. Where no shell has read a line yet (one
//! line run by init), init is taken for the shell.
//!
//! **Nobody escapes.** A job is killed some processes at a time, in the order of their pids, which
//! is the order in which they were forked. So a parent is marked before its children: it neither
//! learns that one of them has ended nor goes on with what comes next. And a child that is forked
//! meanwhile by a parent not yet marked is still to come.

use sync::{Held, level};

use super::kill::kill_process;
use super::tree::{TREE, Tree};
use super::{INIT, Pid, Process};

/// Pids that are looked at under one hold of the tree's lock.
const LOOKED_AT_ONCE: usize = 64;

/// The jobs, as far as the tree of processes must know. Kept in the [`Tree`].
pub struct Foreground {
    shell: Option<Pid>,
    latest: Job,
    /// How many processes of the latest job have not ended.
    living: usize,
    /// The job that is to be killed.
    interrupted: Option<Job>,
    /// The number of the last job of this shell's line that was interrupted, and how many of its
    /// processes have not ended.
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
    /// Returns the job of all that runs before a shell has read a line.
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

    /// Takes in a child of `parent`, which is in the job `inherited` itself. Returns the child's
    /// job.
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

    /// Begins a new job, which has no process yet; the next one will get the pid `next`.
    fn begin_job(&mut self, next: Pid) {
        self.latest = Job {
            number: self.latest.number + 1,
            first: next,
        };
        self.living = 0;
    }

    /// Has the latest job killed, unless one waits to be killed already. Returns whether there is
    /// anything to kill, or is on its way out.
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

/// To be called when `process` is about to read the console.
pub fn reads_console(process: &Process, held: &mut Held<level::Nothing>) {
    let mut tree = TREE.lock(held);
    if tree.is_forked_by_init(process) {
        let next = tree.next_pid();
        tree.foreground.shell = Some(process.pid());
        tree.foreground.dying = None;
        tree.foreground.begin_job(next);
    }
}

/// Has what is in the foreground killed soon. Returns whether there is anything.
pub(super) fn interrupt() -> bool {
    // An interrupt finds the kernel without spin locks.
    let mut held = Held::<level::Sleeping>::claim();
    let mut tree = TREE.lock(&mut held);
    let next = tree.next_pid();
    tree.foreground.interrupt(next)
}

/// Kills the job that was interrupted, if there is one.
pub(super) fn kill_interrupted(held: &mut Held<level::Nothing>) {
    let mut left = TREE.lock(held).foreground.interrupted.take();
    while let Some(job) = left {
        left = kill_some(job, held);
    }
}

/// Kills those of a job who come first. Returns what is left of it.
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
