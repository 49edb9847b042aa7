//! The tree of processes: parents and children, pids, and which processes are alive.
//!
//! One spin lock protects the tree. The links are fields of the processes, so nothing here
//! allocates. A hash table finds a process by its pid. The children of a process are in two lists,
//! the living and the ended, so that `wait` looks at one link and not at hundreds of children.
//!
//! Invariants: a process is in the table of pids exactly while it is a child of some process, or is
//! init. Only living processes have children. An ended process stays until its parent reaps it.
//! When a parent ends, init adopts its children.

mod visit;

use sync::atomic::Ordering;
use sync::{Counted, Held, Key, Level, SpinLock, level};

use super::foreground::Foreground;
use super::{INIT, Pid, Process, Thread};

/// Hash chains for pids.
const CHAINS: usize = 1024;

/// The tree.
pub static TREE: SpinLock<level::Processes, Tree> = SpinLock::new(Tree {
    key: TreeKey(()),
    by_pid: [const { None }; CHAINS],
    next_pid: INIT,
    foreground: Foreground::new(),
});

/// Opens the families of all processes; kept in the [`Tree`].
pub struct TreeKey(());

// SAFETY: the field is private to this module, which makes one, for the one static.
unsafe impl Key for TreeKey {}

/// A process's relations.
pub struct Family {
    parent: Option<Counted<Process>>,
    living: Option<Counted<Process>>,
    ended: Option<Counted<Process>>,
    /// How many children there are in both lists.
    children: usize,
    /// Neighbours in the parent's list.
    next: Option<Counted<Process>>,
    previous: Option<Counted<Process>>,
    same_chain: Option<Counted<Process>>,
    life: Life,
    /// The job in which it was forked, see [`super::foreground`].
    job: u64,
    /// Whether its original parent ended and init adopted it.
    adopted: bool,
    /// Its thread, until the thread has ended.
    thread: Option<Counted<Thread>>,
}

/// The stages of a process's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs programs.
    Alive,
    /// It is exiting, with this status.
    Ending(i32),
    /// It has ended; only this status is left.
    Ended(i32),
}

impl Family {
    /// Returns the relations of a process that is not in the tree yet.
    pub const fn new() -> Self {
        Self {
            parent: None,
            living: None,
            ended: None,
            children: 0,
            next: None,
            previous: None,
            same_chain: None,
            life: Life::Alive,
            job: 0,
            adopted: false,
            thread: None,
        }
    }

    fn list(&mut self, life: Life) -> &mut Option<Counted<Process>> {
        match life {
            Life::Alive | Life::Ending(_) => &mut self.living,
            Life::Ended(_) => &mut self.ended,
        }
    }
}

/// The state under the lock.
pub struct Tree {
    key: TreeKey,
    by_pid: [Option<Counted<Process>>; CHAINS],
    next_pid: Pid,
    pub(super) foreground: Foreground,
}

/// Returns the process with this pid, ended or not.
pub fn find<L: Level>(pid: Pid, held: &mut Held<L>) -> Option<Counted<Process>> {
    TREE.lock(held).find(pid).cloned()
}

impl Tree {
    /// Returns the process with this pid, ended or not.
    pub fn find(&self, pid: Pid) -> Option<&Counted<Process>> {
        let mut at = self.by_pid[chain(pid)].as_ref();
        while let Some(process) = at {
            if process.pid() == pid {
                return Some(process);
            }
            at = process.family.get(&self.key).same_chain.as_ref();
        }
        None
    }

    fn family<'a>(&'a self, process: &'a Process) -> &'a Family {
        process.family.get(&self.key)
    }

    fn family_mut<'a>(&'a mut self, process: &'a Process) -> &'a mut Family {
        process.family.get_mut(&mut self.key)
    }

    /// Returns the stage of the life of `process`.
    pub fn life(&self, process: &Process) -> Life {
        self.family(process).life
    }

    /// Returns the parent of `process`; init has none.
    pub fn parent<'a>(&'a self, process: &'a Process) -> Option<&'a Counted<Process>> {
        self.family(process).parent.as_ref()
    }

    /// Returns the thread of `process`, or `None` once the thread has ended.
    pub fn thread<'a>(&'a self, process: &'a Process) -> Option<&'a Counted<Thread>> {
        self.family(process).thread.as_ref()
    }

    /// Returns how many unreaped children `process` has, living and ended.
    pub fn children(&self, process: &Process) -> usize {
        self.family(process).children
    }

    /// Returns the pid and the status of a child of `process` that can be reaped.
    pub fn ended_child(&self, process: &Process) -> Option<(Pid, i32)> {
        let child = self.family(process).ended.as_ref()?;
        match self.life(child) {
            Life::Ended(status) => Some((child.pid(), status)),
            Life::Alive | Life::Ending(_) => None,
        }
    }

    /// Adds a new process as a child of `parent` (init has none). Returns its pid.
    pub fn add(
        &mut self,
        process: &Counted<Process>,
        thread: Counted<Thread>,
        parent: Option<&Counted<Process>>,
    ) -> Pid {
        let pid = self.unused_pid();
        process.pid.store(pid, Ordering::Relaxed);
        let before = self.by_pid[chain(pid)].replace(process.clone());
        let job = parent.map_or(0, |parent| {
            let inherited = self.job(parent);
            self.foreground.add_child(parent.pid(), inherited)
        });
        let family = self.family_mut(process);
        family.job = job;
        family.same_chain = before;
        family.thread = Some(thread);
        if let Some(parent) = parent {
            self.link(process, parent);
        }
        pid
    }

    /// Returns a pid that no process has. Pids are given out in order, and wrap around after the
    /// largest. The loop ends because memory runs out long before pids do.
    fn unused_pid(&mut self) -> Pid {
        loop {
            let pid = self.next_pid;
            self.next_pid = Self::pid_after(pid);
            if self.find(pid).is_none() {
                return pid;
            }
        }
    }

    /// Returns the pid that is given out next, provided that no process has it then.
    pub fn next_pid(&self) -> Pid {
        self.next_pid
    }

    /// Returns the pid that is given out after `pid`.
    pub fn pid_after(pid: Pid) -> Pid {
        pid.checked_add(1).unwrap_or(INIT)
    }

    /// Returns the job of `process`, see [`super::foreground`].
    pub fn job(&self, process: &Process) -> u64 {
        self.family(process).job
    }

    /// Returns whether init is the parent of `process` by having forked it, and not by adoption.
    pub fn is_forked_by_init(&self, process: &Process) -> bool {
        let family = self.family(process);
        let is_inits = family.parent.as_ref().is_some_and(|it| it.pid() == INIT);
        is_inits && !family.adopted
    }

    /// Notes that `process` is exiting. The caller then passes its children on.
    pub fn begin_end(&mut self, process: &Process, status: i32) {
        self.family_mut(process).life = Life::Ending(status);
    }

    /// Makes init adopt some children of an exiting process. Returns `None` if none were left. A
    /// process may have many children, so they are passed on in several calls, with the lock
    /// released in between.
    pub fn pass_children_on(&mut self, process: &Process) -> Option<Orphans> {
        const MOST: usize = 32;
        let init = self.find(INIT)?.clone();
        let mut reapable = false;
        for passed in 0..MOST {
            let Some(child) = self.any_child(process) else {
                return (passed > 0).then_some(Orphans { init, reapable });
            };
            reapable |= matches!(self.life(&child), Life::Ended(_));
            self.unlink(&child);
            self.family_mut(&child).adopted = true;
            self.link(&child, &init);
        }
        Some(Orphans { init, reapable })
    }

    fn any_child(&self, process: &Process) -> Option<Counted<Process>> {
        let family = self.family(process);
        family.living.as_ref().or(family.ended.as_ref()).cloned()
    }

    /// Removes and returns the thread of a process, after the thread has ended.
    pub fn take_thread(&mut self, process: &Process) -> Option<Counted<Thread>> {
        self.family_mut(process).thread.take()
    }

    /// Notes that only the status is left of `process`, and tells its parent, which can reap it
    /// now. Takes the caller's handle and drops it under the lock, so that the parent's handle is
    /// the last one.
    pub fn finish_end(&mut self, process: Counted<Process>) {
        let Life::Ending(status) = self.life(&process) else {
            unreachable!("a process ended without saying so");
        };
        let parent = self.unlink(&process);
        self.family_mut(&process).life = Life::Ended(status);
        if let Some(parent) = parent {
            self.link(&process, &parent);
            parent.child_ended.wake_all();
        }
        let job = self.job(&process);
        self.foreground.remove(process.pid(), job);
    }

    /// Removes `pid` from the tree if it is an ended child of `parent`, and returns it.
    pub fn reap(&mut self, parent: &Process, pid: Pid) -> Option<Counted<Process>> {
        let child = self.find(pid)?.clone();
        let is_child = self
            .parent(&child)
            .is_some_and(|other| core::ptr::eq(&**other, parent));
        if !is_child || !matches!(self.life(&child), Life::Ended(_)) {
            return None;
        }
        self.unlink(&child);
        self.remove_pid(&child);
        Some(child)
    }

    fn remove_pid(&mut self, process: &Counted<Process>) {
        let next = self.family_mut(process).same_chain.take();
        let head = chain(process.pid());
        let mut at = self.by_pid[head].clone();
        if at.as_ref().is_some_and(|first| first.is_same(process)) {
            self.by_pid[head] = next;
            return;
        }
        while let Some(other) = at {
            let link = &mut self.family_mut(&other).same_chain;
            if link.as_ref().is_some_and(|link| link.is_same(process)) {
                *link = next;
                return;
            }
            at = link.clone();
        }
    }

    /// Inserts `child` at the front of one of the lists of `parent`: the living or the ended.
    fn link(&mut self, child: &Counted<Process>, parent: &Counted<Process>) {
        let life = self.life(child);
        let family = self.family_mut(parent);
        family.children += 1;
        let next = family.list(life).replace(child.clone());
        if let Some(next) = &next {
            self.family_mut(next).previous = Some(child.clone());
        }
        let family = self.family_mut(child);
        family.next = next;
        family.parent = Some(parent.clone());
    }

    /// Removes `child` from its parent's list. Returns the parent.
    fn unlink(&mut self, child: &Counted<Process>) -> Option<Counted<Process>> {
        let family = self.family_mut(child);
        let life = family.life;
        let next = family.next.take();
        let previous = family.previous.take();
        let parent = family.parent.take()?;
        if let Some(next) = &next {
            self.family_mut(next).previous = previous.clone();
        }
        let family = self.family_mut(&parent);
        family.children -= 1;
        match &previous {
            None => *family.list(life) = next,
            Some(previous) => self.family_mut(previous).next = next,
        }
        Some(parent)
    }
}

/// The result of passing children of an exiting process on.
pub struct Orphans {
    /// Their new parent, init.
    pub init: Counted<Process>,
    /// Whether one of them has ended and can be reaped.
    pub reapable: bool,
}

fn chain(pid: Pid) -> usize {
    pid as usize % CHAINS
}
