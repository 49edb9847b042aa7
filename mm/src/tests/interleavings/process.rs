//! A process with a thread on each of several harts. Each hart does the kernel's part for its
//! thread.

use std::thread::panicking;

use sync::Counted;
use sync::model::{Arc, Mutex, thread};

use crate::addr::VirtAddr;
use crate::memory::Memory;
use crate::space::Context;
use crate::space::copy::{CopyError, copy_in, copy_out};
use crate::testing::{FakeMachine, Space, on_hart, resolve_by};

/// An address space under the lock in which the kernel keeps it, and the parts that harts use
/// without that lock.
pub struct Process {
    space: Mutex<Option<Space>>,
    context: Counted<Context<'static, FakeMachine>>,
}

impl Process {
    pub fn new(space: Space) -> Arc<Self> {
        Arc::new(Self {
            context: space.context().clone(),
            space: Mutex::new(Some(space)),
        })
    }

    /// Runs `body` on the space, under its lock.
    pub fn with<R>(&self, body: impl FnOnce(&mut Space) -> R) -> R {
        body(self.space.lock().unwrap().as_mut().expect("not ended yet"))
    }

    /// Frees the space, which no hart may use any more.
    pub fn end(&self) {
        self.space.lock().unwrap().take();
    }

    /// Runs `body` on this thread, as the program on a hart.
    pub fn on<R>(&self, hart: usize, body: impl FnOnce() -> R) -> R {
        on_hart(hart);
        self.context.enter();
        let result = body();
        self.context.leave();
        result
    }

    /// Stores a byte as the program does, and resolves the faults. Must be called within
    /// [`Process::on`].
    pub fn write(&self, address: u64, byte: u8) -> Result<(), CopyError> {
        let machine = self.context.memory().machine();
        copy_out(machine, VirtAddr(address), &[byte], |at, access| {
            resolve_by(self.context.memory(), || {
                self.with(|space| space.resolve(at, access))
            })
        })
    }

    /// Loads a byte as the program does, and resolves the faults. Must be called within
    /// [`Process::on`].
    pub fn read(&self, address: u64) -> Result<u8, CopyError> {
        let machine = self.context.memory().machine();
        let mut byte = [0];
        copy_in(machine, VirtAddr(address), &mut byte, |at, access| {
            resolve_by(self.context.memory(), || {
                self.with(|space| space.resolve(at, access))
            })
        })?;
        Ok(byte[0])
    }
}

impl Drop for Process {
    /// A test that failed on a hart has not left the space. Its own failure is reported, not this
    /// one.
    fn drop(&mut self) {
        if panicking() {
            std::mem::forget(self.space.lock().ok().and_then(|mut space| space.take()));
        }
    }
}

/// Runs `body` on several harts at once.
pub fn at_once(harts: std::ops::Range<usize>, body: impl Fn(usize) + Send + Sync + 'static) {
    let body = Arc::new(body);
    let threads: Vec<_> = harts
        .map(|hart| {
            let body = body.clone();
            thread::spawn(move || {
                on_hart(hart);
                body(hart);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Asserts that the books agree with what the processes refer to, and ends the processes.
pub fn resolve<'a>(
    memory: &'static Memory<FakeMachine>,
    processes: impl IntoIterator<Item = &'a Arc<Process>> + Clone,
) {
    let spaces: Vec<Space> = processes
        .into_iter()
        .filter_map(|process| process.space.lock().unwrap().take())
        .collect();
    assert_eq!(memory.audit(&spaces), Ok(()));
}
