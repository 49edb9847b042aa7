//! The memory system over plain memory: what a kernel must bring, in one file.
//!
//! `cargo run -p cowslip-mm --example plain` maps, writes, forks, writes again, evicts and brings
//! back, and says after each step what it cost. The machine has one hart and no TLB, so its fences
//! do nothing.

// An example on the host may use what a kernel must not (clippy.toml).
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;

use mm::abi::{ForkMode, MemCounter, PAGE_SIZE};
use mm::addr::{FrameNo, FrameRange, PageNo, PageRange, VirtAddr};
use mm::machine::{Fence, HartSet, Root};
use mm::pt::{Entry, Format, Permissions, Pte, Sv39, UserPage};
use mm::space::copy::{CopyFailure, copy_in, copy_out};
use mm::space::{AddressSpace, Promise, Resolution, Wait};
use mm::{Layout, Machine, Memory, Reclaimed};

const FRAMES: u64 = 64;
const SLOTS: usize = 256;

#[repr(align(4096))]
struct Page(UnsafeCell<[u8; PAGE_SIZE]>);

/// Memory, a root, and a swap device.
struct Plain {
    ram: Vec<Page>,
    root: Cell<Option<Root>>,
    disk: RefCell<HashMap<u64, [u8; PAGE_SIZE]>>,
}

// SAFETY: this program has one thread.
unsafe impl Sync for Plain {}

// SAFETY: the pages of `ram` are distinct, live as long as the machine, and are used by nothing
// else.
unsafe impl Machine for Plain {
    type Format = Sv39;

    fn asids(&self) -> usize {
        1
    }
    fn hart(&self) -> usize {
        0
    }
    fn frame_address(&self, frame: FrameNo) -> *mut u8 {
        self.ram[frame.0 as usize].0.get().cast()
    }
    unsafe fn zero_frame(&self, frame: FrameNo) {
        // SAFETY: the caller has the frame to itself.
        unsafe { self.frame_address(frame).write_bytes(0, PAGE_SIZE) }
    }
    unsafe fn copy_frame(&self, from: FrameNo, to: FrameNo) {
        let (from, to) = (self.frame_address(from), self.frame_address(to));
        // SAFETY: the caller has `to` to itself, and nothing writes `from` meanwhile.
        unsafe { to.copy_from_nonoverlapping(from, PAGE_SIZE) }
    }
    fn fence_local(&self, _: Fence) {}
    fn fence_remote(&self, _: HartSet, _: Fence) {}
    fn synchronize_instructions(&self, _: HartSet) {}
    fn load_root(&self, root: Option<Root>) {
        self.root.set(root);
    }
    fn read_user(&self, from: VirtAddr, to: &mut [u8]) -> usize {
        self.transfer(from, to.len(), Pte::is_readable, |at, done, count| {
            // SAFETY: `at` lies in a frame that the program may read, `count` bytes before its end.
            unsafe { at.copy_to_nonoverlapping(to[done..].as_mut_ptr(), count) }
        })
    }
    fn write_user(&self, to: VirtAddr, from: &[u8]) -> usize {
        self.transfer(to, from.len(), Pte::is_writable, |at, done, count| {
            // SAFETY: `at` lies in a frame that the program may write, `count` bytes before its
            // end.
            unsafe { at.copy_from_nonoverlapping(from[done..].as_ptr(), count) }
        })
    }
    fn refuses_allocation(&self) -> bool {
        false
    }
}

impl Plain {
    /// Walks the tables as hardware does. Returns the frame of a page whose entry permits the
    /// access.
    fn translate(&self, page: UserPage, permits: fn(Pte<Sv39>) -> bool) -> Option<FrameNo> {
        let mut table = self.root.get()?.table;
        for level in (0..Sv39::LEVELS).rev() {
            let words = self.frame_address(table).cast::<u64>();
            // SAFETY: an index lies within a table, and a table is aligned.
            let pte = Pte::from_word(unsafe { *words.add(Sv39::index(page, level)) });
            match pte.decode(level) {
                Entry::Table(lower) => table = lower,
                Entry::Page(frame) if permits(pte) => return Some(frame),
                _ => return None,
            }
        }
        None
    }

    /// Moves bytes page by page until all are moved or a page does not allow it. Returns how many.
    fn transfer(
        &self,
        from: VirtAddr,
        length: usize,
        permits: fn(Pte<Sv39>) -> bool,
        mut step: impl FnMut(*mut u8, usize, usize),
    ) -> usize {
        let mut done = 0;
        while done < length {
            let at = VirtAddr(from.0 + done as u64);
            let frame =
                UserPage::new::<Sv39>(at.page()).and_then(|page| self.translate(page, permits));
            let Some(frame) = frame else { break };
            let offset = at.0 as usize % PAGE_SIZE;
            let count = (PAGE_SIZE - offset).min(length - done);
            step(self.frame_address(frame).wrapping_add(offset), done, count);
            done += count;
        }
        done
    }
}

type Space = AddressSpace<'static, Plain>;

/// Resolves a fault, with a kernel's part: to read from the device, and to have pages evicted.
fn resolve(space: &mut Space, at: VirtAddr, access: mm::space::Access) -> Result<(), CopyFailure> {
    let memory = space.context().memory();
    // The page that was waited for stays pinned until the fault has been tried again (R8).
    let mut _pinned = None;
    loop {
        match space.resolve(at, access) {
            Resolution::Done => return Ok(()),
            Resolution::Denied => return Err(CopyFailure::Denied),
            Resolution::NoMemory => return Err(CopyFailure::NoMemory),
            Resolution::Lost => return Err(CopyFailure::Lost),
            Resolution::Wait(Wait::Read(read)) => {
                let disk = memory.machine().disk.borrow();
                _pinned = Some(read.finish_with(|read| {
                    for index in 0..read.count() {
                        *read.bytes_mut(index) = disk[&(read.first().0 + index as u64)];
                    }
                    Ok(())
                }));
            }
            Resolution::Wait(Wait::Frames) => {
                evict(memory, 8).map_err(|()| CopyFailure::NoMemory)?
            }
            Resolution::Wait(_) => unreachable!("one thread waits for no other, and maps no file"),
        }
    }
}

/// Has pages evicted and writes them. Fails if none could be.
fn evict(memory: &Memory<Plain>, wanted: u64) -> Result<(), ()> {
    let Reclaimed {
        mut freed, writes, ..
    } = memory.reclaim(wanted);
    for write in writes {
        let mut disk = memory.machine().disk.borrow_mut();
        for index in 0..write.count() {
            disk.insert(write.first().0 + index as u64, *write.bytes(index));
        }
        freed += write.finish(Ok(()));
    }
    if freed == 0 { Err(()) } else { Ok(()) }
}

/// Runs `body` as the program whose memory this is.
fn run<R>(space: &mut Space, body: impl FnOnce(&Plain, &mut Space) -> R) -> R {
    let context = space.context().clone();
    context.enter();
    let result = body(context.memory().machine(), space);
    context.leave();
    result
}

fn store(space: &mut Space, page: u64, byte: u8) {
    let at = VirtAddr(page * PAGE_SIZE as u64);
    run(space, |machine, space| {
        copy_out(machine, at, &[byte], |at, access| {
            resolve(space, at, access)
        })
    })
    .expect("the page is mapped");
}

fn load(space: &mut Space, page: u64) -> u8 {
    let (at, mut byte) = (VirtAddr(page * PAGE_SIZE as u64), [0]);
    run(space, |machine, space| {
        copy_in(machine, at, &mut byte, |at, access| {
            resolve(space, at, access)
        })
    })
    .expect("the page is mapped");
    byte[0]
}

fn main() {
    // Frame 0 is the root whose kernel half all spaces share; the others are for the memory system.
    let ram = (0..=FRAMES)
        .map(|_| Page(UnsafeCell::new([0; PAGE_SIZE])))
        .collect();
    let machine = Plain {
        ram,
        root: Cell::new(None),
        disk: RefCell::default(),
    };
    let layout = Layout {
        ram: [FrameRange::new(FrameNo(0), FrameNo(FRAMES + 1))]
            .into_iter()
            .collect(),
        free: [FrameRange::new(FrameNo(1), FrameNo(FRAMES + 1))]
            .into_iter()
            .collect(),
        kernel_root: FrameNo(0),
        harts: 1,
    };
    let memory: &'static Memory<Plain> = Box::leak(Box::new(Memory::new(
        machine,
        layout,
        Box::leak(Box::new_uninit_slice(FRAMES as usize + 1)),
        Box::leak(Box::new_uninit_slice(SLOTS)),
        Box::leak(Box::new_uninit_slice(mm::swap::words_for(SLOTS))),
    )));
    let of = |counter: MemCounter| memory.stats()[counter as usize];
    let tell = |what: &str| {
        println!(
            "{what:44} {:3} free, {:3} copied, {:2} reused, {:3} out, {:3} in",
            of(MemCounter::Free),
            of(MemCounter::CopyFaults),
            of(MemCounter::ReuseFaults),
            of(MemCounter::SwapOuts),
            of(MemCounter::SwapIns),
        );
    };
    tell("at the beginning");

    let mut parent = Space::new(memory).expect("a root");
    let pages = PageRange::new(PageNo(0), PageNo(100));
    let data = Permissions::READ | Permissions::WRITE;
    parent
        .map(pages, data, Promise::Lazy)
        .expect("nothing is mapped yet");
    parent.publish();
    (0..30).for_each(|page| store(&mut parent, page, 1));
    tell("30 pages written: a frame each, and tables");

    let mut child = parent
        .fork(ForkMode::CopyOnWrite)
        .expect("memory for tables");
    tell("forked: only tables were taken");
    store(&mut child, 3, 2);
    tell("the child writes a page: one copy");
    store(&mut parent, 3, 3);
    tell("the parent writes it too: last owner, reused");
    assert_eq!((load(&mut child, 3), load(&mut parent, 3)), (2, 3));

    (30..100).for_each(|page| store(&mut parent, page, 4));
    tell("100 pages in 64 frames: others are evicted");
    let sum: u32 = (0..30).map(|page| u32::from(load(&mut child, page))).sum();
    assert_eq!(
        sum,
        29 + 2,
        "the child still sees what it shared, and what it wrote"
    );
    tell("the child reads its 30 pages back");

    memory
        .audit([&parent, &child])
        .expect("every reference is accounted for");
    drop((parent, child));
    tell("both are gone");
    assert_eq!(of(MemCounter::Free), FRAMES);
}
