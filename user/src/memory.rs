//! The program's own memory, and the kernel's figures about memory.
//!
//! Everything but [`grow`] and [`shrink`] is Cowslip's extension and fails on other kernels.

use crate::file::Fd;
use crate::process::Pid;
use crate::syscall::{self, Failed, Result, check};
use crate::{arch, device};
use abi::{
    ForkMode, MEM_COUNTERS, MemCounter, OpenFlags, PAGE_SIZE, PROC_WORDS, PageInfo, ProcCounter,
    ProcessFacts, SBRK_EAGER, SBRK_LAZY,
};
use core::ops::{Index, Range};

/// When the kernel has to find the memory for a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Now: it is promised or refused.
    Eager,
    /// At the first touch. Only addresses are reserved now.
    Lazy,
}

/// Raises the break by `bytes`. Returns the old break.
pub fn grow(bytes: i32, promise: Promise) -> Result<u64> {
    let mode = match promise {
        Promise::Eager => SBRK_EAGER,
        Promise::Lazy => SBRK_LAZY,
    };
    if bytes < 0 {
        return Err(Failed);
    }
    // SAFETY: new memory appears where no object is.
    check(unsafe { syscall::sbrk(bytes, mode) })
}

/// Lowers the break by `bytes`. Returns the old break.
///
/// # Safety
///
/// Nothing may live in the last `bytes` below the break.
pub unsafe fn shrink(bytes: i32) -> Result<u64> {
    let down = bytes.checked_neg().ok_or(Failed)?;
    // SAFETY: the caller's promise.
    check(unsafe { syscall::sbrk(down, SBRK_EAGER) })
}

/// Returns the break.
pub fn current_break() -> Result<u64> {
    grow(0, Promise::Eager)
}

unsafe extern "C" {
    static __constants_start: u8;
    static __stack_bottom: u8;
    static __image_end: u8;
}

/// Returns the addresses of the program's read-only data.
pub fn constants() -> Range<u64> {
    (&raw const __constants_start) as u64..(&raw const __stack_bottom) as u64
}

/// Touches every page that the running code itself needs, so that its faults do not disturb a
/// measurement that follows. Text and constants are read, which brings them in. Stack, data and bss
/// are written without changing them.
pub fn touch_own_pages() {
    for address in (0..constants().end).step_by(PAGE_SIZE) {
        arch::load_byte(address);
    }
    let pages = (&raw const __stack_bottom) as u64..(&raw const __image_end) as u64;
    for address in pages.step_by(PAGE_SIZE) {
        // SAFETY: the linker script puts these symbols around the writable segments.
        unsafe { arch::rewrite_byte(address) };
    }
}

/// The counters of the whole system at one moment.
#[derive(Clone, Copy, Debug)]
pub struct SystemCounters([u64; MEM_COUNTERS]);

impl SystemCounters {
    /// Returns the counters now; fails on kernels that keep none.
    pub fn now() -> Result<Self> {
        let mut values = [0; MEM_COUNTERS];
        // SAFETY: the kernel writes at most as many words as it is told there are.
        check(unsafe { syscall::memstat(values.as_mut_ptr() as u64, MEM_COUNTERS as u64) })?;
        Ok(Self(values))
    }

    /// Returns how many frames a program can get: free frames, and frames of the page cache, which
    /// the kernel frees when it needs them.
    pub fn available(&self) -> u64 {
        self[MemCounter::Free] + self[MemCounter::FileCache]
    }
}

impl Index<MemCounter> for SystemCounters {
    type Output = u64;

    fn index(&self, counter: MemCounter) -> &u64 {
        &self.0[counter as usize]
    }
}

/// The counters of one process at one moment.
#[derive(Clone, Copy, Debug)]
pub struct ProcessCounters([u64; PROC_WORDS]);

impl ProcessCounters {
    /// Returns the counters of `pid` now; 0 is the caller.
    pub fn of(pid: Pid) -> Result<Self> {
        let mut values = [0; PROC_WORDS];
        // SAFETY: the kernel writes at most as many words as it is told there are.
        check(unsafe { syscall::procstat(pid, values.as_mut_ptr() as u64, PROC_WORDS as u64) })?;
        Ok(Self(values))
    }

    /// Returns parent, state and name. Returns `None` if this kernel does not report them.
    pub fn facts(&self) -> Option<ProcessFacts> {
        let words = *self.0.last_chunk()?;
        ProcessFacts::from_words(words).filter(|facts| facts.name[0] != 0)
    }
}

impl Index<ProcCounter> for ProcessCounters {
    type Output = u64;

    fn index(&self, counter: ProcCounter) -> &u64 {
        &self.0[counter as usize]
    }
}

/// The kernel's answer to a request to audit its memory.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    line: [u8; 256],
    used: usize,
}

impl Audit {
    /// Makes the kernel audit its memory now. Fails on kernels that cannot.
    pub fn now() -> Result<Self> {
        let file = Fd::open(device::AUDIT, OpenFlags::READ_ONLY)?;
        let mut line = [0; 256];
        let used = file.read(&mut line);
        file.close()?;
        match used? {
            0 => Err(Failed),
            used => Ok(Self { line, used }),
        }
    }

    /// Returns the answer, as one line without a newline.
    pub fn line(&self) -> &[u8] {
        self.line[..self.used].trim_ascii_end()
    }

    /// Returns whether the audit found nothing wrong.
    pub fn is_clean(&self) -> bool {
        self.line().starts_with(b"clean: ")
    }
}

/// Fills `pages` with the state of the pages of `pid` from `address` on. 0 is the caller.
pub fn page_info(pid: Pid, address: u64, pages: &mut [PageInfo]) -> Result<()> {
    let out = pages.as_mut_ptr() as u64;
    // SAFETY: the kernel writes one word per page, and `PageInfo` is one.
    check(unsafe { syscall::pageinfo(pid, address, pages.len() as u64, out) }).map(drop)
}

/// Sets how this process and its descendants fork. Returns how they forked before.
pub fn set_fork_mode(mode: ForkMode) -> Result<ForkMode> {
    // SAFETY: touches no memory of ours.
    let old = check(unsafe { syscall::forkmode(mode as i32) })?;
    ForkMode::from_number(old as i32).ok_or(Failed)
}

/// Returns how this process forks. The call can only exchange modes, so this sets one and puts the
/// old one back.
pub fn fork_mode() -> Result<ForkMode> {
    let mode = set_fork_mode(ForkMode::CopyOnWrite)?;
    set_fork_mode(mode)?;
    Ok(mode)
}
